//! Cancelling: one run, a map, a flow run; by `cancel` and by dropping; and that nothing is left behind.

use std::future::IntoFuture;

use millrun::prelude::*;

use crate::gate::{Gate, OpenOnDrop};
use crate::tally::{Calls, Notes, names, timed_engine};

#[task]
async fn awaiting(begun: Gate, dropped: Gate) {
    let _guard = OpenOnDrop(dropped);
    begun.open();
    std::future::pending::<()>().await;
}

#[task]
fn standing(begun: Gate, gate: Gate) {
    begun.open();
    gate.wait();
}

#[task]
fn after(_before: (), calls: Calls) -> u32 {
    calls.add()
}

#[task]
async fn nested(begun: Gate, dropped: Gate) {
    awaiting.submit(&begun, &dropped).await.unwrap();
}

#[flow]
async fn busy(begun: Gate, gate: Gate, dropped: Gate, calls: Calls) -> Result<(), FlowError> {
    let (one, two, three) = (Gate::new(), Gate::new(), Gate::new());
    let first = nested.submit(&one, &dropped);
    let second = standing.submit(&two, &gate);
    let child = child(three.clone()).start();
    let waiting = after.submit(&first, &calls);
    let mapped = after.map(vec![&second, &second], unmapped(&calls));
    one.passed().await;
    two.passed().await;
    three.passed().await;
    begun.open();
    let _ = (waiting.await, mapped.await, child.await);
    Ok(())
}

#[flow]
async fn child(begun: Gate) {
    let _ = awaiting.submit(&begun, Gate::new()).await;
}

/// How a flow run under way is stopped.
#[derive(Clone, Copy, Debug)]
enum By {
    Cancelling,
    DroppingItsFuture,
    DroppingItsCall,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_run_that_is_stopped_stops_all_its_runs_and_ends_after_them() {
    for by in [By::Cancelling, By::DroppingItsFuture, By::DroppingItsCall] {
        let (begun, gate, dropped, calls, ends) =
            (Gate::new(), Gate::new(), Gate::new(), Calls::default(), Gate::new());
        let states = Notes::default();
        let (noted, ended) = (states.clone(), ends.clone());
        let flow = busy(begun.clone(), gate.clone(), dropped.clone(), calls.clone());
        let flow = flow.with_on_cancellation(move |run: &FlowRunInfo, _: &State| {
            run.states().iter().for_each(|state| noted.add(state.name.to_string()));
            ended.open();
        });
        match by {
            By::Cancelling => {
                let future = flow.start();
                begun.passed().await;
                future.cancel();
                assert!(future.clone().await.unwrap_err().is_cancelled());
            }
            By::DroppingItsFuture => {
                let future = flow.start();
                let other = future.clone();
                begun.passed().await;
                drop(future);
                assert!(!other.state().is_final(), "another future is left");
                drop(other);
            }
            By::DroppingItsCall => {
                let mut call = flow.into_future();
                assert!(::futures::poll!(&mut call).is_pending());
                begun.passed().await;
                drop(call);
            }
        }
        ends.passed().await;
        // The body of the run two levels below is gone; what waited has never begun.
        dropped.passed().await;
        assert_eq!(states.list(), ["Pending", "Running", "Cancelling", "Cancelled"], "{by:?}");
        assert_eq!(calls.count(), 0);
        gate.open();
    }
}

#[test]
fn the_runs_of_a_flow_run_that_is_stopped_are_cancelled() {
    let calls = Calls::default();
    let (engine, clock) = timed_engine();
    let (begun, gate) = (Gate::new(), Gate::new());
    let flow = busy(begun.clone(), gate.clone(), Gate::new(), calls.clone()).with_timeout("1s");
    let report = std::thread::spawn({
        let engine = engine.clone();
        move || engine.enter(|| flow.report_blocking())
    });
    begun.wait();
    clock.advance(std::time::Duration::from_secs(1));
    let run = report.join().unwrap();
    assert!(run.result().unwrap_err().is_timeout());
    let ends: Vec<_> = run.task_runs().iter().map(|run| run.state().name).collect();
    assert_eq!(ends, [StateName::Cancelled; 6], "{run}");
    let said = |state: State| state.message.unwrap();
    // It went with the body, which was dropped first.
    assert_eq!(
        said(run.child_flow_runs()[0].state()),
        "the run was cancelled, as its last future was dropped"
    );
    let by_timeout = format!("the run was cancelled, as flow run '{}' exceeded its timeout", run.name());
    assert_eq!(said(run.task_run("standing-0").unwrap().state()), by_timeout);
    let nested = run.task_run("awaiting-0").unwrap();
    assert_eq!(said(nested.state()), "the run was cancelled with task run 'nested-0', which had begun it");
    gate.open();
    assert_eq!(calls.count(), 0);
}

#[tokio::test]
async fn a_run_that_is_cancelled_says_by_what() {
    #[flow]
    async fn around(begun: Gate, inner: Notes) -> Result<(), FlowError> {
        let run = awaiting.submit(&begun, Gate::new());
        let hook = move |run: &TaskRun, _: &State| inner.add(run.state().message.unwrap());
        let other = awaiting.wait_for(&run).with_on_cancellation(hook).submit(Gate::new(), Gate::new());
        Ok(other.await?)
    }
    let message = |error: FlowError| error.to_string();
    let (begun, inner) = (Gate::new(), Notes::default());
    let flow = around(begun.clone(), inner.clone()).start();
    begun.passed().await;
    flow.cancel();
    assert_eq!(message(flow.clone().await.unwrap_err()), "the run was cancelled by `cancel()`");
    assert_eq!(
        inner.list(),
        [format!("the run was cancelled with flow run '{}', which had begun it", flow.name())]
    );

    let ended = Notes::default();
    let noted = ended.clone();
    let begun = Gate::new();
    let done = Gate::new();
    let dropped = around(begun.clone(), Notes::default()).with_on_cancellation({
        let done = done.clone();
        move |_: &FlowRunInfo, state: &State| {
            noted.add(state.message.clone().unwrap());
            done.open();
        }
    });
    let dropped = dropped.start();
    begun.passed().await;
    drop(dropped);
    done.passed().await;
    assert_eq!(ended.list(), ["the run was cancelled, as its last future was dropped"]);

    let maps = awaiting.map([Gate::new()], [Gate::new()]);
    maps.cancel();
    assert_eq!(maps.await.unwrap_err().to_string(), "the run was cancelled by `cancel()`");
}

#[test]
fn a_sync_flow_on_a_thread_of_its_own_is_given_up_on() {
    #[flow]
    fn standing_flow(begun: Gate, gate: Gate, seen: Notes, done: Gate) {
        let _done = OpenOnDrop(done);
        let run = flow_run().unwrap();
        begun.open();
        gate.wait();
        seen.add(run.cancelled().to_string());
        seen.add(after.submit((), Calls::default()).result().unwrap_err().is_cancelled().to_string());
    }
    let (begun, gate, seen, done) = (Gate::new(), Gate::new(), Notes::default(), Gate::new());
    let future = standing_flow(begun.clone(), gate.clone(), seen.clone(), done.clone()).start();
    begun.wait();
    future.cancel();
    assert!(future.result().unwrap_err().is_cancelled());
    gate.open();
    done.wait();
    assert_eq!(seen.list(), ["true", "true"]);
    assert!(future.state().is_cancelled());
}

#[test]
fn a_map_is_cancelled_as_a_whole() {
    let (begun, calls) = (Gate::new(), Calls::default());
    let engine = Engine::builder().task_runner(ConcurrentTaskRunner::new().max_workers(1)).build();
    let run = engine.enter(|| mapping(begun.clone(), calls.clone()).report_blocking());
    assert_eq!(run.result().unwrap(), &(4, 2));
    let ends: Vec<_> = run.task_runs().iter().map(|run| run.state().name).collect();
    assert_eq!(
        ends,
        [[StateName::Cancelled; 4].as_slice(), &[StateName::TriggerFailed; 2]].concat(),
        "{run}"
    );
    assert_eq!(calls.count(), 0);
}

#[flow]
async fn mapping(begun: Gate, calls: Calls) -> (usize, usize) {
    let map = awaiting.map(vec![&begun; 4], unmapped(Gate::new()));
    begun.passed().await;
    let elements = map.futures().await;
    let following = after.map(vec![&elements[0], &elements[3]], unmapped(&calls));
    map.cancel();
    let count =
        |outcomes: Vec<Result<u32, TaskError>>| outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let cancelled = map.outcomes().await.iter().filter(|outcome| outcome.is_err()).count();
    (cancelled, count(following.outcomes().await))
}

#[test]
fn a_run_cancelled_in_a_retry_delay_never_begins_again() {
    let (engine, clock) = timed_engine();
    let calls = Calls::default();
    let future = engine.enter(|| failing.submit(&calls));
    clock.wait_for_timers(1);
    future.cancel();
    assert!(future.result().unwrap_err().is_cancelled());
    assert_eq!(names(&future.states()), ["Pending", "Running", "AwaitingRetry", "Cancelled"]);
    assert_eq!((calls.count(), clock.pending_timers()), (1, 0));
}

#[task(retries = 3, retry_delay = "10s")]
fn failing(calls: Calls) -> Result<(), String> {
    calls.add();
    Err("no luck".into())
}

#[test]
fn a_run_cancelled_before_its_deadline_is_cancelled_and_not_timed_out() {
    let (engine, clock) = timed_engine();
    for submit in [true, false] {
        let begun = Gate::new();
        let future = engine.enter(|| match submit {
            true => awaiting.with_timeout("10s").submit(&begun, Gate::new()),
            false => standing.with_timeout("10s").submit(&begun, Gate::new()),
        });
        begun.wait();
        clock.wait_for_timers(1);
        future.cancel();
        assert!(future.result().unwrap_err().is_cancelled());
        clock.advance(std::time::Duration::from_secs(20));
        assert!(future.state().is_cancelled());
        assert_eq!(clock.pending_timers(), 0);
    }
}

#[test]
fn cancelling_from_within_is_an_end_like_any_other() {
    #[flow]
    async fn ending_itself(notes: Notes) -> Result<(), FlowError> {
        let begun = Gate::new();
        let future = awaiting.submit(&begun, Gate::new());
        begun.passed().await;
        let canceller = future.clone();
        let other = after.with_trigger(Trigger::AllFinished).wait_for(&future).submit((), Calls::default());
        canceller.cancel();
        notes.add(other.await?.to_string());
        Ok(())
    }
    let notes = Notes::default();
    let run = ending_itself(notes.clone()).report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(notes.list(), ["1"]);
}

#[test]
fn a_thousand_cancelled_runs_leave_their_runner_free() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    engine.enter(|| {
        let (begun, gate) = (Gate::new(), Gate::new());
        let first = standing.submit(&begun, &gate);
        begun.wait();
        let futures: Vec<_> = (0..1000).map(|_| standing.submit(Gate::new(), Gate::new())).collect();
        futures.iter().for_each(TaskFuture::cancel);
        assert!(futures.iter().all(|future| future.state().is_cancelled()));
        gate.open();
        first.result().unwrap();
        assert_eq!(after.submit((), Calls::default()).result().unwrap(), 1);
    });
}
