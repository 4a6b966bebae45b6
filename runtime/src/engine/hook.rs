//! Calling hooks: in order, inside the run's context; one that fails or panics is logged, and the others run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::ready::BodyTurn;
use super::standstill::address;
use crate::body::BoxFuture;
use crate::context::{Current, FlowRunInfo, TaskRun};
use crate::error::{BoxError, ErrorKind, TaskError};
use crate::hook::{AnyHook, AnyStateHook, AnyTransactionHook, Hook, HookReturn, Moment, StateHook};
use crate::options::Effective;
use crate::panic::{self, Panicked};
use crate::run::{Run, state_message};
use crate::runner::runtime::RuntimeHandle;
use crate::spec::Kind;
use crate::state::{State, StateName, StateType};
use crate::transaction::Transaction;

/// The moment that a final state is.
pub(super) fn moment_of(name: StateName) -> Option<Moment> {
    match name.state_type() {
        StateType::Completed => Some(Moment::Completion),
        StateType::Failed => Some(Moment::Failure),
        StateType::Crashed => Some(Moment::Crashed),
        StateType::Cancelled => Some(Moment::Cancellation),
        StateType::Running => Some(Moment::Running),
        _ => None,
    }
}

/// Calls the hooks of a moment. From the first async one on, they come back as a future.
pub(super) fn call(run: &Arc<Run>, moment: Moment) -> Option<BoxFuture<'static, ()>> {
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    if !effective.has_hooks(moment) {
        return None;
    }
    // Not the one it is in: it may have been cancelled since, or rolled back.
    let is_it = |state: &State| moment_of(state.name) == Some(moment) && state.name != StateName::RolledBack;
    let state = run.states().into_iter().rfind(is_it)?;
    let hooks = call_all(run.clone(), moment, effective.hooks(moment), state);
    let mut hooks: BoxFuture<'static, ()> = Box::pin(hooks);
    // It stops before the first thing that is to be awaited, and whoever is given the rest polls that.
    match hooks.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(()) => None,
        Poll::Pending if is_on_own_runtime(run) => {
            let task = RuntimeHandle::own().get().spawn(hooks);
            Some(Box::pin(async move { drop(task.await) }))
        }
        Poll::Pending => Some(hooks),
    }
}

/// Whether the run's async hooks are awaited on our own runtime: who waits for a run that is sync may block the only thread
/// of the user's.
fn is_on_own_runtime(run: &Run) -> bool {
    run.spec.kind != Kind::Async && run.scope.handle.is_single_threaded()
}

/// The runtime on which the run's async hooks are awaited.
pub(super) fn runtime_of(run: &Run) -> RuntimeHandle {
    if is_on_own_runtime(run) { RuntimeHandle::own() } else { run.scope.handle.clone() }
}

/// Calls hooks one after another. Its first poll ends where something is to be awaited, without a poll of that.
async fn call_all(run: Arc<Run>, moment: Moment, hooks: Vec<AnyHook>, state: State) {
    let mut is_awaited = false;
    for hook in hooks {
        let about = About::of(&run);
        let mut current = Current::of_hook(run.clone());
        let returned = match in_context(&mut current, || about.call(&hook, &state)) {
            Ok(HookReturn::Done(result)) => result,
            Ok(HookReturn::Future(future)) => {
                if !std::mem::replace(&mut is_awaited, true) {
                    once_pending().await;
                }
                InContext { current, handle: runtime_of(&run), future }.await
            }
            Err(panic) => Err(panic.message.into()),
        };
        if let Err(error) = returned {
            log!(error, "{} - The hook `{moment}` failed: {error}", run.label());
        }
    }
}

/// Calls a hook of a transaction, on behalf of the run that has staged it.
pub(super) async fn call_transaction(
    run: &Arc<Run>,
    transaction: &Transaction,
    hook: &AnyTransactionHook,
) -> Result<(), BoxError> {
    let mut current = Current::of_hook(run.clone());
    match in_context(&mut current, || hook.call(transaction)) {
        Ok(HookReturn::Done(result)) => result,
        Ok(HookReturn::Future(future)) => InContext { current, handle: runtime_of(run), future }.await,
        Err(panic) => Err(panic.message.into()),
    }
}

/// Pending when it is polled first; whoever has polled it does so again without being woken.
async fn once_pending() {
    let mut polled = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

/// Does what is a hook's, in its context.
fn in_context<T>(current: &mut Current, action: impl FnOnce() -> T) -> Result<T, Panicked> {
    let _turn = BodyTurn::begin_at(current.run.as_deref().map_or(0, address));
    let _entered = current.enter();
    panic::catch(action)
}

/// An async hook, in its context and in that of a runtime, whoever polls it.
struct InContext<'h> {
    current: Current,
    handle: RuntimeHandle,
    future: BoxFuture<'h, Result<(), BoxError>>,
}

impl Future for InContext<'_> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let runtime = this.handle.get();
        let _runtime = runtime.enter();
        match in_context(&mut this.current, || this.future.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(panic) => Poll::Ready(Err(panic.message.into())),
        }
    }
}

/// What a hook is told of.
enum About {
    Task(TaskRun),
    Flow(FlowRunInfo),
}

impl About {
    fn of(run: &Arc<Run>) -> Self {
        if run.spec.is_flow { Self::Flow(FlowRunInfo(run.clone())) } else { Self::Task(TaskRun(run.clone())) }
    }

    fn call<'a>(&'a self, hook: &'a AnyHook, state: &'a State) -> HookReturn<'a> {
        match (hook, self) {
            (AnyHook::Named(Hook::Task(hook)), Self::Task(run)) => hook(run, state),
            (AnyHook::Named(Hook::Flow(hook)), Self::Flow(run)) => hook(run, state),
            (AnyHook::Task(hook), Self::Task(run)) => hook(run, state),
            (AnyHook::Flow(hook), Self::Flow(run)) => hook(run, state),
            // A flow's hooks are never a task's: the macro and the types keep them apart.
            _ => HookReturn::Done(Ok(())),
        }
    }

    fn change(&self, hook: &AnyStateHook, old: &State, new: State) -> State {
        match (hook, self) {
            (AnyStateHook::Named(StateHook::Task(hook)), Self::Task(run)) => hook(run, old, new),
            (AnyStateHook::Named(StateHook::Flow(hook)), Self::Flow(run)) => hook(run, old, new),
            (AnyStateHook::Task(hook), Self::Task(run)) => hook(run, old, new),
            (AnyStateHook::Flow(hook), Self::Flow(run)) => hook(run, old, new),
            _ => new,
        }
    }
}

/// Asks `on_state_change` about a state that the run is to enter, because of `error` if there is one. `Err` is what it is to
/// end with instead; about that nobody is asked.
pub(super) fn propose(run: &Arc<Run>, name: StateName, error: Option<&TaskError>) -> Result<(), TaskError> {
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    if !effective.has_state_hooks() || error.is_some_and(TaskError::is_answer) {
        return Ok(());
    }
    let about = About::of(run);
    let old = run.state();
    let said = error.filter(|_| name.state_type().is_final()).map(|error| state_message(run.spec, error));
    let mut proposed = State::unplaced(name, said);
    let mut is_changed = false;
    for hook in effective.state_hooks() {
        let mut current = Current::of_hook(run.clone());
        let answer = in_context(&mut current, || about.change(&hook, &old, proposed.clone()))
            .map_err(|panic| handler_failed(&panic.message, error))?;
        let is_same = answer.name == proposed.name
            && answer.state_type == proposed.state_type
            && answer.message == proposed.message;
        if is_same {
            continue;
        }
        let is_legal = answer.state_type == answer.name.state_type()
            && matches!(answer.name, StateName::Failed | StateName::Cancelled | StateName::Skipped);
        if !is_legal {
            let said = format!("a state cannot become {answer}; it may become Failed, Cancelled or Skipped");
            return Err(handler_failed(&said, error));
        }
        proposed = answer;
        is_changed = true;
    }
    if !is_changed {
        return Ok(());
    }
    let kind = match proposed.name {
        StateName::Cancelled => ErrorKind::Cancelled,
        StateName::Skipped => ErrorKind::Skipped,
        _ => ErrorKind::Failed,
    };
    Err(TaskError::answer(kind, proposed.message.unwrap_or_default(), error))
}

fn handler_failed(what: &str, error: Option<&TaskError>) -> TaskError {
    let message = format!("Unexpected error while calling state handlers: {what}");
    TaskError::answer(ErrorKind::Failed, message, error)
}
