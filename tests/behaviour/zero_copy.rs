//! No copies: borrowed parameters read a result in place, by-value ones take it where nobody else can read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrun::prelude::*;

use crate::gate::Gate;

/// Panics when it is cloned.
#[derive(Debug, PartialEq)]
struct Precious(u32);

impl Clone for Precious {
    fn clone(&self) -> Self {
        panic!("{} was cloned", self.0)
    }
}

fn address<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).cast::<u8>() as usize
}

#[task]
fn make(x: u32) -> Precious {
    Precious(x)
}

#[task]
async fn make_later(x: u32) -> Precious {
    tokio::task::yield_now().await;
    Precious(x)
}

#[flow]
fn make_flow(x: u32) -> Precious {
    Precious(x)
}

#[task]
fn look(precious: &Precious) -> usize {
    address(precious)
}

#[task]
async fn look_later(precious: &Precious) -> usize {
    tokio::task::yield_now().await;
    address(precious)
}

#[task]
fn take(precious: Precious) -> u32 {
    precious.0
}

#[task]
async fn take_later(precious: Precious) -> u32 {
    tokio::task::yield_now().await;
    precious.0
}

#[test]
fn a_borrowed_parameter_reads_the_result_in_place_however_many_read_it() {
    let future = make.submit(1);
    let there = address(&*future.shared_result().unwrap());
    let futures: Vec<_> = (0..8).map(|_| look.submit(&future)).collect();
    assert!(futures.iter().all(|future| future.result().unwrap() == there));
    assert_eq!(look_later.submit(&future).result().unwrap(), there);
    assert_eq!(look.submit(future).result().unwrap(), there);
}

#[tokio::test]
async fn a_borrowed_parameter_of_an_async_task_reads_the_result_in_place() {
    let future = make_later.submit(1);
    let there = address(&*future.shared().await.unwrap());
    assert_eq!(look_later.submit(&future).await.unwrap(), there);
    assert_eq!(look.submit(future).await.unwrap(), there);
}

#[test]
fn a_borrowed_parameter_reads_text_slices_and_arcs_in_place() {
    #[task]
    fn text() -> String {
        "text".into()
    }
    #[task]
    fn look_text(text: &str) -> usize {
        address(text)
    }
    #[task]
    fn list() -> Vec<Precious> {
        vec![Precious(1), Precious(2)]
    }
    #[task]
    fn look_list(list: &[Precious]) -> usize {
        address(list)
    }
    let text = text.submit();
    assert_eq!(look_text.submit(&text).result().unwrap(), address(&**text.shared_result().unwrap()));
    let list = list.submit();
    assert_eq!(look_list.submit(&list).result().unwrap(), address(&**list.shared_result().unwrap()));
    let arc = Arc::new(Precious(3));
    assert_eq!(look.submit(&arc).result().unwrap(), address(&*arc));
}

#[test]
fn an_owned_value_is_moved_into_a_borrowed_parameter() {
    assert!(look.submit(Precious(1)).result().is_ok());
    let list: Vec<Precious> = vec![Precious(1), Precious(2)];
    #[task]
    fn sum(list: &[Precious]) -> u32 {
        list.iter().map(|precious| precious.0).sum()
    }
    assert_eq!(sum.submit(list).result().unwrap(), 3);
    assert_eq!(sum.submit([Precious(1), Precious(2)]).result().unwrap(), 3);
}

#[test]
fn a_result_that_nobody_else_reads_is_moved() {
    assert_eq!(take.submit(make.submit(1)).result().unwrap(), 1);
    assert_eq!(take.submit(make_later.submit(2)).result().unwrap(), 2);
    assert_eq!(take_later.submit(make.submit(3)).result().unwrap(), 3);
    assert_eq!(take.submit(make_flow(4).start()).result().unwrap(), 4);
    assert_eq!(take.submit(make(5).submit()).result().unwrap(), 5);
    // Direct calls give their value away.
    assert_eq!(make(6).result().unwrap(), Precious(6));
    assert_eq!(make_flow(7).result().unwrap(), Precious(7));
}

#[tokio::test]
async fn a_result_that_nobody_else_reads_is_moved_in_async_code() {
    assert_eq!(take_later.submit(make_later.submit(1)).await.unwrap(), 1);
    assert_eq!(take.submit(make_flow(2).start()).await.unwrap(), 2);
    assert_eq!(make_later(3).await.unwrap(), Precious(3));
    assert_eq!(make_flow(4).await.unwrap(), Precious(4));
}

#[test]
fn a_result_is_moved_once_the_other_readers_have_gone() {
    #[task]
    fn gated(gate: Gate) -> Precious {
        gate.pass_blocking();
        Precious(1)
    }
    let gate = Gate::new();
    let future = gated.submit(&gate);
    let (copy, taker) = (future.clone(), take.submit(&future));
    drop((copy, future));
    gate.open();
    assert_eq!(taker.result().unwrap(), 1);
}

#[test]
fn a_result_that_another_reads_is_cloned() {
    #[task]
    fn cloning() -> Result<u32, TaskError> {
        let future = make.submit(7);
        let taken = take.submit(&future).result();
        drop(future);
        taken
    }
    let error = cloning.submit().result().unwrap_err();
    assert!(error.to_string().contains("7 was cloned"), "{error}");
}

#[test]
fn elements_of_lists_are_moved_where_nobody_else_reads_them() {
    #[task]
    fn sum(list: Vec<Precious>) -> u32 {
        list.iter().map(|precious| precious.0).sum()
    }
    #[task]
    fn sum_slice(list: &[Precious]) -> u32 {
        list.iter().map(|precious| precious.0).sum()
    }
    let futures = || [1, 2, 3].map(|x| make.submit(x));
    assert_eq!(sum.submit(futures()).result().unwrap(), 6);
    assert_eq!(sum.submit(Vec::from(futures())).result().unwrap(), 6);
    assert_eq!(sum_slice.submit(futures()).result().unwrap(), 6);
    assert_eq!(sum.submit(make.map([1, 2, 3])).result().unwrap(), 6);
    assert_eq!(sum_slice.submit(make.map([1, 2, 3])).result().unwrap(), 6);
    assert_eq!(sum_slice.submit(make_later.map([1, 2, 3])).result().unwrap(), 6);
}

#[test]
fn elements_of_other_containers_are_moved_too() {
    #[task]
    fn pair(pair: (Precious, Precious)) -> u32 {
        pair.0.0 + pair.1.0
    }
    #[task]
    fn option(option: Option<Precious>) -> u32 {
        option.map_or(0, |precious| precious.0)
    }
    #[task]
    fn map(map: BTreeMap<u8, Precious>) -> u32 {
        map.values().map(|precious| precious.0).sum()
    }
    #[task]
    fn result(result: Result<Precious, TaskError>) -> u32 {
        result.unwrap().0
    }
    assert_eq!(pair.submit((make.submit(1), make.submit(2))).result().unwrap(), 3);
    assert_eq!(option.submit(Some(make.submit(3))).result().unwrap(), 3);
    assert_eq!(map.submit(BTreeMap::from([(1, make.submit(4))])).result().unwrap(), 4);
    assert_eq!(result.submit(make.submit(5)).result().unwrap(), 5);
}

#[test]
fn mapped_results_are_moved_from_map_to_map() {
    #[task]
    fn next(precious: Precious) -> Precious {
        Precious(precious.0 + 1)
    }
    let sums = take.map(next.map(make.map(0..3000))).result().unwrap();
    assert_eq!(sums, (1..=3000).collect::<Vec<u32>>());
}

#[test]
fn a_mapped_list_of_another_run_is_moved() {
    #[task]
    fn list(n: u32) -> Vec<Precious> {
        (0..n).map(Precious).collect()
    }
    assert_eq!(take.map(list.submit(3)).result().unwrap(), [0, 1, 2]);
    let kept: Vec<Precious> = vec![Precious(1), Precious(2)];
    assert_eq!(take.map(kept).result().unwrap(), [1, 2]);
}

#[test]
fn mapped_runs_borrow_results_in_place() {
    let futures = make.map(0..20);
    let there: Vec<usize> =
        futures.shared_result().unwrap().iter().map(|shared| address(&**shared)).collect();
    assert_eq!(look.map(&futures).result().unwrap(), there);
    assert_eq!(look.map(&futures).result().unwrap(), there);
    assert_eq!(look_later.map(futures).result().unwrap(), there);
}

#[test]
fn what_is_the_same_for_each_run_is_borrowed_in_place() {
    #[task]
    fn look_at(_x: u32, precious: &Precious) -> usize {
        address(precious)
    }
    let future = make.submit(1);
    let there = address(&*future.shared_result().unwrap());
    assert!(look_at.map(0..5, unmapped(&future)).result().unwrap().iter().all(|place| *place == there));
    let places = look_at.map(0..5, unmapped(Precious(2))).result().unwrap();
    assert!(places.iter().all(|place| *place == places[0]));
}

#[tokio::test]
async fn awaiting_shared_results_clones_nothing() {
    let future = make_later.submit(1);
    assert_eq!(*future.shared().await.unwrap(), Precious(1));
    assert_eq!(*future.peek().unwrap(), Precious(1));
    let futures = make_later.map(0..3);
    let shared = futures.shared().await.unwrap();
    assert_eq!(shared.iter().map(|one| one.0).collect::<Vec<_>>(), [0, 1, 2]);
    let flow = make_flow(2).start();
    assert_eq!(*flow.shared().await.unwrap(), Precious(2));
    // The only handle of a map gives all its results away.
    drop(shared);
    assert_eq!(futures.await.unwrap(), [Precious(0), Precious(1), Precious(2)]);
}

#[test]
fn the_report_of_a_flow_holds_its_value_without_a_copy() {
    let run = make_flow(3).report_blocking();
    assert_eq!(run.result().unwrap(), &Precious(3));
    assert_eq!(run.value(), Some(&Precious(3)));
}
