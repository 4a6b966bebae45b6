//! Heap memory of runs, counted: while they wait, and after their end while their futures are held. `cargo bench --bench
//! memory`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

use millrun::prelude::*;

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged; the counters are beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RUNS: usize = 100_000;

#[task]
async fn gate(receiver: std::sync::Arc<tokio::sync::Semaphore>) -> u64 {
    receiver.acquire().await.unwrap().forget();
    1
}

#[task]
async fn step(x: u64) -> u64 {
    x + 1
}

#[task]
fn sync_step(x: u64) -> u64 {
    x + 1
}

fn live() -> isize {
    LIVE.load(Relaxed)
}

fn report(name: &str, bytes: isize, target: isize) {
    let each = bytes / RUNS as isize;
    println!("{name:<52} {each:>6} B, target {target}  {}", if each <= target { "met" } else { "MISSED" });
}

#[flow]
async fn waiting() -> Result<(), FlowError> {
    let open = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let first = gate.submit(open.clone());
    let mut futures = Vec::with_capacity(RUNS);
    let before = live();
    for _ in 0..RUNS {
        futures.push(step.submit(&first));
    }
    // The argument is a reader of the first run; the result is a u64.
    report("a waiting run, beyond its arguments and result", live() - before - (RUNS * 24) as isize, 512);
    open.add_permits(1);
    for future in &futures {
        future.finished().await;
    }
    // Until the workers have put their queues away.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    report("a run after its end, while its future is held", live() - before - (RUNS * 8) as isize, 160);
    Ok(())
}

#[flow]
async fn mapped() -> Result<(), FlowError> {
    let before = live();
    let futures = step.map(0..RUNS as u64);
    futures.outcomes().await;
    report("a finished element of a map", live() - before - (RUNS * 8) as isize, 160);
    drop(futures);
    Ok(())
}

#[flow]
async fn counts() -> Result<(), FlowError> {
    let mut rows = Vec::new();
    let mut count = |name: &'static str, before: usize| rows.push((name, ALLOCATIONS.load(Relaxed) - before));
    let before = ALLOCATIONS.load(Relaxed);
    for _ in 0..RUNS {
        step.submit(1).await?;
    }
    count("async submit + await", before);
    let before = ALLOCATIONS.load(Relaxed);
    for _ in 0..RUNS {
        step(1).await?;
    }
    count("async call", before);
    let before = ALLOCATIONS.load(Relaxed);
    for _ in 0..RUNS {
        let _ = sync_step.submit(1).await?;
    }
    count("sync submit + await", before);
    let before = ALLOCATIONS.load(Relaxed);
    let mut last = step.submit(0);
    for _ in 1..RUNS {
        last = step.submit(last);
    }
    last.await?;
    count("chain", before);
    let before = ALLOCATIONS.load(Relaxed);
    step.map(0..RUNS as u64).await?;
    count("map", before);
    for (name, allocations) in rows {
        println!("{name:<52} {:>8.2} allocations a run", allocations as f64 / RUNS as f64);
    }
    Ok(())
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        waiting().await.unwrap();
        mapped().await.unwrap();
        counts().await.unwrap();
    });
}
