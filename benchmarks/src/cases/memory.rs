//! Heap memory of runs, counted: while they wait, and after their end while their futures are held.

use std::sync::Arc;
use std::time::Duration;

use millrun::prelude::*;
use millrun_benchmarks::{Bench, Heap, Unit};
use tokio::sync::Semaphore;

use super::tasks::{step, sync_step};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "memory",
    about: "what runs take of the heap",
    cases: &[Case { name: "live", measure: live }, Case { name: "allocations", measure: allocations }],
    is_long: false,
};

const RUNS: usize = 100_000;

#[task]
async fn gate(open: Arc<Semaphore>) -> u64 {
    open.acquire().await.unwrap().forget();
    1
}

/// What each run takes while it waits, beyond its argument, a reader of the first run, and its result, a `u64`; and after its
/// end, beyond its result.
#[flow]
async fn waiting(count: usize) -> Result<[f64; 2], FlowError> {
    let open = Arc::new(Semaphore::new(0));
    let first = gate.submit(open.clone());
    let mut futures = Vec::with_capacity(count);
    let heap = Heap::count();
    for _ in 0..count {
        futures.push(step.submit(&first));
    }
    let waiting = heap.live() as f64 / count as f64 - 24.0;
    open.add_permits(1);
    for future in &futures {
        future.finished().await;
    }
    // Until the workers have put their queues away.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok([waiting, heap.live() as f64 / count as f64 - 8.0])
}

#[flow]
async fn mapped(count: usize) -> Result<f64, FlowError> {
    let heap = Heap::count();
    let futures = step.map(0..count as u64);
    futures.outcomes().await;
    let each = heap.live() as f64 / count as f64 - 8.0;
    drop(futures);
    Ok(each)
}

fn live(bench: &mut Bench) {
    let (n, runtime) = (bench.items(RUNS), bench.handle());
    let figures: Vec<[f64; 2]> =
        (0..bench.rounds()).map(|_| runtime.block_on(async { waiting(n).await.unwrap() })).collect();
    let column = |which: usize| figures.iter().map(|figures| figures[which]).collect();
    bench
        .row("a waiting run, beyond its argument and result")
        .of(n)
        .unit(Unit::Bytes)
        .at_most(384.0)
        .figures(column(0));
    bench
        .row("a run after its end, beyond its result")
        .of(n)
        .unit(Unit::Bytes)
        .at_most(128.0)
        .note("while its future is held")
        .figures(column(1));
    let figures = (0..bench.rounds()).map(|_| runtime.block_on(async { mapped(n).await.unwrap() })).collect();
    bench
        .row("a finished element of a map, beyond its result")
        .of(n)
        .unit(Unit::Bytes)
        .at_most(160.0)
        .figures(figures);
}

/// Allocations of one kind of use, per run.
#[flow]
async fn counted(kind: usize, count: usize) -> Result<f64, FlowError> {
    let heap = Heap::count();
    match kind {
        0 => {
            for _ in 0..count {
                step.submit(1).await?;
            }
        }
        1 => {
            for _ in 0..count {
                sync_step.submit(1).await?;
            }
        }
        2 => {
            for _ in 0..count {
                step(1).await?;
            }
        }
        3 => {
            let mut last = step.submit(0);
            for _ in 1..count {
                last = step.submit(last);
            }
            last.await?;
        }
        _ => drop(step.map(0..count as u64).await?),
    }
    Ok(heap.allocations() as f64 / count as f64)
}

fn allocations(bench: &mut Bench) {
    let (n, runtime) = (bench.items(RUNS), bench.handle());
    for (kind, name) in
        ["async submit + await", "sync submit + await", "async call", "chain", "map"].into_iter().enumerate()
    {
        let figures = (0..bench.rounds())
            .map(|_| runtime.block_on(async { counted(kind, n).await.unwrap() }))
            .collect();
        bench.row(format!("allocations of a run: {name}")).of(n).unit(Unit::Count).figures(figures);
    }
}
