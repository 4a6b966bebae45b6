//! What is recorded of runs, and how flow runs go on from it.

#[path = "../settings/alone.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod alone;
mod cut;
mod ends_after;
#[path = "../stores/folder.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod folder;
mod interrupted;
mod killed;
mod outages;
mod proxy;
mod recorded;
mod resumed;
mod retained;
#[path = "../stores/server.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millrun::prelude::*;
use millrun::store::{RunQuery, RunRecord};
use millrun::{MemoryRunStore, RunStore};

/// An engine of a process of its own, as far as the store knows.
fn engine(store: &Arc<MemoryRunStore>) -> Engine {
    Engine::builder().run_store(store.clone()).build()
}

/// Counts how often bodies are executed.
#[derive(Default)]
struct Count(AtomicU32);

impl Count {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How often since it was asked last.
    fn take(&self) -> u32 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn task_runs(store: &MemoryRunStore) -> Vec<RunRecord> {
    store.runs(&RunQuery::task_runs().oldest_first()).unwrap()
}

fn flow_runs(store: &MemoryRunStore) -> Vec<RunRecord> {
    store.runs(&RunQuery::flow_runs().oldest_first()).unwrap()
}

fn names(store: &MemoryRunStore, run: &RunRecord) -> Vec<StateName> {
    store.states(run.id).unwrap().iter().map(|state| state.name).collect()
}
