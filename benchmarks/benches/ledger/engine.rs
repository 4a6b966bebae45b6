//! Flow runs on an engine that records: what it costs whoever submits them.

use std::path::Path;

use millrun::prelude::*;
use millrun::store::SqliteRunStore;
use millrun_benchmarks::{Row, in_turns, print_head, time};
use rusqlite::Connection;

use super::discarding::Discarding;
use super::{RUNS, by_hand};

#[task]
async fn square(x: u64) -> u64 {
    x * x
}

#[flow]
async fn squares(count: u64) -> Result<u64, FlowError> {
    Ok(square.map(0..count).await?.into_iter().fold(0, u64::wrapping_add))
}

#[flow]
async fn submitted(count: u64) -> Result<u64, FlowError> {
    let futures: Vec<_> = (0..count).map(|n| square.submit(n)).collect();
    let mut sum = 0_u64;
    for future in futures {
        sum = sum.wrapping_add(future.await?);
    }
    Ok(sum)
}

#[flow]
async fn chained(count: u64) -> Result<u64, FlowError> {
    let mut last = square.submit(1);
    for _ in 1..count {
        last = square.submit(last);
    }
    Ok(last.await?)
}

#[flow]
async fn awaited(count: u64) -> Result<u64, FlowError> {
    let mut sum = 0_u64;
    for n in 0..count {
        sum = sum.wrapping_add(square.submit(n).await?);
    }
    Ok(sum)
}

/// Whole flow runs, recorded: each task run with three states, its identity and its result.
pub(super) fn measure(folder: &Path) -> bool {
    println!("flow runs on an engine, synchronous = NORMAL");
    print_head("ns");
    let next = std::cell::Cell::new(0);
    let recorded = |flow: &dyn Fn(&Engine)| {
        next.set(next.get() + 1);
        let path = folder.join(format!("engine-{}.db", next.get()));
        let engine = Engine::builder().run_store(SqliteRunStore::open_blocking(&path).unwrap()).build();
        let (took, ()) = time(|| flow(&engine));
        drop(engine);
        std::fs::remove_file(path).unwrap();
        took
    };
    let in_memory = |flow: &dyn Fn(&Engine)| {
        let engine = Engine::builder().build();
        time(|| flow(&engine)).0
    };
    let (many, few) = (u64::from(RUNS), 100);
    let squares = |engine: &Engine| {
        engine.run_blocking(squares(many)).unwrap();
    };
    let submitted = |engine: &Engine| {
        engine.run_blocking(submitted(many)).unwrap();
    };
    let chained = |engine: &Engine| {
        engine.run_blocking(chained(few)).unwrap();
    };
    let by_hand_too = || {
        let path = folder.join("by-hand.db");
        drop(SqliteRunStore::open_blocking(&path).unwrap());
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384").unwrap();
        let (took, ()) = time(|| by_hand(&mut connection));
        drop(connection);
        std::fs::remove_file(path).unwrap();
        took
    };
    let (ours, limit) = in_turns(RUNS as usize, || recorded(&squares), by_hand_too);
    let mut met = Row { name: "a map of 100 000 / its rows by hand", ours, limit, target: 2.0 }.print();
    println!("{:.0} task runs per second", 1e9 / ours);
    met &= 1e9 / ours >= 60_000.0;
    let discarded = |flow: &dyn Fn(&Engine)| {
        let engine = Engine::builder().run_store(Discarding).build();
        time(|| flow(&engine)).0
    };
    let awaited = |engine: &Engine| {
        engine.run_blocking(awaited(many)).unwrap();
    };
    let (ours, limit) = in_turns(RUNS as usize, || discarded(&submitted), || in_memory(&submitted));
    met &= Row { name: "submitted, then awaited; discarded / in memory", ours, limit, target: 2.0 }.print();
    let (ours, limit) = in_turns(RUNS as usize, || discarded(&awaited), || in_memory(&awaited));
    met &= Row { name: "one after the other; discarded / in memory", ours, limit, target: 2.0 }.print();
    let (ours, limit) = in_turns(RUNS as usize, || recorded(&submitted), || in_memory(&submitted));
    Row { name: "submitted, then awaited; SQLite / in memory", ours, limit, target: f64::INFINITY }.print();
    let (ours, limit) = in_turns(1, || recorded(&chained), || in_memory(&chained));
    Row { name: "a chain of 100 / in memory", ours, limit, target: f64::INFINITY }.print();
    println!("a chain of 100 recorded: {:.1} ms (10)\n", ours / 1e6);
    met && ours <= 1e7
}
