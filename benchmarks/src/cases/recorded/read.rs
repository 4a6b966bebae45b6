//! What opening and reading take where a million runs are.

use std::time::Duration;

use millrun::StateType;
use millrun::prelude::*;
use millrun::store::{Durability, Event, RunQuery, RunStore, SqliteRunStore};
use millrun_benchmarks::{Bench, Unit, time};
use serde_json::json;
use uuid::Uuid;

use super::RUNS;
use super::events::{entered, events, flow_run, made, task_run, write};

const MANY: usize = 1_000_000;

pub(super) fn measure(bench: &mut Bench) {
    let (path, many) = (bench.path("db"), bench.items(MANY) as u32);
    let store = SqliteRunStore::open_blocking(&path).unwrap();
    for first in (0..many).step_by(RUNS) {
        write(&store, &events(first..(first + RUNS as u32).min(many)), Durability::Relaxed);
    }
    let rare = [entered(5, StateName::Failed, 3_000_000), entered(7, StateName::Running, 3_000_000)];
    store.write(&rare, Durability::Relaxed).unwrap();
    let mut one = made(many);
    (one.id, one.key, one.function) = (Uuid::from_u128(1), "benchmark::rare".into(), "rare".into());
    (one.tags, one.parameters) = (vec!["rare".into()], json!({ "x": 1 }).as_object().cloned());
    store.write(&[Event::Created(Box::new(one))], Durability::Relaxed).unwrap();
    drop(store);
    let length = std::fs::metadata(&path).unwrap().len();
    let each = length as f64 / f64::from(many);
    bench.row("a task run in SQLite").of(many as usize).unit(Unit::Bytes).figures(vec![each]);
    let mut row = |name: &str, target: f64, action: &mut dyn FnMut() -> Duration| {
        bench
            .row(format!("where so many runs are: {name}"))
            .of(many as usize)
            .unit(Unit::Milliseconds)
            .at_most(target)
            .alone(action);
    };
    row("opening", 100.0, &mut || time(|| drop(SqliteRunStore::open_blocking(&path).unwrap())).0);
    let store = SqliteRunStore::open_blocking(&path).unwrap();
    for (name, query) in queries(many) {
        row(name, 10.0, &mut || time(|| assert!(!store.runs(&query).unwrap().is_empty(), "{name}")).0);
    }
    row("counting all", 2_000.0, &mut || time(|| store.count(&RunQuery::task_runs()).unwrap()).0);
}

fn queries(many: u32) -> [(&'static str, RunQuery); 9] {
    let newest = RunQuery::task_runs().limit(50);
    [
        ("the newest 50", newest.clone()),
        ("the newest 50 of a function", newest.clone().of("square")),
        ("those of a function that has few", newest.clone().of("rare")),
        ("the newest 50 that are COMPLETED", newest.clone().state(StateType::Completed)),
        ("those that are FAILED", newest.clone().state(StateType::Failed)),
        ("those that are RUNNING", newest.clone().state(StateType::Running)),
        ("those with a tag that few have", newest.clone().tag("rare")),
        ("50 in the middle of a flow run", newest.clone().in_flow_run(flow_run()).after(task_run(many / 2))),
        ("50 of a root", newest.in_root(flow_run()).oldest_first()),
    ]
}
