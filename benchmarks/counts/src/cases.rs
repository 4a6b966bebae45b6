//! What is executed: runs without a body to speak of, so that what counts is ours.

use std::hint::black_box;

use millrun::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// A name, and what is executed with so many runs.
pub type Case = (&'static str, fn(u64));

pub const CASES: [Case; 8] = [
    ("submit", |runs| runtime().block_on(async { submit_all(runs).await.unwrap() })),
    ("submit, sync", |runs| submit_all_sync(runs).result().unwrap()),
    ("map", |runs| runtime().block_on(async { map_all(runs).await.unwrap() })),
    ("map, sync", |runs| map_all_sync(runs).result().unwrap()),
    ("chain", |runs| runtime().block_on(async { chain(runs).await.unwrap() })),
    ("one by one", |runs| runtime().block_on(async { one_by_one(runs).await.unwrap() })),
    ("call", |runs| runtime().block_on(async { call_all(runs).await.unwrap() })),
    ("call, sync", |runs| call_all_sync(runs).result().unwrap()),
];

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

#[task]
async fn noop() -> u64 {
    black_box(1)
}

#[task]
async fn step(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
fn sync_noop() -> u64 {
    black_box(1)
}

#[task]
fn sync_step(x: u64) -> u64 {
    black_box(x) + 1
}

#[flow]
async fn submit_all(runs: u64) -> Result<(), FlowError> {
    let futures: Vec<_> = (0..runs).map(|_| noop.submit()).collect();
    for future in futures {
        assert_eq!(future.await?, 1);
    }
    Ok(())
}

#[flow(task_runner = ThreadPoolTaskRunner::new(1))]
fn submit_all_sync(runs: u64) -> Result<(), FlowError> {
    let futures: Vec<_> = (0..runs).map(|_| sync_noop.submit()).collect();
    for future in futures {
        assert_eq!(future.result()?, 1);
    }
    Ok(())
}

#[flow]
async fn map_all(runs: u64) -> Result<(), FlowError> {
    assert_eq!(step.map(0..runs).await?.len() as u64, runs);
    Ok(())
}

#[flow(task_runner = ThreadPoolTaskRunner::new(1))]
fn map_all_sync(runs: u64) -> Result<(), FlowError> {
    assert_eq!(sync_step.map(0..runs).result()?.len() as u64, runs);
    Ok(())
}

#[flow]
async fn chain(runs: u64) -> Result<(), FlowError> {
    let mut last = step.submit(0);
    for _ in 1..runs {
        last = step.submit(last);
    }
    assert_eq!(last.await?, runs);
    Ok(())
}

#[flow]
async fn one_by_one(runs: u64) -> Result<(), FlowError> {
    for _ in 0..runs {
        assert_eq!(noop.submit().await?, 1);
    }
    Ok(())
}

#[flow]
async fn call_all(runs: u64) -> Result<(), FlowError> {
    for _ in 0..runs {
        assert_eq!(noop().await?, 1);
    }
    Ok(())
}

#[flow]
fn call_all_sync(runs: u64) -> Result<(), FlowError> {
    for _ in 0..runs {
        assert_eq!(sync_noop().result()?, 1);
    }
    Ok(())
}
