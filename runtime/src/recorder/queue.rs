//! What has happened and is not written yet.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::Item;
use crate::store::StoreError;

/// So many items may wait before whoever makes runs is held up.
const CAPACITY: usize = 1 << 14;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    items: Vec<Item>,
    /// How many items there were, ever, and how many of them are written.
    pushed: u64,
    written: u64,
    /// Why something could not be written, for good: what came after it counts for nothing.
    failed: Option<Arc<StoreError>>,
    /// Who waits until so many are written.
    waiting: Vec<(u64, Waker)>,
    /// The writer has nothing to do.
    idle: bool,
    closed: bool,
}

/// What the writer is to write.
pub(super) struct Taken {
    pub(super) items: Vec<Item>,
    /// How many items there are with these.
    pub(super) until: u64,
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
        if std::mem::take(&mut state.idle) {
            drop(state);
            self.filled.notify_one();
        }
        position
    }

    pub(super) fn position(&self) -> u64 {
        self.state().pushed
    }

    pub(super) fn throttle(&self) {
        let mut state = self.state();
        while state.items.len() >= CAPACITY && !state.closed {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What is to be written next, once there is something; `None` once there will be nothing any more.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut state = self.state();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state.idle = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        let items = std::mem::take(&mut state.items);
        let until = state.pushed;
        drop(state);
        self.emptied.notify_all();
        Some(Taken { items, until })
    }

    /// Notes that so many are written, or could not be.
    pub(super) fn written(&self, until: u64, failed: Option<StoreError>) {
        let mut state = self.state();
        state.written = until;
        if let Some(error) = failed {
            state.failed = Some(Arc::new(error));
        }
        let mut woken = Vec::new();
        state.waiting.retain(|(position, waker)| {
            let waits = *position > until;
            if !waits {
                woken.push(waker.clone());
            }
            waits
        });
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(super) fn poll_written(&self, position: u64, waker: &Waker) -> Poll<Result<(), Arc<StoreError>>> {
        let mut state = self.state();
        if state.written >= position {
            return Poll::Ready(state.failed.clone().map_or(Ok(()), Err));
        }
        match state.waiting.iter_mut().find(|(other, known)| *other == position && known.will_wake(waker)) {
            Some(_) => {}
            None => state.waiting.push((position, waker.clone())),
        }
        Poll::Pending
    }

    /// Waits before a further attempt to write, longer and longer up to ten seconds; `false` if nobody is to wait any more.
    pub(super) fn may_wait(&self, attempt: u32) -> bool {
        let pause =
            Duration::from_millis(100).saturating_mul(1 << attempt.min(10)).min(Duration::from_secs(10));
        let state = self.state();
        let (state, _) = self
            .filled
            .wait_timeout_while(state, pause, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    /// There will be nothing any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }
}
