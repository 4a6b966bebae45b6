//! A store that is given up by its process in the midst of what is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use millrun::store::{
    Event, LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, StateCount, StoreError,
    TransactionRecord, UpstreamRecord,
};
use millrun::{Durability, MemoryRunStore, RunStore, State};
use uuid::Uuid;

/// Keeps so many events: those that come later are lost, as are those of a process that was killed.
pub struct EndsAfter {
    store: Arc<MemoryRunStore>,
    events: usize,
    seen: AtomicUsize,
}

impl EndsAfter {
    pub fn new(store: Arc<MemoryRunStore>, events: usize) -> Self {
        Self { store, events, seen: AtomicUsize::new(0) }
    }

    /// How many events there were.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

macro_rules! as_it_does {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> Result<$result, StoreError> {
            self.store.$name($($argument),*)
        })*
    };
}

impl RunStore for EndsAfter {
    fn name(&self) -> String {
        self.store.name()
    }

    fn write(&self, events: &[Event], durability: Durability) -> Result<(), StoreError> {
        let before = self.seen.fetch_add(events.len(), Ordering::SeqCst);
        let kept = self.events.saturating_sub(before).min(events.len());
        self.store.write(&events[..kept], durability)
    }

    fn create(&self, flow_run: &RunRecord) -> Result<bool, StoreError> {
        let before = self.seen.fetch_add(1, Ordering::SeqCst);
        if before < self.events { self.store.create(flow_run) } else { Ok(true) }
    }

    as_it_does! {
        renew(owner: &Owner) -> ();
        owners() -> Vec<Owner>;
        bury(owner: &Owner, reason: &str, now: SystemTime) -> Vec<Uuid>;
        claim(flow_run: Uuid, owner: Uuid) -> bool;
        runs(query: &RunQuery) -> Vec<RunRecord>;
        count(query: &RunQuery) -> Vec<StateCount>;
        states(run: Uuid) -> Vec<State>;
        upstreams(run: Uuid) -> Vec<UpstreamRecord>;
        outcome(run: Uuid) -> Option<Outcome>;
        transactions(root: Uuid) -> Vec<TransactionRecord>;
        logs(query: &LogQuery) -> Vec<LogRecord>;
        delete(runs: &[Uuid]) -> Vec<String>;
        vacuum() -> ();
    }
}
