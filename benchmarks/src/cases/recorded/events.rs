//! What happens to task runs, as plain data.

use std::time::{Duration, UNIX_EPOCH};

use millrun::prelude::*;
use millrun::store::{Durability, Event, Kind, RunRecord, RunStore};
use uuid::Uuid;

use super::BATCH;

/// So many runs are under way at once.
const WINDOW: u32 = 500;

pub(super) fn flow_run() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000)
}

pub(super) fn task_run(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0000 | u128::from(number))
}

pub(super) fn nanos(number: u32) -> i64 {
    1_700_000_000_000_000_000 + i64::from(number) * 1000
}

pub(super) fn state(run: Uuid, name: StateName, nanos: i64) -> State {
    let time = UNIX_EPOCH + Duration::from_nanos(nanos.unsigned_abs());
    let mut state = State::skipped("");
    (state.id, state.name, state.state_type, state.message, state.timestamp) =
        (run, name, name.state_type(), None, time);
    state
}

/// A run as it is made, in the map of a flow run.
pub(super) fn made(number: u32) -> RunRecord {
    let id = task_run(number);
    let first = state(id, StateName::Pending, nanos(number));
    RunRecord {
        id,
        kind: Kind::Task,
        key: "benchmark::square".into(),
        function: "square".into(),
        version: None,
        name: format!("square-{number}"),
        tags: Vec::new(),
        parameters: None,
        parent: Some(flow_run()),
        flow_run: Some(flow_run()),
        root: flow_run(),
        map_index: Some(number),
        identity: Some(Uuid::from_u128(u128::from(number) << 64)),
        transaction: None,
        owner: Some(flow_run()),
        created: first.timestamp,
        run_count: 0,
        state: first,
    }
}

pub(super) fn entered(number: u32, name: StateName, later: i64) -> Event {
    let run = task_run(number);
    let state = state(run, name, nanos(number) + later);
    Event::Entered { run, kind: Kind::Task, state, run_count: 1, outcome: None }
}

/// What happens to the runs, as it would: each begins and ends a little after it was made.
pub(super) fn events(runs: std::ops::Range<u32>) -> Vec<Event> {
    let mut events = Vec::new();
    for number in runs.start..runs.end + WINDOW {
        if number < runs.end {
            events.push(Event::Created(Box::new(made(number))));
        }
        if let Some(number) =
            number.checked_sub(WINDOW).filter(|number| *number >= runs.start && *number < runs.end)
        {
            events.push(entered(number, StateName::Running, 1_000_000));
            events.push(entered(number, StateName::Completed, 2_000_000));
        }
    }
    events
}

pub(super) fn write(store: &dyn RunStore, events: &[Event], durability: Durability) {
    for batch in events.chunks(3 * BATCH as usize) {
        store.write(batch, durability).unwrap();
    }
}
