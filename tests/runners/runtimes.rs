//! Runners beside the tokio runtimes that their async runs go to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{join_all, pending};
use millrun::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::gate::Gate;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn bounded() -> [Arc<dyn TaskRunner>; 3] {
    [
        Arc::new(SequentialTaskRunner::new()),
        Arc::new(ConcurrentTaskRunner::new().max_workers(1)),
        Arc::new(ThreadPoolTaskRunner::new(1)),
    ]
}

fn unbounded() -> [Arc<dyn TaskRunner>; 2] {
    [Arc::new(ConcurrentTaskRunner::new()), Arc::new(ThreadPoolTaskRunner::default())]
}

#[task]
async fn forever(begun: tokio::sync::mpsc::Sender<()>) {
    begun.send(()).await.unwrap();
    pending::<()>().await;
}

#[task]
async fn one() -> u32 {
    1
}

/// Whether those are to stop that follow one another, and their futures.
type Endless = Arc<(AtomicBool, Mutex<Vec<TaskFuture<()>>>)>;

#[task]
async fn again(endless: Endless) {
    let (stops, kept) = &*endless;
    if !stops.load(Ordering::SeqCst) {
        let next = again.submit(&endless);
        kept.lock().unwrap().push(next);
    }
}

#[test]
fn runs_that_follow_one_another_without_end_let_other_tasks_of_the_runtime_go() {
    for runner in bounded().into_iter().chain(unbounded()) {
        let engine = Engine::builder().task_runner(runner).build();
        runtime().block_on(engine.scope(async {
            let endless = Endless::default();
            again.submit(&endless).await.unwrap();
            let stop = endless.clone();
            tokio::spawn(async move { stop.0.store(true, Ordering::SeqCst) }).await.unwrap();
            let kept = || std::mem::take(&mut *endless.1.lock().unwrap());
            // The last one to see no stop may have submitted another.
            for future in kept() {
                future.await.unwrap();
            }
            for future in kept() {
                future.await.unwrap();
            }
        }));
    }
}

#[test]
fn a_runtime_that_shuts_down_ends_its_runs_and_leaves_their_places() {
    for runner in bounded().into_iter().chain(unbounded()) {
        let engine = Engine::builder().task_runner(runner.clone()).build();
        let first = runtime();
        let (begun, mut begins) = tokio::sync::mpsc::channel(1);
        let (stuck, behind) = first.block_on(engine.scope(async {
            let stuck = forever.submit(begun);
            begins.recv().await;
            (stuck, one.submit())
        }));
        first.shutdown_timeout(Duration::from_secs(60));
        assert!(stuck.result().is_err());
        assert!(stuck.state().is_crashed(), "{} on {}", stuck.state(), runner.name());
        // It stood in line for the runtime that is gone, or had been executed before.
        behind.wait();
        let second = runtime();
        assert_eq!(second.block_on(engine.scope(async { one.submit().await })).unwrap(), 1);
    }
}

#[task]
async fn pass(gate: Gate) {
    gate.pass().await;
}

/// Waits for a run on another runtime, and for something else.
#[task]
async fn waits_for_two(on: Handle, run: Gate, other: Gate) -> Result<(), TaskError> {
    let run = {
        let _entered = on.enter();
        pass.submit(run)
    };
    futures::join!(run, other.pass()).0
}

#[test]
fn who_waits_for_a_place_when_its_runtime_shuts_down_leaves_it_to_others() {
    let lasting = runtime();
    for (runner, is_given_back) in [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true)] {
        let engine = Engine::builder().task_runner(bounded()[runner].clone()).build();
        let idle = Builder::new_current_thread().build().unwrap();
        let (run, other) = (Gate::new(), Gate::new());
        let submit_on = |runtime: &Runtime, submit: &dyn Fn() -> TaskFuture<()>| {
            let _entered = runtime.enter();
            engine.enter(submit)
        };
        let waits = submit_on(&idle, &|| waits_for_two.submit(lasting.handle().clone(), &run, &other));
        idle.block_on(async {
            run.arrived(1).await;
            // It goes on, for which it needs the place that the run has.
            other.open();
            tokio::task::yield_now().await;
        });
        let next = submit_on(&lasting, &|| pass.submit(&run));
        // Nobody polls it from here on.
        if is_given_back {
            run.open();
        }
        drop(idle);
        run.open();
        next.result().unwrap();
        assert!(waits.result().is_err());
    }
}

#[task]
async fn join_many(count: usize) -> Result<u32, TaskError> {
    let ones = join_all((0..count).map(|_| one.submit())).await;
    ones.into_iter().sum()
}

#[test]
fn a_body_that_joins_many_runs_lends_its_place_until_the_last_has_ended() {
    for runner in bounded() {
        let engine = Engine::builder().task_runner(runner).build();
        for count in [2, 10, 100] {
            assert_eq!(engine.enter(|| join_many.submit(count).result()).unwrap() as usize, count);
        }
    }
}

#[task]
async fn blocking_down(depth: u32) -> Result<u32, TaskError> {
    if depth == 0 { Ok(0) } else { Ok(1 + blocking_down.submit(depth - 1).result()?) }
}

#[test]
fn async_bodies_may_block_for_async_runs_on_a_multi_threaded_runtime() {
    for runner in bounded().into_iter().chain(unbounded()) {
        let engine = Engine::builder().task_runner(runner).build();
        let ended = runtime().block_on(engine.scope(async { blocking_down.submit(100).await }));
        assert_eq!(ended.unwrap(), 100);
    }
}

#[task]
async fn waits_both_ways() -> Result<u32, TaskError> {
    let awaited = one.submit();
    let blocked_on = one.submit();
    let (awaited, blocked_on) = futures::join!(awaited, async { blocked_on.result() });
    Ok(awaited? + blocked_on?)
}

#[test]
fn a_body_that_awaits_one_run_and_blocks_on_another_lends_its_place_for_both() {
    for runner in bounded() {
        let engine = Engine::builder().task_runner(runner).build();
        let ended = runtime().block_on(engine.scope(async { waits_both_ways.submit().await }));
        assert_eq!(ended.unwrap(), 2);
    }
}

#[task(retries = 1, retry_delay = "1h")]
fn delayed() -> Result<(), String> {
    Err("not yet".into())
}

#[task(trigger = all_finished)]
fn follow() -> u32 {
    1
}

#[task(trigger = all_finished)]
async fn follow_async() -> u32 {
    1
}

#[task]
async fn one_more(n: u32) -> u32 {
    n + 1
}

#[task]
async fn cancel_async(other: TaskFuture<u32>, last: TaskFuture<u32>) -> Result<u32, TaskError> {
    other.cancel();
    last.await
}

#[task]
fn cancel(other: TaskFuture<u32>, last: TaskFuture<u32>) -> Result<u32, TaskError> {
    other.cancel();
    last.result()
}

#[test]
fn what_a_body_makes_ready_by_cancelling_is_executed_while_it_waits() {
    for runner in bounded().into_iter().chain(unbounded()) {
        // Nobody moves the clock: what waits for the delay is open as long as this test wants it.
        let engine = Engine::builder().task_runner(runner).clock(Clock::manual()).build();
        engine.enter(|| {
            let open = delayed.submit();
            for is_async in [false, true] {
                let unstarted = one.wait_for(&open).submit();
                let (last, canceller) = if is_async {
                    let last = one_more.submit(follow_async.wait_for(&unstarted).submit());
                    (last.clone(), cancel_async.submit(quote(&unstarted), quote(&last)))
                } else {
                    let last = one_more.submit(follow.wait_for(&unstarted).submit());
                    (last.clone(), cancel.submit(quote(&unstarted), quote(&last)))
                };
                assert_eq!(canceller.result().unwrap(), 2);
                assert_eq!(last.result().unwrap(), 2);
                assert!(unstarted.state().is_cancelled());
            }
            open.cancel();
        });
    }
}
