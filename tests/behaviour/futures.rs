//! `TaskFuture`: awaited, blocked on, looked at.

use std::fmt;
use std::time::Duration;

use millrun::Clock;
use millrun::prelude::*;

use crate::gate::Gate;

#[derive(Debug, PartialEq)]
struct Boom;

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("boom")
    }
}

impl std::error::Error for Boom {}

#[task]
async fn held(gate: Gate) -> u32 {
    gate.pass().await;
    7
}

#[task(blocking)]
fn held_blocking(gate: Gate) -> u32 {
    gate.pass_blocking();
    8
}

#[task]
fn failing() -> Result<u32, Boom> {
    Err(Boom)
}

/// Moves the clock once somebody waits for it.
fn advance_when_waited_for(clock: &Clock, by: Duration) -> std::thread::JoinHandle<()> {
    let clock = clock.clone();
    std::thread::spawn(move || {
        clock.wait_for_timers(1);
        clock.advance(by);
    })
}

const TEN: Duration = Duration::from_millis(10);

#[test]
fn waiting_for_a_time_fails_nothing() {
    let (clock, gate) = (Clock::manual(), Gate::new());
    let engine = Engine::builder().clock(clock.clone()).build();
    engine.enter(|| {
        for future in [held.submit(&gate), held_blocking.submit(&gate)] {
            let moving = advance_when_waited_for(&clock, TEN);
            assert!(!future.wait_timeout(TEN));
            moving.join().unwrap();
            assert!(!future.state().is_final());
            assert_eq!(clock.pending_timers(), 0);
        }
    });
    gate.open();
}

#[test]
fn a_result_that_is_not_there_in_time_is_an_error_and_the_run_goes_on() {
    let (clock, gate) = (Clock::manual(), Gate::new());
    let engine = Engine::builder().clock(clock.clone()).build();
    engine.enter(|| {
        let future = held.submit(&gate);
        let moving = advance_when_waited_for(&clock, TEN);
        let error = future.result_timeout(TEN).unwrap_err();
        moving.join().unwrap();
        let expected = format!("Task run '{}' did not complete within 0.01 seconds", future.name());
        assert_eq!(error.to_string(), expected);
        assert!(error.is_timeout());
        assert_eq!(error.run_name(), Some(future.name().as_str()));
        assert!(!future.state().is_final());
        gate.open();
        assert_eq!(future.result_timeout(TEN).unwrap_or_else(|_| future.result().unwrap()), 7);
        assert!(future.state().is_completed());
    });
}

#[test]
fn a_timeout_of_zero_still_gives_what_is_there() {
    let gate = Gate::new();
    let future = held.submit(&gate);
    assert!(!future.wait_timeout(Duration::ZERO));
    assert!(future.result_timeout(Duration::ZERO).is_err());
    gate.open();
    future.wait();
    assert!(future.wait_timeout(Duration::ZERO));
    assert_eq!(future.result_timeout(Duration::ZERO).unwrap(), 7);
}

#[test]
fn a_failed_run_gives_the_tasks_own_error_each_time() {
    let future = failing.submit();
    future.wait();
    for _ in 0..2 {
        let error = future.result().unwrap_err();
        assert_eq!(error.downcast_ref::<Boom>(), Some(&Boom));
        assert_eq!((error.kind(), error.run_id()), (ErrorKind::Failed, Some(future.id().as_uuid())));
    }
    assert_eq!(future.shared_result().unwrap_err().to_string(), "boom");
    assert_eq!(future.result_timeout(TEN).unwrap_err().to_string(), "boom");
    assert!(future.peek().is_none());
}

#[tokio::test]
async fn every_way_to_look_at_a_future_agrees() {
    let gate = Gate::new();
    let future = held.submit(&gate);
    gate.arrived(1).await;
    assert!(future.peek().is_none());
    assert!(future.state().is_running());
    assert!(::futures::FutureExt::now_or_never(future.clone()).is_none());
    gate.open();
    let state = future.finished().await;
    assert!(state.is_completed());
    assert_eq!(state, future.state());
    assert_eq!(future.states().last(), Some(&state));
    assert_eq!(future.states().len(), 3);
    assert_eq!(future.peek().as_deref(), Some(&7));
    assert_eq!(*future.shared().await.unwrap(), 7);
    assert_eq!((&future).await.unwrap(), 7);
    assert_eq!(future.clone().await.unwrap(), 7);
    assert_eq!(future.result().unwrap(), 7);
    assert_eq!(future.clone().id(), future.id());
    assert!(format!("{future:?}").contains("held"), "{future:?}");
    assert_eq!(future.await.unwrap(), 7);
}

#[tokio::test]
async fn finished_never_fails() {
    let state = failing.submit().finished().await;
    assert_eq!(state.to_string(), "Failed('Task run encountered an exception: boom')");
}

#[tokio::test]
async fn a_future_may_be_awaited_by_many_and_in_a_select() {
    let gate = Gate::new();
    let future = held.submit(&gate);
    let many: Vec<_> = (0..10).map(|_| tokio::spawn(future.clone())).collect();
    let mut waiting = future.clone();
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("nobody has opened the gate"),
        () = gate.arrived(1) => {}
    }
    gate.open();
    for one in many {
        assert_eq!(one.await.unwrap().unwrap(), 7);
    }
    assert_eq!((&mut waiting).await.unwrap(), 7);
}

#[test]
fn dropping_a_future_cancels_nothing() {
    let (before, after) = (Gate::new(), Gate::new());
    #[task]
    async fn passes(before: Gate, after: Gate) {
        before.pass().await;
        after.pass().await;
    }
    let future = passes.submit(&before, &after);
    before.arrived_blocking(1);
    drop(future);
    before.open();
    after.arrived_blocking(1);
    after.open();
}

#[test]
fn a_value_that_cannot_be_cloned_is_shared() {
    #[derive(Debug, PartialEq)]
    struct Unique(u32);
    #[task]
    fn unique() -> Unique {
        Unique(3)
    }
    let future = unique.submit();
    assert_eq!(*future.shared_result().unwrap(), Unique(3));
    assert_eq!(future.peek().as_deref(), Some(&Unique(3)));
}

#[test]
fn a_run_is_named_after_its_task_and_counted_within_its_flow() {
    #[flow]
    fn names(gate: Gate) -> Vec<String> {
        let futures = [held.submit(&gate), held_blocking.submit(&gate), held.submit(&gate)];
        gate.open();
        futures.map(|future| future.name()).to_vec()
    }
    let expected = ["held-0", "held_blocking-0", "held-1"];
    assert_eq!(names(Gate::new()).result().unwrap(), expected);
    assert_eq!(names(Gate::new()).result().unwrap(), expected, "counted anew in each flow run");
}

#[test]
fn a_panicking_run_gives_an_error_of_its_kind_with_message_and_place() {
    #[task]
    fn panicking(x: u32) -> u32 {
        assert!(x > 10, "{x} is too small");
        x
    }
    let error = panicking.submit(3).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.to_string().contains("3 is too small"), "{error}");
    assert!(error.to_string().contains("futures.rs"), "{error}");
}
