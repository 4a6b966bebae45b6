//! Skipping: a run that skips itself, and the runs that wait for it.

use millrun::prelude::*;

use crate::tally::{Calls, Oops, names};

const MESSAGE: &str =
    "Upstream task was skipped; if this one was to run all the same, set `skip_on_upstream_skip = false`";

#[task]
async fn skipping() -> Result<u32, TaskError> {
    Err(TaskError::skip("nothing to do"))
}

#[task]
async fn succeeding() -> u32 {
    1
}

#[task]
async fn failing() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
async fn after(calls: Calls) -> u32 {
    calls.add()
}

#[task(skip_on_upstream_skip = false)]
async fn regardless(calls: Calls) -> u32 {
    calls.add()
}

#[task(trigger = always_run)]
async fn always(calls: Calls) -> u32 {
    calls.add()
}

#[task(trigger = not_all_skipped)]
async fn not_all(calls: Calls) -> u32 {
    calls.add()
}

#[task(trigger = all_finished)]
async fn finished(calls: Calls) -> u32 {
    calls.add()
}

#[task]
async fn adding(x: u32, calls: Calls) -> u32 {
    x + calls.add()
}

#[task]
async fn taking(x: Result<u32, TaskError>, calls: Calls) -> bool {
    calls.add();
    x.unwrap_err().is_skipped()
}

#[test]
fn a_task_skips_itself_and_completes() {
    let future = skipping.submit();
    let error = future.result().unwrap_err();
    assert!(error.is_skipped());
    assert_eq!(error.kind(), ErrorKind::Skipped);
    assert_eq!(error.to_string(), "nothing to do");
    let state = future.state();
    assert_eq!((state.state_type, state.name), (StateType::Completed, StateName::Skipped));
    assert_eq!(state.message.as_deref(), Some("nothing to do"));
    assert_eq!(names(&future.states()), ["Pending", "Running", "Skipped"]);
}

#[test]
fn what_waits_for_a_skipped_run_is_skipped_down_the_line() {
    let calls = Calls::default();
    let upstream = skipping.submit();
    let one = after.wait_for(&upstream).submit(calls.clone());
    let two = adding.submit(&one, calls.clone());
    for future in [&one, &two] {
        assert!(future.result().unwrap_err().is_skipped());
        assert_eq!(future.state().message.as_deref(), Some(MESSAGE));
        assert_eq!(names(&future.states()), ["Pending", "Skipped"]);
    }
    assert_eq!(calls.count(), 0);
}

#[test]
fn one_skipped_upstream_among_others_skips_too() {
    let calls = Calls::default();
    let upstreams = [succeeding.submit(), skipping.submit()];
    assert!(after.wait_for(&upstreams).submit(calls.clone()).result().unwrap_err().is_skipped());
    // The skip check goes before the trigger.
    let upstreams = [failing.submit(), skipping.submit()];
    assert!(after.wait_for(&upstreams).submit(calls.clone()).result().unwrap_err().is_skipped());
    assert!(finished.wait_for(&upstreams).submit(calls.clone()).result().unwrap_err().is_skipped());
    assert_eq!(calls.count(), 0);
}

#[test]
fn skip_on_upstream_skip_false_has_the_run_executed() {
    let upstream = skipping.submit();
    assert_eq!(regardless.wait_for(&upstream).submit(Calls::default()).result().unwrap(), 1);
    let task = after.with_skip_on_upstream_skip(false);
    assert_eq!(task.clone().wait_for(&upstream).submit(Calls::default()).result().unwrap(), 1);
    assert_eq!(task.wait_for(&upstream).call(Calls::default()).result().unwrap(), 1);
}

#[test]
fn always_run_and_not_all_skipped_do_not_follow_a_skip() {
    let (skipped, succeeded) = (skipping.submit(), succeeding.submit());
    assert_eq!(always.wait_for(&skipped).submit(Calls::default()).result().unwrap(), 1);
    assert_eq!(not_all.wait_for((&skipped, &succeeded)).submit(Calls::default()).result().unwrap(), 1);
    let future = not_all.wait_for(&skipped).submit(Calls::default());
    assert!(future.result().unwrap_err().is_skipped());
    assert_eq!(future.state().message.as_deref(), Some("All upstreams were skipped"));
}

#[test]
fn a_result_parameter_takes_a_skip_as_a_value() {
    let calls = Calls::default();
    assert!(taking.submit(skipping.submit(), calls.clone()).result().unwrap());
    assert_eq!(calls.count(), 1);
}

#[test]
fn calls_follow_a_skip_as_submitted_runs_do() {
    let calls = Calls::default();
    let upstream = skipping.submit();
    assert!(after.wait_for(&upstream).call(calls.clone()).result().unwrap_err().is_skipped());
    assert_eq!(calls.count(), 0);
}

#[test]
fn mapping_over_a_skipped_list_is_a_skip() {
    #[task]
    fn listing() -> Result<Vec<u32>, TaskError> {
        Err(TaskError::skip("no list"))
    }
    let calls = Calls::default();
    let futures = adding.map(&listing.submit(), unmapped(calls.clone()));
    assert!(futures.result().unwrap_err().is_skipped());
    assert_eq!(calls.count(), 0);
}

#[test]
fn each_run_of_a_map_follows_its_own_upstream() {
    #[task]
    fn odd(x: u32) -> Result<u32, TaskError> {
        if x % 2 == 1 { Ok(x) } else { Err(TaskError::skip("even")) }
    }
    let outcomes = adding.map(odd.map(0..4), unmapped(Calls::default())).outcomes_blocking();
    let skipped: Vec<bool> =
        outcomes.iter().map(|outcome| outcome.as_ref().is_err_and(TaskError::is_skipped)).collect();
    assert_eq!(skipped, [true, false, true, false]);
    assert!(outcomes[1].is_ok() && outcomes[3].is_ok());
}

#[flow]
async fn skipping_itself() -> Result<(), FlowError> {
    Err(TaskError::skip("not this month").into())
}

#[flow]
async fn skipped_by_a_task() -> Result<u32, FlowError> {
    Ok(skipping.submit().await?)
}

#[flow]
async fn unaware() -> u32 {
    let _unseen = skipping.submit();
    2
}

#[test]
fn a_flow_whose_body_skips_is_completed_as_skipped() {
    for run in [skipping_itself().report_blocking().state(), skipped_by_a_task().report_blocking().state()] {
        assert_eq!((run.state_type, run.name), (StateType::Completed, StateName::Skipped));
    }
    let error = skipping_itself().result().unwrap_err();
    assert!(error.is_skipped());
    assert_eq!(error.to_string(), "not this month");
}

#[test]
fn a_skipped_run_is_no_failure_of_its_flow() {
    assert_eq!(unaware().result().unwrap(), 2);
}

#[flow]
async fn child(calls: Calls) -> u32 {
    calls.add()
}

#[flow]
async fn parent(calls: Calls) -> Result<u32, FlowError> {
    let upstream = skipping.submit();
    child(calls).wait_for(&upstream).await
}

#[test]
fn a_child_flow_that_waits_for_a_skipped_run_is_skipped() {
    let calls = Calls::default();
    assert!(parent(calls.clone()).result().unwrap_err().is_skipped());
    assert_eq!(calls.count(), 0);
}
