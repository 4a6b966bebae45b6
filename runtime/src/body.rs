//! Bodies: a user's function with its arguments, ready to be executed by somebody who knows neither.
//!
//! Expansions implement [`Task`]; [`Job`] makes of it and of its arguments a [`Body`], one type for each list of argument
//! types and not for each task, so that the engine and most of this is compiled once.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bounds::{Failure, Input, Output};
use crate::cache::{self, KeyText, Values};
use crate::error::{BoxError, TaskError};
use crate::input::{Arg, EdgeList, Edges, MapArg, Node};
use crate::map::MapGroup;
use crate::options::Options;
use crate::result::{AnyValue, ResultType};
use crate::spec::{Spec, SpecBuilder};

/// The result of a run, its type erased.
pub(crate) type Erased = Arc<dyn Any + Send + Sync>;
/// How an attempt ended.
pub(crate) type Outcome = Result<Erased, TaskError>;
/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One attempt at a body: done, for a sync function, or a future.
pub enum Attempt<'a> {
    /// The function was sync; this is what it gave.
    Done(Outcome),
    /// The function is async.
    Future(BoxFuture<'a, Outcome>),
}

/// What `#[task]` and `#[flow]` make of a function. Not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "annotate the function with `#[task]`"
)]
pub trait Task: Sized {
    /// The parameters, as a tuple of slots: `P`, or [`Ref<P>`](crate::input::Ref) for a `&P`.
    type Args: ArgTuple;
    /// What a run gives.
    type Output: Output;
    #[doc(hidden)]
    const SPEC: &'static SpecBuilder;
    #[doc(hidden)]
    const CLONE: Option<fn(&Self::Args) -> Self::Args> = None;
    #[doc(hidden)]
    const JSON: <Self::Args as Slots>::Json;
    #[doc(hidden)]
    fn attempt<'a>(args: Self::Args) -> Attempt<'a>
    where
        Self: 'a;
    /// What templates make of the arguments, where there are any.
    #[doc(hidden)]
    const TEXT: Option<Text<Self::Args>> = None;
}

/// What templates make of arguments: the run's name; or a key, which is written to the `KeyText` if there is one.
type Text<A> = fn(&A, Option<&mut KeyText<'_>>) -> Option<String>;

/// What `#[flow]` makes of a function, beside a [`Task`]. Not to be implemented by hand.
#[doc(hidden)]
pub trait Flow: Task<Args: Slots> {
    const OF_JSON: <Self::Args as Slots>::OfJson;
}

/// A `Result` under whatever path, and what is in it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is not `std::result::Result`")]
pub trait Fallible {
    /// The `Ok` type.
    type Ok;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
}

/// The outcome of a function that returns no `Result`.
///
/// What is asked of the value is asked where `K` says what its output is: once.
#[doc(hidden)]
pub fn returned<K: Task>(value: K::Output) -> Outcome {
    Ok(value.into_erased())
}

/// The outcome of a function that returns a `Result`.
#[doc(hidden)]
pub fn returned_result<K: Task, E: Failure>(result: Result<K::Output, E>) -> Outcome {
    match result {
        Ok(value) => Ok(value.into_erased()),
        Err(error) => Err(failed(error.into())),
    }
}

pin_project! {
    /// The outcome of an async function that owns its arguments. Not an async block, which would be three times as much to
    /// compile for each task.
    #[doc(hidden)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Later<F: Future> {
        #[pin]
        future: F,
        returned: fn(F::Output) -> Outcome,
    }
}

/// The outcome of an async function, as `returned` makes it of what the function gives.
#[doc(hidden)]
pub fn later<F: Future>(future: F, returned: fn(F::Output) -> Outcome) -> Later<F> {
    Later { future, returned }
}

impl<F: Future> Future for Later<F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready((this.returned)(output)),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn failed(error: BoxError) -> TaskError {
    TaskError::from_user(error)
}

/// The parameters of a run, as JSON where they can be written as such.
pub(crate) type Parameters = Vec<(&'static str, Option<Value>)>;

/// The parameters of a body that is ready.
pub(crate) fn parameters<'a>(body: &(dyn Body<'a> + 'a)) -> Parameters {
    let json = |value: Option<AnyValue<'_>>| value.and_then(|value| serde_json::to_value(value).ok());
    body.inputs().into_iter().map(|(name, value)| (name, json(value))).collect()
}

/// What a run waits for before its body may be executed.
#[doc(hidden)]
#[derive(Default)]
pub struct Upstreams {
    /// How many have not ended.
    pub(crate) remaining: u32,
    pub(crate) edges: EdgeList,
}

/// What the engine executes.
#[doc(hidden)]
pub trait Body<'a>: Send {
    /// What the run waits for: kept with the body, as only a run that has not begun needs it.
    fn upstreams(&mut self) -> &mut Upstreams;
    /// Takes the values of the upstreams. Once, before anything else but [`drop`].
    fn resolve(&mut self) -> Result<(), TaskError>;
    fn can_repeat(&self) -> bool;
    /// The same body with copies of its arguments, if they can be copied.
    fn fork(&self) -> Option<Box<dyn Body<'a> + 'a>>;
    fn run_name(&self) -> Option<String>;
    /// Writes the key that the attribute says; whether there is one.
    fn write_key(&self, key: &mut KeyText<'_>) -> bool;
    /// The parameters with their values, `None` for one that cannot be serialised.
    fn inputs(&self) -> Values<'_>;
    /// Appends the form of the arguments, that of a parameter which is to be read from other runs by `upstream`; `false` if
    /// there is one without a form.
    fn form(&self, upstream: &mut UpstreamForm<'_>, form: &mut Vec<u8>) -> bool;
    /// Executes a sync body, or begins an async one. `last` says that no further attempt will be asked for.
    fn attempt(&mut self, last: bool) -> Attempt<'a>;
}

/// Appends what stands for the runs that a parameter is read from; `false` if nothing does.
pub(crate) type UpstreamForm<'f> = dyn FnMut(u8, &mut Vec<u8>) -> bool + 'f;

pub(crate) type BoxBody = Box<dyn Body<'static>>;

/// What stands for a body that has been given away.
pub(crate) fn no_body() -> BoxBody {
    #[derive(Default)]
    struct Nothing(Upstreams);
    impl Body<'static> for Nothing {
        fn upstreams(&mut self) -> &mut Upstreams {
            &mut self.0
        }
        fn resolve(&mut self) -> Result<(), TaskError> {
            Ok(())
        }
        fn can_repeat(&self) -> bool {
            false
        }
        fn fork(&self) -> Option<BoxBody> {
            None
        }
        fn run_name(&self) -> Option<String> {
            None
        }
        fn write_key(&self, _key: &mut KeyText<'_>) -> bool {
            false
        }
        fn inputs(&self) -> Values<'_> {
            Vec::new()
        }
        fn form(&self, _upstream: &mut UpstreamForm<'_>, _form: &mut Vec<u8>) -> bool {
            false
        }
        fn attempt(&mut self, _last: bool) -> Attempt<'static> {
            Attempt::Done(Err(gone()))
        }
    }
    Box::new(Nothing::default())
}

/// What is compiled of a task, for those who know no more of it than the types of its arguments.
#[doc(hidden)]
pub(crate) struct Compiled<'a, A: ArgTuple> {
    fns: &'a TaskFns<'a, A>,
    json: A::Json,
}

struct TaskFns<'a, A: ArgTuple> {
    spec: &'static Spec,
    attempt: fn(A) -> Attempt<'a>,
    clone: Option<fn(&A) -> A>,
    text: Option<Text<A>>,
}

/// What is compiled of the task `K`: constants, so that no code is made for them.
pub(crate) struct Of<'a, K>(PhantomData<(&'a (), K)>);

impl<'a, K: Task + 'a> Of<'a, K> {
    const FNS: &'a TaskFns<'a, K::Args> =
        &TaskFns { spec: &K::SPEC.0, attempt: K::attempt, clone: K::CLONE, text: K::TEXT };

    pub(crate) const COMPILED: Compiled<'a, K::Args> = Compiled { fns: Self::FNS, json: K::JSON };
}

impl<A: ArgTuple> Compiled<'_, A> {
    pub(crate) const fn spec(&self) -> &'static Spec {
        self.fns.spec
    }
}

impl<A: ArgTuple> Clone for Compiled<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: ArgTuple> Copy for Compiled<'_, A> {}

/// How the arguments of a configured task are cloned, where its own type does not tell.
pub(crate) type CloneArgs<A> = Option<fn(&A) -> A>;

#[doc(hidden)]
pub(crate) enum JobArgs<A: ArgTuple> {
    Pending(A::Pending),
    Ready(A),
    Gone,
}

/// A task's function with its arguments.
#[doc(hidden)]
pub struct Job<'a, A: ArgTuple> {
    args: JobArgs<A>,
    task: Compiled<'a, A>,
    clone: CloneArgs<A>,
    upstreams: Upstreams,
}

impl<'a, A: ArgTuple> Job<'a, A> {
    pub(crate) fn new(args: JobArgs<A>, task: Compiled<'a, A>, clone: CloneArgs<A>) -> Self {
        Self { args, task, clone: clone.or(task.fns.clone), upstreams: Upstreams::default() }
    }
}

fn gone() -> TaskError {
    TaskError::new(
        crate::error::ErrorKind::Crashed,
        "the arguments of the run are gone: this is a bug in millrun",
    )
}

impl<'a, A: ArgTuple + Send + 'a> Body<'a> for Job<'a, A> {
    fn upstreams(&mut self) -> &mut Upstreams {
        &mut self.upstreams
    }

    fn resolve(&mut self) -> Result<(), TaskError> {
        if matches!(self.args, JobArgs::Pending(_))
            && let JobArgs::Pending(pending) = std::mem::replace(&mut self.args, JobArgs::Gone)
        {
            self.args = JobArgs::Ready(A::resolve(pending)?);
        }
        Ok(())
    }

    fn can_repeat(&self) -> bool {
        self.clone.is_some()
    }

    fn fork(&self) -> Option<Box<dyn Body<'a> + 'a>> {
        match (&self.args, self.clone) {
            (JobArgs::Ready(args), Some(clone)) => {
                Some(Box::new(Self::new(JobArgs::Ready(clone(args)), self.task, self.clone)))
            }
            _ => None,
        }
    }

    fn run_name(&self) -> Option<String> {
        match &self.args {
            JobArgs::Ready(args) => self.task.fns.text.and_then(|text| text(args, None)),
            _ => None,
        }
    }

    fn write_key(&self, key: &mut KeyText<'_>) -> bool {
        match &self.args {
            JobArgs::Ready(args) => self.task.fns.text.is_some_and(|text| text(args, Some(key)).is_some()),
            _ => false,
        }
    }

    fn inputs(&self) -> Values<'_> {
        match &self.args {
            JobArgs::Ready(args) => {
                self.task.fns.spec.parameters.iter().copied().zip(args.values(&self.task.json)).collect()
            }
            _ => self.task.fns.spec.parameters.iter().map(|name| (*name, None)).collect(),
        }
    }

    fn form(&self, upstream: &mut UpstreamForm<'_>, form: &mut Vec<u8>) -> bool {
        match &self.args {
            JobArgs::Ready(args) => {
                args.values(&self.task.json).into_iter().all(|value| write_form(value, form))
            }
            JobArgs::Pending(pending) => A::form(pending, &self.task.json, upstream, form),
            JobArgs::Gone => false,
        }
    }

    fn attempt(&mut self, last: bool) -> Attempt<'a> {
        let args = match (&self.args, self.clone) {
            (JobArgs::Ready(args), Some(clone)) if !last => clone(args),
            _ => match std::mem::replace(&mut self.args, JobArgs::Gone) {
                JobArgs::Ready(args) => args,
                _ => return Attempt::Done(Err(gone())),
            },
        };
        (self.task.fns.attempt)(args)
    }
}

/// Tuples of 0 to 12 slots, whatever these are.
#[doc(hidden)]
pub trait Slots {
    /// How each is written as JSON, if it can be.
    type Json: Copy + Send + Sync;
    /// How each is read from JSON, if it can be.
    type OfJson: Copy + Send + Sync;
}

/// The arguments of a task: tuples of 0 to 12 slots that can be sent.
///
/// What needs to know that they can is done by methods: a bound would be reported beside that of the slot.
pub trait ArgTuple: Slots + Sized {
    /// The same arguments, some of which are yet to come.
    type Pending: Send;
    /// Where a map takes them from.
    type Sources: Send;
    #[doc(hidden)]
    fn boxed<'a>(job: Job<'a, Self>) -> Box<dyn Body<'a> + 'a>
    where
        Self: 'a;
    #[doc(hidden)]
    fn body<'j, 'a>(job: &'j mut Job<'a, Self>) -> &'j mut (dyn Body<'a> + 'a)
    where
        Self: 'a;
    #[doc(hidden)]
    fn call_async<'a>(
        spec: &'static Spec,
        options: Option<Arc<Options>>,
        job: Job<'a, Self>,
    ) -> BoxFuture<'a, Outcome>
    where
        Self: 'a;
    #[doc(hidden)]
    fn resolve(pending: Self::Pending) -> Result<Self, TaskError>;
    #[doc(hidden)]
    fn ready(pending: Self::Pending) -> Result<Self, Self::Pending>;
    #[doc(hidden)]
    fn values(&self, json: &Self::Json) -> Vec<Option<AnyValue<'_>>>;
    #[doc(hidden)]
    fn form(
        pending: &Self::Pending,
        json: &Self::Json,
        upstream: &mut UpstreamForm<'_>,
        form: &mut Vec<u8>,
    ) -> bool;
    /// Arguments from JSON; or which of them cannot be had, and why.
    #[doc(hidden)]
    fn of_json(given: impl Fn(usize) -> Value, of_json: &Self::OfJson) -> Result<Self, (usize, String)>;
    #[doc(hidden)]
    fn awaits(sources: &Self::Sources) -> Vec<Option<Awaited>>;
    #[doc(hidden)]
    fn open(sources: &mut Self::Sources) -> Result<Vec<Option<usize>>, TaskError>;
    #[doc(hidden)]
    fn follows(sources: &Self::Sources) -> Vec<Option<Followed>>;
    #[doc(hidden)]
    fn has(sources: &Self::Sources, row: usize) -> bool;
    #[doc(hidden)]
    fn next(sources: &mut Self::Sources, edges: &mut Edges) -> Option<Self::Pending>;
}

/// What has to end before a map knows its length.
#[doc(hidden)]
pub struct Awaited(pub(crate) Node);

/// The map whose elements another one is made of.
#[doc(hidden)]
pub struct Followed(pub(crate) Arc<MapGroup>);

/// Appends the form of a value, where it has one.
pub(crate) fn write_form(value: Option<AnyValue<'_>>, form: &mut Vec<u8>) -> bool {
    form.push(b'v');
    value.is_some_and(|value| cache::write_form(&value, form))
}

/// How a value is shown to serializers, where it can be.
pub(crate) type ToJson<P> = Option<for<'a> fn(&'a P) -> AnyValue<'a>>;

/// How a value is read from JSON, where it can be.
pub(crate) type OfJson<P> = Option<fn(Value) -> serde_json::Result<P>>;

fn read_parameter<P>(n: usize, given: Value, read: OfJson<P>) -> Result<P, (usize, String)> {
    match read {
        Some(read) => read(given).map_err(|error| (n, error.to_string())),
        None => Err((n, "its type is not `Deserialize`".to_owned())),
    }
}

macro_rules! arg_tuple {
    ($($p:ident $n:tt),*) => {
        impl<$($p),*> Slots for ($($p,)*) {
            type Json = ($(ToJson<$p>,)*);
            type OfJson = ($(OfJson<$p>,)*);
        }

        impl<$($p: Input),*> ArgTuple for ($($p,)*) {
            type Pending = ($(Arg<$p>,)*);
            type Sources = ($(MapArg<$p>,)*);

            fn boxed<'a>(job: Job<'a, Self>) -> Box<dyn Body<'a> + 'a>
            where
                Self: 'a,
            {
                Box::new(job)
            }

            fn body<'j, 'a>(job: &'j mut Job<'a, Self>) -> &'j mut (dyn Body<'a> + 'a)
            where
                Self: 'a,
            {
                job
            }

            fn call_async<'a>(
                spec: &'static Spec,
                options: Option<Arc<Options>>,
                mut job: Job<'a, Self>,
            ) -> BoxFuture<'a, Outcome>
            where
                Self: 'a,
            {
                Box::pin(async move { call_async(spec, options, &mut job).await })
            }

            fn resolve(pending: Self::Pending) -> Result<Self, TaskError> {
                let _ = &pending;
                Ok(($(pending.$n.resolve()?,)*))
            }

            #[allow(unused_variables)]
            fn ready(pending: Self::Pending) -> Result<Self, Self::Pending> {
                if true $(&& pending.$n.is_ready())* {
                    match ($(pending.$n.into_ready(),)*) {
                        ($(Ok($p),)*) => Ok(($($p,)*)),
                        #[allow(unreachable_patterns)]
                        ($($p,)*) => Err(($($p.map_or_else(|arg| arg, Arg::value),)*)),
                    }
                } else {
                    Err(pending)
                }
            }

            #[allow(unused_variables)]
            fn form(
                pending: &Self::Pending,
                json: &Self::Json,
                upstream: &mut UpstreamForm<'_>,
                form: &mut Vec<u8>,
            ) -> bool {
                true $(&& pending.$n.form(json.$n, $n, upstream, form))*
            }

            #[allow(unused_variables)]
            fn of_json(
                given: impl Fn(usize) -> Value,
                of_json: &Self::OfJson,
            ) -> Result<Self, (usize, String)> {
                Ok(($(read_parameter($n, given($n), of_json.$n)?,)*))
            }

            #[allow(unused_variables)]
            fn awaits(sources: &Self::Sources) -> Vec<Option<Awaited>> {
                vec![$(sources.$n.0.awaits().map(Awaited),)*]
            }

            #[allow(unused_variables)]
            fn open(sources: &mut Self::Sources) -> Result<Vec<Option<usize>>, TaskError> {
                $(sources.$n.0.open()?;)*
                Ok(vec![$(sources.$n.0.length(),)*])
            }

            #[allow(unused_variables)]
            fn follows(sources: &Self::Sources) -> Vec<Option<Followed>> {
                vec![$(sources.$n.0.follows().map(Followed),)*]
            }

            #[allow(unused_variables)]
            fn has(sources: &Self::Sources, row: usize) -> bool {
                true $(&& sources.$n.0.has(row))*
            }

            #[allow(unused_variables)]
            fn next(sources: &mut Self::Sources, edges: &mut Edges) -> Option<Self::Pending> {
                Some(($(sources.$n.0.next(edges.for_parameter($n))?,)*))
            }

            #[allow(unused_variables)]
            fn values(&self, json: &Self::Json) -> Vec<Option<AnyValue<'_>>> {
                vec![$(json.$n.map(|any| any(&self.$n)),)*]
            }
        }
    };
}

#[allow(non_snake_case)]
mod tuples {
    use std::sync::Arc;

    use super::{
        AnyValue, Arg, ArgTuple, Awaited, Body, BoxFuture, Edges, Followed, Input, Job, MapArg, OfJson,
        Options, Outcome, Slots, Spec, TaskError, ToJson, UpstreamForm, Value, read_parameter,
    };
    use crate::engine::call_async;

    arg_tuple!();
    arg_tuple!(A 0);
    arg_tuple!(A 0, B 1);
    arg_tuple!(A 0, B 1, C 2);
    arg_tuple!(A 0, B 1, C 2, D 3);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}

/// Finds out about a type without asking a bound of it: an inherent constant, where its bound holds, goes before that of a
/// trait. Only for types without lifetimes of their own, for which what holds for one holds for all.
#[doc(hidden)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: Clone> Probe<T> {
    /// How to clone a `T`.
    pub const CLONE: Option<fn(&T) -> T> = Some(T::clone);
}

/// What [`Probe`] says of a type that is not `Clone`.
#[doc(hidden)]
pub trait CloneProbe<T> {
    /// It cannot be cloned.
    const CLONE: Option<fn(&T) -> T> = None;
}

impl<T> CloneProbe<T> for Probe<T> {}

impl<T: Serialize> Probe<T> {
    /// How to write a `T`.
    pub const JSON: ToJson<T> = Some(|value| AnyValue::of(value));
}

impl<T> Probe<T> {
    /// It is not asked for.
    pub const NO_JSON: ToJson<T> = None;
    /// Nor whether it can be read.
    pub const NO_OF_JSON: OfJson<T> = None;
}

impl<T: DeserializeOwned> Probe<T> {
    /// How to read a `T`.
    pub const OF_JSON: OfJson<T> = Some(|given| serde_json::from_value(given));
}

/// What [`Probe`] says of a type that is not `Deserialize`.
#[doc(hidden)]
pub trait OfJsonProbe<T> {
    /// It cannot be read.
    const OF_JSON: OfJson<T> = None;
}

impl<T> OfJsonProbe<T> for Probe<T> {}

/// What [`Probe`] says of a type that is not `Serialize`.
#[doc(hidden)]
pub trait JsonProbe<T> {
    /// It cannot be written.
    const JSON: ToJson<T> = None;
}

impl<T> JsonProbe<T> for Probe<T> {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Probe<T> {
    /// How a `T` is kept.
    pub const KEPT: Option<ResultType> = Some(ResultType::of::<T>());
}

/// What [`Probe`] says of a type that cannot be kept.
#[doc(hidden)]
pub trait KeptProbe<T> {
    /// It cannot be written, or not read.
    const KEPT: Option<ResultType> = None;
}

impl<T> KeptProbe<T> for Probe<T> {}

impl<T, E> Probe<Result<T, E>> {
    /// It is a `Result`.
    pub const IS_RESULT: bool = true;
}

/// What [`Probe`] says of a type that is no `Result`.
#[doc(hidden)]
pub trait ResultProbe {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> ResultProbe for Probe<T> {}
