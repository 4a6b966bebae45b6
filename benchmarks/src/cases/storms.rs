//! Many runs at once that fail before they succeed, and many whose results are there already.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun_benchmarks::Bench;
use twox_hash::XxHash3_128;

use super::limits::on_worker;
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "storms",
    about: "many runs that fail before they succeed, and many whose results are there",
    cases: &[Case { name: "retries", measure: retries }, Case { name: "cache hits", measure: cache_hits }],
    is_long: false,
};

/// Succeeds the third time.
fn attempt(before: &AtomicU32) -> Result<u32, &'static str> {
    match before.fetch_add(1, Relaxed) {
        2.. => Ok(black_box(1)),
        _ => Err("not yet"),
    }
}

#[task(retries = 2)]
async fn flaky(before: Arc<AtomicU32>) -> Result<u32, &'static str> {
    attempt(&before)
}

#[task(retries = 2)]
fn flaky_sync(before: Arc<AtomicU32>) -> Result<u32, &'static str> {
    attempt(&before)
}

#[flow]
async fn retried(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..n).map(|_| flaky.submit(Arc::default())).collect();
    for future in futures {
        future.await?;
    }
    Ok(begun.elapsed())
}

#[flow]
fn retried_sync(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..n).map(|_| flaky_sync.submit(Arc::default())).collect();
    for future in futures {
        future.result()?;
    }
    Ok(begun.elapsed())
}

/// All attempts, at once.
fn in_a_loop() -> u32 {
    let before = Arc::new(AtomicU32::new(0));
    loop {
        if let Ok(value) = attempt(&before) {
            return value;
        }
    }
}

fn retries(bench: &mut Bench) {
    let (n, runtime) = (bench.items(10_000), bench.handle());
    bench.row("async runs of three attempts").of(n).beside("spawned loops").in_turns(
        || runtime.block_on(async { retried(n).await.unwrap() }),
        || {
            on_worker(&runtime, async move {
                let begun = Instant::now();
                let handles: Vec<_> = (0..n).map(|_| tokio::spawn(async { in_a_loop() })).collect();
                for handle in handles {
                    handle.await.unwrap();
                }
                begun.elapsed()
            })
        },
    );
    bench.row("sync runs of three attempts").of(n).beside("rayon::scope loops").in_turns(
        || retried_sync(n).result().unwrap(),
        || {
            let begun = Instant::now();
            rayon::scope(|scope| (0..n).for_each(|_| scope.spawn(|_| _ = black_box(in_a_loop()))));
            begun.elapsed()
        },
    );
}

/// So many different results are there.
const KEYS: usize = 100;

#[task(cache_policy = Inputs)]
async fn squared(x: u64) -> u64 {
    x * x
}

#[flow]
async fn found(n: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..n).map(|i| squared.submit((i % KEYS) as u64)).collect();
    for (i, future) in futures.into_iter().enumerate() {
        assert_eq!(future.await?, ((i % KEYS) * (i % KEYS)) as u64);
    }
    Ok(begun.elapsed())
}

fn cache_hits(bench: &mut Bench) {
    let (n, runtime) = (bench.items(10_000), bench.handle());
    let engine = Engine::builder().results(ResultStore::memory()).build();
    let key = |x: u64| XxHash3_128::oneshot(&serde_json::to_vec(&x).unwrap());
    let records: HashMap<u128, Vec<u8>> =
        (0..KEYS as u64).map(|x| (key(x), serde_json::to_vec(&(x * x)).unwrap())).collect();
    let records = Arc::new(Mutex::new(records));
    // The first round of ours fills the store.
    bench
        .row("async runs whose results are there")
        .of(n)
        .beside("spawned look-ups")
        .at_most(5_000.0)
        .in_turns(
            || runtime.block_on(async { engine.run(found(n)).await.unwrap() }),
            || {
                let records = records.clone();
                on_worker(&runtime, async move {
                    let begun = Instant::now();
                    let look_up = |i: usize| {
                        let records = records.clone();
                        async move {
                            let key = key((i % KEYS) as u64);
                            let record = records.lock().unwrap()[&key].clone();
                            serde_json::from_slice::<u64>(&record).unwrap()
                        }
                    };
                    let handles: Vec<_> = (0..n).map(|i| tokio::spawn(look_up(i))).collect();
                    for (i, handle) in handles.into_iter().enumerate() {
                        assert_eq!(handle.await.unwrap(), ((i % KEYS) * (i % KEYS)) as u64);
                    }
                    begun.elapsed()
                })
            },
        );
}
