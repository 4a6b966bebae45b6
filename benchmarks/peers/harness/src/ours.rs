//! Millrun's side of each case: tasks that are submitted, and their results read.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use millrun::Task;
use millrun::prelude::*;
use millrun::store::{Durability, SqliteRunStore};
use tokio::runtime::Runtime;

use crate::{Side, cases, remove_database, time_on_worker, version};

/// Millrun's name in a row.
pub const NAME: &str = "millrun";

const LOCK: &str = include_str!("../../Cargo.lock");

const NOTE: &str = "async tasks, submitted; states kept";

#[task]
async fn add_one(x: u64) -> u64 {
    black_box(x) + 1
}

#[task]
async fn join(left: u64, right: u64) -> u64 {
    cases::join(left, right)
}

#[task]
async fn add_one_wrapping(x: u64) -> u64 {
    x.wrapping_add(1)
}

#[task]
async fn compute(x: u64, microseconds: u64) -> u64 {
    cases::compute(x, microseconds)
}

#[flow]
async fn fan_out(n: usize) -> Result<u64, FlowError> {
    let futures: Vec<_> = (0..n as u64).map(|x| add_one.submit(x)).collect();
    let mut sum = 0;
    for future in futures {
        sum += future.await?;
    }
    Ok(sum)
}

#[flow]
async fn chain(n: usize) -> Result<u64, FlowError> {
    let mut last = add_one.submit(0);
    for _ in 1..n {
        last = add_one.submit(last);
    }
    Ok(last.await?)
}

#[flow]
async fn diamond(n: usize) -> Result<u64, FlowError> {
    let mut last = add_one.submit(0);
    for _ in 0..cases::diamonds(n) {
        last = join.submit(add_one_wrapping.submit(&last), add_one_wrapping.submit(&last));
    }
    Ok(last.await?)
}

#[flow]
async fn uneven(n: usize) -> Result<u64, FlowError> {
    let mut futures: Vec<TaskFuture<u64>> = Vec::with_capacity(n);
    for task in cases::uneven(n) {
        futures.push(match task.parent {
            Some(parent) => compute.submit(&futures[parent], task.microseconds),
            None => compute.submit(0, task.microseconds),
        });
    }
    let mut sum = 0_u64;
    for future in futures {
        sum = sum.wrapping_add(future.await?);
    }
    Ok(sum)
}

/// `fan_out` in memory.
pub fn side_of_fan_out(runtime: &Runtime, n: usize) -> Side<'_> {
    in_memory(move || {
        time_on_worker(runtime, async move {
            assert_eq!(fan_out(n).await.expect("no task fails"), cases::fan_out_sum(n));
        })
    })
}

/// `chain` in memory.
pub fn side_of_chain(runtime: &Runtime, n: usize) -> Side<'_> {
    in_memory(move || {
        time_on_worker(runtime, async move {
            assert_eq!(chain(n).await.expect("no task fails"), n as u64);
        })
    })
}

/// `diamond` in memory.
pub fn side_of_diamond(runtime: &Runtime, n: usize) -> Side<'_> {
    in_memory(move || {
        time_on_worker(runtime, async move {
            assert_eq!(diamond(n).await.expect("no task fails"), cases::diamond_value(n));
        })
    })
}

/// `uneven` in memory.
pub fn side_of_uneven(runtime: &Runtime, n: usize, sum: u64) -> Side<'_> {
    in_memory(move || {
        time_on_worker(runtime, async move {
            assert_eq!(uneven(n).await.expect("no task fails"), sum);
        })
    })
}

fn in_memory<'a>(round: impl FnMut() -> Duration + 'a) -> Side<'a> {
    Side::in_memory(NAME, version(LOCK, NAME), NOTE, round)
}

/// `recorded_fan_out` in an SQLite file in `folder`.
pub fn side_of_recorded_fan_out<'a>(
    runtime: &'a Runtime,
    folder: &'a Path,
    n: usize,
    durability: Durability,
) -> Side<'a> {
    recorded(runtime, folder, durability, move || fan_out(n), cases::fan_out_sum(n))
}

/// `recorded_chain` in an SQLite file in `folder`.
pub fn side_of_recorded_chain<'a>(
    runtime: &'a Runtime,
    folder: &'a Path,
    n: usize,
    durability: Durability,
) -> Side<'a> {
    recorded(runtime, folder, durability, move || chain(n), n as u64)
}

/// A round with a new file, which is opened before the time begins. The time ends when the flow run's end is on disk.
fn recorded<'a, K: Task<Args: Send, Output = u64> + 'static>(
    runtime: &'a Runtime,
    folder: &'a Path,
    durability: Durability,
    flow: impl Fn() -> FlowCall<K> + 'a,
    expected: u64,
) -> Side<'a> {
    let (level, note) = match durability {
        Durability::Relaxed => {
            ("sqlite NORMAL", "Durability::Relaxed; states, inputs' identity and results recorded")
        }
        Durability::Strict => ("sqlite FULL", "Durability::Strict: no result is used before it is synced"),
    };
    Side::recorded(NAME, version(LOCK, NAME), level, note, move || {
        let path = folder.join("millrun.db");
        let store = SqliteRunStore::open_blocking(&path).map_err(|failure| failure.to_string())?;
        let engine = Engine::builder().run_store(store).durability(durability).build();
        let call = flow();
        let timed = async move {
            let begun = Instant::now();
            let result = engine.run(call).await;
            (begun.elapsed(), result, engine)
        };
        let (time, result, engine) = runtime.block_on(runtime.spawn(timed)).expect("no flow panics");
        drop(engine);
        remove_database(&path);
        assert_eq!(result.map_err(|failure| failure.to_string())?, expected);
        Ok(time)
    })
}
