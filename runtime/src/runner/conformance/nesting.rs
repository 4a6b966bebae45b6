//! Runs that wait for runs: nothing deadlocks, however few workers there are.

use super::{NewRunner, engine_on};
use crate::body::BoxFuture;
use crate::error::BoxError;
use crate::prelude::*;

/// How deep runs are nested: more than the threads of any pool, and than runs are executed on one stack.
const DEPTH: u32 = 150;

#[task(crate = crate)]
fn sync_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + sync_down.submit(depth - 1).result()?) }
}

#[task(crate = crate, blocking)]
fn blocking_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + blocking_down.submit(depth - 1).result()?) }
}

#[task(crate = crate)]
async fn async_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + async_down.submit(depth - 1).await?) }
}

/// Sync, async and blocking in turn.
#[task(crate = crate)]
fn mixed_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + mixed_async_down.submit(depth - 1).result()?) }
}

#[task(crate = crate)]
async fn mixed_async_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + mixed_blocking_down.submit(depth - 1).await?) }
}

#[task(crate = crate, blocking)]
fn mixed_blocking_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + mixed_down.submit(depth - 1).result()?) }
}

/// A run that submits runs and waits for them gets their results: one, several, a map of them.
///
/// # Panics
/// Panics if that does not hold.
pub fn runs_may_wait_for_their_own_runs(new_runner: &NewRunner) {
    #[task(crate = crate)]
    fn fibonacci(n: u64) -> Result<u64, TaskError> {
        if n < 2 {
            return Ok(n);
        }
        let (one, other) = (fibonacci.submit(n - 1), fibonacci.submit(n - 2));
        Ok(one.result()? + other.result()?)
    }

    #[task(crate = crate)]
    async fn async_fibonacci(n: u64) -> Result<u64, TaskError> {
        if n < 2 {
            return Ok(n);
        }
        let (one, other) = (async_fibonacci.submit(n - 1), async_fibonacci.submit(n - 2));
        Ok(one.await? + other.await?)
    }

    #[task(crate = crate)]
    fn leaf(n: u64) -> u64 {
        n
    }

    #[task(crate = crate)]
    fn total(n: u64) -> Result<u64, TaskError> {
        Ok(leaf.map(0..n).result()?.into_iter().sum())
    }

    let engine = engine_on(new_runner());
    engine.enter(|| {
        assert_eq!(fibonacci.submit(10).result().ok(), Some(55));
        assert_eq!(async_fibonacci.submit(10).result().ok(), Some(55));
        assert_eq!(total.map([10, 100, 10]).result().ok(), Some(vec![45, 4950, 45]));
    });
}

/// A run may wait for one that is not ready, because that one waits for others in turn.
///
/// # Panics
/// Panics if that does not hold.
pub fn runs_may_wait_for_runs_that_are_not_ready(new_runner: &NewRunner) {
    #[task(crate = crate)]
    fn one_more(n: u64) -> u64 {
        n + 1
    }

    #[task(crate = crate)]
    async fn async_one_more(n: u64) -> u64 {
        n + 1
    }

    #[task(crate = crate)]
    fn chain(length: u64) -> Result<u64, TaskError> {
        let mut last = async_one_more.submit(0);
        for n in 1..length {
            last = if n % 2 == 0 { async_one_more.submit(last) } else { one_more.submit(last) };
        }
        last.result()
    }

    #[task(crate = crate)]
    async fn async_chain(length: u64) -> Result<u64, BoxError> {
        let mut last = one_more.submit(0);
        for n in 1..length {
            last = if n % 2 == 0 { one_more.submit(last) } else { async_one_more.submit(last) };
        }
        Ok(last.await?)
    }

    let engine = engine_on(new_runner());
    engine.enter(|| {
        assert_eq!(chain.submit(20).result().ok(), Some(20));
        assert_eq!(async_chain.submit(20).result().ok(), Some(20));
        let many: Vec<_> = (0..8).flat_map(|_| [chain.submit(10), async_chain.submit(10)]).collect();
        for future in many {
            assert_eq!(future.result().ok(), Some(10), "of {}", future.name());
        }
    });
}

/// A run that submits itself and waits, far deeper than there are workers, ends; the kinds of tasks mixed as well.
///
/// # Panics
/// Panics if that does not hold.
pub fn runs_nest_deep(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    engine.enter(|| {
        assert_eq!(sync_down.submit(DEPTH).result().ok(), Some(DEPTH));
        assert_eq!(async_down.submit(DEPTH).result().ok(), Some(DEPTH));
        assert_eq!(blocking_down.submit(DEPTH).result().ok(), Some(DEPTH));
        assert_eq!(mixed_down.submit(DEPTH).result().ok(), Some(DEPTH));
        assert_eq!(mixed_async_down.submit(DEPTH).result().ok(), Some(DEPTH));
    });
}

/// A chain of runs ends, however long it is: no end happens inside of another.
///
/// # Panics
/// Panics if that does not hold.
pub fn long_chains_end(new_runner: &NewRunner) {
    const LENGTH: u64 = 4_000;

    #[task(crate = crate)]
    fn one_more(n: u64) -> u64 {
        n + 1
    }

    #[task(crate = crate)]
    async fn async_one_more(n: u64) -> u64 {
        n + 1
    }

    let engine = engine_on(new_runner());
    engine.enter(|| {
        let sync = (0..LENGTH).fold(one_more.submit(0), |last, _| one_more.submit(last));
        assert_eq!(sync.result().ok(), Some(LENGTH + 1));
        let tasks = (0..LENGTH).fold(async_one_more.submit(0), |last, _| async_one_more.submit(last));
        assert_eq!(tasks.result().ok(), Some(LENGTH + 1));
    });
}

/// On the only thread of a tokio runtime runs can be awaited, and blocked on where they execute elsewhere.
///
/// # Panics
/// Panics if that does not hold.
pub fn single_threaded_runtimes_are_served(new_runner: &NewRunner) {
    #[task(crate = crate)]
    async fn async_of_sync(depth: u32) -> Result<u32, TaskError> {
        sync_down.submit(depth).await
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build();
    assert!(runtime.is_ok(), "a tokio runtime could not be started");
    let Ok(runtime) = runtime else { return };
    let engine = engine_on(new_runner());
    let body: BoxFuture<'static, ()> = Box::pin(async {
        assert_eq!(async_down.submit(20).await.ok(), Some(20));
        assert_eq!(sync_down.submit(20).await.ok(), Some(20));
        assert_eq!(async_of_sync.submit(20).await.ok(), Some(20));
        assert_eq!(sync_down.submit(20).result().ok(), Some(20));
    });
    runtime.block_on(engine.scope(body));
}
