//! Results that are kept and found again (DESIGN §4.8), through the public interface.
#![allow(clippy::unnecessary_wraps, reason = "what a task may return is what is tried")]
#![allow(clippy::unused_async, reason = "async tasks are what is tried")]

mod commits;
mod flows;
mod hits;
mod isolation;
mod keys;
mod options;
mod policies;
mod templates;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millrun::prelude::*;
use serde::{Deserialize, Serialize};

/// An engine that keeps results in memory, by a clock that stands still; and where it keeps them.
fn engine() -> (Engine, ResultStore, Clock) {
    let (store, clock) = (ResultStore::memory(), Clock::manual());
    let engine = Engine::builder().results(store.clone()).clock(clock.clone()).build();
    (engine, store.with_clock(clock.clone()), clock)
}

/// Counts calls; found again by tasks, whose keys it is no part of, by its number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Calls(usize);

static CALLS: std::sync::Mutex<Vec<Arc<AtomicU32>>> = std::sync::Mutex::new(Vec::new());

impl Calls {
    fn new() -> Self {
        let mut all = CALLS.lock().unwrap();
        all.push(Arc::default());
        Self(all.len() - 1)
    }

    fn counter(self) -> Arc<AtomicU32> {
        CALLS.lock().unwrap()[self.0].clone()
    }

    fn note(self) -> u32 {
        self.counter().fetch_add(1, Ordering::SeqCst) + 1
    }

    fn count(self) -> u32 {
        self.counter().load(Ordering::SeqCst)
    }
}

/// The name of the state in which a run ends.
fn name_of<T: 'static>(run: TaskFuture<T>) -> StateName {
    run.wait();
    run.state().name
}

/// The names of the states in which the task runs of a report ended.
fn ended<T>(report: &FlowRun<T>) -> Vec<StateName> {
    report.task_runs().iter().map(|run| run.state().name).collect()
}

/// The key of a task run.
fn key<T>(report: &FlowRun<T>, run: &str) -> String {
    report.task_run(run).unwrap().why().unwrap().key.unwrap()
}
