//! A gate at which bodies wait until the test opens it: how a test holds a run without sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::futures::executor::block_on;
use tokio::sync::watch;

#[derive(Clone, Copy, Default)]
struct Seen {
    arrived: usize,
    open: bool,
}

/// A gate; clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<Seen>>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Seen::default())))
    }

    /// Arrives, and waits until the gate is open.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|seen| seen.arrived += 1);
        let _ = self.0.subscribe().wait_for(|seen| seen.open).await;
    }

    /// As [`pass`](Self::pass), for sync bodies.
    pub(crate) fn pass_blocking(&self) {
        block_on(self.pass());
    }

    /// Waits until so many have arrived.
    pub(crate) async fn arrived(&self, count: usize) {
        let _ = self.0.subscribe().wait_for(|seen| seen.arrived >= count).await;
    }

    /// As [`arrived`](Self::arrived), for sync tests.
    pub(crate) fn arrived_blocking(&self, count: usize) {
        block_on(self.arrived(count));
    }

    /// How many have arrived so far.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().arrived
    }

    pub(crate) fn open(&self) {
        self.0.send_modify(|seen| seen.open = true);
    }
}

/// Counts the executions of a body; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Notes when a future is dropped before its end, as a cancelled body is.
#[derive(Clone, Default)]
pub(crate) struct Drops(Calls);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }

    /// Something whose drop counts.
    pub(crate) fn guard(&self) -> DropGuard {
        DropGuard(self.0.clone())
    }
}

/// Counts when it is dropped.
pub(crate) struct DropGuard(Calls);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.add();
    }
}
