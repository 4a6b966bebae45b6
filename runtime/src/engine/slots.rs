//! The slots of concurrency limits and rate limits that a run's tags ask for, held for the length of an attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::finish::finish;
use super::ready::dispatch;
use super::state_log::log_state;
use super::{attempt, awaited, hook};
use crate::context::{current_run, own_tags};
use crate::error::TaskError;
use crate::limit::{AcquireAll, Limit, Permit};
use crate::panic::drop_caught;
use crate::run::Run;
use crate::state::StateName;

/// The limits that the run has to wait for: those of its tags that no ancestor holds, in one order for all runs, so that
/// two of them never wait for each other.
fn wanted(run: &Run) -> Vec<Arc<Limit>> {
    let limits = run.scope.engine.limits();
    if limits.is_empty() {
        return Vec::new();
    }
    let mut wanted: Vec<Arc<Limit>> = own_tags(run)
        .iter()
        .filter_map(|tag| limits.get(tag).cloned())
        .filter(|limit| !held_above(run.scope.parent.clone(), &limit.name))
        .collect();
    wanted.sort_by(|one, other| one.name.cmp(&other.name));
    wanted
}

fn held_above(mut above: Option<Arc<Run>>, name: &str) -> bool {
    while let Some(run) = above.take() {
        if run.holds_by_tag(name) || run.holds_in_body(name) {
            return true;
        }
        above.clone_from(&run.scope.parent);
    }
    false
}

/// Whether the body that executes here need not wait for the limit: its run holds a slot because of its tags, or one above
/// holds one. What the body itself holds is not shared by the rest of it: its branches are to be limited.
pub(crate) fn ancestors_hold(name: &str) -> bool {
    let Some(run) = current_run() else { return false };
    run.holds_by_tag(name) || held_above(run.scope.parent.clone(), name)
}

/// Takes the run's slots; `false` if it has to wait, and will be dispatched when it has them, or if it has ended.
pub(super) fn acquire(run: &Arc<Run>) -> bool {
    let wanted = wanted(run);
    if wanted.is_empty() {
        return true;
    }
    let acquiring = Arc::new(AcquireAll::of(&wanted));
    // As if it had been woken once: until it has entered its state, others only count what they wake.
    let waiting = Arc::new(Waiting { run: run.clone(), acquiring, woken: AtomicUsize::new(1) });
    if let Poll::Ready(permits) = waiting.poll() {
        return hold(run, permits);
    }
    if let Err(answer) = wait_for_slot(run) {
        waiting.acquiring.give_up();
        if let Some(body) = run.cell.withdraw() {
            drop_caught(body);
            finish(run, Err(answer), Vec::new());
        }
        return false;
    }
    let is_kept = {
        let mut inner = run.cell.lock();
        let is_kept = !inner.is_to_stop();
        if is_kept {
            inner.log.limited_mut().acquiring = Some(waiting.acquiring.clone());
        }
        is_kept
    };
    if is_kept {
        waiting.poll_until_counted();
    } else {
        waiting.acquiring.give_up();
    }
    false
}

/// Awaits the run's slots, for one that its caller executes.
///
/// # Errors
/// The run was cancelled meanwhile, or `on_state_change` would not have it wait.
pub(super) async fn acquire_async(run: &Arc<Run>) -> Result<(), TaskError> {
    let wanted = wanted(run);
    if wanted.is_empty() {
        return Ok(());
    }
    let acquiring = AcquireAll::of(&wanted);
    let mut announced = false;
    let acquired = std::future::poll_fn(|cx| {
        let polled = acquiring.poll(cx);
        if polled.is_pending() {
            awaited::note_other();
            if !std::mem::replace(&mut announced, true) {
                wait_for_slot(run)?;
            }
        }
        polled.map(Ok::<_, TaskError>)
    });
    let permits = attempt::unless_stopped(run, acquired).await??;
    hold(run, permits);
    Ok(())
}

/// Gives the slots back, and waits for none any more.
pub(super) fn release(run: &Run) {
    if run.scope.engine.limits().is_empty() {
        return;
    }
    let (permits, acquiring) = {
        let mut inner = run.cell.lock();
        if inner.log.limited().is_none() {
            return;
        }
        let limited = inner.log.limited_mut();
        (std::mem::take(&mut limited.permits), limited.acquiring.take())
    };
    drop(permits);
    if let Some(acquiring) = acquiring {
        acquiring.give_up();
    }
}

/// Keeps the slots for the attempt; `false` if there will be none.
fn hold(run: &Run, permits: Vec<Permit>) -> bool {
    let mut inner = run.cell.lock();
    if inner.is_settled() {
        drop(inner);
        drop(permits);
        return false;
    }
    let limited = inner.log.limited_mut();
    limited.permits = permits;
    limited.acquiring = None;
    true
}

/// Enters `AwaitingConcurrencySlot`. `Err` is what the run is to end with instead.
fn wait_for_slot(run: &Arc<Run>) -> Result<(), TaskError> {
    hook::propose(run, StateName::AwaitingConcurrencySlot, None)?;
    let now = run.scope.engine.clock().nanos();
    {
        let mut inner = run.cell.lock();
        if inner.is_to_stop() {
            return Ok(());
        }
        run.enter(&mut inner, StateName::AwaitingConcurrencySlot, now, None, None);
    }
    log_state(run, StateName::AwaitingConcurrencySlot, None);
    Ok(())
}

/// A run that waits for slots, without a thread or a task: each slot that becomes free wakes it.
struct Waiting {
    run: Arc<Run>,
    acquiring: Arc<AcquireAll>,
    /// How often it was woken since it was last polled. Who counts the first polls, for all others.
    woken: AtomicUsize,
}

impl Waiting {
    fn poll(self: &Arc<Self>) -> Poll<Vec<Permit>> {
        self.acquiring.poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }

    /// Polls until nobody has woken it meanwhile.
    fn poll_until_counted(self: &Arc<Self>) {
        loop {
            let woken = self.woken.load(Ordering::Acquire);
            if let Poll::Ready(permits) = self.poll() {
                // Nobody polls it again.
                if hold(&self.run, permits) {
                    dispatch(self.run.clone());
                }
                return;
            }
            if self.woken.compare_exchange(woken, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return;
            }
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        if self.woken.fetch_add(1, Ordering::AcqRel) == 0 {
            self.poll_until_counted();
        }
    }
}
