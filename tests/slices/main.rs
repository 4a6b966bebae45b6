//! Flow runs in slices: a few task runs in each, and their states and results as JSON from one to the next.

mod child_flows;
mod elsewhere;
#[path = "../stores/folder.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod folder;
#[path = "../lifecycle/gate.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod gate;
mod given;
mod inputs;
mod lists;
mod nested;
mod outcomes;
mod read;
mod recorded;
mod results;
mod seed;
mod slugs;
mod stops;
mod transactions;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use millrun::prelude::*;
use millrun::snapshot::Snapshot;

/// What was executed, in order; of several tests, by one at a time.
struct Tally(Mutex<Vec<String>>, Mutex<()>);

impl Tally {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()), Mutex::new(()))
    }

    /// Waits until no other test uses it.
    fn alone(&self) -> MutexGuard<'_, ()> {
        let alone = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        self.take();
        alone
    }

    fn add(&self, name: impl Into<String>) {
        self.0.lock().unwrap().push(name.into());
    }

    /// What was executed since it was asked last.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The same, sorted.
    fn take_sorted(&self) -> Vec<String> {
        let mut taken = self.take();
        taken.sort();
        taken
    }
}

/// One engine for each of the three runners.
fn engines() -> Vec<Engine> {
    vec![
        Engine::builder().task_runner(SequentialTaskRunner::new()).build(),
        Engine::builder().task_runner(ConcurrentTaskRunner::default()).build(),
        Engine::builder().task_runner(ThreadPoolTaskRunner::new(4)).build(),
    ]
}

/// The snapshot as it arrives in the next process.
fn shipped<T>(slice: &FlowRun<T>) -> Snapshot {
    let json = serde_json::to_string(&slice.snapshot()).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The names of the states by slug.
fn states(snapshot: &Snapshot) -> BTreeMap<&str, &'static str> {
    snapshot.states().map(|(slug, state)| (slug, state.name.as_str())).collect()
}

/// Slice after slice, until one is done, each with the snapshot of the one before; gives the last, and how many there were.
fn to_the_end<T>(mut next: impl FnMut(Snapshot) -> FlowRun<T>) -> (FlowRun<T>, usize) {
    let mut snapshot = Snapshot::new();
    for count in 1..=100 {
        let slice = next(snapshot);
        snapshot = shipped(&slice);
        if snapshot.is_done() {
            return (slice, count);
        }
        assert!(slice.state().is_cancelled(), "{slice}");
        assert!(snapshot.pending().next().is_some(), "{slice}");
    }
    panic!("100 slices were not enough: {snapshot:?}");
}
