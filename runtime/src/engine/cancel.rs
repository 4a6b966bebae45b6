//! Cancelling: a run is asked to stop after all that it has submitted, however deep that is nested.

use std::sync::Arc;

use super::attempt::cancelled;
use super::finish::finish;
use super::{hook, signal, slice};
use crate::body::BoxBody;
use crate::context::Scope;
use crate::error::{ErrorKind, TaskError};
use crate::map::MapGroup;
use crate::panic::drop_caught;
use crate::run::{By, Cancelling, Run, Stage, Stop};
use crate::spec::Kind;
use crate::state::StateName;

/// Asks a run to stop, and what it has submitted before it.
pub(crate) fn cancel(run: &Arc<Run>, by: By) {
    let mut cancellation = Cancellation::default();
    cancellation.ask(run.clone(), by);
    cancellation.carry_out();
}

/// Cancels what is open in a scope; what is submitted there from now on never starts.
pub(crate) fn cancel_scope(scope: &Arc<Scope>) {
    cancel_scope_by(scope, By::Outer);
}

/// As [`cancel_scope`], where it is known by what.
pub(super) fn cancel_scope_by(scope: &Arc<Scope>, by: By) {
    let mut cancellation = Cancellation::default();
    cancellation.scopes.push((scope.clone(), by));
    cancellation.carry_out();
}

/// The error of a run that was cancelled, which says by what; any other as it is.
pub(super) fn explained(run: &Run, error: TaskError) -> TaskError {
    if error.kind() != ErrorKind::Cancelled || error.is_answer() || error.is_of_run() {
        return error;
    }
    let outer = || run.scope.parent.as_ref().map(|outer| (outer.kind_of_run(), outer.name()));
    let stop = run.cell.lock().stop;
    let how = match stop {
        Stop::Cancel(By::User) => " by `cancel()`".to_owned(),
        Stop::Cancel(By::Drop) => ", as its last future was dropped".to_owned(),
        Stop::Cancel(By::Timeout) => match outer() {
            Some((what, name)) => format!(", as {what} '{name}' exceeded its timeout"),
            None => return error,
        },
        Stop::Cancel(By::Outer) | Stop::No if run.scope.is_cancelled() || stop != Stop::No => match outer() {
            Some((what, name)) => format!(" with {what} '{name}', which had begun it"),
            None => return error,
        },
        _ => return error,
    };
    TaskError::new(ErrorKind::Cancelled, format!("the run was cancelled{how}"))
}

/// Cancels what the run has submitted.
pub(super) fn cancel_children(run: &Run) {
    if let Some(scope) = run.children() {
        cancel_scope(&scope);
    }
}

/// What is to be cancelled, found from the top down: all are asked before the first ends, so that none fails because of
/// another that is cancelled with it.
#[derive(Default)]
struct Cancellation {
    scopes: Vec<(Arc<Scope>, By)>,
    maps: Vec<Arc<MapGroup>>,
    asked: Vec<(Arc<Run>, Cancelling<BoxBody>)>,
}

impl Cancellation {
    /// Asks a run; what it has submitted is next.
    fn ask(&mut self, run: Arc<Run>, by: By) {
        let met = run.cell.cancel(by);
        if let Cancelling::Executing(_) = met {
            if run.spec.is_flow {
                enter_cancelling(&run);
            }
            self.scopes.extend(run.children().map(|scope| (scope, By::Outer)));
        }
        self.asked.push((run, met));
    }

    /// Asks all that is nested in what was found, and ends them from the bottom up.
    fn carry_out(mut self) {
        while let Some((scope, by)) = self.scopes.pop() {
            let open = scope.close();
            self.scopes.extend(open.scopes.into_iter().map(|scope| (scope, by)));
            for run in open.runs.into_iter().chain(open.maps.iter().flat_map(|map| map.open_runs())) {
                self.ask(run, by);
            }
            self.maps.extend(open.maps);
        }
        for (run, met) in self.asked.into_iter().rev() {
            stop(&run, met);
        }
        for map in self.maps {
            map.cancel(By::Outer);
        }
    }
}

/// A flow run that executes is CANCELLING until what it has submitted has ended, unless it is to end with something else.
fn enter_cancelling(run: &Arc<Run>) {
    // Nobody is told of what is left for another slice.
    if slice::left(run).is_some() {
        return;
    }
    let answer = hook::propose(run, StateName::Cancelling, None);
    let now = run.scope.engine.clock().nanos();
    let mut inner = run.cell.lock();
    if inner.stage >= Stage::Settling {
        return;
    }
    match answer {
        Ok(()) => run.enter(&mut inner, StateName::Cancelling, now, None, None),
        Err(answer) => inner.log.extra().answer = Some(answer),
    }
}

/// Ends a run that was asked to stop, or has whoever drives it do so.
fn stop(run: &Arc<Run>, met: Cancelling<BoxBody>) {
    match met {
        Cancelling::TooLate => {}
        Cancelling::Unstarted(body) => {
            drop_caught(body);
            finish(run, Err(signal::crashed_or_cancelled(&run.scope.engine)), Vec::new());
        }
        // It ends itself at its next await, or has another thread do its work.
        Cancelling::Executing(Some(driver)) => driver.wake(),
        Cancelling::Executing(None) if run.spec.kind == Kind::Async => {}
        Cancelling::Executing(None) if run.spec.is_flow => give_up(run),
        // Given up on: its thread goes on alone.
        Cancelling::Executing(None) => finish(run, Err(cancelled()), Vec::new()),
    }
}

/// Ends a cancelled flow run whose sync body is executing on the thread that called it: once its runs have ended, whether
/// the body has returned or not.
fn give_up(run: &Arc<Run>) {
    let Some(tree) = run.tree_inside() else { return };
    let given_up = run.clone();
    run.scope.handle.spawn(async move {
        super::flow_run::idle(&tree).await;
        finish(&given_up, Err(cancelled()), Vec::new());
    });
}
