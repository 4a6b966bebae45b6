//! The end of a flow run: what it waits for, and what decides its state.

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Notes, Oops, names};

#[task]
async fn succeeding() -> u32 {
    1
}

#[task]
async fn failing() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
fn crashing() -> u32 {
    panic!("no luck")
}

/// Where a run stands: its type and its message.
fn end(state: &State) -> (StateType, Option<&str>) {
    (state.state_type, state.message.as_deref())
}

#[flow]
async fn unlooked_at() -> u32 {
    let _unseen = [succeeding.submit(), failing.submit(), succeeding.submit()];
    7
}

#[flow]
fn unlooked_at_sync() -> u32 {
    let _unseen = [succeeding.submit(), failing.submit(), succeeding.submit()];
    7
}

#[test]
fn a_failure_that_nobody_looks_at_fails_the_flow_run() {
    for run in [unlooked_at().report_blocking(), unlooked_at_sync().report_blocking()] {
        assert_eq!(end(&run.state()), (StateType::Failed, Some("1/3 task runs failed.")));
        let error = run.result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.to_string(), "1/3 task runs failed.");
        assert_eq!(run.value(), Some(&7));
        assert_eq!(names(&run.states()), ["Pending", "Running", "Failed"]);
    }
    assert_eq!(unlooked_at().result().unwrap_err().to_string(), "1/3 task runs failed.");
}

#[flow]
async fn handled() -> u32 {
    let runs = (succeeding.submit(), failing.submit(), succeeding.submit());
    runs.1.await.unwrap_or(8)
}

#[test]
fn a_failure_that_is_handled_does_not_fail_the_flow_run() {
    let run = handled().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Completed, None));
    assert_eq!(run.result().unwrap(), &8);
}

#[flow]
async fn crashed_unseen() {
    let _unseen = [crashing.submit(), failing.submit()];
}

#[test]
fn crashed_runs_count_as_failed_ones_do() {
    let run = crashed_unseen().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("2/2 task runs failed.")));
}

#[flow]
async fn failing_body() -> Result<u32, Oops> {
    let _unseen = failing.submit();
    Err(Oops(5))
}

#[test]
fn an_error_of_the_body_fails_the_flow_run_with_it() {
    let run = failing_body().report_blocking();
    let error = run.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(5)));
    assert_eq!(end(&run.state()), (StateType::Failed, Some("Flow run encountered an exception: oops 5")));
    assert_eq!(run.value(), None);
}

#[task]
async fn waiting(gate: Gate, notes: Notes) {
    gate.passed().await;
    notes.add("task");
}

#[task]
async fn parent_of_waiting(gate: Gate, notes: Notes) {
    let _unseen = waiting.submit(gate, notes);
}

#[flow]
async fn leaving(gate: Gate, notes: Notes, end: u32) -> Result<(), Oops> {
    let _unseen = parent_of_waiting.submit(&gate, &notes);
    notes.add("body");
    match end {
        0 => Ok(()),
        1 => Err(Oops(1)),
        _ => panic!("a crash"),
    }
}

#[test]
fn the_flow_run_ends_after_all_that_its_body_and_its_tasks_have_begun() {
    for (how, expected) in [(0, StateType::Completed), (1, StateType::Failed), (2, StateType::Crashed)] {
        let (gate, notes, ended) = (Gate::new(), Notes::default(), Notes::default());
        let (flow_notes, at_end) = (notes.clone(), ended.clone());
        let done = move |_: &FlowRunInfo, _: &State| at_end.add(format!("{:?}", flow_notes.list()));
        let flow = leaving(gate.clone(), notes.clone(), how)
            .with_on_completion(done.clone())
            .with_on_failure(done.clone())
            .with_on_crashed(done)
            .start();
        assert!(!flow.state().is_final());
        gate.open();
        flow.wait();
        assert_eq!(flow.state().state_type, expected);
        assert_eq!(ended.list().len(), 1);
        assert!(ended.list()[0].contains("task"), "{ended:?}", ended = ended.list());
    }
}

#[flow]
async fn cancelling_one() -> u32 {
    let waiting = waiting.submit(Gate::new(), Notes::default());
    waiting.cancel();
    3
}

#[test]
fn a_run_that_the_user_cancelled_is_not_counted() {
    let run = cancelling_one().report_blocking();
    assert!(run.task_runs()[0].state().is_cancelled());
    assert_eq!(run.result().unwrap(), &3);
}

#[flow]
async fn with_references(first: bool, second: bool) -> Result<u32, FlowError> {
    let runs = [if first { succeeding.submit() } else { failing.submit() }, failing.submit()];
    if second {
        reference_tasks(&runs);
    }
    reference_tasks([&runs[0]]);
    Ok(9)
}

#[test]
fn reference_tasks_alone_decide() {
    let run = with_references(true, false).report_blocking();
    assert_eq!(end(&run.state()), (StateType::Completed, Some("All reference tasks succeeded.")));
    assert_eq!(run.result().unwrap(), &9);
    let run = with_references(false, false).report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("Some reference tasks failed.")));
    assert_eq!(run.result().unwrap_err().to_string(), "Some reference tasks failed.");
    assert_eq!(run.value(), Some(&9));
}

#[test]
fn reference_tasks_named_again_replace_those_before() {
    let run = with_references(true, true).report_blocking();
    assert_eq!(end(&run.state()), (StateType::Completed, Some("All reference tasks succeeded.")));
}

#[flow]
async fn seen_but_a_reference() -> u32 {
    let failed = failing.submit();
    reference_tasks([&failed]);
    failed.await.unwrap_or(2)
}

#[flow]
async fn references_of_a_map() {
    let runs = doubling.map(0..3);
    reference_tasks(&runs);
}

#[task]
fn doubling(x: u32) -> Result<u32, Oops> {
    if x == 2 { Err(Oops(x)) } else { Ok(2 * x) }
}

#[test]
fn a_failed_reference_fails_the_flow_run_even_if_it_was_seen() {
    let run = seen_but_a_reference().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("Some reference tasks failed.")));
    let run = references_of_a_map().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("Some reference tasks failed.")));
}

#[flow]
async fn failing_with_references() -> Result<(), Oops> {
    reference_tasks([&succeeding.submit()]);
    Err(Oops(4))
}

#[test]
fn references_do_not_outdo_an_error_of_the_body() {
    let run = failing_with_references().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("Flow run encountered an exception: oops 4")));
}

#[flow]
fn references_named_in_a_task() -> u32 {
    #[task]
    fn names_references() {
        reference_tasks([&succeeding.submit()]);
    }
    names_references().result().unwrap();
    let _unseen = failing.submit();
    9
}

#[test]
fn a_task_names_no_references_of_its_flow() {
    let run = references_named_in_a_task().report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("1/3 task runs failed.")));
}

#[task]
fn takes_two(one: u32, other: u32) -> u32 {
    one + other
}

#[flow]
fn sees_what_lacks_two() -> u32 {
    let lacks = takes_two.with_trigger(Trigger::AllFinished).submit(failing.submit(), failing.submit());
    u32::from(lacks.result().is_err())
}

#[test]
fn who_sees_a_run_that_lacked_values_sees_all_of_its_causes() {
    assert_eq!(sees_what_lacks_two().result().unwrap(), 1);
}

#[task]
async fn refusing(seen: Calls) -> u32 {
    seen.add()
}

#[flow]
async fn trigger_failed_unseen(seen: Calls) {
    let failed = failing.submit();
    let _unseen = refusing.wait_for(&failed).submit(seen);
}

#[test]
fn a_run_whose_trigger_was_not_met_counts_beside_its_cause() {
    let calls = Calls::default();
    let run = trigger_failed_unseen(calls.clone()).report_blocking();
    assert_eq!(end(&run.state()), (StateType::Failed, Some("2/2 task runs failed.")));
    assert_eq!(calls.count(), 0);
}

#[flow(flow_run_name = "named {name}")]
async fn named(name: Name, names: Notes) -> String {
    let _ = &name;
    names.add(flow_run().unwrap().name());
    flow_run().unwrap().name()
}

/// Counts how often it is displayed.
#[derive(Clone)]
struct Name(Calls);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.add())
    }
}

#[test]
fn the_flow_runs_name_is_made_once_and_before_it_is_running() {
    let (displayed, names) = (Calls::default(), Notes::default());
    let (running, ask) = (names.clone(), Notes::default());
    let asked = ask.clone();
    let run = named(Name(displayed.clone()), names.clone())
        .with_on_running(move |run, _| running.add(run.name()))
        .with_on_state_change(move |run, _, new| {
            asked.add(run.name());
            new
        })
        .report_blocking();
    assert_eq!(run.result().unwrap(), "named 1");
    assert_eq!(names.list(), ["named 1", "named 1"]);
    assert_eq!(ask.list(), ["named 1", "named 1"]);
    assert_eq!(run.name(), "named 1");
    assert_eq!(displayed.count(), 1);
}
