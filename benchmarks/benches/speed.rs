//! Millrun's runs beside the limits: what tokio and rayon take for the same number of no-op bodies, in one process, on one
//! runtime. `cargo bench --bench speed`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun_benchmarks::{Row, in_turns, print_head, time};
use tokio::runtime::Runtime;

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

async fn plain() -> u64 {
    black_box(1)
}

#[flow]
async fn submit_all(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..count).map(|_| noop.submit()).collect();
    let mut total = 0;
    for future in futures {
        total += future.await?;
    }
    assert_eq!(total, count as u64);
    Ok(begun.elapsed())
}

async fn spawn_all(count: usize) -> Duration {
    let inner = async move {
        let begun = Instant::now();
        let handles: Vec<_> = (0..count).map(|_| tokio::spawn(plain())).collect();
        let mut total = 0;
        for handle in handles {
            total += handle.await.unwrap();
        }
        assert_eq!(total, count as u64);
        begun.elapsed()
    };
    tokio::spawn(inner).await.unwrap()
}

#[flow]
fn submit_all_sync(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..count).map(|_| sync_noop.submit()).collect();
    let mut total = 0;
    for future in futures {
        total += future.result()?;
    }
    assert_eq!(total, count as u64);
    Ok(begun.elapsed())
}

fn scope_all(count: usize) -> Duration {
    let begun = Instant::now();
    let mut results = vec![0_u64; count];
    rayon::scope(|scope| {
        for result in &mut results {
            scope.spawn(move |_| *result = black_box(1));
        }
    });
    assert_eq!(results.iter().sum::<u64>(), count as u64);
    begun.elapsed()
}

#[flow]
async fn map_all(count: u64) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let values = step.map(0..count).await?;
    assert_eq!(values.len() as u64, count);
    Ok(begun.elapsed())
}

#[flow]
fn map_all_sync(count: u64) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let values = sync_step.map(0..count).result()?;
    assert_eq!(values.len() as u64, count);
    Ok(begun.elapsed())
}

#[flow]
async fn chain(count: u64) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let mut last = step.submit(0);
    for _ in 1..count {
        last = step.submit(last);
    }
    assert_eq!(last.await?, count);
    Ok(begun.elapsed())
}

async fn spawn_chain(count: u64) -> Duration {
    let inner = async move {
        let begun = Instant::now();
        let mut x = 0;
        for _ in 0..count {
            x = tokio::spawn(async move { black_box(x) + 1 }).await.unwrap();
        }
        assert_eq!(x, count);
        begun.elapsed()
    };
    tokio::spawn(inner).await.unwrap()
}

#[flow]
async fn one_by_one(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(noop.submit().await?);
    }
    Ok(begun.elapsed())
}

#[flow]
async fn calls(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(noop().await?);
    }
    Ok(begun.elapsed())
}

/// A hundred runs that take the results of others.
#[flow]
async fn hundred() {
    let mut last = step.submit(0);
    for n in 1..100 {
        last = if n % 3 == 0 { step.submit(&last) } else { step.wait_for(&last).submit(n) };
    }
}

async fn plain_calls(count: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(plain().await);
    }
    begun.elapsed()
}

#[flow]
fn calls_sync(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(sync_noop().result()?);
    }
    Ok(begun.elapsed())
}

fn row(name: &'static str, (ours, limit): (f64, f64), target: f64) -> bool {
    Row { name, ours, limit, target }.print()
}

fn main() {
    let runtime = Runtime::new().unwrap();
    println!(
        "{} cores, the system's allocator, in memory, no subscriber; medians of {} rounds in turns\n",
        std::thread::available_parallelism().unwrap(),
        millrun_benchmarks::ROUNDS
    );
    print_head("ns");
    let n = 100_000;
    let mut met = true;

    let spawned = |count| runtime.block_on(spawn_all(count));
    met &= row(
        "async submit + await / spawn + JoinHandle",
        in_turns(n, || runtime.block_on(async { submit_all(n).await.unwrap() }), || spawned(n)),
        2.5,
    );
    met &= row(
        "sync submit + result / rayon::scope spawn",
        in_turns(n, || submit_all_sync(n).result().unwrap(), || scope_all(n)),
        4.0,
    );
    met &= row(
        "async map of 100 000 / spawn + JoinHandle",
        in_turns(n, || runtime.block_on(async { map_all(n as u64).await.unwrap() }), || spawned(n)),
        2.5,
    );
    met &= row(
        "sync map of 100 000 / rayon::scope spawn",
        in_turns(n, || map_all_sync(n as u64).result().unwrap(), || scope_all(n)),
        2.5,
    );
    let length = 10_000;
    met &= row(
        "chain of 10 000 / spawns awaited in turn",
        in_turns(
            length,
            || runtime.block_on(async { chain(length as u64).await.unwrap() }),
            || runtime.block_on(spawn_chain(length as u64)),
        ),
        2.0,
    );
    met &= row(
        "one by one from block_on / from a worker",
        in_turns(
            length,
            || runtime.block_on(async { one_by_one(length).await.unwrap() }),
            || {
                runtime.block_on(async {
                    tokio::spawn(async move { one_by_one(length).await.unwrap() }).await.unwrap()
                })
            },
        ),
        1.25,
    );

    println!();
    let (ours, limit) = in_turns(
        n,
        || runtime.block_on(async { calls(n).await.unwrap() }),
        || runtime.block_on(plain_calls(n)),
    );
    let async_call = ours - limit;
    let (ours, limit) = in_turns(
        n,
        || calls_sync(n).result().unwrap(),
        || time(|| (0..n).for_each(|_| _ = black_box(black_box(1_u64)))).0,
    );
    let sync_call = ours - limit;
    for (name, cost) in
        [("async call over the plain call", async_call), ("sync call over the plain call", sync_call)]
    {
        let fast = cost <= 500.0;
        println!("{name:<44} {cost:>10.0} ns, target 500  {}", if fast { "met" } else { "MISSED" });
        met &= fast;
    }
    let plans = (0..millrun_benchmarks::ROUNDS).map(|_| {
        let (took, plan) = time(|| runtime.block_on(async { hundred().plan().await.unwrap() }));
        assert_eq!(plan.graph().nodes.len(), 100);
        took.as_secs_f64() * 1e6
    });
    let cost = millrun_benchmarks::median(plans.collect());
    let fast = cost <= 500.0;
    println!(
        "{:<44} {cost:>10.0} µs, target 500  {}",
        "plan of 100 runs",
        if fast { "met" } else { "MISSED" }
    );
    met &= fast;
    println!("\n{}", if met { "all targets met" } else { "some targets are missed" });
}
