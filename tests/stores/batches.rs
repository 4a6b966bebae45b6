//! Numbered batches of events, the same in every process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millrun::store::{Event, Kind, LogRecord, Outcome, RunRecord, TransactionRecord, UpstreamRecord};
use millrun::{State, StateName, TransactionState};
use uuid::Uuid;

/// So many runs are made in each.
pub const RUNS: u32 = 3;

pub fn flow_run() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000)
}

pub fn task_run(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0000 | u128::from(number))
}

pub fn time(number: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001 + u64::from(number) * 1000)
}

pub fn state(run: Uuid, name: StateName, time: SystemTime) -> State {
    let mut state = State::skipped("");
    (state.name, state.state_type, state.message, state.timestamp) = (name, name.state_type(), None, time);
    state.details.run_id = Some(run);
    state
}

pub fn run(number: u32) -> RunRecord {
    let id = task_run(number);
    RunRecord {
        id,
        kind: Kind::Task,
        key: "etl::fetch".into(),
        function: "fetch".into(),
        version: None,
        name: format!("fetch-{number}"),
        tags: vec!["io".into()],
        parameters: None,
        parent: Some(flow_run()),
        flow_run: Some(flow_run()),
        root: flow_run(),
        map_index: None,
        identity: None,
        transaction: None,
        owner: Some(flow_run()),
        created: time(number),
        run_count: 0,
        state: state(id, StateName::Pending, time(number)),
    }
}

/// The `n`th: runs that begin, and the end of those which the one before has made.
pub fn batch(n: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for number in n * RUNS..(n + 1) * RUNS {
        let run = run(number);
        events.push(Event::Created(Box::new(run.clone())));
        if let Some(before) = number.checked_sub(RUNS) {
            let record = RunRecord { created: time(number), ..self::run(before) };
            events.push(entered(&record, StateName::Running, 1, None));
            let outcome = Outcome::Inline(number.to_le_bytes().into());
            events.push(entered(&record, StateName::Completed, 2, Some(outcome)));
            events.push(Event::Upstream(UpstreamRecord {
                run: run.id,
                parameter: Some("x".into()),
                upstream: record.id,
                count: 1,
            }));
        }
        events.push(Event::Logged(LogRecord {
            run: run.id,
            flow_run: run.flow_run,
            at: time(number),
            level: "INFO".into(),
            target: "etl".into(),
            message: "x".repeat(500),
        }));
    }
    events
}

/// A group, and in it the transaction of the task run 7.
#[allow(dead_code, reason = "the program does not need it")]
pub fn transactions() -> [TransactionRecord; 2] {
    let group = TransactionRecord {
        id: Uuid::from_u128(0x0190_0000_0000_4000_8000_0000_0000_0001),
        root: flow_run(),
        parent: None,
        owner: Some(flow_run()),
        key: Some("publish".into()),
        state: TransactionState::Active,
        values: [("folder".to_owned(), "out".into())].into_iter().collect(),
    };
    let own = TransactionRecord {
        id: run(7).id,
        parent: Some(group.id),
        key: None,
        state: TransactionState::Staged,
        values: Default::default(),
        ..group.clone()
    };
    [group, own]
}

/// A run enters a state, so many nanoseconds after it was made.
pub fn entered(run: &RunRecord, name: StateName, nanos: u64, outcome: Option<Outcome>) -> Event {
    let state = state(run.id, name, run.created + Duration::from_nanos(nanos));
    Event::Entered { run: run.id, kind: run.kind, state, run_count: 1, outcome }
}
