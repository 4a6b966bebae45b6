//! Slices of a flow run that is recorded under one id.

use std::sync::Arc;

use millrun::store::{RunQuery, RunRecord, SqliteRunStore};
use millrun::{FlowRunId, RunStore};

use super::folder::Folder;
use super::*;

static DONE: Tally = Tally::new();

#[task]
fn load(n: u32) -> u32 {
    DONE.add(format!("load {n}"));
    n
}

#[task]
fn total(numbers: &[u32]) -> u32 {
    DONE.add("total");
    numbers.iter().sum()
}

#[flow]
fn loads() -> Result<u32, FlowError> {
    let numbers: Vec<_> = (0..3).map(|n| load.submit(n)).collect();
    Ok(total.submit(numbers).result()?)
}

/// The task runs that are recorded, each with its states, and whether what it gave is there.
fn recorded(store: &dyn RunStore) -> Vec<String> {
    let runs: Vec<RunRecord> = store.runs(&RunQuery::task_runs().oldest_first()).unwrap();
    let told = |run: RunRecord| {
        let states = store.states(run.id).unwrap();
        let names: Vec<_> = states.iter().map(|state| state.name.as_str()).collect();
        let result = if store.outcome(run.id).unwrap().is_some() { " with its result" } else { "" };
        format!("{} {}{result}", run.name, names.join(" "))
    };
    runs.into_iter().map(told).collect()
}

#[test]
fn what_has_ended_is_recorded_once_for_all_slices() {
    let _alone = DONE.alone();
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let id = FlowRunId::from(uuid::Uuid::now_v7());
    let slice = |snapshot: Snapshot, after: usize| {
        let store = Arc::new(SqliteRunStore::open_blocking(&path).unwrap());
        let runner = SequentialTaskRunner::new();
        let engine = Engine::builder().run_store(store.clone()).task_runner(runner).build();
        let call = loads().with_flow_run_id(id).with_snapshot(snapshot).stop_after(after);
        let slice = engine.enter(|| call.report_blocking());
        let states = store.states(id.as_uuid()).unwrap();
        let states: Vec<_> = states.iter().map(|state| state.name.as_str()).collect();
        (slice, recorded(&*store), states.join(" "))
    };
    let done = |name: &str| format!("{name} Pending Running Completed with its result");
    let left = |name: &str| format!("{name} Pending Cancelled");

    let (first, runs, states) = slice(Snapshot::new(), 1);
    assert_eq!(runs, [done("load-0"), left("load-1"), left("load-2"), left("total-0")]);
    assert_eq!(states, "Pending Running Cancelled");
    let of_first = first.task_run("load-0").unwrap().id();

    let (second, runs, _) = slice(shipped(&first), 1);
    assert_eq!(runs.iter().filter(|run| **run == done("load-0")).count(), 1, "{runs:#?}");
    assert_eq!(runs.iter().filter(|run| run.starts_with("load-0")).count(), 1, "{runs:#?}");
    assert!(runs.contains(&done("load-1")), "{runs:#?}");
    assert_eq!(second.task_run("load-0").unwrap().id(), of_first);

    let (third, runs, states) = slice(shipped(&second), 100);
    assert_eq!(third.value(), Some(&3), "{third}");
    let mut ended: Vec<_> = runs.into_iter().filter(|run| run.contains("Completed")).collect();
    ended.sort();
    assert_eq!(ended, ["load-0", "load-1", "load-2", "total-0"].map(done));
    assert_eq!(states, "Pending Running Cancelled Pending Running Cancelled Pending Running Completed");
    assert_eq!(DONE.take(), ["load 0", "load 1", "load 2", "total"]);

    // Now the ledger alone knows all.
    let (fourth, ..) = slice(Snapshot::new(), 100);
    assert!(fourth.state().is_completed(), "{fourth}");
    assert!(DONE.take().is_empty());
}

#[test]
fn the_ledger_goes_on_where_there_is_no_snapshot() {
    let _alone = DONE.alone();
    let store = Arc::new(millrun::MemoryRunStore::new());
    let id = FlowRunId::from(uuid::Uuid::now_v7());
    for after in [2, 100] {
        let engine =
            Engine::builder().run_store(store.clone()).task_runner(SequentialTaskRunner::new()).build();
        let slice = engine.enter(|| loads().with_flow_run_id(id).stop_after(after).report_blocking());
        assert_eq!(slice.state().is_completed(), after == 100, "{slice}");
    }
    assert_eq!(DONE.take(), ["load 0", "load 1", "load 2", "total"]);
}
