//! The graphs as flows.

use std::time::{Duration, Instant};

use millrun::prelude::*;

use super::super::tasks::{add, noop, step, sum, sync_add, sync_noop, sync_step, sync_sum};
use super::by_hand::{sum_to, value_of_diamonds};
use super::uneven::{compute as work, tasks};

#[task]
async fn compute(x: u64, microseconds: u64) -> u64 {
    work(x, microseconds)
}

#[task]
fn sync_compute(x: u64, microseconds: u64) -> u64 {
    work(x, microseconds)
}

#[flow]
pub(super) async fn fan_out(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..n as u64).map(|x| step.submit(x)).collect();
    let mut total = 0;
    for future in futures {
        total += future.await?;
    }
    assert_eq!(total, sum_to(n));
    Ok(begun.elapsed())
}

#[flow]
pub(super) async fn fan_in(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let one = noop.submit();
    let many: Vec<_> = (0..n as u64).map(|x| add.submit(&one, x)).collect();
    assert_eq!(sum.submit(many).await?, sum_to(n));
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn fan_in_sync(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let one = sync_noop.submit();
    let many: Vec<_> = (0..n as u64).map(|x| sync_add.submit(&one, x)).collect();
    assert_eq!(sync_sum.submit(many).result()?, sum_to(n));
    Ok(begun.elapsed())
}

/// In each diamond two take the same value, and a third adds them up.
#[flow]
pub(super) async fn diamond(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut last = noop.submit();
    for _ in 0..n / 3 {
        last = add.submit(add.submit(&last, 1), add.submit(&last, 1));
    }
    assert_eq!(last.await?, value_of_diamonds(n));
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn diamond_sync(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut last = sync_noop.submit();
    for _ in 0..n / 3 {
        last = sync_add.submit(sync_add.submit(&last, 1), sync_add.submit(&last, 1));
    }
    assert_eq!(last.result()?, value_of_diamonds(n));
    Ok(begun.elapsed())
}

#[flow]
pub(super) async fn tree(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let leaves = n.div_ceil(2);
    let mut level: Vec<_> = (0..leaves as u64).map(|x| step.submit(x)).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|two| add.submit(&two[0], &two[1])).collect();
    }
    assert_eq!(level.remove(0).await?, sum_to(leaves));
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn tree_sync(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let leaves = n.div_ceil(2);
    let mut level: Vec<_> = (0..leaves as u64).map(|x| sync_step.submit(x)).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|two| sync_add.submit(&two[0], &two[1])).collect();
    }
    assert_eq!(level.remove(0).result()?, sum_to(leaves));
    Ok(begun.elapsed())
}

#[flow]
pub(super) async fn uneven(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut futures: Vec<TaskFuture<u64>> = Vec::with_capacity(n);
    for task in tasks(n) {
        futures.push(match task.parent {
            Some(parent) => compute.submit(&futures[parent], task.microseconds),
            None => compute.submit(0, task.microseconds),
        });
    }
    for future in futures {
        future.await?;
    }
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn uneven_sync(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut futures: Vec<TaskFuture<u64>> = Vec::with_capacity(n);
    for task in tasks(n) {
        futures.push(match task.parent {
            Some(parent) => sync_compute.submit(&futures[parent], task.microseconds),
            None => sync_compute.submit(0, task.microseconds),
        });
    }
    for future in futures {
        future.result()?;
    }
    Ok(begun.elapsed())
}
