//! A run store in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::{
    Batch, Durability, Event, Kind, LogQuery, LogRecord, Order, Outcome, Owner, RunQuery, RunRecord,
    RunStore, StateCount, StoreError, TransactionRecord, UpstreamRecord,
};
use crate::id;
use crate::state::{State, StateName};
use crate::sync::Mutex;

/// Keeps what is recorded in memory, until it is dropped: for tests, and for looking at the runs of this process.
#[derive(Default)]
pub struct MemoryRunStore(Mutex<Ledger>);

#[derive(Default)]
struct Ledger {
    runs: BTreeMap<Uuid, RunRecord>,
    states: HashMap<Uuid, Vec<State>>,
    outcomes: HashMap<Uuid, Outcome>,
    upstreams: HashMap<Uuid, Vec<UpstreamRecord>>,
    logs: Vec<LogRecord>,
    transactions: Vec<TransactionRecord>,
    owners: HashMap<Uuid, Owner>,
    /// Owners that were buried, and had runs.
    buried: HashSet<Uuid>,
    /// All that was written, in order, where that is asked for.
    events: Option<Vec<Event>>,
}

impl MemoryRunStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps what happens as it happens, too.
    pub(crate) fn with_events() -> Self {
        Self(Mutex::new(Ledger { events: Some(Vec::new()), ..Ledger::default() }))
    }

    /// Looks at all that has happened, in order.
    pub(crate) fn look_at_events<T>(&self, look: impl FnOnce(&[Event]) -> T) -> T {
        look(self.0.lock().events.as_deref().unwrap_or_default())
    }
}

impl RunStore for MemoryRunStore {
    fn name(&self) -> String {
        "memory".into()
    }

    fn write(&self, events: &[Event], _durability: Durability) -> Result<(), StoreError> {
        let mut ledger = self.0.lock();
        ledger.write(&Batch::of(events));
        if let Some(kept) = &mut ledger.events {
            kept.extend_from_slice(events);
        }
        Ok(())
    }

    fn renew(&self, owner: &Owner) -> Result<(), StoreError> {
        let mut ledger = self.0.lock();
        if ledger.buried.contains(&owner.id) {
            return Err(StoreError::gone("this engine was taken for dead, and its runs were given up"));
        }
        ledger.owners.insert(owner.id, owner.clone());
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        Ok(self.0.lock().owners.values().cloned().collect())
    }

    fn bury(&self, owner: &Owner, reason: &str, now: SystemTime) -> Result<Vec<Uuid>, StoreError> {
        Ok(self.0.lock().bury(owner, reason, now))
    }

    fn claim(&self, flow_run: Uuid, owner: Uuid) -> Result<bool, StoreError> {
        let mut ledger = self.0.lock();
        let run = ledger.runs.get_mut(&flow_run);
        let free =
            |run: &&mut RunRecord| run.kind == Kind::Flow && run.owner.is_none() && !run.state.is_completed();
        let Some(run) = run.filter(free) else { return Ok(false) };
        run.owner = Some(owner);
        Ok(true)
    }

    fn create(&self, flow_run: &RunRecord) -> Result<bool, StoreError> {
        let mut ledger = self.0.lock();
        let is_new = !ledger.runs.contains_key(&flow_run.id);
        if is_new {
            ledger.write(&Batch::of(&[Event::Created(Box::new(flow_run.clone()))]));
        }
        Ok(is_new)
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        let ledger = self.0.lock();
        let found = ledger.runs.values().filter(|run| matches(query, run));
        let limit = query.limit as usize;
        Ok(match query.order {
            Order::NewestFirst => {
                let found = found.rev().filter(|run| query.after.is_none_or(|after| run.id < after));
                found.take(limit).cloned().collect()
            }
            Order::OldestFirst => {
                let found = found.filter(|run| query.after.is_none_or(|after| run.id > after));
                found.take(limit).cloned().collect()
            }
        })
    }

    fn count(&self, query: &RunQuery) -> Result<Vec<StateCount>, StoreError> {
        let mut counts: BTreeMap<(Option<SystemTime>, StateName), u64> = BTreeMap::new();
        for run in self.0.lock().runs.values().filter(|run| matches(query, run)) {
            let since = query.per.map(|per| span_of(run.created, per));
            *counts.entry((since, run.state.name)).or_default() += 1;
        }
        Ok(counts.into_iter().map(|((since, name), count)| StateCount { since, name, count }).collect())
    }

    fn states(&self, run: Uuid) -> Result<Vec<State>, StoreError> {
        Ok(self.0.lock().states.get(&run).cloned().unwrap_or_default())
    }

    fn upstreams(&self, run: Uuid) -> Result<Vec<UpstreamRecord>, StoreError> {
        let ledger = self.0.lock();
        let inside = ledger.runs.values().filter(|record| record.flow_run == Some(run));
        let of: BTreeSet<Uuid> = inside.map(|record| record.id).chain([run]).collect();
        Ok(of.iter().filter_map(|run| ledger.upstreams.get(run)).flatten().cloned().collect())
    }

    fn outcome(&self, run: Uuid) -> Result<Option<Outcome>, StoreError> {
        Ok(self.0.lock().outcomes.get(&run).cloned())
    }

    fn transactions(&self, root: Uuid) -> Result<Vec<TransactionRecord>, StoreError> {
        Ok(self.0.lock().transactions.iter().filter(|record| record.root == root).cloned().collect())
    }

    fn logs(&self, query: &LogQuery) -> Result<Vec<LogRecord>, StoreError> {
        let ledger = self.0.lock();
        let of = |log: &&LogRecord| log.run == query.run || log.flow_run == Some(query.run);
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let mut logs: Vec<&LogRecord> = ledger.logs.iter().filter(of).collect();
        logs.sort_by_key(|log| log.at);
        Ok(logs.into_iter().skip(skip).take(query.limit as usize).cloned().collect())
    }

    fn delete(&self, runs: &[Uuid]) -> Result<Vec<String>, StoreError> {
        Ok(self.0.lock().delete(runs))
    }

    fn vacuum(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Ledger {
    fn write(&mut self, batch: &Batch<'_>) {
        for created in &batch.created {
            let record = RunRecord {
                name: created.known.name.unwrap_or_default().to_owned(),
                parameters: created.known.parameters.cloned(),
                identity: created.known.identity,
                state: created.state.clone(),
                run_count: created.run_count,
                owner: created.owner(),
                ..created.record.clone()
            };
            self.runs.insert(record.id, record);
        }
        for changed in &batch.changed {
            let Some(record) = self.runs.get_mut(&changed.run) else { continue };
            let known = &changed.known;
            if let Some(name) = known.name {
                name.clone_into(&mut record.name);
            }
            if let Some(parameters) = known.parameters {
                record.parameters = Some(parameters.clone());
            }
            record.identity = known.identity.or(record.identity);
            if let Some((state, run_count)) = changed.state {
                record.state = state.clone();
                record.run_count = run_count;
                record.owner = record.owner.filter(|_| !state.is_final());
            }
        }
        for (run, state) in &batch.states {
            let states = self.states.entry(*run).or_default();
            let mut state = (*state).clone();
            state.id = id::of_state(run.as_u128(), states.len());
            if let Some(record) = self.runs.get_mut(run) {
                record.state.id = state.id;
            }
            states.push(state);
        }
        for (run, outcome) in &batch.outcomes {
            self.outcomes.insert(*run, (*outcome).clone());
        }
        for upstream in &batch.upstreams {
            self.upstreams.entry(upstream.run).or_default().push((*upstream).clone());
        }
        self.logs.extend(batch.logs.iter().map(|log| (*log).clone()));
        for transaction in &batch.transactions {
            match self.transactions.iter_mut().find(|known| known.id == transaction.id) {
                Some(known) => known.clone_from(transaction),
                None => self.transactions.push((*transaction).clone()),
            }
        }
    }

    fn bury(&mut self, owner: &Owner, reason: &str, now: SystemTime) -> Vec<Uuid> {
        if self.owners.get(&owner.id).is_none_or(|known| known.lease != owner.lease) {
            return Vec::new();
        }
        self.owners.remove(&owner.id);
        let mut outermost = Vec::new();
        for run in self.runs.values_mut().filter(|run| run.owner == Some(owner.id)) {
            run.owner = None;
            self.buried.insert(owner.id);
            if run.state.is_final() {
                continue;
            }
            let states = self.states.entry(run.id).or_default();
            run.state = State {
                id: id::of_state(run.id.as_u128(), states.len()),
                timestamp: now.max(run.state.timestamp + Duration::from_nanos(1)),
                details: run.state.details.clone(),
                ..State::crashed(reason)
            };
            run.state.details.scheduled_time = None;
            states.push(run.state.clone());
            if run.root == run.id {
                outermost.push(run.id);
            }
        }
        outermost
    }

    fn delete(&mut self, runs: &[Uuid]) -> Vec<String> {
        let ended = |run: &&Uuid| {
            self.runs
                .get(*run)
                .is_some_and(|run| run.root == run.id && run.owner.is_none() && run.state.is_final())
        };
        let roots: Vec<Uuid> = runs.iter().filter(ended).copied().collect();
        let deleted: Vec<Uuid> =
            self.runs.values().filter(|run| roots.contains(&run.root)).map(|run| run.id).collect();
        let mut keys = BTreeSet::new();
        for run in &deleted {
            self.runs.remove(run);
            self.states.remove(run);
            self.upstreams.remove(run);
            if let Some(Outcome::Stored(key)) = self.outcomes.remove(run) {
                keys.insert(key);
            }
        }
        for outcome in self.outcomes.values() {
            if let Outcome::Stored(key) = outcome {
                keys.remove(key);
            }
        }
        self.logs.retain(|log| !deleted.contains(&log.run));
        self.transactions.retain(|transaction| !roots.contains(&transaction.root));
        keys.into_iter().collect()
    }
}

fn matches(query: &RunQuery, run: &RunRecord) -> bool {
    query.kind == run.kind
        && query.ids.as_ref().is_none_or(|ids| ids.contains(&run.id))
        && query.function.as_ref().is_none_or(|function| *function == run.key || *function == run.function)
        && (query.types.is_empty() || query.types.contains(&run.state.state_type))
        && (query.names.is_empty() || query.names.contains(&run.state.name))
        && query.tags.iter().all(|tag| run.tags.contains(tag))
        && query.parent.is_none_or(|parent| run.parent == Some(parent))
        && query.flow_run.is_none_or(|flow_run| run.flow_run == Some(flow_run))
        && query.root.is_none_or(|root| run.root == root)
        && !(query.is_outermost && run.flow_run.is_some())
        && query.since.is_none_or(|since| run.created >= since)
        && query.until.is_none_or(|until| run.created < until)
}

/// When the span begins in which a time lies.
fn span_of(time: SystemTime, per: Duration) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let begin = since - since % per.as_nanos().max(1);
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(begin).unwrap_or(u64::MAX))
}

impl std::fmt::Debug for MemoryRunStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ledger = self.0.lock();
        f.debug_struct("MemoryRunStore").field("runs", &ledger.runs.len()).finish_non_exhaustive()
    }
}
