//! Blocking on the thread of a single-threaded runtime: fine where others do the work, a panic with advice where not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use millrun::prelude::*;

use crate::gate::{Calls, Gate};

#[task]
async fn later(x: u32) -> u32 {
    tokio::task::yield_now().await;
    x
}

#[task]
fn square(x: u32) -> u32 {
    x * x
}

#[task(blocking)]
fn blocking_square(x: u32) -> u32 {
    x * x
}

#[flow]
async fn flow(calls: Calls) -> u32 {
    calls.add();
    1
}

#[flow]
fn sync_flow(x: u32) -> Result<u32, FlowError> {
    Ok(square.submit(x).result()? + square(x).result()?)
}

fn advises_to_await<T>(action: impl FnOnce() -> T) -> bool {
    let panic = match catch_unwind(AssertUnwindSafe(action)) {
        Ok(_) => return false,
        Err(panic) => panic,
    };
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    message.is_some_and(|message| message.contains("use `.await` instead"))
}

#[tokio::test]
async fn blocking_is_fine_where_the_run_executes_elsewhere() {
    assert_eq!(square.submit(3).result().unwrap(), 9);
    assert_eq!(blocking_square.submit(3).result().unwrap(), 9);
    assert_eq!(square(3).result().unwrap(), 9);
    assert_eq!(square.map(square.map(0..3)).result().unwrap(), [0, 1, 16]);
    assert_eq!(square.map(0..3).futures_blocking().len(), 3);
    assert_eq!(wait_blocking(&square.submit(3), None).done.len(), 1);
    assert_eq!(as_completed([square.submit(3)]).blocking().count(), 1);
    assert_eq!(sync_flow(2).result().unwrap(), 8);
}

#[tokio::test]
async fn blocking_for_an_async_run_panics_with_the_advice_to_await() {
    let future = later.submit(1);
    assert!(advises_to_await(|| future.result()));
    assert!(advises_to_await(|| future.shared_result()));
    assert!(advises_to_await(|| future.wait()));
    assert!(advises_to_await(|| future.wait_timeout(Duration::from_secs(60))));
    assert!(advises_to_await(|| wait_blocking(&future, None)));
    assert!(advises_to_await(|| as_completed([future.clone()]).blocking().next()));
    let map = later.map(0..3);
    assert!(advises_to_await(|| map.result()));
    assert!(advises_to_await(|| map.outcomes_blocking()));
    assert!(advises_to_await(|| map.wait()));
    assert!(advises_to_await(|| wait_blocking((&map, square.submit(1)), None)));
    // Nothing was lost by that.
    assert_eq!(future.await.unwrap(), 1);
    assert_eq!(map.await.unwrap(), [0, 1, 2]);
}

#[tokio::test]
async fn blocking_for_what_waits_for_an_async_run_panics_too() {
    let future = square.submit(later.submit(2));
    assert!(advises_to_await(|| future.result()));
    let map = square.map(later.map(0..3));
    assert!(advises_to_await(|| map.result()));
    assert!(advises_to_await(|| map.futures_blocking().iter().map(|future| future.result()).count()));
    assert_eq!(future.await.unwrap(), 4);
    assert_eq!(map.await.unwrap(), [0, 1, 4]);
}

#[tokio::test]
async fn calling_what_is_async_panics_and_begins_nothing() {
    assert!(advises_to_await(|| later(1).result()));
    let calls = Calls::default();
    assert!(advises_to_await(|| flow(calls.clone()).result()));
    assert!(advises_to_await(|| flow(calls.clone()).report_blocking()));
    assert!(advises_to_await(|| Engine::builder().build().run_blocking(flow(calls.clone()))));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(calls.count(), 0);
}

#[tokio::test]
async fn looking_without_waiting_never_panics() {
    let future = later.submit(1);
    assert!(!future.wait_timeout(Duration::ZERO));
    assert!(future.result_timeout(Duration::ZERO).unwrap_err().is_timeout());
    assert_eq!(wait_blocking(&future, Duration::ZERO).not_done.len(), 1);
    assert_eq!((&future).await.unwrap(), 1);
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(wait_blocking(&future, None).done.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_worker_of_a_multi_threaded_runtime_steps_aside() {
    assert_eq!(later.submit(1).result().unwrap(), 1);
    assert_eq!(later(2).result().unwrap(), 2);
    assert_eq!(later.map(0..3).result().unwrap(), [0, 1, 2]);
    assert_eq!(flow(Calls::default()).result().unwrap(), 1);
    assert_eq!(wait_blocking(&later.submit(3), None).done.len(), 1);
    assert_eq!(as_completed([later.submit(3)]).blocking().count(), 1);
    assert_eq!(later.map(0..3).outcomes_blocking().len(), 3);
    let inside = tokio::spawn(async { later.submit(4).result().unwrap() });
    assert_eq!(inside.await.unwrap(), 4);
}

/// Passes the gate, and blocks for an async run then.
#[task]
fn blocks_for_later(gate: Gate) -> u32 {
    gate.pass_blocking();
    later.submit(1).result().unwrap()
}

/// As [`blocks_for_later`], in a call, and on the runtime's blocking pool.
#[task(blocking)]
fn blocks_for_it_in_turn(gate: Gate) -> u32 {
    let called = blocks_for_later(gate).result().unwrap();
    called + as_completed([later.submit(1)]).blocking().map(|future| future.result().unwrap()).sum::<u32>()
}

#[task]
fn waits_for_a_while() -> bool {
    later.submit(1).wait_timeout(Duration::from_millis(1))
}

/// The first of these blocks before the body does, the others after that: nothing async goes on in between.
fn all_advise_to_await(future: &TaskFuture<u32>) {
    assert!(advises_to_await(|| future.result()));
    assert!(advises_to_await(|| future.wait()));
    assert!(advises_to_await(|| as_completed([future.clone()]).blocking().next()));
    assert!(advises_to_await(|| wait_blocking(future, None)));
}

#[tokio::test]
async fn a_body_that_blocks_for_an_async_run_has_who_blocks_for_it_panic() {
    let gate = Gate::new();
    let (first, second) = (blocks_for_later.submit(gate.clone()), blocks_for_it_in_turn.submit(gate.clone()));
    gate.arrived(2).await;
    gate.open();
    all_advise_to_await(&first);
    all_advise_to_await(&second);
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(second.await.unwrap(), 2);
}

#[tokio::test]
async fn what_waits_for_such_a_body_is_found_out_about_too() {
    let gate = Gate::new();
    gate.open();
    let map = blocks_for_later.map(vec![gate.clone(); 3]);
    assert!(advises_to_await(|| map.result()));
    let sum = square.submit(blocks_for_later.submit(gate.clone()));
    all_advise_to_await(&sum);
    assert_eq!(map.await.unwrap(), [1, 1, 1]);
    assert_eq!(sum.await.unwrap(), 1);
}

#[tokio::test]
async fn one_of_several_that_goes_on_is_enough() {
    let gate = Gate::new();
    gate.open();
    let stuck = blocks_for_later.submit(gate.clone());
    let mut some = as_completed([stuck.clone(), square.submit(2)]).blocking();
    assert_eq!(some.next().unwrap().result().unwrap(), 4);
    assert!(advises_to_await(|| some.next()));
    assert_eq!(stuck.await.unwrap(), 1);
}

#[tokio::test]
async fn a_body_that_blocks_for_a_while_is_waited_for() {
    assert!(!waits_for_a_while.submit().result().unwrap());
}

#[tokio::test]
async fn a_thread_of_the_blocking_pool_is_not_the_runtimes() {
    let gate = Gate::new();
    gate.open();
    let blocked = tokio::task::spawn_blocking(move || {
        assert_eq!(later(1).result().unwrap(), 1);
        assert_eq!(later.submit(2).result().unwrap(), 2);
        assert!(later.submit(3).wait_timeout(Duration::from_secs(60)));
        assert_eq!(later.map(0..3).result().unwrap(), [0, 1, 2]);
        assert_eq!(as_completed([later.submit(3)]).blocking().count(), 1);
        assert_eq!(blocks_for_later.submit(gate).result().unwrap(), 1);
        flow(Calls::default()).result().unwrap()
    });
    assert_eq!(blocked.await.unwrap(), 1);
}

#[flow(flow_run_name = "leaves it open")]
fn leaves_open(x: u32) -> u32 {
    let _open = later.submit(x);
    x
}

#[flow]
fn leaves_open_in_a_transaction(x: u32) -> Result<u32, FlowError> {
    transaction().run_blocking(|_| {
        let _open = later.submit(x);
        Ok(x)
    })
}

#[flow]
fn leaves_what_executes_elsewhere(x: u32) -> u32 {
    let _open = square.submit(x);
    x
}

#[tokio::test]
async fn a_sync_flow_that_leaves_an_async_run_behind_panics_too_and_ends_once_it_can() {
    assert!(advises_to_await(|| leaves_open(3).result()));
    // The body panics, which is an error of its run.
    let error = leaves_open_in_a_transaction(3).result().unwrap_err().to_string();
    assert!(error.contains("use `.await` instead"), "{error}");
    assert_eq!(leaves_what_executes_elsewhere(3).result().unwrap(), 3);
    assert_eq!(leaves_open(3).await.unwrap(), 3);
    assert_eq!(leaves_open_in_a_transaction(3).await.unwrap(), 3);

    let ended = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = ended.clone();
    let call = leaves_open.with_on_completion(move |_, _| told.notify_one());
    assert!(advises_to_await(|| call.call(4).result()));
    ended.notified().await;
}

type Order = std::sync::Arc<std::sync::Mutex<Vec<u32>>>;

#[task]
async fn note(number: u32, order: Order) -> u32 {
    order.lock().unwrap().push(number);
    number + 1
}

#[flow]
async fn two_chains(order: Order) -> Result<(), FlowError> {
    let [first, second] = [1, 11].map(|number| note.submit(number, &order));
    let [first, second] = [first, second].map(|before| note.submit(before, &order));
    first.await?;
    second.await?;
    Ok(())
}

#[tokio::test]
async fn what_a_run_makes_ready_goes_next_for_each_engine_on_a_runtime() {
    for _ in 0..3 {
        let order = Order::default();
        let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::default()).build();
        engine.run(two_chains(order.clone())).await.unwrap();
        assert_eq!(*order.lock().unwrap(), [1, 2, 11, 12]);
    }
}
