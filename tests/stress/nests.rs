//! Runs that submit runs and wait for them, deeper than any pool has threads and any stack has room.

use std::future::Future;
use std::pin::Pin;

use millrun::prelude::*;
use rayon::prelude::*;

use crate::engines;

const DEPTH: u32 = 1000;

/// A future of a type that can be named in itself.
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[task]
async fn async_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 {
        return Ok(0);
    }
    let below: Boxed<Result<u32, TaskError>> = Box::pin(async move { async_down.submit(depth - 1).await });
    Ok(below.await? + 1)
}

#[task]
fn sync_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 {
        return Ok(0);
    }
    Ok(sync_down.submit(depth - 1).result()? + 1)
}

#[task(blocking)]
fn blocking_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 {
        return Ok(0);
    }
    Ok(blocking_down.submit(depth - 1).result()? + 1)
}

#[test]
fn async_tasks_that_submit_themselves_with_one_worker() {
    for engine in engines(1) {
        assert_eq!(engine.enter(|| async_down.submit(DEPTH)).result().unwrap(), DEPTH);
    }
}

#[test]
fn sync_tasks_that_submit_themselves_with_one_worker() {
    for engine in engines(1) {
        assert_eq!(engine.enter(|| sync_down.submit(DEPTH)).result().unwrap(), DEPTH);
    }
}

#[test]
fn blocking_tasks_that_submit_themselves_with_one_worker() {
    for engine in engines(1) {
        assert_eq!(engine.enter(|| blocking_down.submit(DEPTH)).result().unwrap(), DEPTH);
    }
}

#[task]
async fn mixed_async(depth: u32) -> Result<u32, TaskError> {
    let below: Boxed<Result<u32, TaskError>> = Box::pin(async move { below(depth).await });
    Ok(below.await? + 1)
}

#[task]
fn mixed_sync(depth: u32) -> Result<u32, TaskError> {
    Ok(below(depth).result()? + 1)
}

#[task(blocking)]
fn mixed_blocking(depth: u32) -> Result<u32, TaskError> {
    Ok(below(depth).result()? + 1)
}

#[task]
fn bottom() -> u32 {
    0
}

/// Another kind at each level, in no simple order.
fn below(depth: u32) -> TaskFuture<u32> {
    match depth {
        0 => bottom.submit(),
        _ => match depth.wrapping_mul(2_654_435_761) >> 16 {
            kind if kind % 3 == 0 => mixed_async.submit(depth - 1),
            kind if kind % 3 == 1 => mixed_sync.submit(depth - 1),
            _ => mixed_blocking.submit(depth - 1),
        },
    }
}

#[test]
fn tasks_of_all_kinds_that_submit_each_other() {
    for workers in [1, 2] {
        for engine in engines(workers) {
            assert_eq!(engine.enter(|| below(DEPTH)).result().unwrap(), DEPTH);
        }
    }
}

#[test]
fn many_deep_nests_at_once() {
    for workers in [1, 3] {
        for engine in engines(workers) {
            let all: Vec<_> = engine.enter(|| (0..20).map(|_| below(50)).collect());
            for future in all {
                assert_eq!(future.result().unwrap(), 50);
            }
        }
    }
}

#[task]
fn tree(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 {
        return Ok(1);
    }
    Ok(tree.map([depth - 1; 3]).result()?.iter().sum::<u32>() + 1)
}

#[test]
fn trees_of_maps_that_wait_for_their_maps() {
    for workers in [1, 2, 4] {
        for engine in engines(workers) {
            assert_eq!(engine.enter(|| tree.submit(6)).result().unwrap(), 1093);
        }
    }
}

/// Waits for runs inside of what rayon does with it.
#[task]
fn parallel(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 {
        return Ok(1);
    }
    let below: Result<Vec<u32>, TaskError> =
        (0..3).into_par_iter().map(|_| parallel.submit(depth - 1).result()).collect();
    Ok(below?.iter().sum::<u32>() + 1)
}

#[test]
fn runs_wait_inside_of_rayon_inside_of_runs() {
    for workers in [1, 2, 4] {
        let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(workers)).build();
        assert_eq!(engine.enter(|| parallel.submit(5)).result().unwrap(), 364);
    }
}

#[flow]
fn flows_down(depth: u32) -> Result<u32, FlowError> {
    if depth == 0 {
        return Ok(0);
    }
    Ok(flows_down.start(depth - 1).result()? + 1)
}

#[flow]
async fn async_flows_down(depth: u32) -> Result<u32, FlowError> {
    if depth == 0 {
        return Ok(0);
    }
    let below: Boxed<Result<u32, FlowError>> = Box::pin(async move { async_flows_down(depth - 1).await });
    Ok(below.await? + 1)
}

#[test]
fn flows_that_start_themselves() {
    for engine in engines(1) {
        assert_eq!(engine.run_blocking(flows_down(300)).unwrap(), 300);
        assert_eq!(engine.run_blocking(async_flows_down(DEPTH)).unwrap(), DEPTH);
    }
}

#[test]
fn a_deep_nest_of_runs_is_cancelled() {
    #[task]
    async fn nested(depth: u32, bottom: tokio::sync::mpsc::Sender<()>) -> u32 {
        if depth == 0 {
            let _ = bottom.send(()).await;
            return std::future::pending().await;
        }
        let below: Boxed<u32> =
            Box::pin(async move { nested.submit(depth - 1, &bottom).await.map_or(0, |depth| depth + 1) });
        below.await
    }
    for engine in engines(2) {
        let (bottom, mut reached) = tokio::sync::mpsc::channel(1);
        let future = engine.enter(|| nested.submit(5000, &bottom));
        assert_eq!(reached.blocking_recv(), Some(()));
        future.cancel();
        assert_eq!(future.result().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
