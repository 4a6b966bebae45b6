//! Sizes and depths at which anything that recurses, copies, or holds a thread breaks: in a debug build, on default stacks.
#![allow(clippy::cast_possible_truncation, reason = "depths and sizes are small")]

mod chains;
mod fans;
mod maps;
mod nests;

use millrun::prelude::*;

/// Engines with each of the runners, with so many workers.
fn engines(workers: usize) -> [Engine; 3] {
    [
        Engine::builder().task_runner(SequentialTaskRunner::new()).build(),
        Engine::builder().task_runner(ConcurrentTaskRunner::new().max_workers(workers)).build(),
        Engine::builder().task_runner(ThreadPoolTaskRunner::new(workers)).build(),
    ]
}

/// How many threads this process has.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
