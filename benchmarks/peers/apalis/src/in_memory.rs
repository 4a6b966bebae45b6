//! Its queue in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use peer_harness::{Side, THREADS, cases, version};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// What has been executed.
#[derive(Default)]
pub(crate) struct Progress {
    expected: usize,
    executed: AtomicUsize,
    sum: AtomicU64,
    complete: Notify,
}

impl Progress {
    pub(crate) fn of(expected: usize) -> Arc<Self> {
        Arc::new(Self { expected, ..Self::default() })
    }

    fn add(&self, result: u64) {
        self.sum.fetch_add(result, Ordering::Relaxed);
        if self.executed.fetch_add(1, Ordering::AcqRel) + 1 == self.expected {
            self.complete.notify_one();
        }
    }

    /// Waits for the last one.
    pub(crate) async fn complete(&self) {
        self.complete.notified().await;
        assert_eq!(self.sum.load(Ordering::Relaxed), cases::fan_out_sum(self.expected));
    }
}

/// The task.
pub(crate) async fn add_one(x: u64, progress: Data<Arc<Progress>>) -> Result<u64, BoxDynError> {
    progress.add(x + 1);
    Ok(x + 1)
}

async fn timed(n: usize) -> Duration {
    let progress = Progress::of(n);
    let begun = Instant::now();
    let mut storage = MemoryStorage::new();
    for x in 0..n as u64 {
        storage.push(x).await.expect("the queue is open");
    }
    let worker = WorkerBuilder::new("measured")
        .backend(storage)
        .concurrency(THREADS)
        .parallelize(tokio::spawn)
        .data(progress.clone())
        .build(add_one);
    let worker = tokio::spawn(worker.run());
    progress.complete().await;
    let time = begun.elapsed();
    worker.abort();
    time
}

/// `fan_out`.
pub(crate) fn side(runtime: &Runtime, n: usize) -> Side<'_> {
    let note = "a queue: results do not come back";
    Side::in_memory("apalis", version(crate::LOCK, "apalis"), note, move || {
        runtime.block_on(runtime.spawn(timed(n))).expect("nothing panics")
    })
}
