//! Rollbacks: every `on_rollback` hook of what was staged, in reverse.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;

use smallvec::{SmallVec, smallvec};

use super::label;
use crate::body::BoxFuture;
use crate::context::is_in_hook;
use crate::engine::hook;
use crate::engine::state_log::log_state;
use crate::hook::AnyTransactionHook;
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::state::StateName;
use crate::transaction::{Staged, Transaction, TransactionError, TransactionState};

/// Transactions to be committed or rolled back together; few, as a rule.
pub(super) type Parts = SmallVec<[Transaction; 4]>;

/// Those inside before it, in order of creation.
pub(super) fn inside_out(transaction: &Transaction) -> Parts {
    let mut found = outside_in(transaction);
    found.reverse();
    found
}

/// It before those inside of it, the latest first.
fn outside_in(transaction: &Transaction) -> Parts {
    let mut open: Parts = smallvec![transaction.clone()];
    let mut found = Parts::new();
    while let Some(next) = open.pop() {
        next.append_children(&mut open);
        found.push(next);
    }
    found
}

/// It and what is inside, except what was committed: the latest first.
pub(super) fn not_committed(transaction: &Transaction) -> Parts {
    let mut parts = outside_in(transaction);
    parts.retain(|part| !part.is_committed());
    parts
}

/// Those that it is in, with what is inside of them, from the inside out.
fn around(transaction: &Transaction) -> Parts {
    let mut parts = Parts::new();
    let mut around = transaction.parent();
    while let Some(transaction) = around {
        parts.extend(not_committed(&transaction));
        around = transaction.parent();
    }
    parts
}

pub(crate) async fn rollback(transaction: &Transaction) -> Result<(), TransactionError> {
    if transaction.is_committed() {
        return Err(TransactionError::committed());
    }
    roll_back(not_committed(transaction)).await
}

/// Rolls back it and what is inside, except what was committed; what goes wrong is logged.
pub(in crate::engine) async fn roll_back_inside(transaction: &Transaction) {
    log_failed(roll_back(not_committed(transaction)).await);
}

/// Rolls back it, what is inside, and those that it is in; what goes wrong is logged.
pub(super) async fn roll_back_out(transaction: &Transaction) {
    roll_back_with(not_committed(transaction), transaction).await;
}

/// Rolls back those that it is in; what goes wrong is logged.
pub(super) async fn roll_back_around(transaction: &Transaction) {
    log_failed(roll_back(around(transaction)).await);
}

/// Rolls back `parts`, and those that `transaction` is in; what goes wrong is logged.
pub(super) fn roll_back_with(
    mut parts: Parts,
    transaction: &Transaction,
) -> impl Future<Output = ()> + Send + use<> {
    parts.extend(around(transaction));
    async move { log_failed(roll_back(parts).await) }
}

/// Rolls these back, to the end also if this is dropped before.
pub(super) async fn roll_back(parts: Parts) -> Result<(), TransactionError> {
    if parts.is_empty() {
        return Ok(());
    }
    let mut rolling = RollingBack(Some(Box::pin(roll_back_each(parts))));
    std::future::poll_fn(|cx| {
        let Some(future) = rolling.0.as_mut() else { return Poll::Ready(Ok(())) };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            rolling.0 = None;
        }
        polled
    })
    .await
}

/// A rollback under way; dropped before its end, it goes on by itself.
struct RollingBack(Option<BoxFuture<'static, Result<(), TransactionError>>>);

impl Drop for RollingBack {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take() {
            RuntimeHandle::own().spawn(async move { log_failed(rest.await) });
        }
    }
}

/// Rolls these back one after another: deletes what was written, then calls every hook that was not called before.
async fn roll_back_each(mut parts: Parts) -> Result<(), TransactionError> {
    let mut outcomes = Vec::new();
    // All before the first hook is called: nothing begins inside any more.
    parts.retain(|part| part.enter(TransactionState::RolledBack) || part.is_rolled_back());
    // A hook does not wait for itself.
    let is_at_it = |part: &Transaction| is_in_hook() && part.is_taken();
    for part in &parts {
        if part.is_written() && !is_at_it(part) {
            let _turn = part.turn().await;
            if let Some(mut record) = part.take_written() {
                record.delete().await;
            }
        }
    }
    let mut done = Vec::new();
    for part in parts {
        if is_at_it(&part) {
            continue;
        }
        // Another may be at it.
        let turn = part.turn().await;
        while let Some((run, hook, n, of)) = part.with_staged(last_rollback_hook).flatten() {
            let outcome = hook::call_transaction(&run, &part, &hook).await;
            let label = label("on_rollback", n, of, &run);
            let outcome = outcome.map_err(|error| error.to_string());
            if let Err(error) = &outcome {
                part.failed_to_undo(&format!("{label} failed: {error}"));
            }
            outcomes.push((label, outcome));
        }
        part.release();
        if let Some(run) = part.with_staged(|staged| staged.run.clone()) {
            enter_rolled_back(&run, &part);
        }
        drop(turn);
        done.push(part);
    }
    // Not before: another finds what is inside of one through it, and waits for the hooks of that.
    done.iter().for_each(Transaction::close);
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        return Ok(());
    }
    Err(TransactionError::rollback(&outcomes))
}

/// The last hook that was not called yet, with its place among so many.
fn last_rollback_hook(staged: &mut Staged) -> Option<(Arc<Run>, AnyTransactionHook, usize, usize)> {
    let hook = staged.on_rollback.pop()?;
    Some((staged.run.clone(), hook, staged.on_rollback.len(), staged.rollbacks))
}

fn log_failed(rolled_back: Result<(), TransactionError>) {
    if let Err(error) = rolled_back {
        log!(error, "{error}");
    }
}

/// A run that completed shows that its own transaction was rolled back, and which of its hooks failed to.
pub(in crate::engine) fn enter_rolled_back(run: &Arc<Run>, own: &Transaction) {
    let message = own.not_undone().map(|failed| format!("It may not be undone: {failed}"));
    let now = run.scope.engine.clock().nanos();
    let entered = {
        let mut inner = run.cell.lock();
        let may = inner.state.may_become(StateName::RolledBack);
        if may {
            run.enter(&mut inner, StateName::RolledBack, now, message.as_deref(), None);
        }
        may
    };
    if entered {
        log_state(run, StateName::RolledBack, message.as_deref());
    }
}
