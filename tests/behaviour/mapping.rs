//! Mapping: over what, in which order, under which names.

use std::collections::BTreeSet;

use millrun::prelude::*;

use crate::gate::Gate;

#[task]
fn add_one(x: i32) -> i32 {
    x + 1
}

#[task]
async fn add_one_later(x: i32) -> i32 {
    tokio::task::yield_now().await;
    x + 1
}

#[task]
fn add(x: i32, y: i32) -> i32 {
    x + y
}

#[task]
fn list(upto: i32) -> Vec<i32> {
    (1..=upto).collect()
}

#[task]
async fn held(x: i32, gate: Gate) -> i32 {
    gate.pass().await;
    x
}

#[test]
fn a_map_is_over_anything_iterable() {
    let vec = vec![1, 2, 3];
    let futures = || [1, 2, 3].map(|x| add_one.submit(x - 1));
    for mapped in [
        add_one.map(vec.clone()),
        add_one.map(&vec),
        add_one.map(vec.iter()),
        add_one.map(&vec[..]),
        add_one.map([1, 2, 3]),
        add_one.map(&[1, 2, 3]),
        add_one.map(1..4),
        add_one.map(1..=3),
        add_one.map((0..3).map(|x| x + 1)),
        add_one.map(BTreeSet::from([3, 1, 2])),
        add_one.map(futures()),
        add_one.map(&futures()),
        add_one.map(Vec::from(futures())),
        add_one.map(futures().iter()),
        add_one.map(list.submit(3)),
        add_one.map(&list.submit(3)),
        add_one.map(add_one.map(0..3)),
        add_one.map(&add_one.map(0..3)),
        add_one.map(add_one_later.map(0..3)),
        add_one_later.map(add_one.map(0..3)),
        add_one_later.map(vec![1, 2, 3]),
    ] {
        assert_eq!(mapped.result().unwrap(), [2, 3, 4]);
    }
}

#[tokio::test]
async fn a_map_is_awaited_in_async_code() {
    #[flow]
    async fn mapped() -> Result<Vec<i32>, FlowError> {
        let list = list.submit(3);
        let mapped = add_one_later.map(add_one.map(&list));
        Ok(add.map(&mapped, &list).await?)
    }
    assert_eq!(mapped().await.unwrap(), [4, 6, 8]);
}

#[test]
fn two_mapped_arguments_pair_up() {
    assert_eq!(add.map([1, 2, 3], [4, 5, 6]).result().unwrap(), [5, 7, 9]);
    assert_eq!(add.map(0..3, add_one.map(0..3)).result().unwrap(), [1, 3, 5]);
    assert_eq!(add.map(list.submit(3), vec![1, 1, 1]).result().unwrap(), [2, 3, 4]);
}

#[test]
fn elements_pair_up_however_fast_their_runs_are_made() {
    let pairs = |n: i32| {
        let first = add_one.map(0..n);
        let second = add.map(0..n, &first);
        let third = add.map(second, first);
        third.result().unwrap()
    };
    for _ in 0..3 {
        assert_eq!(pairs(5000), (0..5000).map(|x| 3 * x + 2).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_unmapped_is_the_same_for_each_run() {
    #[task]
    fn with_list(x: i32, all: Vec<i32>) -> String {
        format!("{x} of {all:?}")
    }
    #[task]
    fn with_slice(x: i32, all: &[i32]) -> String {
        format!("{x} of {all:?}")
    }
    let expected = ["1 of [4, 5, 6]", "2 of [4, 5, 6]"];
    assert_eq!(add.map([1, 2, 3], unmapped(5)).result().unwrap(), [6, 7, 8]);
    assert_eq!(with_list.map([1, 2], unmapped(vec![4, 5, 6])).result().unwrap(), expected);
    assert_eq!(with_slice.map([1, 2], unmapped([4, 5, 6])).result().unwrap(), expected);
    // Futures, too: of a value, of a list, of a map.
    assert_eq!(add.map([1, 2], unmapped(add_one.submit(9))).result().unwrap(), [11, 12]);
    let all = add_one.map(3..6);
    assert_eq!(with_list.map([1, 2], unmapped(&all)).result().unwrap(), expected);
    assert_eq!(with_slice.map([1, 2], unmapped(all)).result().unwrap(), expected);
    assert_eq!(with_slice.map([1], unmapped(list.submit(2))).result().unwrap(), ["1 of [1, 2]"]);
}

#[test]
fn nothing_to_map_over_gives_an_empty_result() {
    assert!(add_one.map(0..0).result().unwrap().is_empty());
    assert!(add_one.map(list.submit(0)).result().unwrap().is_empty());
    assert!(add_one.map(add_one.map(0..0)).result().unwrap().is_empty());
    assert!(add.map(0..0, unmapped(1)).result().unwrap().is_empty());
    assert!(add_one.map(0..0).outcomes_blocking().is_empty());
    assert!(add_one.map(0..0).futures_blocking().is_empty());
    #[flow]
    fn empty() -> Result<Vec<i32>, FlowError> {
        Ok(add_one.map(0..0).result()?)
    }
    assert!(empty().result().unwrap().is_empty());
}

#[test]
fn squares_and_their_sum() {
    #[task]
    fn square(x: u64) -> u64 {
        x * x
    }
    #[task]
    fn sum(squares: &[u64]) -> u64 {
        squares.iter().sum()
    }
    #[flow]
    fn both() -> Result<(Vec<u64>, u64), FlowError> {
        let squares = square.map(0..6);
        let total = sum.submit(&squares);
        Ok((squares.result()?, total.result()?))
    }
    assert_eq!(both().result().unwrap(), (vec![0, 1, 4, 9, 16, 25], 55));
}

#[test]
fn runs_of_a_map_are_named_after_the_task_the_map_and_the_element() {
    #[task]
    fn squared(_x: u32) -> (String, Option<usize>) {
        let run = task_run().unwrap();
        (run.name(), run.map_index())
    }
    #[flow]
    fn named() -> Result<Vec<(String, Option<usize>)>, FlowError> {
        let mut all = squared.map(0..2).result()?;
        all.extend(squared.map(0..2).result()?);
        all.push(squared.submit(1).result()?);
        all.extend(squared.with_name("other").map([7]).result()?);
        Ok(all)
    }
    let expected = [
        ("squared[0]", Some(0)),
        ("squared[1]", Some(1)),
        ("squared-1[0]", Some(0)),
        ("squared-1[1]", Some(1)),
        ("squared-0", None),
    ];
    let named = named().result().unwrap();
    let named: Vec<(&str, Option<usize>)> =
        named.iter().map(|(name, index)| (name.as_str(), *index)).collect();
    assert_eq!(named[..5], expected);
    assert!(named[5].0.starts_with("other") && named[5].0.ends_with("[0]"), "{}", named[5].0);
}

#[test]
fn a_name_of_its_own_goes_before_the_name_of_the_element() {
    #[task(task_run_name = "row {x}")]
    fn named(x: u32) -> String {
        assert!(x < 9);
        task_run().unwrap().name()
    }
    assert_eq!(named.map(3..5).result().unwrap(), ["row 3", "row 4"]);
}

#[tokio::test]
async fn a_run_over_a_list_of_futures_depends_on_its_own_future_alone() {
    let (x, y) = (Gate::new(), Gate::new());
    let futures = [held.submit(1, &x), held.submit(2, &y)];
    let mapped = add_one.map([&futures[0], &futures[1]]);
    let runs = mapped.futures().await;
    x.open();
    assert_eq!((&runs[0]).await.unwrap(), 2);
    assert!(runs[1].state().is_pending());
    y.open();
    assert_eq!((&runs[1]).await.unwrap(), 3);
}

#[tokio::test]
async fn every_run_over_the_future_of_a_list_waits_for_it() {
    #[task]
    async fn held_list(gate: Gate) -> Vec<i32> {
        gate.pass().await;
        vec![1, 2]
    }
    let gate = Gate::new();
    let list = held_list.submit(&gate);
    let mapped = add_one.map(&list);
    let next = add_one_later.map(&mapped);
    gate.arrived(1).await;
    assert_eq!((mapped.count(), next.count()), (None, None));
    gate.open();
    assert_eq!(next.await.unwrap(), [3, 4]);
    assert_eq!(mapped.count(), Some(2));
}

#[tokio::test]
async fn an_element_goes_on_while_others_are_held() {
    let gates = [Gate::new(), Gate::new()];
    // Once with the length known at once, once not.
    #[task]
    fn numbers() -> Vec<i32> {
        vec![0, 1]
    }
    let first = held.map(numbers.submit(), &gates);
    let second = add_one.map(&first);
    let third = add_one_later.map(&second);
    let runs = third.futures().await;
    gates[0].open();
    assert_eq!((&runs[0]).await.unwrap(), 2);
    assert!(first.futures().await[1].state().is_running());
    assert!(runs[1].state().is_pending());
    gates[1].open();
    assert_eq!(third.await.unwrap(), [2, 3]);
}
