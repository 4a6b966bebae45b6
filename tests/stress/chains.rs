//! A million runs in a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millrun::prelude::*;

const LENGTH: u32 = 1_000_000;

/// Counts the executions of bodies.
type Calls = Arc<AtomicU32>;

#[task]
async fn next_async(x: u32) -> u32 {
    x + 1
}

#[task]
fn next_sync(x: u32) -> u32 {
    x + 1
}

#[task(blocking)]
fn next_blocking(x: u32) -> u32 {
    x + 1
}

#[test]
fn a_million_async_runs_in_a_row() {
    let mut last = next_async.submit(0);
    for _ in 1..LENGTH {
        last = next_async.submit(last);
    }
    assert_eq!(last.result().unwrap(), LENGTH);
}

#[test]
fn a_million_sync_runs_in_a_row() {
    let mut last = next_sync.submit(0);
    for _ in 1..LENGTH {
        last = next_sync.submit(last);
    }
    assert_eq!(last.result().unwrap(), LENGTH);
}

#[test]
fn a_million_runs_of_all_kinds_in_a_row() {
    let mut last = next_blocking.submit(0);
    for n in 1..LENGTH {
        last = match n % 1000 {
            0 => next_blocking.submit(last),
            1..500 => next_async.submit(last),
            _ => next_sync.submit(last),
        };
    }
    assert_eq!(last.result().unwrap(), LENGTH);
}

#[task]
fn held(gate: Gate) -> Result<u32, String> {
    gate.pass();
    Err("the first of many".into())
}

/// Holds the first run back, so that all others wait.
#[derive(Clone)]
struct Gate(Arc<std::sync::Barrier>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(std::sync::Barrier::new(2)))
    }

    fn pass(&self) {
        self.0.wait();
    }
}

#[task]
fn counted(x: u32, calls: Calls) -> u32 {
    calls.fetch_add(1, Ordering::SeqCst);
    x + 1
}

fn chain_behind(gate: &Gate, calls: &Calls) -> (TaskFuture<u32>, TaskFuture<u32>) {
    let first = held.submit(gate);
    let mut last = counted.submit(&first, calls);
    for _ in 1..LENGTH {
        last = counted.submit(last, calls);
    }
    (first, last)
}

#[test]
fn a_failure_goes_through_a_million_runs_that_wait() {
    let (gate, calls) = (Gate::new(), Calls::default());
    let (first, last) = chain_behind(&gate, &calls);
    gate.pass();
    let error = last.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    // It can be shown, cloned and dropped.
    assert!(error.clone().to_string().contains("counted-"));
    drop(error);
    assert_eq!(first.result().unwrap_err().to_string(), "the first of many");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_million_runs_that_wait_are_cancelled_with_their_flow() {
    #[flow]
    async fn waits(gate: Gate, calls: Calls, ready: tokio::sync::mpsc::Sender<()>) -> Result<u32, FlowError> {
        let (_first, last) = chain_behind(&gate, &calls);
        let _ = ready.send(()).await;
        Ok(last.await?)
    }
    let (gate, calls) = (Gate::new(), Calls::default());
    let (ready, mut is_ready) = tokio::sync::mpsc::channel(1);
    let run = waits(gate.clone(), calls.clone(), ready).start();
    assert_eq!(is_ready.blocking_recv(), Some(()));
    run.cancel();
    assert_eq!(run.result().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    gate.pass();
}
