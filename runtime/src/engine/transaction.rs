//! Transactions at work: which run is governed by which, how one is left, and the calls of their hooks.

mod commit;
mod group;
mod rollback;

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cache::{self, Io};
use super::{hook, wait};
use crate::body::{Erased, Outcome};
use crate::context::{current_run, is_in_hook, scope_here};
use crate::error::{ErrorKind, TaskError};
use crate::options::Effective;
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::transaction::{CommitMode, Staged, Transaction, TransactionError};

pub(crate) use commit::commit;
pub(crate) use group::Group;
use rollback::roll_back_around;
pub(crate) use rollback::rollback;
pub(super) use rollback::{enter_rolled_back, roll_back_inside};

/// The transaction in charge here.
pub(crate) fn current() -> Option<Transaction> {
    match current_run() {
        // It is told of the transaction that it is called for.
        Some(run) if is_in_hook() => run.transaction(),
        Some(run) if !run.spec.is_flow => {
            let group = scope_here().transaction.clone().filter(Transaction::is_group);
            // A group that was begun in the body is further in than the run's own.
            match group {
                Some(group) if Some(&group) != run.scope.transaction.as_ref() => Some(group),
                _ => Some(own(&run)),
            }
        }
        _ => scope_here().transaction.clone(),
    }
}

/// The transaction of a task run, made when it is first needed, with those of the runs that it is in.
pub(super) fn own(run: &Arc<Run>) -> Transaction {
    if let Some(own) = run.transaction() {
        return own;
    }
    if let Some(around) = &run.scope.transaction {
        return begin_inside(run, Some(around.clone()));
    }
    let mut without = vec![run.clone()];
    let mut parent = None;
    let mut here = run.scope.parent.clone().filter(|parent| !parent.spec.is_flow);
    while let Some(run) = here.take() {
        if let Some(own) = run.transaction() {
            parent = Some(own);
            break;
        }
        here = match &run.scope.transaction {
            Some(transaction) => {
                parent = Some(transaction.clone());
                None
            }
            None => run.scope.parent.clone().filter(|parent| !parent.spec.is_flow),
        };
        without.push(run);
    }
    for run in without.into_iter().rev() {
        parent = Some(begin_inside(&run, parent));
    }
    // There was one, or it was made just now.
    parent.unwrap_or_else(|| Transaction::begin(None, None, None, false))
}

/// The transaction of a task run, begun in `around` if there is none.
fn begin_inside(run: &Run, around: Option<Transaction>) -> Transaction {
    let isolation = cache::isolation_of(run);
    let own = run.govern(|| Transaction::begin(around, None, isolation, false));
    own.record_of(run);
    own
}

/// Begins the transaction of a task run that is about to be executed, if it needs one. `Err` is what it ends with instead.
pub(super) fn begin(run: &Arc<Run>) -> Result<(), TaskError> {
    check_around(run)?;
    if run.scope.transaction.is_some() || has_hooks(run) {
        own(run);
    }
    Ok(())
}

/// Whether a run may begin in the transaction that it is in. `Err` is what it ends with instead.
pub(super) fn check_around(run: &Run) -> Result<(), TaskError> {
    if run.scope.transaction.as_ref().is_some_and(Transaction::is_over) {
        let message = "the transaction that the run is in was rolled back before it began";
        return Err(TaskError::new(ErrorKind::Failed, message));
    }
    Ok(())
}

fn has_hooks(run: &Run) -> bool {
    let options = run.options();
    Effective { spec: run.spec, options: options.as_deref() }.has_transaction_hooks()
}

/// The body of a governed run has ended: the run is staged, or what is inside of it is rolled back. What it ends with.
///
/// The caller has begun to settle the run, so nobody else ends it.
pub(super) async fn leave(run: &Arc<Run>, outcome: Outcome, io: Io) -> Outcome {
    let Some(own) = run.transaction() else { return outcome };
    let left = leave_own(run, &own, outcome, io).await;
    own.close_committed();
    left
}

async fn leave_own(run: &Arc<Run>, own: &Transaction, outcome: Outcome, io: Io) -> Outcome {
    let value = match outcome.and_then(|value| stage(run, own, value)) {
        Ok(value) => value,
        Err(error) => {
            roll_back_inside(own).await;
            return Err(error);
        }
    };
    match own.parent() {
        // Its body has committed it.
        _ if own.is_committed() => Ok(value),
        Some(parent) if parent.is_over() => {
            roll_back_inside(own).await;
            Err(TransactionError::rolled_back().into())
        }
        // Who was committed before its end decides nothing any more.
        Some(parent) if own.commit_mode() != CommitMode::Eager && !parent.is_committed() => Ok(value),
        _ => match commit(own, io).await {
            Ok(()) => Ok(value),
            Err(error) => {
                roll_back_around(own).await;
                Err(error.into())
            }
        },
    }
}

/// Has the transaction of a run hold what is to be committed or rolled back. `Err` is what the run ends with instead, of which
/// nothing is held: `on_state_change` is asked first, and may turn it into a failure.
fn stage(run: &Arc<Run>, own: &Transaction, value: Erased) -> Result<Erased, TaskError> {
    hook::propose(run, cache::name_of_success(run), None)?;
    if own.is_committed() {
        return Ok(value);
    }
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let record = cache::draft(run, own, &value)?;
    let staged = Staged::new(run.clone(), effective.on_commit(), effective.on_rollback());
    let can_be_undone = staged.rollbacks > 0;
    if own.stage_run(staged, record) {
        if can_be_undone {
            own.record();
        }
        return Ok(value);
    }
    if own.is_rolled_back() { Err(TransactionError::rolled_back().into()) } else { Ok(value) }
}

/// Does at once what waits for nothing; the rest of it is done on that runtime.
pub(super) fn now_or_on(runtime: &RuntimeHandle, future: impl Future<Output = ()> + Send + 'static) {
    let mut future = Box::pin(future);
    if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        runtime.spawn(future);
    }
}

/// Blocks for what is to be awaited of a transaction.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    // Done at once, as a rule: then no runtime is looked for.
    if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return done;
    }
    let handle = scope_here().handle.get();
    let _entered = handle.enter();
    wait::block_on_future(future)
}

/// How messages call a hook of a run, where it has that many.
fn label(hooks: &str, n: usize, of: usize, run: &Run) -> String {
    let name = run.name();
    if of == 1 { format!("`{hooks}` of '{name}'") } else { format!("`{hooks}` {} of '{name}'", n + 1) }
}
