//! Delays between attempts: how long they are, what waits for them, and what they cost.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Oops, names, timed_engine};

const NANO: Duration = Duration::from_nanos(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[task]
async fn failing(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[task(retries = 3, retry_delay = exponential("10s"))]
fn exponentially(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[task(retries = 4, retry_delay = exponential("10s", max = "25s"))]
fn up_to_a_maximum(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[task(retries = 4, retry_delay = ["1s", "1m 30s"])]
fn by_list(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

#[task(retries = 2, retry_delay = "10s")]
fn evenly(calls: Calls) -> Result<(), Oops> {
    Err(Oops(calls.add()))
}

/// Moves the clock through the delays, each of which is not over a nanosecond early.
fn assert_delays(submit: impl FnOnce(Calls) -> TaskFuture<()>, delays: &[u64]) {
    let (engine, clock) = timed_engine();
    let calls = Calls::default();
    let future = engine.enter(|| submit(calls.clone()));
    for (failed, delay) in (1..).zip(delays) {
        clock.wait_for_timers(1);
        assert_eq!(calls.count(), failed);
        let state = future.state();
        assert_eq!(state.name, StateName::AwaitingRetry);
        assert_eq!(state.details.scheduled_time, Some(clock.now() + seconds(*delay)));
        clock.advance(seconds(*delay) - NANO);
        assert_eq!(future.state().name, StateName::AwaitingRetry);
        clock.advance(NANO);
    }
    future.result().unwrap_err();
    assert_eq!(calls.count() as usize, delays.len() + 1);
    assert_eq!(clock.pending_timers(), 0);
}

#[test]
fn exponential_delays_double() {
    assert_delays(|calls| exponentially.submit(calls), &[10, 20, 40]);
    let delays = RetryDelays::exponential("10s");
    assert_delays(|calls| failing.with_retries(3).with_retry_delay(delays).submit(calls), &[10, 20, 40]);
}

#[test]
fn exponential_delays_stay_below_their_maximum() {
    assert_delays(|calls| up_to_a_maximum.submit(calls), &[10, 20, 25, 25]);
    let delays = RetryDelays::exponential("10s").up_to("25s");
    assert_delays(|calls| failing.with_retries(3).with_retry_delay(delays).submit(calls), &[10, 20, 25]);
}

#[test]
fn the_last_delay_of_a_list_repeats() {
    assert_delays(|calls| by_list.submit(calls), &[1, 90, 90, 90]);
    assert_delays(|calls| failing.with_retries(3).with_retry_delay(["1s", "2s"]).submit(calls), &[1, 2, 2]);
}

#[test]
fn one_delay_repeats() {
    assert_delays(|calls| evenly.submit(calls), &[10, 10]);
    assert_delays(|calls| failing.with_retries(2).with_retry_delay(seconds(7)).submit(calls), &[7, 7]);
}

#[test]
fn with_a_delay_awaiting_retry_stands_before_each_further_attempt() {
    let (engine, clock) = timed_engine();
    let future = engine.enter(|| evenly.submit(Calls::default()));
    for _ in 0..2 {
        clock.wait_for_timers(1);
        clock.advance(seconds(10));
    }
    future.wait();
    let expected = ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Failed"];
    assert_eq!(names(&future.states()), expected);
    assert_eq!(future.states()[2].state_type, StateType::Scheduled);
}

#[test]
fn the_default_delay_holds_for_tasks_that_say_nothing() {
    let clock = Clock::manual();
    let builder = Engine::builder().default_retries(1).default_retry_delay("5s");
    let engine = builder.clock(clock.clone()).build();
    let calls = Calls::default();
    let future = engine.enter(|| failing.submit(calls.clone()));
    clock.wait_for_timers(1);
    assert_eq!(future.state().details.scheduled_time, Some(clock.now() + seconds(5)));
    clock.advance(seconds(5));
    future.result().unwrap_err();
    assert_eq!(calls.count(), 2);
}

#[test]
fn jitter_is_uniform_around_the_delay() {
    const SAMPLES: u32 = 1000;
    let (engine, clock) = timed_engine();
    let task = failing.with_retries(SAMPLES).with_retry_delay("10s").with_retry_jitter_factor(0.5);
    let future = engine.enter(|| task.submit(Calls::default()));
    for _ in 0..SAMPLES {
        clock.wait_for_timers(1);
        let due = future.state().details.scheduled_time.unwrap();
        clock.advance(due.duration_since(clock.now()).unwrap());
    }
    future.result().unwrap_err();
    let delays: Vec<f64> = future
        .states()
        .iter()
        .filter_map(|state| Some(state.details.scheduled_time?.duration_since(state.timestamp).unwrap()))
        .map(|delay| delay.as_secs_f64())
        .collect();
    assert_eq!(delays.len(), SAMPLES as usize);
    assert!(delays.iter().all(|delay| (4.999..=15.0).contains(delay)), "{delays:?}");
    // Six standard errors of a uniform distribution from 5 to 15.
    let mean = delays.iter().sum::<f64>() / f64::from(SAMPLES);
    assert!((mean - 10.0).abs() < 6.0 * 2.887 / f64::from(SAMPLES).sqrt(), "{mean}");
    let near = |from: f64| delays.iter().filter(|delay| (from..from + 2.5).contains(*delay)).count();
    assert!([5.0, 7.5, 10.0, 12.5].into_iter().all(|from| near(from) > 150), "{delays:?}");
}

#[test]
fn a_jitter_factor_of_zero_changes_nothing() {
    assert_delays(|calls| evenly.with_retry_jitter_factor(0.0).submit(calls), &[10, 10]);
}

#[task]
fn taking_two_seconds(clock: Clock) -> Result<(), Oops> {
    clock.advance(seconds(2));
    Err(Oops(0))
}

#[flow]
fn of_two_attempts(clock: Clock) {
    let future = taking_two_seconds.with_retries(1).with_retry_delay("10s").submit(clock);
    let _ = future.result();
}

#[test]
fn run_time_sums_the_attempts_and_not_the_waits() {
    let (engine, clock) = timed_engine();
    let flow = std::thread::spawn({
        let clock = clock.clone();
        move || engine.enter(|| of_two_attempts(clock).report_blocking())
    });
    clock.wait_for_timers(1);
    clock.advance(seconds(10));
    let run = flow.join().unwrap();
    let time = run.task_runs()[0].run_time();
    // Timestamps are moved by nanoseconds so that they increase.
    assert!(time.abs_diff(seconds(4)) < Duration::from_micros(1), "{time:?}");
}

#[task]
fn on_the_only_worker() -> u32 {
    7
}

#[test]
fn a_run_that_awaits_its_retry_holds_no_worker() {
    let clock = Clock::manual();
    for runner in [1, 2] {
        let builder = Engine::builder().clock(clock.clone());
        let engine = match runner {
            1 => builder.task_runner(ThreadPoolTaskRunner::new(1)).build(),
            _ => builder.task_runner(ConcurrentTaskRunner::new().max_workers(1)).build(),
        };
        engine.enter(|| {
            let waiting = [evenly.submit(Calls::default()), failing_later(Calls::default())];
            clock.wait_for_timers(2);
            assert_eq!(on_the_only_worker.submit().result().unwrap(), 7);
            for future in &waiting {
                assert_eq!(future.state().name, StateName::AwaitingRetry);
                future.cancel();
            }
        });
        assert_eq!(clock.pending_timers(), 0);
    }
}

fn failing_later(calls: Calls) -> TaskFuture<()> {
    failing.with_retries(1).with_retry_delay("10s").submit(calls)
}

#[test]
fn a_run_cancelled_in_its_delay_is_not_executed_again() {
    let (engine, clock) = timed_engine();
    let calls = Calls::default();
    let future = engine.enter(|| failing_later(calls.clone()));
    clock.wait_for_timers(1);
    future.cancel();
    assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(names(&future.states()), ["Pending", "Running", "AwaitingRetry", "Cancelled"]);
    assert_eq!(clock.pending_timers(), 0);
    clock.advance(seconds(100));
    assert_eq!(calls.count(), 1);
}

#[task]
async fn waiting(calls: Calls, gate: Gate) -> Result<(), Oops> {
    gate.passed().await;
    Err(Oops(calls.add()))
}

#[test]
fn a_run_that_fails_while_it_is_being_cancelled_is_not_retried() {
    let (calls, gate) = (Calls::default(), Gate::new());
    let future = waiting.with_retries(5).submit(calls.clone(), gate.clone());
    future.cancel();
    gate.open();
    assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(calls.count(), 0);
}

#[flow]
async fn calling(calls: Calls) -> Result<(), FlowError> {
    Ok(failing.with_retries(1).with_retry_delay("10s").call(calls).await?)
}

#[flow]
fn calling_sync(calls: Calls) -> Result<(), FlowError> {
    Ok(evenly.with_retries(1).call(calls).result()?)
}

#[test]
fn a_caller_waits_for_the_delays_of_its_call() {
    for sync in [false, true] {
        let (engine, clock) = timed_engine();
        let calls = Calls::default();
        let future = engine.enter(|| match sync {
            false => calling(calls.clone()).start(),
            true => calling_sync(calls.clone()).start(),
        });
        clock.wait_for_timers(1);
        assert_eq!(calls.count(), 1);
        clock.advance(seconds(10));
        let error = future.result().unwrap_err();
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(2)));
    }
}

#[task(retries = 1, retry_delay = "10s")]
fn in_a_second_attempt(inner: Calls, outer: Calls) -> Result<(), FlowError> {
    if outer.add() == 1 {
        return Err(FlowError::msg("not yet"));
    }
    Ok(evenly.with_retries(1).submit(inner).result()?)
}

/// The inner delay would never be over, were the body executed by what ends the outer one.
#[test]
fn a_body_that_goes_on_after_a_delay_may_wait_for_another_delay() {
    let clock = millrun::Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).task_runner(SequentialTaskRunner::new()).build();
    let inner = Calls::default();
    let future = engine.enter(|| in_a_second_attempt.submit(inner.clone(), Calls::default()));
    for _ in 0..2 {
        clock.wait_for_timers(1);
        clock.advance(seconds(10));
    }
    future.result().unwrap_err();
    assert_eq!(inner.count(), 2);
}
