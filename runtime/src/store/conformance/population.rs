//! Runs to be recorded, and what has to be read of them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, json};
use uuid::Uuid;

use super::done;
use crate::id;
use crate::state::{State, StateDetails, StateName};
use crate::store::{
    Event, Kind, LogRecord, Outcome, RunQuery, RunRecord, RunStore, TransactionRecord, UpstreamRecord,
};
use crate::transaction::TransactionState;

/// The `n`th flow run's id, in the order of time.
pub(super) fn flow_run_id(n: u32) -> Uuid {
    Uuid::from_u128((u128::from(n) + 1) << 84 | 7 << 76 | 2 << 62 | 0x5EED_0000_0000)
}

/// So many nanoseconds after some moment.
pub(super) fn at(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789 + nanos)
}

pub(super) fn state(run: Uuid, name: StateName, nanos: u64) -> State {
    State {
        timestamp: at(nanos),
        details: StateDetails { run_id: Some(run), scheduled_time: None },
        ..State::unplaced(name, None)
    }
}

/// An outermost flow run, PENDING and nobody's.
pub(super) fn flow_run(n: u32) -> RunRecord {
    let id = flow_run_id(n);
    RunRecord {
        id,
        kind: Kind::Flow,
        key: "etl::nightly".into(),
        function: "nightly".into(),
        version: None,
        name: format!("flow-{n}"),
        tags: Vec::new(),
        parameters: Some(Map::new()),
        parent: None,
        flow_run: None,
        root: id,
        map_index: None,
        identity: None,
        transaction: None,
        owner: None,
        created: at(u64::from(n) * 1_000_000_000),
        run_count: 0,
        state: state(id, StateName::Pending, u64::from(n) * 1_000_000_000),
    }
}

pub(super) fn child_of(parent: &RunRecord, n: u32) -> RunRecord {
    RunRecord {
        parent: Some(parent.id),
        flow_run: Some(if parent.kind == Kind::Flow {
            parent.id
        } else {
            parent.flow_run.unwrap_or_default()
        }),
        root: parent.root,
        ..flow_run(n)
    }
}

/// The `number`th task run of a flow run, PENDING and nobody's.
pub(super) fn task_run(flow_run: &RunRecord, number: u32) -> RunRecord {
    let id = Uuid::from_u128(id::numbered(flow_run.id.as_u128(), number));
    let created = flow_run.created + Duration::from_micros(u64::from(number) + 1);
    let mut first = state(id, StateName::Pending, 0);
    first.timestamp = created;
    RunRecord {
        id,
        kind: Kind::Task,
        key: "etl::fetch".into(),
        function: "fetch".into(),
        name: format!("fetch-{number}"),
        parameters: None,
        parent: Some(flow_run.id),
        flow_run: Some(flow_run.id),
        root: flow_run.root,
        created,
        state: first,
        ..self::flow_run(0)
    }
}

pub(super) fn created(run: &RunRecord) -> Event {
    Event::Created(Box::new(run.clone()))
}

/// A run enters a state, so long after it was made.
pub(super) fn entered(run: &RunRecord, name: StateName, nanos: u64) -> Event {
    let mut state = state(run.id, name, 0);
    state.timestamp = run.created + Duration::from_nanos(nanos);
    Event::Entered { run: run.id, kind: run.kind, state, run_count: 1, outcome: None }
}

/// What is there of that run.
pub(super) fn find(store: &dyn RunStore, kind: Kind, run: Uuid) -> Option<RunRecord> {
    let query = match kind {
        Kind::Task => RunQuery::task_runs(),
        Kind::Flow => RunQuery::flow_runs(),
    };
    done(store.runs(&query.ids([run])), "runs").pop()
}

/// Numbers that look like chance, always the same.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}

/// Events, and what they come to, one by one.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) events: Vec<Event>,
    pub(super) flow_runs: Vec<Uuid>,
    pub(super) logs: Vec<LogRecord>,
    runs: BTreeMap<Uuid, RunRecord>,
    states: BTreeMap<Uuid, Vec<State>>,
    outcomes: BTreeMap<Uuid, Outcome>,
    upstreams: Vec<UpstreamRecord>,
    transactions: Vec<TransactionRecord>,
}

impl Ledger {
    /// A few flow runs whose runs are made, begin, fail, go on, end.
    pub(super) fn random(seed: u64, runs: usize) -> Self {
        let mut chance = Chance::new(seed);
        let mut ledger = Self::default();
        let flows: Vec<RunRecord> = (0..3).map(flow_run).collect();
        for flow in &flows {
            ledger.flow_runs.push(flow.id);
            ledger.push(created(flow));
        }
        let mut open: Vec<RunRecord> = Vec::new();
        let mut number = 0;
        while number < u32::try_from(runs).unwrap_or(u32::MAX) || !open.is_empty() {
            if (number as usize) < runs && (open.is_empty() || chance.below(3) == 0) {
                let mut run = task_run(&flows[chance.below(flows.len())], number);
                run.owner = Some(Uuid::from_u128(1)).filter(|_| chance.below(2) == 0);
                run.map_index = Some(number).filter(|n| n % 2 == 0);
                ledger.push(created(&run));
                open.push(run);
                number += 1;
                continue;
            }
            let place = chance.below(open.len());
            let run = open[place].clone();
            let time = ledger.states[&run.id].len() as u64 * 1000;
            match chance.below(7) {
                0 => ledger.push(Event::Prepared {
                    run: run.id,
                    kind: run.kind,
                    name: Some(format!("prepared-{time}")).filter(|_| chance.below(3) > 0),
                    parameters: json!({ "x": time }).as_object().cloned().filter(|_| chance.below(3) > 0),
                    identity: Some(Uuid::from_u128(time.into())).filter(|_| chance.below(3) > 0),
                }),
                1 => ledger.push(Event::Upstream(UpstreamRecord {
                    run: run.id,
                    parameter: Some("x".to_owned()).filter(|_| chance.below(2) == 0),
                    upstream: Uuid::from_u128(u128::from(time)),
                    count: 1 + number,
                })),
                2 => ledger.push(Event::Logged(LogRecord {
                    run: run.id,
                    flow_run: run.flow_run,
                    at: at(number.into()),
                    level: "INFO".into(),
                    target: "etl".into(),
                    message: format!("at {time}"),
                })),
                3 => ledger.push(Event::Transaction(TransactionRecord {
                    id: Uuid::from_u128(chance.below(5) as u128 + 1),
                    root: flows[0].id,
                    parent: Some(Uuid::from_u128(chance.below(5) as u128)).filter(|parent| !parent.is_nil()),
                    owner: None,
                    key: None,
                    state: TransactionState::Active,
                    values: json!({ "time": time }).as_object().cloned().unwrap_or_default(),
                })),
                4 => {
                    open.swap_remove(place);
                    let mut event = entered(&run, StateName::Completed, time);
                    if let Event::Entered { outcome, .. } = &mut event {
                        *outcome = Some(Outcome::Inline(vec![0, 1, 255])).filter(|_| chance.below(2) == 0);
                    }
                    ledger.push(event);
                }
                5 => ledger.push(entered(&run, StateName::Running, time)),
                _ => ledger.push(entered(&run, StateName::AwaitingRetry, time)),
            }
        }
        ledger
    }

    fn push(&mut self, event: Event) {
        match &event {
            Event::Created(run) => {
                let mut run = (**run).clone();
                run.state.id = id::of_state(run.id.as_u128(), 0);
                self.states.insert(run.id, vec![run.state.clone()]);
                self.runs.insert(run.id, run);
            }
            Event::Prepared { run, name, parameters, identity, .. } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.name = name.clone().unwrap_or_else(|| run.name.clone());
                    run.parameters = parameters.clone().or(run.parameters.take());
                    run.identity = identity.or(run.identity);
                }
            }
            Event::Entered { run, state, run_count, outcome, .. } => {
                let states = self.states.entry(*run).or_default();
                let state = State { id: id::of_state(run.as_u128(), states.len()), ..state.clone() };
                states.push(state.clone());
                if let Some(outcome) = outcome {
                    self.outcomes.insert(*run, outcome.clone());
                }
                if let Some(run) = self.runs.get_mut(run) {
                    run.owner = run.owner.filter(|_| !state.is_final());
                    run.state = state;
                    run.run_count = *run_count;
                }
            }
            Event::Upstream(upstream) => self.upstreams.push(upstream.clone()),
            Event::Logged(log) => self.logs.push(log.clone()),
            Event::Transaction(record) => {
                match self.transactions.iter_mut().find(|known| known.id == record.id) {
                    Some(known) => known.clone_from(record),
                    None => self.transactions.push(record.clone()),
                }
            }
        }
        self.events.push(event);
    }

    /// Whether that is what the store holds.
    #[track_caller]
    pub(super) fn check(&self, store: &dyn RunStore) {
        for query in [RunQuery::task_runs(), RunQuery::flow_runs()] {
            let expected: Vec<RunRecord> =
                self.runs.values().filter(|run| run.kind == query.kind).cloned().collect();
            let found = done(store.runs(&query.oldest_first().limit(u32::MAX)), "runs");
            assert_eq!(found, expected);
        }
        for run in self.runs.keys() {
            assert_eq!(done(store.states(*run), "states"), self.states[run], "states of {run}");
            assert_eq!(
                done(store.outcome(*run), "outcome"),
                self.outcomes.get(run).cloned(),
                "outcome of {run}"
            );
            let upstreams: Vec<UpstreamRecord> =
                self.upstreams.iter().filter(|upstream| upstream.run == *run).cloned().collect();
            if !self.flow_runs.contains(run) {
                assert_eq!(done(store.upstreams(*run), "upstreams"), upstreams, "upstreams of {run}");
            }
        }
        assert_eq!(done(store.transactions(self.flow_runs[0]), "transactions"), self.transactions);
    }
}
