//! Blocking on the thread of a single-threaded runtime: fine where others do the work, a panic with advice where not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Calls;

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
