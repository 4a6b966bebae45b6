//! What starting and shutting down means for the runners that are built in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrun::prelude::*;
use millrun::runner::ConcurrencyType;

use crate::gate::Gate;

#[task]
fn sync_pass(gate: Gate) {
    gate.pass_blocking();
}

#[task(blocking)]
fn blocking_pass(gate: Gate) {
    gate.pass_blocking();
}

#[task]
async fn async_pass(gate: Gate) {
    gate.pass().await;
}

type Pass = fn(&Gate) -> TaskFuture<()>;

const KINDS: [Pass; 3] =
    [|gate| sync_pass.submit(gate), |gate| async_pass.submit(gate), |gate| blocking_pass.submit(gate)];

#[test]
fn runners_say_who_they_are() {
    let runners: [(Arc<dyn TaskRunner>, _, _); 3] = [
        (Arc::new(SequentialTaskRunner::new()), "sequential", "sequentially"),
        (Arc::new(ConcurrentTaskRunner::new()), "concurrent", "concurrently"),
        (Arc::new(ThreadPoolTaskRunner::default()), "thread_pool", "in parallel"),
    ];
    for (runner, name, how) in runners {
        assert_eq!((runner.name(), runner.concurrency_type().to_string().as_str()), (name, how));
    }
    assert_eq!(ThreadPoolTaskRunner::new(1).concurrency_type(), ConcurrencyType::Parallel);
}

/// One run executes, three stand in line: these are cancelled at once, and that one goes on.
fn shutdown_cancels_the_line(new_runner: impl Fn() -> Arc<dyn TaskRunner>, kinds: &[Pass]) {
    for pass in kinds {
        let runner = new_runner();
        let engine = Engine::builder().task_runner(runner.clone()).build();
        let gate = Gate::new();
        engine.enter(|| {
            let executing = pass(&gate);
            gate.arrived_blocking(1);
            let in_line: Vec<_> = (0..3).map(|_| pass(&gate)).collect();
            let after = sync_pass.wait_for(&executing).submit(&gate);
            runner.shutdown();
            for future in &in_line {
                assert!(future.state().is_cancelled(), "{}", future.state());
            }
            gate.open();
            executing.result().unwrap();
            assert!(after.result().unwrap_err().is_cancelled());
            assert_eq!(gate.count(), 1);
        });
    }
}

#[test]
fn the_thread_pool_cancels_its_line_at_shutdown() {
    shutdown_cancels_the_line(|| Arc::new(ThreadPoolTaskRunner::new(1)), &KINDS);
}

#[test]
fn the_concurrent_runner_cancels_its_line_at_shutdown() {
    shutdown_cancels_the_line(|| Arc::new(ConcurrentTaskRunner::new().max_workers(1)), &KINDS);
}

#[test]
fn the_sequential_runner_cancels_its_line_at_shutdown() {
    // A sync run would be executed by this very thread.
    shutdown_cancels_the_line(|| Arc::new(SequentialTaskRunner::new()), &KINDS[1..2]);
}

/// Nothing has begun while the only thread of the runtime does something else.
#[tokio::test]
async fn shutdown_cancels_async_runs_that_no_thread_has_begun() {
    let runners: [Arc<dyn TaskRunner>; 4] = [
        Arc::new(ThreadPoolTaskRunner::default()),
        Arc::new(ConcurrentTaskRunner::new()),
        Arc::new(ConcurrentTaskRunner::new().max_workers(2)),
        Arc::new(SequentialTaskRunner::new()),
    ];
    for runner in runners {
        let engine = Engine::builder().task_runner(runner.clone()).build();
        let gate = Gate::new();
        gate.open();
        let futures = engine.enter(|| [async_pass.submit(&gate), async_pass.submit(&gate)]);
        runner.shutdown();
        for future in futures {
            assert!(future.await.unwrap_err().is_cancelled(), "on {}", runner.name());
        }
        assert_eq!(gate.count(), 0, "on {}", runner.name());
    }
}

#[test]
fn a_runner_that_was_shut_down_can_be_started_again() {
    let runners: [Arc<dyn TaskRunner>; 3] = [
        Arc::new(SequentialTaskRunner::new()),
        Arc::new(ConcurrentTaskRunner::new().max_workers(1)),
        Arc::new(ThreadPoolTaskRunner::new(1)),
    ];
    for runner in runners {
        let engine = Engine::builder().task_runner(runner.clone()).build();
        runner.shutdown();
        runner.start().unwrap();
        let gate = Gate::new();
        gate.open();
        engine.enter(|| {
            for pass in KINDS {
                pass(&gate).result().unwrap();
            }
        });
    }
}

#[test]
fn the_last_handle_of_an_engine_shuts_its_runner_down() {
    let runner = Arc::new(ThreadPoolTaskRunner::new(1));
    let engine = Engine::builder().task_runner(runner.clone()).build();
    let other = engine.clone();
    drop(engine);
    assert!(runner.start().is_err());
    drop(other);
    runner.start().unwrap();
}

static MADE: AtomicUsize = AtomicUsize::new(0);

fn counted_runner() -> SequentialTaskRunner {
    MADE.fetch_add(1, Ordering::SeqCst);
    SequentialTaskRunner::new()
}

#[task]
fn fail() -> Result<(), String> {
    Err("always".into())
}

#[flow(task_runner = counted_runner(), retries = 2)]
fn fails_thrice() -> Result<(), FlowError> {
    Ok(fail.submit().result()?)
}

#[test]
fn a_flow_runs_own_runner_is_made_once_however_many_attempts_there_are() {
    assert!(fails_thrice().result().is_err());
    assert_eq!(MADE.load(Ordering::SeqCst), 1);
}
