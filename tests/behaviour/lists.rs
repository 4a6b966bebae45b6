//! Lists of futures for `Vec<P>` and `&[P]`, shared ones for `Vec<Arc<P>>` and `&[Arc<P>]`.

use std::sync::Arc;

use millrun::prelude::*;

#[task]
fn number(x: u32) -> u32 {
    x
}

#[task]
async fn number_later(x: u32) -> u32 {
    tokio::task::yield_now().await;
    x
}

#[flow]
fn number_flow(x: u32) -> u32 {
    x
}

#[task]
fn joined(numbers: Vec<u32>) -> String {
    format!("{numbers:?}")
}

#[task]
fn borrowed(numbers: &[u32]) -> String {
    format!("{numbers:?}")
}

#[task]
async fn borrowed_later(numbers: &[u32]) -> String {
    tokio::task::yield_now().await;
    format!("{numbers:?}")
}

/// Every kind of list of the futures of 1, 2, 3, passed to `$task`.
macro_rules! check_lists_of_futures {
    ($task:ident) => {
        let futures: Vec<TaskFuture<u32>> = [1, 2, 3].map(|x| number.submit(x)).to_vec();
        let [a, b, c] = [1, 2, 3].map(|x| number_later.submit(x));
        assert_eq!($task.submit(&futures).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(&futures[..]).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(&futures[1..]).result().unwrap(), "[2, 3]");
        assert_eq!($task.submit(futures.iter().collect::<Vec<_>>()).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(futures).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit([&a, &b, &c]).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(vec![&c, &b]).result().unwrap(), "[3, 2]");
        let array = [a, b, c];
        assert_eq!($task.submit(&array).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(array).result().unwrap(), "[1, 2, 3]");
        let map = number.map([1, 2, 3]);
        assert_eq!($task.submit(&map).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(map.clone()).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(map).result().unwrap(), "[1, 2, 3]");
        assert_eq!($task.submit(number.map(Vec::<u32>::new())).result().unwrap(), "[]");
        assert_eq!($task.submit(Vec::<TaskFuture<u32>>::new()).result().unwrap(), "[]");
        // Flow runs are passed like task runs.
        let flows = vec![number_flow(1).start(), number_flow(2).start()];
        assert_eq!($task.submit(&flows).result().unwrap(), "[1, 2]");
        assert_eq!($task.submit(&flows[1..]).result().unwrap(), "[2]");
        assert_eq!($task.submit([&flows[1], &flows[0]]).result().unwrap(), "[2, 1]");
        assert_eq!($task.submit(flows.iter().collect::<Vec<_>>()).result().unwrap(), "[1, 2]");
        assert_eq!($task.submit(flows).result().unwrap(), "[1, 2]");
        let flows = [number_flow(1).start(), number_flow(2).start()];
        assert_eq!($task.submit(&flows).result().unwrap(), "[1, 2]");
        assert_eq!($task.submit(flows).result().unwrap(), "[1, 2]");
    };
}

#[test]
fn a_vec_takes_lists_of_futures() {
    check_lists_of_futures!(joined);
    assert_eq!(joined.submit(vec![1]).result().unwrap(), "[1]");
    assert_eq!(joined.submit([1, 2]).result().unwrap(), "[1, 2]");
    assert_eq!(joined.submit(&[1, 2][..]).result().unwrap(), "[1, 2]");
}

#[test]
fn a_slice_takes_lists_of_futures() {
    check_lists_of_futures!(borrowed);
}

#[test]
fn a_slice_of_an_async_task_takes_lists_of_futures() {
    check_lists_of_futures!(borrowed_later);
}

#[tokio::test]
async fn lists_of_futures_are_awaited_in_async_flows() {
    #[flow]
    async fn both() -> Result<(String, String), FlowError> {
        let futures: Vec<_> = (0..4).map(|x| number_later.submit(x)).collect();
        let one = joined.submit(&futures);
        let other = borrowed_later.submit(number_later.map(0..4));
        Ok((one.await?, other.await?))
    }
    let expected = "[0, 1, 2, 3]".to_owned();
    assert_eq!(both().await.unwrap(), (expected.clone(), expected));
}

/// Can neither be cloned nor compared by chance.
#[derive(Debug)]
struct Unique(u32);

#[task]
fn unique(x: u32) -> Unique {
    Unique(x)
}

#[task]
fn shared(all: Vec<Arc<Unique>>) -> Vec<(u32, usize)> {
    all.iter().map(|unique| (unique.0, Arc::as_ptr(unique) as usize)).collect()
}

#[task]
fn shared_slice(all: &[Arc<Unique>]) -> Vec<(u32, usize)> {
    all.iter().map(|unique| (unique.0, Arc::as_ptr(unique) as usize)).collect()
}

#[test]
fn lists_of_arcs_share_what_cannot_be_cloned() {
    let futures = [unique.submit(1), unique.submit(2)];
    let there: Vec<(u32, usize)> = futures
        .iter()
        .map(|future| {
            let shared = future.shared_result().unwrap();
            (shared.0, Arc::as_ptr(&shared) as usize)
        })
        .collect();
    assert_eq!(shared.submit(&futures).result().unwrap(), there);
    assert_eq!(shared_slice.submit(&futures).result().unwrap(), there);
    assert_eq!(shared.submit(futures.iter().collect::<Vec<_>>()).result().unwrap(), there);
    assert_eq!(shared_slice.submit(&futures[..]).result().unwrap(), there);
    assert_eq!(shared.submit(futures.to_vec()).result().unwrap(), there);
    assert_eq!(shared_slice.submit(futures).result().unwrap(), there);

    let map = unique.map([3, 4]);
    let there: Vec<(u32, usize)> =
        map.shared_result().unwrap().iter().map(|one| (one.0, Arc::as_ptr(one) as usize)).collect();
    assert_eq!(shared.submit(&map).result().unwrap(), there);
    assert_eq!(shared_slice.submit(&map).result().unwrap(), there);
    assert_eq!(shared_slice.submit(map).result().unwrap(), there);
}

#[test]
fn lists_of_arcs_take_arcs() {
    let arcs = vec![Arc::new(Unique(1)), Arc::new(Unique(2))];
    let numbers = |list: Vec<(u32, usize)>| list.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers(shared.submit(&arcs).result().unwrap()), [1, 2]);
    assert_eq!(numbers(shared_slice.submit(&arcs).result().unwrap()), [1, 2]);
    assert_eq!(numbers(shared_slice.submit(arcs).result().unwrap()), [1, 2]);
}

#[test]
fn a_list_with_a_failed_run_stops_what_takes_it() {
    #[task]
    fn odd(x: u32) -> Result<u32, String> {
        if x % 2 == 1 { Ok(x) } else { Err(format!("{x} is even")) }
    }
    let mapped = joined.submit(odd.map([1, 2, 3]));
    let error = mapped.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert!(error.to_string().contains("[1]'"), "{error}");
    let listed = borrowed.submit([odd.submit(1), odd.submit(2)]);
    assert_eq!(listed.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
}
