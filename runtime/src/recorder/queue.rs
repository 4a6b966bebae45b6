//! What has happened and is not written yet.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::Item;
use crate::panic::drop_caught;
use crate::store::StoreError;

/// So many items may wait before whoever makes runs is held up.
const CAPACITY: usize = 1 << 14;
/// Fewer than so many are written only when nothing has followed for so long, or somebody waits for them: to wake the writer costs
/// more than to write.
const ENOUGH: usize = 1 << 10;
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to do for the writer.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    items: Vec<Item>,
    /// How many items there were, ever; how many of them are in the store; how many are there or in the spool.
    pushed: u64,
    written: u64,
    kept: u64,
    /// How often the writer has begun to write.
    attempts: u64,
    /// While the store fails: the last attempt that did, and why.
    failure: Option<(u64, Arc<StoreError>)>,
    /// It has failed for longer than anybody waits for it.
    is_out: bool,
    /// Why nothing more is written, ever.
    lost: Option<Arc<StoreError>>,
    /// Somebody wants to know whether the store still fails, or it is time to.
    retry: bool,
    waiting: Vec<(Wait, Waker)>,
    /// With so many items the writer is to be woken; never, while it writes.
    wakes_at: usize,
    closed: bool,
    /// What has been written, to be filled again.
    spare: Vec<Item>,
}

/// What the writer is to do.
pub(super) struct Taken {
    pub(super) items: Vec<Item>,
    /// How many items there were with these.
    pub(super) until: u64,
    /// The number of this attempt.
    pub(super) attempt: u64,
    /// If the store fails it is to be tried again.
    pub(super) is_retry: bool,
    /// Nothing is to be written any more.
    pub(super) is_lost: bool,
}

/// What somebody waits for: that so many items are somewhere.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) position: u64,
    pub(super) wanted: Wanted,
}

#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// In the store, or in the spool.
    Kept,
    /// In the store, unless that fails for too long.
    Written,
    /// In the store, unless an attempt after that one fails.
    Tried(u64),
}

impl State {
    /// Whether the writer need not wait for more.
    fn is_urgent(&self) -> bool {
        self.retry || self.closed || !self.waiting.is_empty()
    }

    fn outcome(&self, wait: &Wait) -> Option<Result<(), Arc<StoreError>>> {
        let reached = match wait.wanted {
            Wanted::Kept => self.kept,
            Wanted::Written | Wanted::Tried(_) => self.written,
        };
        if reached >= wait.position {
            return Some(Ok(()));
        }
        if let Some(lost) = &self.lost {
            return Some(Err(lost.clone()));
        }
        let (attempt, error) = self.failure.as_ref()?;
        let is_over = match wait.wanted {
            Wanted::Kept => false,
            Wanted::Written => self.is_out,
            Wanted::Tried(after) => *attempt > after,
        };
        is_over.then(|| Err(error.clone()))
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, item: Item) -> u64 {
        let mut state = self.state();
        state.items.push(item);
        state.pushed += 1;
        let position = state.pushed;
        if state.items.len() == state.wakes_at {
            drop(state);
            self.filled.notify_one();
        }
        position
    }

    pub(super) fn is_full(&self) -> bool {
        self.state().items.len() >= CAPACITY
    }

    pub(super) fn throttle(&self) {
        let mut state = self.state();
        while state.items.len() >= CAPACITY && !state.closed {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the writer is to do next, once there is something; `None` once there will be nothing any more. While it `holds` what it
    /// could put nowhere, it is given nothing more.
    pub(super) fn take(&self, holds: bool) -> Option<Taken> {
        let mut state = self.state();
        loop {
            let first = if holds && !state.closed { usize::MAX } else { 1 };
            if state.items.len() >= first || state.retry {
                break;
            }
            if state.closed {
                return None;
            }
            state.wakes_at = first;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.items.len() < ENOUGH && !state.is_urgent() {
            state.wakes_at = ENOUGH;
            let more = |state: &mut State| state.items.len() < ENOUGH && !state.is_urgent();
            let waited = self.filled.wait_timeout_while(state, PAUSE, more);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wakes_at = usize::MAX;
        state.attempts += 1;
        let items = if holds && !state.closed {
            Vec::new()
        } else {
            let spare = std::mem::take(&mut state.spare);
            std::mem::replace(&mut state.items, spare)
        };
        let taken = Taken {
            until: state.pushed - state.items.len() as u64,
            attempt: state.attempts,
            is_retry: std::mem::take(&mut state.retry),
            is_lost: state.lost.is_some(),
            items,
        };
        drop(state);
        self.emptied.notify_all();
        Some(taken)
    }

    /// Takes back what it has given, without what was in it.
    pub(super) fn give_back(&self, mut items: Vec<Item>) {
        // What runs hold is the user's.
        items.drain(..).for_each(drop_caught);
        // No more than what comes as a rule: else it is there for good.
        items.shrink_to(2 * CAPACITY);
        self.state().spare = items;
    }

    /// So many are in the store: it does not fail.
    pub(super) fn written(&self, until: u64) {
        self.change(|state| {
            (state.written, state.kept) = (until, until);
            (state.failure, state.is_out) = (None, false);
        });
    }

    /// So many are in the store or in the spool.
    pub(super) fn kept(&self, until: u64) {
        self.change(|state| state.kept = until);
    }

    /// An attempt has failed; `is_out` if nobody is to wait any longer.
    pub(super) fn failed(&self, attempt: u64, error: StoreError, is_out: bool) {
        self.change(|state| {
            state.failure = Some((attempt, Arc::new(error)));
            state.is_out |= is_out;
        });
    }

    /// Nothing more is written, ever: whether that is news.
    pub(super) fn lose(&self, error: StoreError) -> bool {
        let mut is_news = false;
        self.change(|state| {
            is_news = state.lost.is_none();
            state.lost.get_or_insert_with(|| Arc::new(error));
        });
        self.retry();
        is_news
    }

    /// Does something, and wakes those who waited for it.
    fn change(&self, action: impl FnOnce(&mut State)) {
        let mut state = self.state();
        action(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        let (over, still): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(wait, _)| state.outcome(wait).is_some());
        state.waiting = still;
        drop(state);
        for (_, waker) in over {
            waker.wake();
        }
    }

    /// Has the writer find out whether the store still fails.
    pub(super) fn retry(&self) {
        self.state().retry = true;
        self.filled.notify_one();
    }

    /// Waits for all that there is until now, and has it tried at once.
    pub(super) fn flush(&self) -> Wait {
        let mut state = self.state();
        let wait = Wait { position: state.pushed, wanted: Wanted::Tried(state.attempts) };
        if state.written < state.pushed {
            state.retry = true;
            self.filled.notify_one();
        }
        wait
    }

    /// `known` is the waker that it was called with before.
    pub(super) fn poll(
        &self,
        wait: &Wait,
        known: &mut Option<Waker>,
        waker: &Waker,
    ) -> Poll<Result<(), Arc<StoreError>>> {
        let mut state = self.state();
        if let Some(outcome) = state.outcome(wait) {
            return Poll::Ready(outcome);
        }
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waiting.push((*wait, waker.clone()));
            *known = Some(waker.clone());
            let is_awake = state.wakes_at == usize::MAX;
            drop(state);
            if !is_awake {
                self.filled.notify_one();
            }
        }
        Poll::Pending
    }

    /// Whether there is something that the store does not have, because it fails.
    pub(super) fn is_behind(&self) -> bool {
        self.state().failure.is_some()
    }

    /// There will be nothing any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }
}
