//! Flow runs on an engine that records: each task run with three states, its identity and its result. What counts is the whole
//! flow run, whose end is on disk when it returns.

use std::path::Path;
use std::time::Duration;

use millrun::Durability;
use millrun::prelude::*;
use millrun::store::{RunStore, SqliteRunStore};
use millrun_benchmarks::{Bench, time};

use super::discarding::Discarding;
use super::{BATCH, FASTEST, RECORDED, RUNS, by_hand};

#[task]
async fn square(x: u64) -> u64 {
    x.wrapping_mul(x)
}

#[flow]
async fn squares(count: usize) -> Result<u64, FlowError> {
    Ok(square.map(0..count as u64).await?.into_iter().fold(0, u64::wrapping_add))
}

#[flow]
async fn submitted(count: usize) -> Result<u64, FlowError> {
    let futures: Vec<_> = (0..count as u64).map(|n| square.submit(n)).collect();
    let mut sum = 0_u64;
    for future in futures {
        sum = sum.wrapping_add(future.await?);
    }
    Ok(sum)
}

#[flow]
async fn chained(count: usize) -> Result<u64, FlowError> {
    let mut last = square.submit(1);
    for _ in 1..count {
        last = square.submit(last);
    }
    Ok(last.await?)
}

#[flow]
async fn awaited(count: usize) -> Result<u64, FlowError> {
    let mut sum = 0_u64;
    for n in 0..count as u64 {
        sum = sum.wrapping_add(square.submit(n).await?);
    }
    Ok(sum)
}

const LEVELS: [(Durability, &str); 2] = [(Durability::Relaxed, "NORMAL"), (Durability::Strict, "FULL")];

/// How long `flow` takes on an engine with a new file.
fn recorded(path: &Path, durability: Durability, flow: impl FnOnce(&Engine) -> u64) -> Duration {
    let store = SqliteRunStore::open_blocking(path).unwrap();
    let engine = Engine::builder().run_store(store).durability(durability).build();
    let (took, _) = time(|| flow(&engine));
    drop(engine);
    std::fs::remove_file(path).unwrap();
    took
}

/// How long a fan-out takes on an engine with this store.
pub(super) fn timed(store: impl RunStore + 'static, durability: Durability, count: usize) -> Duration {
    let engine = Engine::builder().run_store(store).durability(durability).build();
    time(|| engine.run_blocking(submitted(count)).unwrap()).0
}

fn in_memory(flow: impl FnOnce(&Engine) -> u64) -> Duration {
    let engine = Engine::builder().build();
    time(|| flow(&engine)).0
}

pub(super) fn map(bench: &mut Bench) {
    let n = bench.items(RUNS);
    let (ours, theirs) = (bench.path("db"), bench.path("db"));
    let squares = |engine: &Engine| engine.run_blocking(squares(n)).unwrap();
    bench
        .row("a map, recorded, NORMAL")
        .of(n)
        .beside("its rows by hand")
        .within(RECORDED)
        .at_most(FASTEST)
        .durability("NORMAL")
        .in_turns(
            || recorded(&ours, Durability::Relaxed, squares),
            || by_hand::in_sqlite(&theirs, "NORMAL", n as u32, BATCH),
        );
}

pub(super) fn fan_out(bench: &mut Bench) {
    for (durability, synchronous) in LEVELS {
        let n = bench.items(RUNS);
        let (ours, theirs) = (bench.path("db"), bench.path("db"));
        let submitted = |engine: &Engine| engine.run_blocking(submitted(n)).unwrap();
        bench
            .row(format!("a fan-out, recorded, {synchronous}"))
            .of(n)
            .beside("its rows by hand, in batches")
            .within(RECORDED)
            .durability(synchronous)
            .shape("recorded_fan_out")
            .in_turns(
                || recorded(&ours, durability, submitted),
                || by_hand::in_sqlite(&theirs, synchronous, n as u32, BATCH),
            );
        if durability == Durability::Relaxed {
            let again = bench.path("db");
            bench
                .row("a fan-out, recorded, NORMAL")
                .of(n)
                .beside("in memory")
                .durability(synchronous)
                .in_turns(|| recorded(&again, durability, submitted), || in_memory(submitted));
        }
    }
}

/// With NORMAL a run may begin before what it takes is on disk, so by hand there are batches; with FULL each is synced alone.
pub(super) fn chain(bench: &mut Bench) {
    for (durability, synchronous) in LEVELS {
        let n = bench.items(1_000);
        let (ours, theirs) = (bench.path("db"), bench.path("db"));
        let batch = if durability == Durability::Strict { 1 } else { BATCH };
        bench
            .row(format!("a chain, recorded, {synchronous}"))
            .of(n)
            .beside(if batch == 1 { "its rows by hand, one by one" } else { "its rows by hand, in batches" })
            .durability(synchronous)
            .shape("recorded_chain")
            .in_turns(
                || recorded(&ours, durability, |engine| engine.run_blocking(chained(n)).unwrap()),
                || by_hand::in_sqlite(&theirs, synchronous, n as u32, batch),
            );
    }
    // 10 ms for the whole.
    let (n, path) = (bench.items(100), bench.path("db"));
    let chained = |engine: &Engine| engine.run_blocking(chained(n)).unwrap();
    bench
        .row("a short chain, recorded, NORMAL")
        .of(n)
        .beside("in memory")
        .at_most(100_000.0)
        .durability("NORMAL")
        .in_turns(|| recorded(&path, Durability::Relaxed, chained), || in_memory(chained));
}

/// The cost of recording itself: nothing is written.
pub(super) fn discarded(bench: &mut Bench) {
    let discarded = |flow: &dyn Fn(&Engine) -> u64| {
        let engine = Engine::builder().run_store(Discarding).build();
        time(|| flow(&engine)).0
    };
    let n = bench.items(RUNS);
    let submitted = |engine: &Engine| engine.run_blocking(submitted(n)).unwrap();
    let awaited = |engine: &Engine| engine.run_blocking(awaited(n)).unwrap();
    bench
        .row("submitted, then awaited; recorded nowhere")
        .of(n)
        .beside("in memory")
        .within(2.0)
        .in_turns(|| discarded(&submitted), || in_memory(submitted));
    bench
        .row("one after the other; recorded nowhere")
        .of(n)
        .beside("in memory")
        .within(2.0)
        .in_turns(|| discarded(&awaited), || in_memory(awaited));
}
