//! Bodies: a user's function with its arguments, ready to be executed by somebody who knows neither.
//!
//! Expansions implement [`Task`]; [`Job`] makes of it and of its arguments a [`Body`], one type for each list of argument
//! types and not for each task, so that the engine and most of this is compiled once.

mod job;
mod probe;
mod tuple;

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde_json::Value;

use crate::bounds::{Failure, Output};
use crate::cache::{self, KeyText, Values};
use crate::error::{BoxError, TaskError};
use crate::input::EdgeList;
use crate::result::AnyValue;
use crate::spec::SpecBuilder;

use job::gone;

pub(crate) use job::{CloneArgs, Compiled, Job, JobArgs, Of};
pub use probe::{CloneProbe, JsonProbe, KeptProbe, OfJsonProbe, Probe, ResultProbe};
pub use tuple::{ArgTuple, Slots};
pub(crate) use tuple::{OfJson, ToJson};

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
    const PARTS: Parts<Self>;
    #[doc(hidden)]
    fn attempt<'a>(args: Self::Args) -> Attempt<'a>
    where
        Self: 'a;
}

/// What there is to a task beside its function. One constant: each would be checked by itself, for every task.
#[doc(hidden)]
pub struct Parts<K: Task> {
    /// What the attribute says.
    pub spec: &'static SpecBuilder,
    /// How arguments are copied, where they can be.
    pub clone: Option<fn(&K::Args) -> K::Args>,
    /// How arguments are written down, for each where its type tells.
    pub json: <K::Args as Slots>::Json,
    /// How a result is copied, where it can be.
    pub clone_result: Option<fn(&K::Output) -> K::Output>,
    /// How arguments are given away that borrow nothing; none where a call borrows.
    pub into_owned: IntoOwned<K::Args>,
    /// What templates make of the arguments, where there are any.
    pub text: Option<Text<K::Args>>,
    /// What stands for the result in a plan, where the attribute says it.
    pub plan_value: Option<fn() -> Erased>,
}

/// What templates make of arguments: the run's name; or a key, which is written to the `KeyText` if there is one.
type Text<A> = fn(&A, Option<&mut KeyText<'_>>) -> Option<String>;

/// How arguments are given away as what they are.
type IntoOwned<A> = Option<fn(A) -> Box<dyn Any + Send>>;

/// How the arguments of a task are given away that borrows none.
#[doc(hidden)]
pub const fn into_owned<K: Task + 'static>() -> IntoOwned<K::Args> {
    Some(K::Args::into_any)
}

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

/// What stands for the result of a task in a plan.
#[doc(hidden)]
pub fn planned<K: Task>(value: K::Output) -> Erased {
    value.into_erased()
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
        pub future: F,
        // What it makes of what the function gives.
        pub returned: fn(F::Output) -> Outcome,
    }
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
    /// How many have not ended; and one more until all have been asked.
    pub(crate) remaining: u32,
    /// Not all are known to have given a value.
    pub(crate) in_doubt: bool,
    pub(crate) edges: EdgeList,
}

impl Upstreams {
    /// There are so many.
    pub(crate) fn begin(&mut self, count: usize) {
        self.remaining = u32::try_from(count).unwrap_or(u32::MAX - 1) + 1;
    }
}

/// What the engine executes.
#[doc(hidden)]
pub trait Body<'a>: Send {
    /// What the run waits for: kept with the body, as only a run that has not begun needs it.
    fn upstreams(&mut self) -> &mut Upstreams;
    /// Takes the values of the upstreams. Once, before anything else but [`drop`].
    fn resolve(&mut self) -> Result<(), TaskError>;
    /// Whether the values are there, and nothing is made of them before the body is executed: no name.
    fn is_prepared(&self) -> bool;
    fn can_repeat(&self) -> bool;
    /// The type of its result.
    fn output(&self) -> TypeId;
    /// What stands for its result in a plan.
    fn plan_value(&self) -> Option<PlanValue>;
    /// The same body, with the arguments, which this one has no more.
    fn take(&mut self) -> Box<dyn Body<'a> + 'a>;
    /// The arguments, for somebody who does in place of the function what there is to do; `last` as for [`attempt`](Self::attempt).
    fn arguments(&mut self, last: bool) -> Option<Box<dyn Any + Send>>;
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

/// What stands for a result in a plan.
#[derive(Clone)]
#[doc(hidden)]
pub enum PlanValue {
    /// The attribute says how it is made.
    Made(fn() -> Erased),
    /// The plan was given it.
    Given(Erased),
}

impl PlanValue {
    pub(crate) fn value(self) -> Erased {
        match self {
            Self::Made(make) => make(),
            Self::Given(value) => value,
        }
    }
}

/// Appends what stands for the runs that a parameter is read from; `false` if nothing does.
pub(crate) type UpstreamForm<'f> = dyn FnMut(u8, &mut Vec<u8>) -> bool + 'f;

/// Appends the form of a value, where it has one.
pub(crate) fn write_form(value: Option<AnyValue<'_>>, form: &mut Vec<u8>) -> bool {
    form.push(b'v');
    value.is_some_and(|value| cache::write_form(&value, form))
}

pub(crate) type BoxBody = Box<dyn Body<'static>>;

/// What stands for a body that has been given away.
pub(crate) fn no_body<'a>() -> Box<dyn Body<'a> + 'a> {
    #[derive(Default)]
    struct Nothing(Upstreams);
    impl<'a> Body<'a> for Nothing {
        fn upstreams(&mut self) -> &mut Upstreams {
            &mut self.0
        }
        fn resolve(&mut self) -> Result<(), TaskError> {
            Ok(())
        }
        fn is_prepared(&self) -> bool {
            true
        }
        fn can_repeat(&self) -> bool {
            false
        }
        fn output(&self) -> TypeId {
            TypeId::of::<()>()
        }
        fn plan_value(&self) -> Option<PlanValue> {
            None
        }
        fn take(&mut self) -> Box<dyn Body<'a> + 'a> {
            no_body()
        }
        fn arguments(&mut self, _last: bool) -> Option<Box<dyn Any + Send>> {
            None
        }
        fn fork(&self) -> Option<Box<dyn Body<'a> + 'a>> {
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
        fn attempt(&mut self, _last: bool) -> Attempt<'a> {
            Attempt::Done(Err(gone()))
        }
    }
    Box::new(Nothing::default())
}
