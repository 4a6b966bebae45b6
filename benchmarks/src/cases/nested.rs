//! Runs that wait for runs which they have begun: a binary tree of waits.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun_benchmarks::{Bench, time};

use super::limits::on_worker;
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "nested",
    about: "runs that wait for runs which they have begun",
    cases: &[Case { name: "async", measure: in_async }, Case { name: "sync", measure: in_sync }],
    is_long: false,
};

#[task]
async fn leaves(depth: u32) -> Result<u64, TaskError> {
    if depth == 0 {
        return Ok(1);
    }
    let (left, right) = (leaves.submit(depth - 1), leaves.submit(depth - 1));
    Ok(left.await? + right.await?)
}

#[task]
fn leaves_sync(depth: u32) -> Result<u64, TaskError> {
    if depth == 0 {
        return Ok(1);
    }
    let (left, right) = (leaves_sync.submit(depth - 1), leaves_sync.submit(depth - 1));
    Ok(left.result()? + right.result()?)
}

#[flow]
async fn tree(depth: u32) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    assert_eq!(leaves.submit(depth).await?, 1 << depth);
    Ok(begun.elapsed())
}

#[flow]
fn tree_sync(depth: u32) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    assert_eq!(leaves_sync.submit(depth).result()?, 1 << depth);
    Ok(begun.elapsed())
}

fn spawned(depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let (left, right) = (tokio::spawn(spawned(depth - 1)), tokio::spawn(spawned(depth - 1)));
        left.await.unwrap() + right.await.unwrap()
    })
}

fn joined(depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let (left, right) = rayon::join(|| joined(depth - 1), || joined(depth - 1));
    left + right
}

/// The depth, and how many runs a tree of that depth is.
fn depth(bench: &Bench) -> (u32, usize) {
    let depth = if bench.is_quick() { 5 } else { 13 };
    (depth, (2 << depth) - 1)
}

fn in_async(bench: &mut Bench) {
    let ((depth, n), runtime) = (depth(bench), bench.handle());
    bench.row("async runs that wait for two each").of(n).beside("spawns").within(1.5).in_turns(
        || runtime.block_on(async { tree(depth).await.unwrap() }),
        || {
            on_worker(&runtime, async move {
                let begun = Instant::now();
                assert_eq!(spawned(depth).await, 1 << depth);
                begun.elapsed()
            })
        },
    );
}

fn in_sync(bench: &mut Bench) {
    let (depth, n) = depth(bench);
    bench
        .row("sync runs that wait for two each")
        .of(n)
        .beside("rayon::join")
        .in_turns(|| tree_sync(depth).result().unwrap(), || time(|| assert_eq!(joined(depth), 1 << depth)).0);
}
