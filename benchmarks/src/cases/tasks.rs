//! Tasks that do next to nothing, and flows of them that several cases measure. Each flow says how long it took from the first
//! submission to the last result.

use std::hint::black_box;
use std::time::{Duration, Instant};

use millrun::prelude::*;

#[task]
pub(super) async fn noop() -> u64 {
    black_box(1)
}

#[task]
pub(super) async fn step(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
pub(super) async fn add(x: u64, y: u64) -> u64 {
    black_box(x).wrapping_add(y)
}

#[task]
pub(super) async fn sum(xs: &[u64]) -> u64 {
    xs.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

#[task]
pub(super) fn sync_noop() -> u64 {
    black_box(1)
}

#[task]
pub(super) fn sync_step(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
pub(super) fn sync_add(x: u64, y: u64) -> u64 {
    black_box(x).wrapping_add(y)
}

#[task]
pub(super) fn sync_sum(xs: &[u64]) -> u64 {
    xs.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

#[flow]
pub(super) async fn submitted(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..count).map(|_| noop.submit()).collect();
    let mut total = 0;
    for future in futures {
        total += future.await?;
    }
    assert_eq!(total, count as u64);
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn submitted_sync(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..count).map(|_| sync_noop.submit()).collect();
    let mut total = 0;
    for future in futures {
        total += future.result()?;
    }
    assert_eq!(total, count as u64);
    Ok(begun.elapsed())
}

/// A map of so many elements; of more than one a turn, those are its chunks.
#[flow]
pub(super) async fn mapped(count: usize, chunk: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures = step.map(0..count as u64);
    let futures = if chunk > 1 { futures.chunked(chunk) } else { futures };
    let values = futures.await?;
    assert_eq!(values.len(), count);
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn mapped_sync(count: usize, chunk: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures = sync_step.map(0..count as u64);
    let futures = if chunk > 1 { futures.chunked(chunk) } else { futures };
    let values = futures.result()?;
    assert_eq!(values.len(), count);
    Ok(begun.elapsed())
}

#[flow]
pub(super) async fn chained(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut last = step.submit(0);
    for _ in 1..count {
        last = step.submit(last);
    }
    assert_eq!(last.await?, count as u64);
    Ok(begun.elapsed())
}

#[flow]
pub(super) fn chained_sync(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut last = sync_step.submit(0);
    for _ in 1..count {
        last = sync_step.submit(last);
    }
    assert_eq!(last.result()?, count as u64);
    Ok(begun.elapsed())
}
