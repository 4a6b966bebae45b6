//! `wait` and `as_completed`.

use std::time::Duration;

use ::futures::StreamExt;
use millrun::prelude::*;
use millrun::{AwaitedRun, Clock};

use crate::gate::Gate;

#[task]
async fn held(x: u32, gate: Gate) -> u32 {
    gate.pass().await;
    x
}

#[task]
fn number(x: u32) -> u32 {
    x
}

#[task]
fn failing() -> Result<u32, String> {
    Err("no".into())
}

#[flow]
async fn held_flow(gate: Gate) -> u32 {
    gate.pass().await;
    1
}

fn names(runs: &[AwaitedRun]) -> Vec<String> {
    runs.iter().map(AwaitedRun::name).collect()
}

#[tokio::test]
async fn wait_says_what_is_done_and_what_is_not() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let work = async {
        let gate = Gate::new();
        let done = (number.with_task_run_name("a").submit(1), failing.with_task_run_name("b").submit());
        let _ = (done.0.finished().await, done.1.finished().await);
        let open = held.submit(2, &gate);
        let moving = clock.clone();
        let mover = std::thread::spawn(move || {
            moving.wait_for_timers(1);
            moving.advance(Duration::from_secs(1));
        });
        let waited = wait((&done.0, &open, &done.1), Duration::from_secs(1)).await;
        mover.join().unwrap();
        assert_eq!(names(&waited.done), ["a", "b"]);
        assert_eq!(names(&waited.not_done), [open.name()]);
        assert_eq!(waited.done[1].state().name, StateName::Failed);
        assert_eq!(waited.not_done[0].id(), open.id().as_uuid());
        gate.open();
        let waited = wait([&open], None).await;
        assert_eq!((waited.done.len(), waited.not_done.len()), (1, 0));
    };
    engine.scope(work).await;
    assert_eq!(clock.pending_timers(), 0);
}

#[tokio::test]
async fn a_timeout_of_zero_still_tells_what_is_done() {
    let gate = Gate::new();
    let (done, open) = (number.submit(1), held.submit(1, &gate));
    let _ = done.finished().await;
    let waited = wait((&open, &done), Duration::ZERO).await;
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    assert_eq!(waited.done[0].id(), done.id().as_uuid());
    gate.open();
}

#[test]
fn wait_blocking_waits_for_dependencies_of_every_kind() {
    let gate = Gate::new();
    gate.open();
    let future = number.submit(1);
    let map = held.map(0..3, unmapped(&gate));
    let flow = held_flow(gate.clone()).start();
    let list = vec![number.submit(2), number.submit(3)];
    let waited = wait_blocking(
        (
            &future,
            &map,
            &flow,
            &list,
            &list[..1],
            [&future],
            allow_failure(failing.submit()),
            (future.clone(),),
        ),
        None,
    );
    assert_eq!(waited.not_done.len(), 0);
    assert_eq!(waited.done.len(), 1 + 3 + 1 + 2 + 1 + 1 + 1 + 1);
    assert!(waited.done.iter().all(|run| run.state().is_final()));
    let nothing = wait_blocking((), None);
    assert_eq!((nothing.done.len(), nothing.not_done.len()), (0, 0));
}

#[tokio::test]
async fn waiting_for_a_large_map_names_all_its_runs() {
    let gate = Gate::new();
    let map = held.map(0..3000, unmapped(&gate));
    let waited = wait(&map, Duration::ZERO).await;
    assert_eq!(waited.done.len() + waited.not_done.len(), 3000);
    gate.open();
    let waited = wait(&map, None).await;
    assert_eq!((waited.done.len(), waited.not_done.len()), (3000, 0));
}

#[test]
fn waiting_is_not_seeing() {
    #[flow]
    fn waits() {
        let failed = failing.submit();
        let _ = wait_blocking(&failed, None);
    }
    assert_eq!(waits().report_blocking().state().to_string(), "Failed('1/1 task runs failed.')");
}

#[tokio::test]
async fn runs_come_as_they_complete() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let work = async {
        let futures: Vec<_> =
            [10, 5, 1].into_iter().zip(&gates).map(|(x, gate)| held.submit(x, gate)).collect();
        let mut completed = as_completed(futures);
        let mut values = Vec::new();
        for gate in gates.iter().rev() {
            gate.open();
            values.push(completed.next().await.unwrap().await.unwrap());
        }
        assert_eq!(values, [1, 5, 10]);
        assert!(completed.next().await.is_none());
    };
    engine.scope(work).await;
}

#[tokio::test]
async fn runs_that_have_ended_come_in_the_order_in_which_they_did() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let work = async {
        let gates: Vec<Gate> = (0..4).map(|_| Gate::new()).collect();
        let futures: Vec<_> = gates.iter().zip(0..).map(|(gate, x)| held.submit(x, gate)).collect();
        for n in [2, 0, 3] {
            gates[n].open();
            let _ = futures[n].finished().await;
            clock.advance(Duration::from_secs(1));
        }
        let completed = as_completed(futures.clone());
        gates[1].open();
        let values: Vec<u32> = completed.map(|future| future.result().unwrap()).collect().await;
        assert_eq!(values, [2, 0, 3, 1]);
    };
    engine.scope(work).await;
}

#[test]
fn completed_runs_can_be_iterated_over_in_sync_code() {
    #[task(blocking)]
    fn held_blocking(x: u32, gate: Gate) -> u32 {
        gate.pass_blocking();
        x
    }
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let futures: Vec<_> =
        [10, 5, 1].into_iter().zip(&gates).map(|(x, gate)| held_blocking.submit(x, gate)).collect();
    let mut completed = as_completed(futures).blocking();
    assert_eq!(completed.size_hint(), (3, Some(3)));
    let mut values = Vec::new();
    for gate in gates.iter().rev() {
        gate.open();
        values.push(completed.next().unwrap().result().unwrap());
    }
    assert_eq!(values, [1, 5, 10]);
    assert!(completed.next().is_none());
}

#[test]
fn failed_runs_come_too_and_count_as_seen() {
    #[flow]
    fn handled() -> usize {
        as_completed([failing.submit(), number.submit(1)])
            .blocking()
            .filter(|future| future.state().is_failed())
            .count()
    }
    assert_eq!(handled().result().unwrap(), 1);
    assert_eq!(as_completed(Vec::<TaskFuture<u32>>::new()).blocking().count(), 0);
}
