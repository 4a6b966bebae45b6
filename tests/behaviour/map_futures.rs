//! `TaskFutures`: the futures of a map, awaited, blocked on, looked at one by one.

use millrun::prelude::*;

use crate::gate::{Calls, Gate};

#[task]
fn odd(x: u32) -> Result<u32, String> {
    if x % 2 == 1 { Ok(x) } else { Err(format!("{x} is even")) }
}

#[task]
async fn odd_later(x: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    if x % 2 == 1 { Ok(x) } else { Err(format!("{x} is even")) }
}

#[task]
async fn held(x: u32, gate: Gate) -> u32 {
    gate.pass().await;
    x
}

#[test]
fn results_come_in_input_order_whatever_the_order_of_completion() {
    #[task(blocking)]
    fn after_next(x: usize, gates: Vec<Gate>) -> usize {
        if let Some(next) = gates.get(x + 1) {
            next.pass_blocking();
        }
        gates[x].open();
        x
    }
    // Each element ends only once the next one has.
    let gates: Vec<Gate> = (0..6).map(|_| Gate::new()).collect();
    let futures = after_next.map(0..6, unmapped(&gates));
    assert_eq!(futures.result().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(futures.shared_result().unwrap().iter().map(|x| **x).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn awaiting_fails_as_soon_as_one_run_does() {
    #[task]
    async fn second_fails(x: u32, gate: Gate) -> Result<u32, String> {
        if x == 1 {
            return Err("the second".into());
        }
        gate.pass().await;
        Ok(x)
    }
    let gate = Gate::new();
    let futures = second_fails.map(0..3, unmapped(&gate));
    // The others are still at the gate.
    assert_eq!(futures.clone().await.unwrap_err().to_string(), "the second");
    assert_eq!(futures.shared().await.unwrap_err().to_string(), "the second");
    gate.open();
    let outcomes = futures.outcomes().await;
    assert_eq!(outcomes[0].as_ref().unwrap(), &0);
    assert_eq!(outcomes[1].as_ref().unwrap_err().to_string(), "the second");
    assert_eq!(outcomes[2].as_ref().unwrap(), &2);
}

#[test]
fn blocking_fails_as_soon_as_one_run_does() {
    #[task]
    async fn second_fails(x: u32, gate: Gate) -> Result<u32, String> {
        if x == 1 {
            return Err("the second".into());
        }
        gate.pass().await;
        Ok(x)
    }
    let gate = Gate::new();
    let futures = second_fails.map(0..3, unmapped(&gate));
    assert_eq!(futures.result().unwrap_err().to_string(), "the second");
    gate.open();
    futures.wait();
    assert!(futures.futures_blocking().iter().all(|future| future.state().is_final()));
}

#[test]
fn outcomes_mix_values_and_errors_in_input_order() {
    for futures in [odd.map([1, 2, 3, 4]), odd_later.map([1, 2, 3, 4])] {
        let outcomes: Vec<Result<u32, String>> = futures
            .outcomes_blocking()
            .into_iter()
            .map(|outcome| outcome.map_err(|error| error.to_string()))
            .collect();
        assert_eq!(outcomes, [Ok(1), Err("2 is even".into()), Ok(3), Err("4 is even".into())]);
    }
}

#[tokio::test]
async fn the_futures_of_a_map_are_futures_like_any_other() {
    let gate = Gate::new();
    let map = held.map(0..3, unmapped(&gate));
    let futures = map.futures().await;
    assert_eq!(futures.len(), 3);
    assert_eq!(map.count(), Some(3));
    gate.arrived(3).await;
    futures[1].cancel();
    assert!(futures[1].finished().await.is_cancelled());
    gate.open();
    assert_eq!((&futures[0]).await.unwrap(), 0);
    let outcomes = map.outcomes().await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn all_futures_of_a_large_map_are_given_and_all_its_runs_begun() {
    let gate = Gate::new();
    let map = held.map(0..3000, unmapped(&gate));
    let futures = map.futures().await;
    assert_eq!(futures.len(), 3000);
    gate.arrived(3000).await;
    gate.open();
    for (x, future) in futures.iter().enumerate() {
        assert_eq!(future.await.unwrap() as usize, x);
    }
}

#[test]
fn all_futures_are_given_while_other_threads_make_runs_too() {
    #[task]
    fn same(x: u32) -> u32 {
        x
    }
    for _ in 0..5 {
        let first = same.map(0..5000);
        let second = same.map(&first);
        let futures = second.futures_blocking();
        assert_eq!(futures.len(), 5000);
        assert_eq!(futures[4999].result().unwrap(), 4999);
        assert_eq!(first.futures_blocking().len(), 5000);
    }
}

#[test]
fn a_map_nobody_looks_at_runs_all_the_same() {
    #[task]
    fn count(_x: u32, calls: Calls) {
        calls.add();
    }
    #[flow]
    fn unlooked(calls: Calls) {
        let _ = count.map(0..3000, unmapped(&calls));
    }
    let calls = Calls::default();
    unlooked(calls.clone()).result().unwrap();
    assert_eq!(calls.count(), 3000, "the flow waits for all of them");
    let calls = Calls::default();
    let futures = count.map(0..100, unmapped(&calls));
    futures.wait();
    assert_eq!(calls.count(), 100);
}

#[test]
fn a_failure_in_a_map_nobody_looks_at_fails_the_flow() {
    #[flow]
    fn unlooked() -> u32 {
        let futures = odd.map([1, 2, 3, 4]);
        futures.wait();
        1
    }
    let run = unlooked().report_blocking();
    assert_eq!(run.state().to_string(), "Failed('2/4 task runs failed.')");
}

#[test]
fn who_awaits_a_map_sees_all_its_runs() {
    #[flow]
    fn handled() -> usize {
        let futures = odd.map([1, 2, 3, 4]);
        usize::from(futures.result().is_err())
    }
    #[flow]
    async fn handled_later() -> usize {
        odd_later.map(0..10).outcomes().await.len()
    }
    assert_eq!(handled().result().unwrap(), 1);
    assert_eq!(handled_later().result().unwrap(), 10);
}

#[test]
fn a_clone_of_a_map_reads_the_same_results() {
    let futures = odd.map([1, 3]);
    let copy = futures.clone();
    drop(futures);
    assert_eq!(copy.result().unwrap(), [1, 3]);
    assert_eq!(copy.result().unwrap(), [1, 3]);
    assert!(format!("{copy:?}").contains("odd"), "{copy:?}");
}

#[tokio::test]
async fn cancelling_a_map_cancels_what_has_not_ended_and_begins_nothing() {
    #[task]
    async fn counted(x: u32, gate: Gate, calls: Calls) -> u32 {
        calls.add();
        if x > 0 {
            gate.pass().await;
        }
        x
    }
    let (gate, calls) = (Gate::new(), Calls::default());
    let map = counted.map(0..5000, unmapped(&gate), unmapped(&calls));
    assert_eq!(map.count(), Some(5000));
    gate.arrived(1023).await;
    map.cancel();
    let outcomes = map.outcomes().await;
    assert_eq!(outcomes.len(), 5000);
    assert_eq!(outcomes[0].as_ref().unwrap(), &0);
    assert!(outcomes[1..].iter().all(|outcome| outcome.as_ref().unwrap_err().is_cancelled()));
    // The window, and perhaps one in the place of the first.
    assert!((1024..=1025).contains(&calls.count()), "{} have begun", calls.count());
}
