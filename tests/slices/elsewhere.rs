//! What else keeps results, beside snapshots: calls without a report, a ledger, a cache.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use super::*;
use crate::gate::Gate;
use millrun::{MemoryRunStore, ResultStore};

static DONE: Tally = Tally::new();

#[task]
fn step(n: u32) -> u32 {
    DONE.add(format!("step {n}"));
    n + 1
}

#[flow]
fn called() -> Result<u32, FlowError> {
    Ok(step(step(1).result()?).result()?)
}

#[test]
fn calls_are_taken_where_nobody_asks_for_a_report() {
    let _alone = DONE.alone();
    let snapshot = shipped(&called().stop_after(1).report_blocking());
    assert_eq!(DONE.take(), ["step 1"]);
    assert_eq!(called().with_snapshot(snapshot).result().unwrap(), 3);
    assert_eq!(DONE.take(), ["step 2"]);
}

static IS_READY: AtomicBool = AtomicBool::new(false);

#[task]
fn ready(n: u32) -> Result<u32, String> {
    if IS_READY.load(Ordering::SeqCst) { Ok(n) } else { Err("not yet".to_owned()) }
}

#[flow]
fn steps() -> Result<u32, FlowError> {
    Ok(ready.submit(step.submit(step.submit(1))).result()?)
}

#[test]
fn what_a_slice_has_taken_and_executed_is_not_executed_again_when_its_flow_run_is_resumed() {
    let _alone = DONE.alone();
    let snapshot = shipped(&steps().stop_after(1).report_blocking());
    assert_eq!(DONE.take(), ["step 1"]);

    let store = Arc::new(MemoryRunStore::new());
    let engine = || Engine::builder().run_store(store.clone()).build();
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let slice = steps().with_snapshot(snapshot).with_flow_run_id(id);
    engine().run_blocking(slice).unwrap_err();
    assert_eq!(DONE.take(), ["step 2"]);

    IS_READY.store(true, Ordering::SeqCst);
    assert_eq!(engine().run_blocking(steps().with_flow_run_id(id)).unwrap(), 3);
    assert!(DONE.take().is_empty());
}

static SLOW: LazyLock<Gate> = LazyLock::new(Gate::new);

#[task(blocking)]
fn slow() {
    SLOW.wait();
}

#[task]
fn after() {
    DONE.add("after");
}

#[task(cache_policy = Inputs)]
fn parent(n: u32) -> u32 {
    DONE.add("parent");
    let _ = after.wait_for(slow.submit()).submit();
    n
}

#[flow]
fn leaves_something_behind() -> Result<u32, FlowError> {
    let n = parent.submit(1).result()?;
    let last = step.submit(n).result();
    SLOW.open();
    Ok(last?)
}

#[test]
fn a_run_in_which_something_was_left_is_not_taken_from_a_cache() {
    let _alone = DONE.alone();
    let results = ResultStore::memory();
    let engine = Engine::builder().results(results).build();
    let slice = engine.enter(|| leaves_something_behind().stop_after(3).report_blocking());
    let snapshot = shipped(&slice);
    let pending: Vec<_> = snapshot.pending().collect();
    assert_eq!(pending, ["parent", "parent/after"], "{slice}");
    DONE.take();
    let slice = engine.enter(|| leaves_something_behind().with_snapshot(snapshot).report_blocking());
    assert_eq!(slice.value(), Some(&2), "{slice}");
    assert_eq!(DONE.take(), ["parent", "after"]);
    assert!(slice.snapshot().is_done());
}
