//! The conformance suite, for the runners that are built in, with few and many workers.

use millrun::prelude::*;
use millrun::runner::conformance::check;

#[test]
fn the_sequential_runner_conforms() {
    check(SequentialTaskRunner::new);
}

#[test]
fn the_concurrent_runner_conforms() {
    check(ConcurrentTaskRunner::new);
}

#[test]
fn the_concurrent_runner_conforms_with_1_worker() {
    check(|| ConcurrentTaskRunner::new().max_workers(1));
}

#[test]
fn the_concurrent_runner_conforms_with_3_workers() {
    check(|| ConcurrentTaskRunner::new().max_workers(3));
}

#[test]
fn the_thread_pool_runner_conforms() {
    check(ThreadPoolTaskRunner::default);
}

#[test]
fn the_thread_pool_runner_conforms_with_1_worker() {
    check(|| ThreadPoolTaskRunner::new(1));
}

#[test]
fn the_thread_pool_runner_conforms_with_2_workers() {
    check(|| ThreadPoolTaskRunner::new(2));
}

#[test]
fn the_thread_pool_runner_conforms_with_8_workers() {
    check(|| ThreadPoolTaskRunner::new(8));
}
