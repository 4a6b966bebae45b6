//! Retries: how many attempts there are, what each is given, and which failures are retried.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Notes, Oops, names, timed_engine};

/// Fails as often as it is told, then gives the number of the attempt.
#[task(retries = 3)]
async fn failing(calls: Calls, failures: u32) -> Result<u32, Oops> {
    let call = calls.add();
    if call > failures { Ok(call) } else { Err(Oops(call)) }
}

#[task(retries = 3)]
fn failing_sync(calls: Calls, failures: u32) -> Result<u32, Oops> {
    let call = calls.add();
    if call > failures { Ok(call) } else { Err(Oops(call)) }
}

#[task(retries = 3, blocking)]
fn failing_blocking(calls: Calls, failures: u32) -> Result<u32, Oops> {
    let call = calls.add();
    if call > failures { Ok(call) } else { Err(Oops(call)) }
}

/// Says nothing of retries.
#[task]
async fn plain(calls: Calls) -> Result<u32, Oops> {
    Err(Oops(calls.add()))
}

const ALWAYS: u32 = u32::MAX;
const EXHAUSTED: [&str; 6] = ["Pending", "Running", "Retrying", "Retrying", "Retrying", "Failed"];

#[test]
fn a_run_that_always_fails_has_one_attempt_more_than_retries_and_gives_the_last_error() {
    let submit: [fn(Calls) -> TaskFuture<u32>; 3] = [
        |calls| failing.submit(calls, ALWAYS),
        |calls| failing_sync.submit(calls, ALWAYS),
        |calls| failing_blocking.submit(calls, ALWAYS),
    ];
    for submit in submit {
        let calls = Calls::default();
        let future = submit(calls.clone());
        let error = future.result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(4)));
        assert_eq!(calls.count(), 4);
        assert_eq!(names(&future.states()), EXHAUSTED);
    }
}

#[test]
fn a_run_that_fails_once_has_two_attempts_and_completes() {
    let submit: [fn(Calls) -> TaskFuture<u32>; 3] = [
        |calls| failing.submit(calls, 1),
        |calls| failing_sync.submit(calls, 1),
        |calls| failing_blocking.submit(calls, 1),
    ];
    for submit in submit {
        let calls = Calls::default();
        let future = submit(calls.clone());
        assert_eq!(future.result().unwrap(), 2);
        assert_eq!(calls.count(), 2);
        assert_eq!(names(&future.states()), ["Pending", "Running", "Retrying", "Completed"]);
    }
}

#[flow]
async fn calling(calls: Calls) -> Result<u32, FlowError> {
    Ok(failing(calls, 2).await?)
}

#[flow]
fn calling_sync(calls: Calls) -> Result<u32, FlowError> {
    Ok(failing_sync(calls.clone(), 2).result()? + failing(calls, 4).result()?)
}

#[test]
fn calls_are_retried_as_submitted_runs_are() {
    let calls = Calls::default();
    let run = calling(calls.clone()).report_blocking();
    assert_eq!(run.result().unwrap(), &3);
    assert_eq!(calls.count(), 3);
    assert_eq!(
        names(&run.task_runs()[0].states()),
        ["Pending", "Running", "Retrying", "Retrying", "Completed"]
    );

    let calls = Calls::default();
    let run = calling_sync(calls.clone()).report_blocking();
    assert_eq!(run.result().unwrap(), &(3 + 5));
    assert_eq!(names(&run.task_runs()[1].states()), ["Pending", "Running", "Retrying", "Completed"]);
}

#[test]
fn a_configured_call_is_retried() {
    let calls = Calls::default();
    let error = plain.with_retries(2).call(calls.clone()).result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(3)));
    assert_eq!(calls.count(), 3);
}

#[test]
fn timestamps_increase_strictly_even_when_the_clock_stands_still() {
    let (engine, _clock) = timed_engine();
    let future = engine.enter(|| failing.submit(Calls::default(), ALWAYS));
    future.wait();
    let states = future.states();
    assert_eq!(states.len(), 6);
    for pair in states.windows(2) {
        assert!(pair[0].timestamp < pair[1].timestamp, "{pair:?}");
    }
}

#[task(retries = 3)]
async fn counting(counts: Notes) -> Result<(), Oops> {
    let count = task_run().unwrap().run_count();
    counts.add(count.to_string());
    Err(Oops(count))
}

#[test]
fn run_count_is_the_number_of_the_attempt() {
    let counts = Notes::default();
    counting.submit(counts.clone()).result().unwrap_err();
    assert_eq!(counts.list(), ["1", "2", "3", "4"]);
}

#[test]
fn the_settings_default_holds_for_tasks_that_say_nothing() {
    let engine = Engine::builder().default_retries(1).build();
    let calls = |submit: &dyn Fn(Calls) -> TaskFuture<u32>| {
        let calls = Calls::default();
        engine.enter(|| submit(calls.clone())).result().unwrap_err();
        calls.count()
    };
    assert_eq!(calls(&|calls| plain.submit(calls)), 2);
    assert_eq!(calls(&|calls| plain.with_retries(0).submit(calls)), 1);
    assert_eq!(calls(&|calls| plain.with_retries(2).submit(calls)), 3);
    assert_eq!(calls(&|calls| failing.submit(calls, ALWAYS)), 4);
    assert_eq!(calls(&|calls| failing.with_retries(0).submit(calls, ALWAYS)), 1);
}

/// Cannot be cloned.
struct Single(Calls);

#[task]
async fn consuming(single: Single) -> Result<(), Oops> {
    Err(Oops(single.0.add()))
}

#[task]
async fn borrowing(single: &Single) -> Result<u32, Oops> {
    let call = single.0.add();
    if call > 2 { Ok(call) } else { Err(Oops(call)) }
}

#[flow]
async fn failing_flow(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[test]
fn the_settings_default_passes_by_flows_and_tasks_whose_arguments_cannot_be_cloned() {
    let engine = Engine::builder().default_retries(1).build();
    let calls = Calls::default();
    engine.enter(|| consuming.submit(Single(calls.clone()))).result().unwrap_err();
    assert_eq!(calls.count(), 1);

    let calls = Calls::default();
    engine.run_blocking(failing_flow(calls.clone())).unwrap_err();
    assert_eq!(calls.count(), 1);
}

#[test]
fn borrowed_parameters_need_no_clone_to_be_retried() {
    let calls = Calls::default();
    assert_eq!(borrowing.with_retries(2).submit(Single(calls.clone())).result().unwrap(), 3);
    let single = Single(Calls::default());
    assert_eq!(borrowing.with_retries(2).call(&single).result().unwrap(), 3);
}

/// Counts how often it is cloned.
struct Counted(Calls);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.add();
        Self(self.0.clone())
    }
}

#[task(retries = 2)]
fn taking(counted: Counted) -> Result<(), Oops> {
    Err(Oops(counted.0.count()))
}

#[test]
fn arguments_are_cloned_for_each_attempt_but_the_last() {
    let clones = Calls::default();
    taking.submit(Counted(clones.clone())).result().unwrap_err();
    assert_eq!(clones.count(), 2);
    let clones = Calls::default();
    taking.with_retries(0).submit(Counted(clones.clone())).result().unwrap_err();
    assert_eq!(clones.count(), 0);
}

/// Counts how often it is displayed.
#[derive(Clone)]
struct Displayed(Calls);

impl std::fmt::Display for Displayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.add())
    }
}

#[task(retries = 2, task_run_name = "named {name}")]
async fn named(name: Displayed, seen: Notes) -> Result<(), Oops> {
    let _ = &name;
    seen.add(task_run().unwrap().name());
    Err(Oops(0))
}

#[test]
fn the_run_is_named_once_and_not_per_attempt() {
    let (displayed, seen) = (Calls::default(), Notes::default());
    let future = named.submit(Displayed(displayed.clone()), seen.clone());
    future.result().unwrap_err();
    assert_eq!(displayed.count(), 1);
    assert_eq!(seen.list(), ["named 1"; 3]);
    assert_eq!(future.name(), "named 1");
}

fn is_oops_1(error: &TaskError) -> bool {
    error.downcast_ref::<Oops>() == Some(&Oops(1))
}

#[task(retries = 3, retry_if = is_oops_1)]
async fn choosy(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[test]
fn retry_if_decides_by_the_error() {
    let calls = Calls::default();
    let error = choosy.submit(calls.clone()).result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(2)));
    assert_eq!(calls.count(), 2);
}

#[test]
fn retry_if_is_asked_once_per_failure_while_retries_remain() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let asked = plain.with_retries(2).with_retry_if(|_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        true
    });
    let calls = Calls::default();
    asked.submit(calls.clone()).result().unwrap_err();
    assert_eq!((calls.count(), ASKED.load(Ordering::SeqCst)), (3, 2));
    asked.with_retries(0).submit(calls).result().unwrap_err();
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_in_retry_if_counts_as_no() {
    let calls = Calls::default();
    let future = plain.with_retries(3).with_retry_if(|_| panic!("not this time")).submit(calls.clone());
    let error = future.result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
    assert_eq!(calls.count(), 1);
    assert_eq!(future.state().state_type, StateType::Failed);
}

#[task]
fn panicking(calls: Calls) {
    calls.add();
    panic!("no luck");
}

#[task]
fn skipping(calls: Calls) -> Result<(), TaskError> {
    calls.add();
    Err(TaskError::skip("not today"))
}

#[test]
fn panics_and_skips_are_not_retried() {
    let calls = Calls::default();
    let future = panicking.with_retries(3).submit(calls.clone());
    assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(calls.count(), 1);

    let calls = Calls::default();
    let future = skipping.with_retries(3).submit(calls.clone());
    assert!(future.result().unwrap_err().is_skipped());
    assert_eq!(calls.count(), 1);
}

#[task]
async fn slow_at_first(calls: Calls, gate: Gate) -> u32 {
    let call = calls.add();
    if call == 1 {
        gate.passed().await;
    }
    call
}

#[test]
fn a_timeout_is_a_failure_and_is_retried_with_its_time_anew() {
    let (engine, clock) = timed_engine();
    let calls = Calls::default();
    let slow = slow_at_first.with_timeout("10s").with_retries(1);
    let future = engine.enter(|| slow.submit(calls.clone(), Gate::new()));
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(10));
    assert_eq!(future.result().unwrap(), 2);
    assert_eq!(names(&future.states()), ["Pending", "Running", "Retrying", "Completed"]);
    assert_eq!(clock.pending_timers(), 0);
}

#[task(retries = 1)]
async fn odd_at_first(calls: Calls, x: u32) -> Result<u32, Oops> {
    if x == 1 && calls.add() == 1 { Err(Oops(x)) } else { Ok(x) }
}

#[test]
fn each_run_of_a_map_is_retried_by_itself() {
    let futures = odd_at_first.map(unmapped(Calls::default()), 0..3);
    assert_eq!(futures.result().unwrap(), [0, 1, 2]);
    let runs = futures.futures_blocking();
    let attempts: Vec<usize> = runs.iter().map(|run| run.states().len() - 2).collect();
    assert_eq!(attempts, [1, 2, 1]);
}
