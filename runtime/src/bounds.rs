//! What the attributes ask of the user's types and functions: one trait for each rule, which is met by itself.
//!
//! Nothing here is to be implemented, or called. The traits are public so that the compiler, when a rule is broken, has
//! something to name; their documentation says what the rule is for.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Erased, Outcome, ToJson};
use crate::cache::{IntoResultStore, Policy};
use crate::configure::{OfFlow, OfTask};
use crate::context::{FlowRunInfo, TaskRun};
use crate::error::BoxError;
use crate::flow::FlowCall;
use crate::hook::{HookReturn, IntoHookReturn};
use crate::input::Ref;
use crate::mock::IntoMocked;
use crate::result::{AnyValue, ResultStore, ResultStoreError, ResultType};
use crate::runner::TaskRunner;
use crate::state::State;
use crate::task::TaskCall;
use crate::transaction::Transaction;

pub use crate::body::{ArgTuple, Fallible, Task, returned, returned_result};

/// A parameter: a run takes its arguments to the thread on which it executes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter: it is not `Send`, and runs move between threads",
    label = "not `Send`",
    note = "take `Arc` in place of `Rc` and `Mutex` in place of `RefCell`, or make the value in the body"
)]
pub trait Input: Send {}

#[diagnostic::do_not_recommend]
impl<T: Send> Input for T {}

/// A result: other runs read it, from their own threads, for as long as they need it.
///
/// It asks for `Send + Sync + 'static`, but not as bounds of its own, which would be reported one by one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a result: it is not `Send + Sync`, and runs share results between threads",
    label = "not `Send + Sync`",
    note = "return `Arc` in place of `Rc` and `Mutex` in place of `RefCell`, or what is made of the value"
)]
pub trait Output: Sized + 'static {
    #[doc(hidden)]
    fn into_erased(self) -> Erased;
    #[doc(hidden)]
    fn of_erased(erased: Erased) -> Option<Arc<Self>>;
}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Output for T {
    fn into_erased(self) -> Erased {
        Arc::new(self)
    }

    fn of_erased(erased: Erased) -> Option<Arc<Self>> {
        erased.downcast().ok()
    }
}

/// A result that is given out by value, where others may read it too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Clone`, and others may read the result of a run too: `.shared()`, or `.shared_result()` to block, gives it as an `Arc`",
    label = "not `Clone`"
)]
pub trait ResultByValue: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> ResultByValue for T {}

/// An error that a task or a flow may end with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task or a flow: it is not a `std::error::Error + Send + Sync`",
    label = "not an error",
    note = "implement `std::error::Error` for it, or return `anyhow::Error`, `Box<dyn Error + Send + Sync>` or `String`"
)]
pub trait Failure: Into<BoxError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> Failure for E {}

/// A by-value parameter of a task with retries: each further attempt is given a clone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Clone`, but a task with retries clones its by-value parameters for each further attempt",
    label = "not `Clone`",
    note = "take it as `&{Self}` or `Arc<{Self}>`, which need no clone, or implement `Clone`"
)]
pub trait CloneForTaskRetries: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneForTaskRetries for T {}

/// A parameter of a flow with retries: each further attempt is given a clone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Clone`, but a flow with retries clones its parameters for each further attempt",
    label = "not `Clone`",
    note = "take it as `Arc<{Self}>`, or implement `Clone`"
)]
pub trait CloneForFlowRetries: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneForFlowRetries for T {}

/// Asks for [`CloneForTaskRetries`].
pub const fn clone_for_task_retries<T: CloneForTaskRetries>() {}

/// Asks for [`CloneForFlowRetries`].
pub const fn clone_for_flow_retries<T: CloneForFlowRetries>() {}

/// All parameters of a task with retries.
#[diagnostic::on_unimplemented(
    message = "one of the parameters `{Self}` is not `Clone`, but a task with retries clones its by-value parameters for each further attempt",
    label = "not all `Clone`",
    note = "take it by reference or as an `Arc`, which need no clone, or implement `Clone`"
)]
pub trait TaskRetryArgs: Clone {}

#[diagnostic::do_not_recommend]
impl<A: Clone> TaskRetryArgs for A {}

/// All parameters of a flow with retries.
#[diagnostic::on_unimplemented(
    message = "one of the parameters `{Self}` is not `Clone`, but a flow with retries clones its parameters for each further attempt",
    label = "not all `Clone`",
    note = "take it as an `Arc`, or implement `Clone`"
)]
pub trait FlowRetryArgs: Clone {}

#[diagnostic::do_not_recommend]
impl<A: Clone> FlowRetryArgs for A {}

/// A result that is kept.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept: with options about results, the result is `Serialize` and `DeserializeOwned`",
    label = "not both `Serialize` and `DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, without borrowed fields, or return what is made of the value"
)]
pub trait KeptResult: Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> KeptResult for T {}

/// How a result is kept.
pub const fn kept_result<T: KeptResult>() -> Option<ResultType> {
    Some(ResultType::of::<T>())
}

/// A parameter that a key is made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Serialize`, but the key of a result that is kept is made of the inputs",
    label = "not `Serialize`",
    note = "derive `serde::Serialize` for it, or leave the parameter out, as in `cache_policy = Inputs.exclude(\"name\")`"
)]
pub trait CacheInput: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> CacheInput for T {}

/// How a parameter is written that a key is made of.
pub const fn cache_input<T: CacheInput>() -> ToJson<T> {
    Some(|value| AnyValue::of(value))
}

/// How a borrowed parameter is written that a key is made of.
pub const fn cache_input_ref<'r, T: CacheInput + ?Sized>() -> ToJson<Ref<'r, T>> {
    Some(|value| AnyValue::of(value))
}

/// What a task's `cache_policy = ..` may be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache policy",
    label = "not a `CachePolicy`",
    note = "such as `Inputs`, `TaskSource`, `RunId`, `FlowParameters`, a `CachePolicy` of your own, or several joined with `+`"
)]
pub trait IntoPolicy: Into<Policy> {}

#[diagnostic::do_not_recommend]
impl<P: Into<Policy>> IntoPolicy for P {}

/// The policy that a `cache_policy = ..` makes.
pub fn cache_policy(policy: impl IntoPolicy) -> Policy {
    policy.into()
}

/// The store that a `result_storage = ..` makes.
///
/// # Errors
/// There is none.
pub fn result_storage(store: impl IntoResultStore) -> Result<ResultStore, ResultStoreError> {
    store.into_result_store()
}

/// Calls what an attribute names as a hook of a task.
pub fn task_hook<'a, R: IntoHookReturn<'a, M>, M>(
    hook: fn(&'a TaskRun, &'a State) -> R,
    run: &'a TaskRun,
    state: &'a State,
) -> HookReturn<'a> {
    hook(run, state).into_hook_return()
}

/// Calls what an attribute names as a hook of a flow.
pub fn flow_hook<'a, R: IntoHookReturn<'a, M>, M>(
    hook: fn(&'a FlowRunInfo, &'a State) -> R,
    run: &'a FlowRunInfo,
    state: &'a State,
) -> HookReturn<'a> {
    hook(run, state).into_hook_return()
}

/// Calls what an attribute names as a hook of a transaction.
pub fn transaction_hook<'a, R: IntoHookReturn<'a, M>, M>(
    hook: fn(&'a Transaction) -> R,
    transaction: &'a Transaction,
) -> HookReturn<'a> {
    hook(transaction).into_hook_return()
}

/// What a flow's `task_runner` may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task runner",
    label = "not a `TaskRunner`",
    note = "such as `SequentialTaskRunner::new()`, `ConcurrentTaskRunner::new()` or `ThreadPoolTaskRunner::new(8)`"
)]
pub trait FlowTaskRunner: TaskRunner + 'static {}

#[diagnostic::do_not_recommend]
impl<R: TaskRunner + 'static> FlowTaskRunner for R {}

/// The runner that a flow's `task_runner = ..` makes.
pub fn task_runner<R: FlowTaskRunner>(runner: R) -> Arc<dyn TaskRunner> {
    Arc::new(runner)
}

/// A function annotated with `#[task]` or `#[flow]`, as `X` says; `A` is the tuple of its parameters, `K` the task or flow.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a task nor a flow",
    label = "neither a task nor a flow",
    note = "annotate the function with `#[task]` or `#[flow]`",
    note = "options stand before what begins a run: `task.wait_for(..).submit(..)`, `task.with_tags(..).map(..)`"
)]
pub trait AnnotatedFn<X, A, K> {}

/// A task that something may stand for; `A` is the tuple of its parameters, `K` the task.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "not a task",
    note = "annotate the function with `#[task]`"
)]
pub trait MockedTask<A, K> {}

/// A task `L` that may stand for the task `K`; `A` is the tuple of the parameters of both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take and give the same as the task that it is to replace",
    label = "expected a task with the same parameters and the same result",
    note = "annotate the function with `#[task]`"
)]
pub trait ReplacesTask<A, K, L> {}

/// A closure that stands for the body of a task which gives `T`; what it gives is an `R`.
pub trait MocksBody<T, R, M> {
    #[doc(hidden)]
    fn outcome(given: R) -> Outcome;
}

impl<F, T, R: IntoMocked<T, M>, M> MocksBody<T, R, M> for F {
    fn outcome(given: R) -> Outcome {
        given.into_outcome()
    }
}

/// A task, of any number of parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "not a task",
    note = "annotate the function with `#[task]`; what is a flow is begun with `start`"
)]
pub trait IsTask {}

/// A flow, of any number of parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a flow",
    label = "not a flow",
    note = "annotate the function with `#[flow]`; what is a task is begun with `submit`"
)]
pub trait IsFlow {}

macro_rules! by_arity {
    ($($a:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<F, K: Task, $($a),*> AnnotatedFn<OfTask, ($($a,)*), K> for F where
            F: Fn($($a),*) -> TaskCall<'static, K>
        {
        }

        #[diagnostic::do_not_recommend]
        impl<F, K: Task, $($a),*> MockedTask<($($a,)*), K> for F where
            F: Fn($($a),*) -> TaskCall<'static, K>
        {
        }

        #[diagnostic::do_not_recommend]
        impl<F, K: Task, L, $($a),*> ReplacesTask<($($a,)*), K, L> for F where
            L: Task<Args = K::Args, Output = K::Output>,
            F: Fn($($a),*) -> TaskCall<'static, L>
        {
        }

        #[diagnostic::do_not_recommend]
        impl<F, K: Task, $($a),*> AnnotatedFn<OfFlow, ($($a,)*), K> for F where
            F: Fn($($a),*) -> FlowCall<K>
        {
        }
    };
}

by_arity!();
by_arity!(A0);
by_arity!(A0, A1);
by_arity!(A0, A1, A2);
by_arity!(A0, A1, A2, A3);
by_arity!(A0, A1, A2, A3, A4);
by_arity!(A0, A1, A2, A3, A4, A5);
by_arity!(A0, A1, A2, A3, A4, A5, A6);
by_arity!(A0, A1, A2, A3, A4, A5, A6, A7);
by_arity!(A0, A1, A2, A3, A4, A5, A6, A7, A8);
by_arity!(A0, A1, A2, A3, A4, A5, A6, A7, A8, A9);
by_arity!(A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10);
by_arity!(A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11);
