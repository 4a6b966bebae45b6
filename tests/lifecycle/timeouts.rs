//! Timeouts of task runs: when they strike, what becomes of the body, and what is free afterwards.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::{Gate, OpenOnDrop};
use crate::tally::{Calls, Notes, Oops, names, timed_engine};

const NANO: Duration = Duration::from_nanos(1);
const TEN: Duration = Duration::from_secs(10);

#[task]
async fn awaiting(gate: Gate, dropped: Gate) {
    let _guard = OpenOnDrop(dropped);
    gate.passed().await;
}

#[task]
fn standing(gate: Gate) {
    gate.wait();
}

#[task(blocking)]
fn blocking(gate: Gate) {
    gate.wait();
}

fn assert_timed_out(future: &TaskFuture<()>, message: &str) {
    let error = future.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), message);
    let state = future.state();
    assert_eq!((state.state_type, state.name), (StateType::Failed, StateName::TimedOut));
    assert_eq!(state.message.as_deref(), Some(message));
    assert_eq!(names(&future.states()), ["Pending", "Running", "TimedOut"]);
}

#[test]
fn an_async_body_is_dropped_at_its_deadline_and_not_before() {
    let (engine, clock) = timed_engine();
    let dropped = Gate::new();
    let future = engine.enter(|| awaiting.with_timeout("10s").submit(Gate::new(), dropped.clone()));
    clock.wait_for_timers(1);
    clock.advance(TEN - NANO);
    assert!(future.state().is_running());
    clock.advance(NANO);
    assert_timed_out(&future, "Task run exceeded timeout of 10 second(s)");
    assert!(dropped.is_open());
}

#[test]
fn a_sync_body_is_reported_at_its_deadline_while_it_goes_on() {
    let (engine, clock) = timed_engine();
    let gate = Gate::new();
    let futures = engine.enter(|| {
        [standing.with_timeout("10s").submit(gate.clone()), blocking.with_timeout("10s").submit(gate.clone())]
    });
    clock.wait_for_timers(2);
    clock.advance(TEN - NANO);
    assert!(futures.iter().all(|future| future.state().is_running()));
    clock.advance(NANO);
    for future in &futures {
        assert_timed_out(future, "Task run exceeded timeout of 10 second(s)");
    }
    gate.open();
}

#[test]
fn the_message_has_fractions_of_seconds() {
    let (engine, clock) = timed_engine();
    let gate = Gate::new();
    let futures = engine.enter(|| {
        let awaiting = awaiting.with_timeout("100ms").submit(gate.clone(), Gate::new());
        [awaiting, standing.with_timeout(Duration::from_millis(100)).submit(gate.clone())]
    });
    clock.wait_for_timers(2);
    clock.advance(Duration::from_millis(100));
    for future in &futures {
        assert_timed_out(future, "Task run exceeded timeout of 0.1 second(s)");
    }
    gate.open();
}

#[task(timeout = "100ms")]
fn sleeping_for_a_second() {
    std::thread::sleep(Duration::from_secs(1));
}

#[task(timeout = "100ms")]
async fn sleeping_for_a_second_async() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[test]
fn deadlines_hold_in_real_time_too() {
    let futures = [sleeping_for_a_second.submit(), sleeping_for_a_second_async.submit()];
    for future in &futures {
        assert_timed_out(future, "Task run exceeded timeout of 0.1 second(s)");
        let states = future.states();
        let took = states[2].timestamp.duration_since(states[1].timestamp).unwrap();
        assert!(took >= Duration::from_millis(99) && took < Duration::from_millis(900), "{took:?}");
    }
}

#[task(timeout = "1h")]
async fn quick(x: u32) -> u32 {
    x
}

#[task(timeout = "1h")]
fn quick_sync(x: u32) -> u32 {
    x
}

#[test]
fn a_run_that_ends_in_time_leaves_no_timer() {
    let (engine, clock) = timed_engine();
    engine.enter(|| {
        assert_eq!(quick.submit(1).result().unwrap(), 1);
        assert_eq!(quick_sync.submit(2).result().unwrap(), 2);
        assert_eq!(quick(3).result().unwrap(), 3);
        assert_eq!(quick_sync(4).result().unwrap(), 4);
    });
    assert_eq!(clock.pending_timers(), 0);
}

#[task]
fn told_to_stop(begun: Gate, gate: Gate, told: Notes, done: Gate) {
    let run = task_run().unwrap();
    told.add(run.cancelled().to_string());
    begun.open();
    gate.wait();
    told.add(run.cancelled().to_string());
    done.open();
}

#[test]
fn a_sync_body_can_tell_that_its_time_is_over() {
    let (engine, clock) = timed_engine();
    let (begun, gate, told, done) = (Gate::new(), Gate::new(), Notes::default(), Gate::new());
    let task = told_to_stop.with_timeout("10s");
    let future = engine.enter(|| task.submit(begun.clone(), gate.clone(), told.clone(), done.clone()));
    clock.wait_for_timers(1);
    begun.wait();
    clock.advance(TEN);
    future.wait();
    gate.open();
    done.wait();
    assert_eq!(told.list(), ["false", "true"]);
    assert_eq!(names(&future.states()), ["Pending", "Running", "TimedOut"]);
}

#[task(timeout = "10s", retries = 1)]
fn hanging_at_first(calls: Calls, begun: Gate, gate: Gate, told: Notes, done: Gate) -> u32 {
    let call = calls.add();
    if call == 1 {
        begun.open();
        gate.wait();
        told.add(task_run().unwrap().cancelled().to_string());
        done.open();
    } else {
        gate.open();
        done.wait();
        told.add(task_run().unwrap().cancelled().to_string());
    }
    call
}

#[test]
fn an_attempt_given_up_on_can_tell_even_if_another_has_begun() {
    let (engine, clock) = timed_engine();
    let (begun, gate, told, done) = (Gate::new(), Gate::new(), Notes::default(), Gate::new());
    let future = engine.enter(|| hanging_at_first.submit(Calls::default(), &begun, &gate, &told, &done));
    clock.wait_for_timers(1);
    begun.wait();
    clock.advance(TEN);
    assert_eq!(future.result().unwrap(), 2);
    assert_eq!(told.list(), ["true", "false"]);
    assert_eq!(names(&future.states()), ["Pending", "Running", "Retrying", "Completed"]);
}

#[task]
fn noting_the_time(clock: Clock, times: Notes) {
    times.add(format!("{:?}", clock.now()));
}

#[test]
fn a_sync_run_with_a_timeout_is_counted_until_its_deadline_and_no_longer() {
    let clock = Clock::manual();
    for concurrent in [false, true] {
        let builder = Engine::builder().clock(clock.clone());
        let engine = match concurrent {
            true => builder.task_runner(ConcurrentTaskRunner::new().max_workers(1)).build(),
            false => builder.task_runner(ThreadPoolTaskRunner::new(1)).build(),
        };
        let (gate, times) = (Gate::new(), Notes::default());
        let (hanging, next) = engine.enter(|| {
            let hanging = standing.with_timeout("10s").submit(gate.clone());
            clock.wait_for_timers(1);
            (hanging, noting_the_time.submit(clock.clone(), times.clone()))
        });
        clock.advance(TEN);
        next.result().unwrap();
        assert_eq!(times.list(), [format!("{:?}", clock.now())]);
        assert!(!gate.is_open());
        assert_eq!(hanging.result().unwrap_err().kind(), ErrorKind::TimedOut);
        gate.open();
    }
}

#[task(tags = ["db"])]
async fn with_slot(calls: Calls) -> u32 {
    calls.add()
}

#[test]
fn slots_are_free_after_a_timeout() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).concurrency_limit("db", 1).build();
    let gate = Gate::new();
    engine.enter(|| {
        let holders = [
            standing.with_tags(["db"]).with_timeout("10s").submit(gate.clone()),
            awaiting.with_tags(["db"]).with_timeout("10s").submit(gate.clone(), Gate::new()),
        ];
        let next = with_slot.submit(Calls::default());
        for _ in 0..2 {
            clock.wait_for_timers(1);
            assert!(!next.state().is_final());
            clock.advance(TEN);
        }
        assert_eq!(next.result().unwrap(), 1);
        assert!(holders.iter().all(|holder| holder.result().unwrap_err().is_timeout()));
    });
    gate.open();
}

#[task(timeout = "1s")]
fn taking(clock: Clock, seconds: u64) -> Result<u64, Oops> {
    clock.advance(Duration::from_secs(seconds));
    Ok(seconds)
}

#[flow]
fn calling(clock: Clock, seconds: u64) -> Result<u64, FlowError> {
    Ok(taking(clock, seconds).result()?)
}

#[flow]
async fn calling_async(clock: Clock) -> Result<(), FlowError> {
    let call = awaiting.with_timeout("10s").call(Gate::new(), Gate::new());
    let error = call.await.unwrap_err();
    assert_eq!(error.to_string(), "Task run exceeded timeout of 10 second(s)");
    assert_eq!(clock.pending_timers(), 0);
    Err(error.into())
}

#[test]
fn a_sync_call_checks_its_deadline_when_the_body_returns() {
    let (engine, clock) = timed_engine();
    assert_eq!(engine.run_blocking(calling(clock.clone(), 1)).unwrap(), 1);
    let run = engine.enter(|| calling(clock, 2).report_blocking());
    assert_eq!(names(&run.task_runs()[0].states()), ["Pending", "Running", "TimedOut"]);
    let error = run.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(error.to_string(), "Task run exceeded timeout of 1 second(s)");
}

#[test]
fn an_async_call_is_dropped_at_its_deadline() {
    let (engine, clock) = timed_engine();
    let flow = engine.enter(|| calling_async(clock.clone()).start());
    clock.wait_for_timers(1);
    clock.advance(TEN);
    flow.result().unwrap_err();

    let dropped = Gate::new();
    let caller = std::thread::spawn({
        let (engine, dropped) = (engine.clone(), dropped.clone());
        move || engine.enter(|| awaiting.with_timeout("10s").call(Gate::new(), dropped).result())
    });
    clock.wait_for_timers(1);
    clock.advance(TEN);
    assert!(caller.join().unwrap().unwrap_err().is_timeout());
    assert!(dropped.is_open());
}

#[test]
fn a_cancelled_run_is_cancelled_and_not_timed_out() {
    let (engine, clock) = timed_engine();
    let gate = Gate::new();
    let futures = engine.enter(|| {
        let awaiting = awaiting.with_timeout("10s").submit(gate.clone(), Gate::new());
        [awaiting, standing.with_timeout("10s").submit(gate.clone())]
    });
    clock.wait_for_timers(2);
    for future in &futures {
        future.cancel();
        assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Cancelled);
    }
    clock.advance(TEN);
    for future in &futures {
        assert_eq!(names(&future.states()), ["Pending", "Running", "Cancelled"]);
    }
    gate.open();
}
