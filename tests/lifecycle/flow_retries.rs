//! Retries of flow runs: which ends are retried, what an attempt finds, and when it begins.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::logs;
use crate::tally::{Calls, Notes, Oops, names, timed_engine};

#[flow(retries = 1)]
async fn failing(calls: Calls, failures: u32) -> Result<u32, Oops> {
    let call = calls.add();
    if call > failures { Ok(call) } else { Err(Oops(call)) }
}

#[flow(retries = 1)]
fn failing_sync(calls: Calls, failures: u32) -> Result<u32, Oops> {
    let call = calls.add();
    if call > failures { Ok(call) } else { Err(Oops(call)) }
}

const ALWAYS: u32 = u32::MAX;

#[test]
fn a_body_that_fails_the_first_time_has_two_attempts() {
    for sync in [false, true] {
        let calls = Calls::default();
        let run = match sync {
            false => failing(calls.clone(), 1).report_blocking(),
            true => failing_sync(calls.clone(), 1).report_blocking(),
        };
        assert_eq!(run.result().unwrap(), &2);
        assert_eq!(calls.count(), 2);
        assert_eq!(names(&run.states()), ["Pending", "Running", "Retrying", "Completed"]);
        assert_eq!(run.info().run_count(), 2);
    }
}

#[test]
fn the_last_error_is_the_one_returned() {
    let calls = Calls::default();
    let run = failing(calls.clone(), ALWAYS).with_retries(3).report_blocking();
    assert_eq!(run.result().unwrap_err().downcast_ref::<Oops>(), Some(&Oops(4)));
    assert_eq!(names(&run.states()), ["Pending", "Running", "Retrying", "Retrying", "Retrying", "Failed"]);
    assert!(run.value().is_none());
    assert!(failing(calls, ALWAYS).with_retries(0).report_blocking().states().len() == 3);
}

#[test]
fn delays_are_waited_for_by_the_clock() {
    let (engine, clock) = timed_engine();
    let flow = failing(Calls::default(), 2).with_retries(2).with_retry_delay(["10s", "20s"]);
    let future = engine.enter(|| flow.start());
    for delay in [10, 20] {
        clock.wait_for_timers(1);
        let states = future.states();
        assert_eq!(states.last().unwrap().name, StateName::AwaitingRetry);
        let due = states.last().unwrap().details.scheduled_time.unwrap();
        assert_eq!(due, clock.now() + Duration::from_secs(delay));
        clock.advance(Duration::from_secs(delay));
    }
    assert_eq!(future.result().unwrap(), 3);
    assert_eq!(
        names(&future.states()),
        ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"]
    );
}

#[test]
fn a_flow_run_cancelled_during_the_delay_has_no_further_attempt() {
    let (engine, clock) = timed_engine();
    let calls = Calls::default();
    let future = engine.enter(|| failing(calls.clone(), ALWAYS).with_retry_delay("10s").start());
    clock.wait_for_timers(1);
    future.cancel();
    assert!(future.result().unwrap_err().is_cancelled());
    assert_eq!((calls.count(), clock.pending_timers()), (1, 0));
}

#[task]
fn failing_at_first(calls: Calls) -> Result<u32, Oops> {
    let call = calls.add();
    if call > 1 { Ok(call) } else { Err(Oops(call)) }
}

#[flow(retries = 1)]
async fn leaving_a_failure(calls: Calls) -> &'static str {
    let _ = failing_at_first.submit(&calls);
    "the body has succeeded"
}

#[flow(retries = 1)]
async fn failing_by_reference(calls: Calls) {
    let future = failing_at_first.submit(&calls);
    let _ = future.clone().await;
    reference_tasks([&future]);
}

#[flow(retries = 1)]
async fn failing_with_its_task(calls: Calls) -> Result<u32, FlowError> {
    Ok(failing_at_first.submit(&calls).await?)
}

#[test]
fn any_failure_is_retried_and_so_are_its_tasks() {
    let calls = Calls::default();
    let run = leaving_a_failure(calls.clone()).report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(calls.count(), 2);
    assert_eq!(run.task_runs().len(), 2);

    let calls = Calls::default();
    let run = failing_by_reference(calls.clone()).report_blocking();
    assert_eq!(run.state().message.as_deref(), Some("All reference tasks succeeded."));
    assert_eq!(calls.count(), 2);

    let run = failing_with_its_task(Calls::default()).report_blocking();
    assert_eq!(run.result().unwrap(), &2);
    let ends: Vec<_> = run.task_runs().iter().map(|run| run.state().name).collect();
    assert_eq!(ends, [StateName::Failed, StateName::Completed]);
}

#[test]
fn the_failures_of_an_attempt_are_forgotten_with_it() {
    #[flow(retries = 1)]
    async fn twice(calls: Calls) {
        let _ = failing_at_first.submit(&calls);
        let _ = failing_at_first.submit(Calls::default());
    }
    let run = twice(Calls::default()).report_blocking();
    // In the second attempt one of two fails.
    assert_eq!(run.state().message.as_deref(), Some("1/2 task runs failed."));
}

#[task]
fn failing_always() -> Result<(), Oops> {
    Err(Oops(0))
}

#[test]
fn the_value_of_a_report_is_the_last_attempts() {
    #[flow(retries = 1)]
    async fn giving(calls: Calls) -> Result<u32, Oops> {
        let call = calls.add();
        if call == 1 {
            let _ = failing_always.submit();
            return Ok(call);
        }
        Err(Oops(call))
    }
    let run = giving(Calls::default()).report_blocking();
    assert_eq!(run.result().unwrap_err().downcast_ref::<Oops>(), Some(&Oops(2)));
    assert_eq!(run.value(), None);

    #[flow(retries = 1)]
    async fn giving_twice(calls: Calls) -> u32 {
        let _ = failing_always.submit();
        calls.add()
    }
    let run = giving_twice(Calls::default()).report_blocking();
    assert!(run.result().is_err());
    assert_eq!(run.value(), Some(&2));
}

#[test]
fn crashes_cancellations_and_skips_are_not_retried() {
    #[flow(retries = 3)]
    async fn panicking(calls: Calls) {
        assert_eq!(calls.add(), 0, "no luck");
    }
    #[flow(retries = 3)]
    fn skipping(calls: Calls) -> Result<(), TaskError> {
        calls.add();
        Err(TaskError::skip("not today"))
    }
    #[flow(retries = 3)]
    async fn hanging(calls: Calls) {
        calls.add();
        std::future::pending::<()>().await;
    }
    let calls = Calls::default();
    assert_eq!(panicking(calls.clone()).result().unwrap_err().kind(), ErrorKind::Crashed);
    assert!(skipping(calls.clone()).result().unwrap_err().is_skipped());
    let future = hanging(calls.clone()).start();
    while !future.state().is_running() {
        std::thread::yield_now();
    }
    future.cancel();
    assert!(future.result().unwrap_err().is_cancelled());
    assert!(calls.count() <= 3, "{}", calls.count());
}

#[test]
fn a_body_that_fails_because_a_task_crashed_is_retried() {
    #[task]
    fn panicking_at_first(calls: Calls) {
        assert_ne!(calls.add(), 1, "no luck");
    }
    #[flow(retries = 1)]
    async fn passing_it_on(calls: Calls) -> Result<(), FlowError> {
        Ok(panicking_at_first.submit(&calls).await?)
    }
    let calls = Calls::default();
    assert!(passing_it_on(calls.clone()).result().is_ok());
    assert_eq!(calls.count(), 2);
}

#[test]
fn an_attempt_begins_when_the_runs_of_the_one_before_are_final() {
    #[task]
    async fn slow(gate: Gate, notes: Notes) {
        gate.passed().await;
        notes.add("slow has ended");
    }
    #[flow(retries = 1)]
    async fn hasty(gate: Gate, failed: Gate, notes: Notes) -> Result<(), Oops> {
        notes.add("attempt");
        if flow_run().unwrap().run_count() == 1 {
            let _ = slow.submit(&gate, &notes);
            failed.open();
            return Err(Oops(1));
        }
        Ok(())
    }
    let (gate, failed, notes) = (Gate::new(), Gate::new(), Notes::default());
    let future = hasty(gate.clone(), failed.clone(), notes.clone()).start();
    failed.wait();
    assert_eq!(notes.list(), ["attempt"]);
    gate.open();
    future.result().unwrap();
    assert_eq!(notes.list(), ["attempt", "slow has ended", "attempt"]);
}

#[flow]
async fn parent(calls: Calls, attempts: Calls) -> Result<u32, FlowError> {
    attempts.add();
    failing(calls, ALWAYS).await
}

#[test]
fn childs_and_parents_retries_multiply() {
    let (calls, attempts) = (Calls::default(), Calls::default());
    parent(calls.clone(), attempts.clone()).result().unwrap_err();
    assert_eq!((calls.count(), attempts.count()), (2, 1));
    let (calls, attempts) = (Calls::default(), Calls::default());
    parent(calls.clone(), attempts.clone()).with_retries(1).result().unwrap_err();
    assert_eq!((calls.count(), attempts.count()), (4, 2));
}

#[test]
fn on_failure_is_called_once_after_the_last_attempt() {
    let (calls, failures) = (Calls::default(), Calls::default());
    let counted = failures.clone();
    let flow = failing(calls.clone(), ALWAYS).with_retries(2).with_on_failure(
        move |run: &FlowRunInfo, _: &State| {
            assert_eq!(run.run_count(), 3);
            counted.add();
        },
    );
    flow.result().unwrap_err();
    assert_eq!((calls.count(), failures.count()), (3, 1));
}

#[test]
fn retry_if_decides_by_the_error_of_the_run() {
    let calls = Calls::default();
    let is_first = |error: &TaskError| error.downcast_ref::<Oops>() == Some(&Oops(1));
    let error = failing(calls.clone(), ALWAYS).with_retries(5).with_retry_if(is_first).result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(2)));
    assert_eq!(calls.count(), 2);
}

#[test]
fn a_retry_is_logged_with_its_reason_its_number_and_its_delay() {
    logs::keep();
    let (engine, clock) = timed_engine();
    let flow = failing(Calls::default(), ALWAYS).with_flow_run_name("logged flow").with_retry_delay("1500ms");
    let future = engine.enter(|| flow.start());
    clock.wait_for_timers(1);
    clock.advance(Duration::from_millis(1500));
    future.wait();
    let logged = logs::with(&["'logged flow'", "Retry 1/"]);
    let says = "Flow run 'logged flow' - Flow run encountered an exception: oops 1 - Retry 1/1 will start 1.5 second(s) from now";
    assert_eq!(logged.len(), 1);
    assert!(logged[0].starts_with("WARN") && logged[0].ends_with(says), "{logged:#?}");
}
