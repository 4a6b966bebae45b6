//! What the runs of large maps cost.

use millrun::prelude::*;

use crate::{Growth, MIB, alone};

const RUNS: usize = 100_000;

#[task]
fn nothing(_x: usize) {}

#[task]
async fn nothing_later(_x: usize) {}

#[task]
fn same(x: u64) -> u64 {
    x
}

/// Whatever is made once: the pool, the runtime, the engine.
fn warm_up() {
    nothing.map(0..100).result().unwrap();
    nothing_later.map(0..100).result().unwrap();
}

fn check(map: impl Fn() -> TaskFutures<()>) {
    let _alone = alone();
    warm_up();
    let growth = Growth::begin();
    let futures = map();
    futures.wait();
    assert!(growth.peak() < 64 * MIB, "{} bytes at most", growth.peak());
    // Its result is an `Arc` of nothing: two counters.
    let each = growth.now() / RUNS;
    assert!(each <= 160 + 2 * size_of::<usize>(), "{each} bytes for each finished run");
    assert_eq!(futures.result().unwrap().len(), RUNS);
    drop(futures);
    growth.falls_below(MIB);
}

#[test]
fn a_hundred_thousand_sync_runs_grow_by_less_than_64_mib() {
    check(|| nothing.map(0..RUNS));
}

#[test]
fn a_hundred_thousand_async_runs_grow_by_less_than_64_mib() {
    check(|| nothing_later.map(0..RUNS));
}

#[test]
fn a_hundred_thousand_runs_in_chunks_grow_by_less_than_64_mib() {
    check(|| nothing.map(0..RUNS).chunked(100));
}

#[test]
fn a_chain_of_large_maps_grows_by_what_its_finished_runs_take() {
    let _alone = alone();
    warm_up();
    let growth = Growth::begin();
    let first = same.map(0..RUNS as u64);
    let second = same.map(&first);
    let third = same.map(&second);
    third.wait();
    let allowed = 3 * RUNS * (160 + 24) + 8 * MIB;
    assert!(growth.peak() < allowed, "{} of {allowed} bytes", growth.peak());
    assert_eq!(third.result().unwrap().len(), RUNS);
    drop((first, second, third));
    growth.falls_below(MIB);
}

#[test]
fn a_flow_over_a_large_map_gives_its_memory_back() {
    #[task]
    fn sum(numbers: &[u64]) -> u64 {
        numbers.iter().sum()
    }
    #[flow]
    fn total() -> Result<u64, FlowError> {
        Ok(sum.submit(same.map(same.map(0..RUNS as u64))).result()?)
    }
    let _alone = alone();
    warm_up();
    total().result().unwrap();
    let growth = Growth::begin();
    assert_eq!(total().result().unwrap(), (0..RUNS as u64).sum::<u64>());
    growth.falls_below(MIB);
    assert!(growth.peak() < 64 * MIB, "{} bytes at most", growth.peak());
}
