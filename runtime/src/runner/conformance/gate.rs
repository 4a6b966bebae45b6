//! What holds a body until the check lets it go, and a runner that keeps what it is given.

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::runner::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};

/// A gate; clones are the same gate.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<Seen>, Condvar)>);

#[derive(Default)]
struct Seen {
    arrived: usize,
    open: bool,
    wakers: Vec<Waker>,
}

impl Gate {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self) {
        self.seen().arrived += 1;
        self.0.1.notify_all();
    }

    fn wait_until(&self, holds: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen();
        while !holds(&seen) {
            seen = self.0.1.wait(seen).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Arrives, and blocks until the gate is open.
    pub(super) fn pass_blocking(&self) {
        self.arrive();
        self.wait_until(|seen| seen.open);
    }

    /// Arrives, and waits until the gate is open.
    pub(super) async fn pass(&self) {
        self.arrive();
        poll_fn(|cx| {
            let mut seen = self.seen();
            if seen.open {
                return Poll::Ready(());
            }
            seen.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Blocks until so many have arrived.
    pub(super) fn wait_for(&self, count: usize) {
        self.wait_until(|seen| seen.arrived >= count);
    }

    pub(super) fn arrived(&self) -> usize {
        self.seen().arrived
    }

    pub(super) fn open(&self) {
        let mut seen = self.seen();
        seen.open = true;
        let wakers = std::mem::take(&mut seen.wakers);
        drop(seen);
        self.0.1.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// A runner that keeps what it is given, so that a check can hand it to another by itself.
#[derive(Default)]
pub(super) struct Keeping(Mutex<Vec<ReadyRun>>);

impl Keeping {
    pub(super) fn take(&self) -> Vec<ReadyRun> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TaskRunner for Keeping {
    fn name(&self) -> &'static str {
        "keeping"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Sequential
    }

    fn start(&self) -> Result<(), RunnerError> {
        Ok(())
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        Ok(())
    }

    fn shutdown(&self) {}
}
