//! Hooks of flow runs.

use std::sync::Mutex;
use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Notes, Oops, timed_engine};

/// A flow with each of the hooks, which note that they were called.
macro_rules! noting {
    ($notes:expr, $flow:expr) => {{
        let note = |what: &'static str| {
            let notes: Notes = $notes.clone();
            move |_: &FlowRunInfo, state: &State| notes.add(format!("{what} {}", state.name))
        };
        $flow
            .with_on_running(note("running"))
            .with_on_completion(note("completion"))
            .with_on_failure(note("failure"))
            .with_on_crashed(note("crashed"))
            .with_on_cancellation(note("cancellation"))
    }};
}

#[derive(Clone, Copy)]
enum End {
    Ok,
    Err,
    Panic,
    Skip,
    Unseen,
}

#[task]
fn failing() -> Result<(), Oops> {
    Err(Oops(1))
}

#[flow]
async fn ending(end: End) -> Result<(), FlowError> {
    match end {
        End::Ok => Ok(()),
        End::Err => Err(FlowError::msg("no luck")),
        End::Panic => panic!("no luck"),
        End::Skip => Err(TaskError::skip("not today").into()),
        End::Unseen => {
            let _ = failing.submit();
            Ok(())
        }
    }
}

#[flow]
fn ending_sync(end: End) -> Result<(), FlowError> {
    match end {
        End::Ok => Ok(()),
        End::Err => Err(FlowError::msg("no luck")),
        End::Panic => panic!("no luck"),
        End::Skip => Err(TaskError::skip("not today").into()),
        End::Unseen => {
            let _ = failing.submit();
            Ok(())
        }
    }
}

#[flow]
async fn hanging() -> Result<(), FlowError> {
    std::future::pending::<()>().await;
    Ok(())
}

#[test]
fn each_end_has_its_hook_and_no_other() {
    for (end, called) in [
        (End::Ok, "completion Completed"),
        (End::Err, "failure Failed"),
        (End::Panic, "crashed Crashed"),
        (End::Skip, "completion Skipped"),
        (End::Unseen, "failure Failed"),
    ] {
        let expected = ["running Running", called];
        let notes = Notes::default();
        let _ = noting!(notes, ending).call(end).result();
        assert_eq!(notes.list(), expected);
        let notes = Notes::default();
        let _ = noting!(notes, ending_sync).call(end).result();
        assert_eq!(notes.list(), expected);
        let notes = Notes::default();
        let _ = noting!(notes, ending_sync).start(end).result();
        assert_eq!(notes.list(), expected);
        let notes = Notes::default();
        let _ = noting!(notes, ending(end)).report_blocking();
        assert_eq!(notes.list(), expected);
    }
}

#[test]
fn a_cancelled_and_a_timed_out_flow_run_call_their_hooks() {
    let notes = Notes::default();
    let future = noting!(notes, hanging).start();
    while !future.state().is_running() {
        std::thread::yield_now();
    }
    future.cancel();
    future.wait();
    assert_eq!(notes.list(), ["running Running", "cancellation Cancelled"]);

    let (engine, clock) = timed_engine();
    let notes = Notes::default();
    let future = engine.enter(|| noting!(notes, hanging.with_timeout("1s")).start());
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(1));
    future.wait();
    assert_eq!(notes.list(), ["running Running", "failure TimedOut"]);
}

#[flow(retries = 2)]
async fn failing_at_first(calls: Calls, failures: u32) -> Result<(), Oops> {
    let call = calls.add();
    if call > failures { Ok(()) } else { Err(Oops(call)) }
}

#[test]
fn on_running_is_called_for_each_attempt_and_on_failure_once_after_the_last() {
    let notes = Notes::default();
    noting!(notes, failing_at_first).call(Calls::default(), 1).result().unwrap();
    assert_eq!(notes.list(), ["running Running", "running Retrying", "completion Completed"]);
    let notes = Notes::default();
    noting!(notes, failing_at_first).call(Calls::default(), 3).result().unwrap_err();
    assert_eq!(notes.list(), ["running Running", "running Retrying", "running Retrying", "failure Failed"]);
}

static CALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn first(run: &FlowRunInfo, state: &State) {
    assert_eq!(flow_run().unwrap().id(), run.id());
    assert!(task_run().is_err());
    CALLED.lock().unwrap().push(format!("first {} {state} {:?}", run.name(), run.parameters()["n"]));
}

async fn second(run: &FlowRunInfo, state: &State) -> Result<(), String> {
    tokio::time::sleep(Duration::ZERO).await;
    assert_eq!(flow_run().unwrap().id(), run.id());
    CALLED.lock().unwrap().push(format!("second {} {state}", run.name()));
    Err("no second".into())
}

#[flow(flow_run_name = "hooked {n}", on_running = second, on_completion = [first, second, first])]
fn hooked(n: u32) -> u32 {
    n
}

#[test]
fn the_attributes_hooks_are_called_in_order_in_the_flow_runs_context() {
    assert_eq!(hooked(7).result().unwrap(), 7);
    assert_eq!(
        *CALLED.lock().unwrap(),
        [
            "second hooked 7 Running()",
            "first hooked 7 Completed() Number(7)",
            "second hooked 7 Completed()",
            "first hooked 7 Completed() Number(7)",
        ]
    );
}

#[test]
fn a_childs_hooks_go_before_its_parents() {
    #[flow]
    async fn parent(notes: Notes, gate: Gate) -> Result<(), FlowError> {
        let of_child = notes.clone();
        let child = ending(End::Err).with_on_failure(move |_, _| {
            let (notes, gate) = (of_child.clone(), gate.clone());
            async move {
                gate.passed().await;
                notes.add("child");
            }
        });
        child.await
    }
    let (notes, gate) = (Notes::default(), Gate::new());
    let of_parent = notes.clone();
    let future =
        parent(notes.clone(), gate.clone()).with_on_failure(move |_, _| of_parent.add("parent")).start();
    gate.open();
    future.wait();
    assert_eq!(notes.list(), ["child", "parent"]);
}

#[test]
fn on_failure_is_told_why() {
    let notes = Notes::default();
    let seen = notes.clone();
    let flow = failing_at_first.with_retries(0).with_on_failure(move |run: &FlowRunInfo, _: &State| {
        let error = run.error().unwrap();
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
        seen.add(error.to_string());
    });
    flow.call(Calls::default(), 1).result().unwrap_err();
    assert_eq!(notes.list(), ["oops 1"]);
}
