//! What may be passed to a run: values, futures, and containers of futures, each by the type of the parameter.
//!
//! An argument becomes an [`Arg`]: a value, or where to read one once the runs it comes from have ended. On the way it
//! notes these runs as [`Edges`]; that is the dependency.

mod container;
mod dependencies;
mod edge;
mod map_arg;
mod reference;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::body::{ToJson, UpstreamForm, write_form};
use crate::engine::moment;
use crate::error::{ErrorKind, TaskError};
use crate::future::{FlowFuture, Reader, TaskFuture};

use reference::{Holds, Shared};

pub use dependencies::{AllowFailure, Dependencies, allow_failure};
pub(crate) use edge::{Edge, EdgeList, Edges, Need, Node};
pub(crate) use map_arg::MapArg;
pub use map_arg::{IntoMapArg, Unmapped, unmapped};
pub use reference::Ref;

/// An argument on its way to a run: a value, or where to read it.
pub struct Arg<P>(ArgKind<P>);

enum ArgKind<P> {
    Value(P),
    /// Read from one run: the common case, without an allocation.
    Read(Reader, fn(Reader) -> Result<P, TaskError>),
    /// Read from several.
    Collect(Box<dyn Collect<P>>),
}

/// Reads an argument from several runs.
trait Collect<P>: Send {
    fn collect(self: Box<Self>) -> Result<P, TaskError>;
    fn copy(&self) -> Box<dyn Collect<P>>;
    /// Whether more belongs to it than the runs that it reads: the keys of a map.
    fn is_keyed(&self) -> bool;
}

/// Sources of an argument and how to read them.
struct Collector<S, P> {
    sources: S,
    read: fn(S) -> Result<P, TaskError>,
    is_keyed: bool,
}

impl<S: Clone + Send + 'static, P: 'static> Collect<P> for Collector<S, P> {
    fn collect(self: Box<Self>) -> Result<P, TaskError> {
        (self.read)(self.sources)
    }

    fn copy(&self) -> Box<dyn Collect<P>> {
        Box::new(Self { sources: self.sources.clone(), read: self.read, is_keyed: self.is_keyed })
    }

    fn is_keyed(&self) -> bool {
        self.is_keyed
    }
}

impl<P> Arg<P> {
    pub(crate) fn value(value: P) -> Self {
        Self(ArgKind::Value(value))
    }

    fn read(reader: Reader, read: fn(Reader) -> Result<P, TaskError>) -> Self {
        Self(ArgKind::Read(reader, read))
    }

    fn collect<S: Clone + Send + 'static>(sources: S, read: fn(S) -> Result<P, TaskError>) -> Self
    where
        P: 'static,
    {
        Self(ArgKind::Collect(Box::new(Collector { sources, read, is_keyed: false })))
    }

    /// As [`collect`](Self::collect), of sources with keys.
    fn collect_keyed<S: Clone + Send + 'static>(sources: S, read: fn(S) -> Result<P, TaskError>) -> Self
    where
        P: 'static,
    {
        Self(ArgKind::Collect(Box::new(Collector { sources, read, is_keyed: true })))
    }

    /// Appends the form of what is read from `upstream` runs, or of the value.
    pub(crate) fn form(
        &self,
        json: ToJson<P>,
        parameter: u8,
        upstream: &mut UpstreamForm<'_>,
        form: &mut Vec<u8>,
    ) -> bool {
        match &self.0 {
            ArgKind::Value(value) => write_form(json.map(|any| any(value)), form),
            ArgKind::Collect(collect) if collect.is_keyed() => false,
            ArgKind::Read(..) | ArgKind::Collect(_) => {
                form.push(b'u');
                upstream(parameter, form)
            }
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.0, ArgKind::Value(_))
    }

    pub(crate) fn into_ready(self) -> Result<P, Self> {
        match self.0 {
            ArgKind::Value(value) => Ok(value),
            _ => Err(self),
        }
    }

    pub(crate) fn resolve(self) -> Result<P, TaskError> {
        match self.0 {
            ArgKind::Value(value) => Ok(value),
            ArgKind::Read(reader, read) => read(reader),
            ArgKind::Collect(collect) => collect.collect(),
        }
    }
}

impl<P: Clone> Clone for Arg<P> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            ArgKind::Value(value) => ArgKind::Value(value.clone()),
            ArgKind::Read(reader, read) => ArgKind::Read(reader.clone(), *read),
            ArgKind::Collect(collect) => ArgKind::Collect(collect.copy()),
        })
    }
}

/// What may be passed for a parameter of type `P`.
///
/// Implemented for values, for futures of them, and for containers of futures where the parameter is one of values. It is the
/// same for `submit`, for `start` and for the elements of `map`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed to a parameter of type `{P}`",
    label = "expected a `{P}`, or a future of one if it is `Clone`",
    note = "`&T` (shown as `Ref<T>`) and `Arc<T>` parameters take a future of any `T`, and share its result",
    note = "pass a future itself, unresolved, as `quote(future)`"
)]
pub trait IntoArg<P> {
    #[doc(hidden)]
    fn into_arg(self, edges: &mut Edges) -> Arg<P>;
}

fn missing() -> TaskError {
    TaskError::new(
        ErrorKind::Crashed,
        "the result that was waited for is not there: this is a bug in millrun",
    )
}

/// Reads the value of an ended run; moved out of it where nobody else can read it.
fn take<P: Clone + Send + Sync + 'static>(reader: Reader) -> Result<P, TaskError> {
    let value = reader.into_value()?.downcast::<P>().map_err(|_| missing())?;
    Ok(Arc::try_unwrap(value).unwrap_or_else(|shared| {
        moment::passes();
        P::clone(&shared)
    }))
}

fn share<P: Send + Sync + 'static>(reader: Reader) -> Result<Arc<P>, TaskError> {
    reader.into_value()?.downcast::<P>().map_err(|_| missing())
}

fn lend<T: ?Sized + 'static, H: Holds<T> + 'static>(reader: Reader) -> Result<Ref<'static, T>, TaskError> {
    Ok(Ref::held(share::<H>(reader)?))
}

// Values.

#[diagnostic::do_not_recommend]
impl<P> IntoArg<P> for P {
    fn into_arg(self, _edges: &mut Edges) -> Arg<P> {
        Arg::value(self)
    }
}

#[diagnostic::do_not_recommend]
impl<P: Clone> IntoArg<P> for &P {
    fn into_arg(self, _edges: &mut Edges) -> Arg<P> {
        Arg::value(self.clone())
    }
}

macro_rules! value_arg {
    ($([$($generics:tt)*] $from:ty => $to:ty: |$value:ident| $make:expr;)*) => {
        $(#[diagnostic::do_not_recommend]
        impl<$($generics)*> IntoArg<$to> for $from {
            fn into_arg(self, _edges: &mut Edges) -> Arg<$to> {
                let $value = self;
                Arg::value($make)
            }
        })*
    };
}

value_arg! {
    [] &str => String: |value| value.to_owned();
    [] &str => PathBuf: |value| PathBuf::from(value);
    [] &Path => PathBuf: |value| value.to_owned();
    [P, const N: usize] [P; N] => Vec<P>: |value| Vec::from(value);
    [P: Clone] &[P] => Vec<P>: |value| value.to_vec();

    [T: Send + Sync + 'static] T => Ref<'static, T>: |value| Ref::held(Arc::new(value));
    [T: Clone + Send + Sync + 'static] &T => Ref<'static, T>: |value| Ref::held(Arc::new(value.clone()));
    [T: ?Sized + Send + Sync + 'static] Arc<T> => Ref<'static, T>: |value| Ref::held(Arc::new(Shared(value)));
    [T: ?Sized + Send + Sync + 'static] &Arc<T> => Ref<'static, T>: |value| Ref::held(Arc::new(Shared(value.clone())));

    [] String => Ref<'static, str>: |value| Ref::held(Arc::new(value));
    [] &String => Ref<'static, str>: |value| Ref::held(Arc::new(value.clone()));
    [] &str => Ref<'static, str>: |value| Ref::held(Arc::new(value.to_owned()));

    [] PathBuf => Ref<'static, Path>: |value| Ref::held(Arc::new(value));
    [] &PathBuf => Ref<'static, Path>: |value| Ref::held(Arc::new(value.clone()));
    [] &Path => Ref<'static, Path>: |value| Ref::held(Arc::new(value.to_owned()));
    [] String => Ref<'static, Path>: |value| Ref::held(Arc::new(PathBuf::from(value)));
    [] &str => Ref<'static, Path>: |value| Ref::held(Arc::new(PathBuf::from(value)));

    [T: Send + Sync + 'static] Vec<T> => Ref<'static, [T]>: |value| Ref::held(Arc::new(value));
    [T: Clone + Send + Sync + 'static] &Vec<T> => Ref<'static, [T]>: |value| Ref::held(Arc::new(value.clone()));
    [T: Clone + Send + Sync + 'static] &[T] => Ref<'static, [T]>: |value| Ref::held(Arc::new(value.to_vec()));
    [T: Send + Sync + 'static, const N: usize] [T; N] => Ref<'static, [T]>: |value| Ref::held(Arc::new(Vec::from(value)));
    [T: Clone + Send + Sync + 'static, const N: usize] &[T; N] => Ref<'static, [T]>:
        |value| Ref::held(Arc::new(value.to_vec()));
}

// Futures of one run.

macro_rules! future_arg {
    ($($future:ty: $reader:path;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<P> for $future {
                fn into_arg(self, edges: &mut Edges) -> Arg<P> {
                    let reader = $reader(self);
                    edges.value(&reader);
                    Arg::read(reader, take::<P>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static> IntoArg<Arc<P>> for $future {
                fn into_arg(self, edges: &mut Edges) -> Arg<Arc<P>> {
                    let reader = $reader(self);
                    edges.value(&reader);
                    Arg::read(reader, share::<P>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static> IntoArg<Ref<'static, P>> for $future {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, P>> {
                    let reader = $reader(self);
                    edges.value(&reader);
                    Arg::read(reader, lend::<P, P>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<Result<P, TaskError>> for $future {
                fn into_arg(self, edges: &mut Edges) -> Arg<Result<P, TaskError>> {
                    let reader = $reader(self);
                    edges.outcome(&reader);
                    Arg::read(reader, |reader| Ok(take::<P>(reader)))
                }
            }
        )*
    };
}

macro_rules! lent_arg {
    ($($future:ident [$($generics:tt)*] $owner:ty => $lent:ty;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<$($generics)*> IntoArg<Ref<'static, $lent>> for $future<$owner> {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, $lent>> {
                    let reader = self.into_reader();
                    edges.value(&reader);
                    Arg::read(reader, lend::<$lent, $owner>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<$($generics)*> IntoArg<Ref<'static, $lent>> for &$future<$owner> {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, $lent>> {
                    let reader = self.to_reader();
                    edges.value(&reader);
                    Arg::read(reader, lend::<$lent, $owner>)
                }
            }
        )*
    };
}

future_arg! {
    TaskFuture<P>: TaskFuture::into_reader;
    &TaskFuture<P>: TaskFuture::to_reader;
    FlowFuture<P>: FlowFuture::into_reader;
    &FlowFuture<P>: FlowFuture::to_reader;
}

lent_arg! {
    TaskFuture [] String => str;
    TaskFuture [] PathBuf => Path;
    TaskFuture [T: Send + Sync + 'static] Vec<T> => [T];
    FlowFuture [] String => str;
    FlowFuture [] PathBuf => Path;
    FlowFuture [T: Send + Sync + 'static] Vec<T> => [T];
}

/// A future that is to be passed itself, unresolved; made by [`quote`].
#[derive(Clone, Debug)]
pub struct Quoted<T>(TaskFuture<T>);

/// Passes a future itself: the run that takes it does not wait for it, and no dependency is recorded.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn one() -> u32 { 1 }
/// #[task] fn look(future: TaskFuture<u32>) -> bool { future.state().is_final() }
///
/// let future = one.submit();
/// let _ = look.submit(quote(&future)).result();
/// ```
pub fn quote<T>(future: impl std::borrow::Borrow<TaskFuture<T>>) -> Quoted<T> {
    Quoted(future.borrow().clone())
}

#[diagnostic::do_not_recommend]
impl<T> IntoArg<TaskFuture<T>> for Quoted<T> {
    fn into_arg(self, _edges: &mut Edges) -> Arg<TaskFuture<T>> {
        Arg::value(self.0)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> IntoArg<Ref<'static, TaskFuture<T>>> for Quoted<T> {
    fn into_arg(self, _edges: &mut Edges) -> Arg<Ref<'static, TaskFuture<T>>> {
        Arg::value(Ref::held(Arc::new(self.0)))
    }
}
