//! Cancelling futures: before the start, while a body runs, and what waits for it.

use millrun::prelude::*;

use crate::gate::{Calls, Drops, Gate};

#[task]
async fn held(gate: Gate, drops: Drops) -> u32 {
    let _guard = drops.guard();
    gate.pass().await;
    1
}

#[task]
fn count(_x: u32, calls: Calls) -> u32 {
    calls.add();
    1
}

#[task]
fn after(calls: Calls) -> u32 {
    calls.add();
    2
}

fn names(future: &TaskFuture<u32>) -> Vec<StateName> {
    future.states().iter().map(|state| state.name).collect()
}

#[tokio::test]
async fn an_async_body_is_stopped_at_its_next_await() {
    let (gate, drops) = (Gate::new(), Drops::default());
    let future = held.submit(&gate, &drops);
    gate.arrived(1).await;
    future.cancel();
    let error = future.clone().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(drops.count(), 1);
    assert_eq!(names(&future), [StateName::Pending, StateName::Running, StateName::Cancelled]);
    // Again: nothing happens.
    future.cancel();
    assert!(future.state().is_cancelled());
}

#[test]
fn a_run_that_waits_for_another_never_starts_once_cancelled() {
    let (gate, calls) = (Gate::new(), Calls::default());
    let first = held.submit(&gate, Drops::default());
    let waiting = count.submit(&first, &calls);
    waiting.cancel();
    assert_eq!(waiting.result().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(names(&waiting), [StateName::Pending, StateName::Cancelled]);
    gate.open();
    assert_eq!(first.result().unwrap(), 1);
    assert_eq!(calls.count(), 0);
}

#[test]
fn what_waits_for_a_cancelled_run_is_trigger_failed() {
    let (gate, calls) = (Gate::new(), Calls::default());
    let first = held.submit(&gate, Drops::default());
    let takes = count.submit(&first, &calls);
    let waits = after.wait_for(&first).submit(&calls);
    let allows = after.wait_for(allow_failure(&first)).submit(&calls);
    gate.arrived_blocking(1);
    first.cancel();
    assert_eq!(takes.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(waits.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(allows.result().unwrap(), 2);
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_sync_body_is_given_up_on_and_can_find_out() {
    #[task(blocking)]
    fn stubborn(started: Gate, stop: Gate) -> bool {
        started.open();
        stop.pass_blocking();
        CANCELLED.store(task_run().unwrap().cancelled(), std::sync::atomic::Ordering::SeqCst);
        END.wait();
        true
    }
    static CANCELLED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    static END: std::sync::Barrier = std::sync::Barrier::new(2);
    let (started, stop) = (Gate::new(), Gate::new());
    let future = stubborn.submit(&started, &stop);
    started.pass_blocking();
    future.cancel();
    assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Cancelled);
    stop.open();
    END.wait();
    assert!(CANCELLED.load(std::sync::atomic::Ordering::SeqCst));
    assert!(future.state().is_cancelled(), "what it gives afterwards changes nothing");
}

#[test]
fn a_run_that_has_ended_stays_as_it_is() {
    let calls = Calls::default();
    let future = after.submit(&calls);
    future.wait();
    future.cancel();
    assert_eq!(future.result().unwrap(), 2);
}

#[tokio::test]
async fn cancelling_a_run_cancels_what_it_has_submitted_first() {
    #[task]
    async fn parent(gate: Gate, drops: Drops) -> u32 {
        let child = held.submit(&gate, &drops);
        let grandchildren = held.map([gate.clone(), gate.clone()], unmapped(&drops));
        let _ = grandchildren.count();
        child.await.unwrap_or(0)
    }
    let (gate, drops) = (Gate::new(), Drops::default());
    let future = parent.submit(&gate, &drops);
    gate.arrived(3).await;
    future.cancel();
    assert!(future.finished().await.is_cancelled());
    while drops.count() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_run_the_user_cancelled_does_not_fail_its_flow() {
    #[flow]
    async fn cancels(gate: Gate) -> &'static str {
        let future = held.submit(&gate, Drops::default());
        gate.arrived(1).await;
        future.cancel();
        "well"
    }
    let run = cancels(Gate::new()).report().await;
    assert_eq!(run.result().unwrap(), &"well");
    assert!(run.task_runs()[0].state().is_cancelled());
}

#[tokio::test]
async fn a_map_that_waits_for_its_list_is_cancelled_at_once() {
    #[task]
    async fn list(gate: Gate) -> Vec<u32> {
        gate.pass().await;
        vec![1, 2]
    }
    let (gate, calls) = (Gate::new(), Calls::default());
    let list = list.submit(&gate);
    let map = count.map(&list, unmapped(&calls));
    map.cancel();
    assert_eq!(map.clone().await.unwrap_err().kind(), ErrorKind::Cancelled);
    gate.open();
    assert_eq!(list.await.unwrap(), [1, 2]);
    assert_eq!(calls.count(), 0);
}

#[tokio::test]
async fn dropping_a_call_that_was_polled_cancels_its_run_and_its_children() {
    #[task]
    async fn parent(gate: Gate, drops: Drops) -> u32 {
        let _guard = drops.guard();
        held.submit(&gate, &drops).await.unwrap_or(0)
    }
    let (gate, drops) = (Gate::new(), Drops::default());
    {
        let mut call =
            std::pin::pin!(std::future::IntoFuture::into_future(parent(gate.clone(), drops.clone())));
        assert!(::futures::poll!(&mut call).is_pending());
        gate.arrived(1).await;
    }
    while drops.count() < 2 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_an_ended_run_has_left_behind_is_cancelled_with_its_flow() {
    #[task]
    fn leaves(gate: Gate, drops: Drops) {
        let left = held.submit(&gate, &drops);
        gate.arrived_blocking(1);
        drop(left);
    }
    #[flow]
    async fn left_alone(gate: Gate, drops: Drops, waiting: Gate) -> Result<(), FlowError> {
        leaves.submit(&gate, &drops).await?;
        waiting.pass().await;
        Ok(())
    }
    let (gate, drops, waiting) = (Gate::new(), Drops::default(), Gate::new());
    let run = left_alone(gate, drops.clone(), waiting.clone()).start();
    waiting.arrived_blocking(1);
    assert_eq!(drops.count(), 0);
    run.cancel();
    assert_eq!(run.result().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(drops.count(), 1);
}
