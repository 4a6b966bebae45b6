//! Hooks: the user's functions that are told of a run's states.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::context::{FlowRunInfo, TaskRun};
use crate::error::BoxError;
use crate::state::State;
use crate::transaction::Transaction;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a hook gives back: sync hooks are done, async ones are to be awaited.
pub enum HookReturn<'a> {
    /// The hook was sync.
    Done(Result<(), BoxError>),
    /// The hook is async.
    Future(BoxFuture<'a, Result<(), BoxError>>),
}

/// What a hook may return: nothing, a `Result<(), E>`, or a future of one of these.
#[diagnostic::on_unimplemented(
    message = "a hook cannot return `{Self}`",
    label = "a hook returns `()` or `Result<(), E>`, and may be async"
)]
pub trait IntoHookReturn<'a, M> {
    #[doc(hidden)]
    fn into_hook_return(self) -> HookReturn<'a>;
}

#[doc(hidden)]
pub struct ReturnsNothing;
#[doc(hidden)]
pub struct ReturnsResult;
#[doc(hidden)]
pub struct IsAsync<M>(M);

#[diagnostic::do_not_recommend]
impl<'a> IntoHookReturn<'a, ReturnsNothing> for () {
    fn into_hook_return(self) -> HookReturn<'a> {
        HookReturn::Done(Ok(()))
    }
}

#[diagnostic::do_not_recommend]
impl<'a, E: Into<BoxError>> IntoHookReturn<'a, ReturnsResult> for Result<(), E> {
    fn into_hook_return(self) -> HookReturn<'a> {
        HookReturn::Done(self.map_err(Into::into))
    }
}

#[diagnostic::do_not_recommend]
impl<'a, F, M> IntoHookReturn<'a, IsAsync<M>> for F
where
    F: Future + Send + 'a,
    F::Output: IntoHookReturn<'a, M>,
{
    fn into_hook_return(self) -> HookReturn<'a> {
        HookReturn::Future(Box::pin(async move {
            match self.await.into_hook_return() {
                HookReturn::Done(result) => result,
                HookReturn::Future(_) => Ok(()),
            }
        }))
    }
}

/// A hook named in an attribute.
#[derive(Clone, Copy)]
pub enum Hook {
    /// Of a task.
    Task(for<'a> fn(&'a TaskRun, &'a State) -> HookReturn<'a>),
    /// Of a flow.
    Flow(for<'a> fn(&'a FlowRunInfo, &'a State) -> HookReturn<'a>),
}

/// An `on_state_change` named in an attribute.
#[derive(Clone, Copy)]
pub enum StateHook {
    /// Of a task.
    Task(fn(&TaskRun, &State, State) -> State),
    /// Of a flow.
    Flow(fn(&FlowRunInfo, &State, State) -> State),
}

/// An `on_commit` or `on_rollback` named in an attribute.
pub type TransactionHook = for<'a> fn(&'a Transaction) -> HookReturn<'a>;

type SharedOfTransaction = Arc<dyn for<'a> Fn(&'a Transaction) -> HookReturn<'a> + Send + Sync>;
type Shared<R> = Arc<dyn for<'a> Fn(&'a R, &'a State) -> HookReturn<'a> + Send + Sync>;
type SharedChange<R> = Arc<dyn Fn(&R, &State, State) -> State + Send + Sync>;

/// A hook, from an attribute or from `with_on_…`.
#[derive(Clone)]
pub(crate) enum AnyHook {
    Named(Hook),
    Task(Shared<TaskRun>),
    Flow(Shared<FlowRunInfo>),
}

/// An `on_state_change`, from an attribute or from `with_on_state_change`.
#[derive(Clone)]
pub(crate) enum AnyStateHook {
    Named(StateHook),
    Task(SharedChange<TaskRun>),
    Flow(SharedChange<FlowRunInfo>),
}

impl fmt::Debug for AnyHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hook")
    }
}

impl fmt::Debug for AnyStateHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("state hook")
    }
}

/// An `on_commit` or `on_rollback`, from an attribute or from `with_on_…`.
#[derive(Clone)]
pub(crate) enum AnyTransactionHook {
    Named(TransactionHook),
    Given(SharedOfTransaction),
}

impl AnyTransactionHook {
    pub(crate) fn call<'a>(&'a self, transaction: &'a Transaction) -> HookReturn<'a> {
        match self {
            Self::Named(hook) => hook(transaction),
            Self::Given(hook) => hook(transaction),
        }
    }
}

impl fmt::Debug for AnyTransactionHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transaction hook")
    }
}

/// The moments at which hooks are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Running,
    Completion,
    Failure,
    Crashed,
    Cancellation,
}

impl Moment {
    pub(crate) const COUNT: usize = 5;
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "on_running",
            Self::Completion => "on_completion",
            Self::Failure => "on_failure",
            Self::Crashed => "on_crashed",
            Self::Cancellation => "on_cancellation",
        })
    }
}
