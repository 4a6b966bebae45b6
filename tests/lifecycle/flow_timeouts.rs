//! Timeouts of flow runs: what becomes of the body and of the runs in them.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::{Gate, OpenOnDrop};
use crate::tally::{Calls, Notes, names, timed_engine};

const TEN: Duration = Duration::from_secs(10);

#[task]
async fn awaiting(gate: Gate) {
    gate.passed().await;
}

#[task]
fn standing(gate: Gate) {
    gate.wait();
}

#[task]
async fn after(_before: (), calls: Calls) {
    calls.add();
}

#[flow(timeout = "10s")]
async fn slow(begun: Gate, gate: Gate, calls: Calls, dropped: Gate) -> Result<(), FlowError> {
    let _guard = OpenOnDrop(dropped);
    let one = awaiting.submit(&gate);
    let two = standing.submit(&gate);
    let waiting = after.submit(&one, &calls);
    let further = after.submit(&waiting, &calls);
    let behind = after.submit(&two, &calls);
    begun.open();
    further.await?;
    behind.await?;
    Ok(())
}

#[flow(timeout = "10s")]
fn slow_sync(begun: Gate, gate: Gate, calls: Calls, dropped: Gate) -> Result<(), FlowError> {
    let _guard = OpenOnDrop(dropped);
    let one = awaiting.submit(&gate);
    let two = standing.submit(&gate);
    let waiting = after.submit(&one, &calls);
    let _further = after.submit(&waiting, &calls);
    let _behind = after.submit(&two, &calls);
    begun.open();
    gate.wait();
    // Given up on: nothing begins any more.
    let late = after.submit((), &calls);
    assert_eq!(late.result().unwrap_err().kind(), ErrorKind::Cancelled);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_takes_too_long_is_timed_out_and_its_runs_are_cancelled() {
    for sync in [false, true] {
        let (engine, clock) = timed_engine();
        let (begun, gate, calls, dropped) = (Gate::new(), Gate::new(), Calls::default(), Gate::new());
        let report = tokio::spawn(engine.scope({
            let (begun, gate, calls, dropped) = (begun.clone(), gate.clone(), calls.clone(), dropped.clone());
            async move {
                match sync {
                    false => slow(begun, gate, calls, dropped).report().await,
                    true => slow_sync(begun, gate, calls, dropped).report().await,
                }
            }
        }));
        begun.passed().await;
        tokio::task::block_in_place(|| clock.wait_for_timers(1));
        clock.advance(TEN);
        let run = report.await.unwrap();

        let error = run.result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "Flow run exceeded timeout of 10 second(s)");
        assert_eq!(names(&run.states()), ["Pending", "Running", "TimedOut"]);
        assert_eq!(run.state().state_type, StateType::Failed);
        assert_eq!(run.task_runs().len(), 5);
        for task_run in run.task_runs() {
            let said = format!("the run was cancelled, as flow run '{}' exceeded its timeout", run.name());
            assert_eq!(task_run.state().message, Some(said));
        }
        assert_eq!(dropped.is_open(), !sync);
        gate.open();
        dropped.passed().await;
        assert_eq!(calls.count(), 0);
    }
}

#[test]
fn runs_end_before_their_flow_run() {
    let (engine, clock) = timed_engine();
    let ends = Notes::default();
    let (of_task, of_flow) = (ends.clone(), ends.clone());

    #[flow(timeout = "10s")]
    async fn holding(task: Notes) -> Result<(), TaskError> {
        let task = awaiting.with_on_cancellation(move |_, _| task.add("task"));
        task.submit(Gate::new()).await
    }

    let flow = engine.enter(|| holding(of_task).with_on_failure(move |_, _| of_flow.add("flow")).start());
    clock.wait_for_timers(1);
    clock.advance(TEN);
    flow.result().unwrap_err();
    assert_eq!(ends.list(), ["task", "flow"]);
}

#[flow(timeout = "10s")]
async fn quick() -> u32 {
    1
}

#[flow(timeout = "10s")]
fn quick_sync() -> u32 {
    2
}

#[test]
fn a_long_timeout_has_no_effect() {
    let (engine, clock) = timed_engine();
    assert_eq!(engine.run_blocking(quick()).unwrap(), 1);
    assert_eq!(engine.run_blocking(quick_sync()).unwrap(), 2);
    assert_eq!(clock.pending_timers(), 0);
}

#[flow(timeout = "10s")]
async fn child(_before: ()) -> u32 {
    7
}

#[flow]
async fn parent(gate: Gate) -> Result<u32, FlowError> {
    let before = awaiting.submit(&gate);
    child.start(&before).await
}

#[test]
fn a_child_flows_timeout_counts_from_its_start() {
    let (engine, clock) = timed_engine();
    let gate = Gate::new();
    let flow = engine.enter(|| parent(gate.clone()).start());
    clock.advance(2 * TEN);
    assert_eq!(clock.pending_timers(), 0);
    gate.open();
    assert_eq!(flow.result().unwrap(), 7);
}

#[flow(timeout = "10s", retries = 1)]
async fn slow_at_first(calls: Calls, gate: Gate) -> Result<u32, FlowError> {
    let call = calls.add();
    if call == 1 {
        awaiting.submit(gate).await?;
    }
    Ok(call)
}

#[test]
fn a_flow_that_timed_out_is_retried_with_its_time_anew() {
    let (engine, clock) = timed_engine();
    let flow = engine.enter(|| slow_at_first(Calls::default(), Gate::new()).start());
    clock.wait_for_timers(1);
    clock.advance(TEN);
    assert_eq!(flow.result().unwrap(), 2);
    assert_eq!(names(&flow.states()), ["Pending", "Running", "Retrying", "Completed"]);
}

#[flow]
async fn outer(gate: Gate) -> Result<(), FlowError> {
    inner(gate).await
}

#[flow]
async fn inner(gate: Gate) -> Result<(), FlowError> {
    awaiting.submit(gate).await?;
    Ok(())
}

#[test]
fn a_flows_timeout_cancels_its_child_flows() {
    let (engine, clock) = timed_engine();
    let report = std::thread::spawn({
        let engine = engine.clone();
        move || engine.enter(|| outer(Gate::new()).with_timeout("10s").report_blocking())
    });
    clock.wait_for_timers(1);
    clock.advance(TEN);
    let run = report.join().unwrap();
    assert_eq!(run.state().name, StateName::TimedOut);
    assert_eq!(run.child_flow_runs().len(), 1);
    assert!(run.child_flow_runs()[0].state().is_cancelled());
}
