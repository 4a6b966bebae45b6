//! What may be passed to a run: values, futures, and containers of futures, each by the type of the parameter.
//!
//! An argument becomes an [`Arg`]: a value, or where to read one once the runs it comes from have ended. On the way it
//! notes these runs as [`Edges`]; that is the dependency.

mod container;
mod map_arg;

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::body::{ToJson, UpstreamForm, write_form};
use crate::error::{ErrorKind, TaskError};
use crate::future::{FlowFuture, Reader, TaskFuture, TaskFutures};
use crate::map::MapGroup;
use crate::run::Run;

pub(crate) use map_arg::MapArg;
pub use map_arg::{IntoMapArg, Unmapped, unmapped};

/// A parameter that a task takes by reference: borrowed from the caller, or from what holds it for the run.
///
/// It stands for `&'a T` in the types that a task is made of; users meet it in compile errors only.
pub struct Ref<'a, T: ?Sized>(RefKind<'a, T>);

enum RefKind<'a, T: ?Sized> {
    Borrowed(&'a T),
    Held(Arc<dyn Holds<T> + 'a>),
}

/// Something that lends a `T` for as long as it is held.
trait Holds<T: ?Sized>: Send + Sync {
    fn lend(&self) -> &T;
}

impl<T: Send + Sync> Holds<T> for T {
    fn lend(&self) -> &T {
        self
    }
}

impl Holds<str> for String {
    fn lend(&self) -> &str {
        self
    }
}

impl<T: Send + Sync> Holds<[T]> for Vec<T> {
    fn lend(&self) -> &[T] {
        self
    }
}

impl Holds<Path> for PathBuf {
    fn lend(&self) -> &Path {
        self
    }
}

/// Holds what is shared already.
struct Shared<T: ?Sized>(Arc<T>);

impl<T: ?Sized + Send + Sync> Holds<T> for Shared<T> {
    fn lend(&self) -> &T {
        &self.0
    }
}

impl<'a, T: ?Sized> Ref<'a, T> {
    /// What the caller of a task passes.
    #[doc(hidden)]
    pub const fn borrowed(value: &'a T) -> Self {
        Self(RefKind::Borrowed(value))
    }

    fn held(value: Arc<impl Holds<T> + 'a>) -> Self {
        Self(RefKind::Held(value))
    }
}

impl<T: ?Sized> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            RefKind::Borrowed(value) => value,
            RefKind::Held(value) => (**value).lend(),
        }
    }
}

impl<T: ?Sized> Clone for Ref<'_, T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            RefKind::Borrowed(value) => RefKind::Borrowed(value),
            RefKind::Held(value) => RefKind::Held(Arc::clone(value)),
        })
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + Serialize> Serialize for Ref<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// What a run needs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its result, for the parameter of that number.
    Value(u8),
    /// Its result or its error, for the parameter of that number.
    Outcome(u8),
    /// Its end.
    End,
    /// Its end, however it ended.
    AllowedFailure,
}

/// What may be waited for.
#[derive(Clone)]
pub(crate) enum Node {
    Run(Arc<Run>),
    Map(Arc<MapGroup>),
}

impl Node {
    /// The run, or the runs of the map that have been made: all of them, once it is done.
    pub(crate) fn runs(&self) -> Vec<Arc<Run>> {
        match self {
            Self::Run(run) => vec![run.clone()],
            Self::Map(group) => group.runs(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) node: Node,
    pub(crate) need: Need,
}

/// Next to all runs that wait for anything wait for one.
pub(crate) type EdgeList = SmallVec<[Edge; 1]>;

/// The runs that another waits for.
#[derive(Clone, Default)]
pub struct Edges {
    pub(crate) list: EdgeList,
    parameter: u8,
}

impl Edges {
    pub(crate) fn push(&mut self, node: Node, need: Need) {
        self.list.push(Edge { node, need });
    }

    /// The arguments that follow are for the parameter of that number.
    pub(crate) fn for_parameter(&mut self, parameter: u8) -> &mut Self {
        self.parameter = parameter;
        self
    }

    fn value(&mut self, reader: &Reader) {
        let need = Need::Value(self.parameter);
        self.push(Node::Run(reader.run().clone()), need);
    }

    fn outcome(&mut self, reader: &Reader) {
        let need = Need::Outcome(self.parameter);
        self.push(Node::Run(reader.run().clone()), need);
    }

    fn values(&mut self, group: &Arc<MapGroup>) {
        let need = Need::Value(self.parameter);
        self.push(Node::Map(group.clone()), need);
    }

    fn outcomes(&mut self, group: &Arc<MapGroup>) {
        let need = Need::Outcome(self.parameter);
        self.push(Node::Map(group.clone()), need);
    }
}

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
    reader.into_value()?.downcast::<P>().map(Arc::unwrap_or_clone).map_err(|_| missing())
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

/// Runs that may be waited for: futures, maps, flow futures, references, slices, arrays, `Vec`s and tuples of them, and
/// [`allow_failure`] of any of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to wait for",
    label = "not a future",
    note = "wait for what `submit`, `map` or `start` returned, or for tuples, arrays, slices and `Vec`s of these"
)]
pub trait Dependencies {
    #[doc(hidden)]
    fn add_to(&self, edges: &mut Edges);
}

impl<T> Dependencies for TaskFuture<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Run(self.reader().run().clone()), Need::End);
    }
}

impl<T> Dependencies for FlowFuture<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Run(self.reader().run().clone()), Need::End);
    }
}

impl<T> Dependencies for TaskFutures<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Map(self.group().clone()), Need::End);
    }
}

impl<D: Dependencies + ?Sized> Dependencies for &D {
    fn add_to(&self, edges: &mut Edges) {
        (**self).add_to(edges);
    }
}

impl<D: Dependencies> Dependencies for [D] {
    fn add_to(&self, edges: &mut Edges) {
        for dependency in self {
            dependency.add_to(edges);
        }
    }
}

impl<D: Dependencies, const N: usize> Dependencies for [D; N] {
    fn add_to(&self, edges: &mut Edges) {
        self.as_slice().add_to(edges);
    }
}

impl<D: Dependencies> Dependencies for Vec<D> {
    fn add_to(&self, edges: &mut Edges) {
        self.as_slice().add_to(edges);
    }
}

macro_rules! dependency_tuple {
    ($($d:ident $n:tt),*) => {
        #[diagnostic::do_not_recommend]
        impl<$($d: Dependencies),*> Dependencies for ($($d,)*) {
            fn add_to(&self, edges: &mut Edges) {
                $(self.$n.add_to(edges);)*
            }
        }
    };
}

dependency_tuple!(A 0);
dependency_tuple!(A 0, B 1);
dependency_tuple!(A 0, B 1, C 2);
dependency_tuple!(A 0, B 1, C 2, D 3);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl Dependencies for () {
    fn add_to(&self, _edges: &mut Edges) {}
}

/// Dependencies whose failure does not stop what waits for them; made by [`allow_failure`].
#[derive(Clone, Debug)]
pub struct AllowFailure<D>(D);

/// Waits for `dependencies` however they end: their failure is not asked of `all_successful`, and counts as seen.
pub fn allow_failure<D: Dependencies>(dependencies: D) -> AllowFailure<D> {
    AllowFailure(dependencies)
}

impl<D: Dependencies> Dependencies for AllowFailure<D> {
    fn add_to(&self, edges: &mut Edges) {
        let from = edges.list.len();
        self.0.add_to(edges);
        for edge in &mut edges.list[from..] {
            edge.need = Need::AllowedFailure;
        }
    }
}
