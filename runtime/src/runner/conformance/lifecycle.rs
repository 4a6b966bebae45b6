//! Start, shutdown, and the runs that are never executed.

use std::sync::Arc;

use super::gate::{Gate, Keeping};
use super::{NewRunner, engine_on};
use crate::error::ErrorKind;
use crate::future::TaskFuture;
use crate::prelude::*;
use crate::runner::{ReadyRun, RunnerError};

#[task(crate = crate)]
fn sync_pass(gate: Gate) {
    gate.pass_blocking();
}

#[task(crate = crate, blocking)]
fn blocking_pass(gate: Gate) {
    gate.pass_blocking();
}

#[task(crate = crate)]
async fn async_pass(gate: Gate) {
    gate.pass().await;
}

/// Ready runs of each kind, of a body that arrives at the gate, handed to nobody yet.
fn kept(gate: &Gate) -> (Engine, Vec<TaskFuture<()>>, Vec<ReadyRun>) {
    let keeping = Arc::new(Keeping::default());
    let engine = engine_on(keeping.clone());
    let futures =
        engine.enter(|| vec![sync_pass.submit(gate), async_pass.submit(gate), blocking_pass.submit(gate)]);
    (engine, futures, keeping.take())
}

#[track_caller]
fn assert_cancelled(futures: &[TaskFuture<()>]) {
    for future in futures {
        future.wait();
        assert!(future.state().is_cancelled(), "{} ended as {}", future.name(), future.state());
    }
}

/// The runner has a name, and says how its runs go beside each other: the same each time.
///
/// # Panics
/// Panics if that does not hold.
pub fn names_itself(new_runner: &NewRunner) {
    let (one, other) = (new_runner(), new_runner());
    assert!(!one.name().trim().is_empty(), "its name is empty");
    assert_eq!(one.name(), other.name(), "two of a kind have different names");
    assert_eq!(one.concurrency_type(), other.concurrency_type(), "two of a kind go differently");
    let before = (one.name().to_owned(), one.concurrency_type());
    let _ = one.start();
    assert_eq!(before, (one.name().to_owned(), one.concurrency_type()), "starting it changes what it says");
    one.shutdown();
}

/// A runner that has not been started takes no run: it says so, and drops the run, which cancels it.
///
/// # Panics
/// Panics if that does not hold.
pub fn refuses_work_before_start(new_runner: &NewRunner) {
    let gate = Gate::default();
    gate.open();
    let (_engine, futures, runs) = kept(&gate);
    let runner = new_runner();
    for run in runs {
        let answer = runner.submit(run);
        assert_eq!(answer, Err(RunnerError::NotStarted), "it was not started");
        assert_eq!(
            RunnerError::NotStarted.to_string(),
            "The task runner must be started before submitting work."
        );
    }
    assert_cancelled(&futures);
    assert_eq!(gate.arrived(), 0, "a body was executed by a runner that was not started");
}

/// A runner that has been started says so when it is started again, and goes on as before.
///
/// # Panics
/// Panics if that does not hold.
pub fn refuses_a_second_start(new_runner: &NewRunner) {
    let runner = new_runner();
    assert_eq!(runner.start(), Ok(()));
    assert_eq!(runner.start(), Err(RunnerError::AlreadyStarted));
    assert_eq!(RunnerError::AlreadyStarted.to_string(), "The task runner is already started!");
    let gate = Gate::default();
    gate.open();
    let (_engine, futures, runs) = kept(&gate);
    for run in runs {
        assert_eq!(runner.submit(run), Ok(()), "the second start has stopped it");
    }
    for future in &futures {
        assert_eq!(future.result().err().map(|error| error.to_string()), None);
    }
    runner.shutdown();
}

/// A run that is cancelled before the runner gets to it is never executed, and the runner goes on.
///
/// # Panics
/// Panics if that does not hold.
pub fn cancelled_runs_never_begin(new_runner: &NewRunner) {
    let gate = Gate::default();
    gate.open();
    let (_engine, futures, runs) = kept(&gate);
    let runner = new_runner();
    assert_eq!(runner.start(), Ok(()));
    for future in &futures {
        future.cancel();
    }
    for run in runs {
        let _ = runner.submit(run);
    }
    assert_cancelled(&futures);
    let (_engine, futures, runs) = kept(&gate);
    for run in runs {
        assert_eq!(runner.submit(run), Ok(()));
    }
    for future in &futures {
        assert!(future.result().is_ok(), "{} ended as {}", future.name(), future.state());
    }
    assert_eq!(gate.arrived(), 3, "a cancelled run was executed");
    runner.shutdown();
}

/// An async run that waits is dropped when it is cancelled, and what stands behind it is executed.
///
/// # Panics
/// Panics if that does not hold.
pub fn executing_async_runs_can_be_cancelled(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    let (closed, open) = (Gate::default(), Gate::default());
    open.open();
    engine.enter(|| {
        let stuck: Vec<_> = (0..8).map(|_| async_pass.submit(&closed)).collect();
        let behind = async_pass.submit(&open);
        closed.wait_for(1);
        for future in &stuck {
            future.cancel();
        }
        assert_cancelled(&stuck);
        assert_eq!(behind.result().map_err(|error| error.to_string()), Ok(()));
    });
}

/// A run that is dropped without being executed is cancelled, and what waits for it fails without being executed.
///
/// # Panics
/// Panics if that does not hold.
pub fn dropped_runs_are_cancelled(new_runner: &NewRunner) {
    let gate = Gate::default();
    gate.open();
    let (engine, futures, runs) = kept(&gate);
    let after = engine.enter(|| sync_pass.wait_for(&futures).submit(&gate));
    drop(runs);
    assert_cancelled(&futures);
    let error = after.result().err();
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::TriggerFailed));
    // The runner whose run it was to be does not matter: it has never seen it.
    drop(new_runner());
    assert_eq!(gate.arrived(), 0);
}

/// Shutting down cancels what has not begun: each run is either executed or cancelled, and what is submitted later is
/// cancelled.
///
/// # Panics
/// Panics if that does not hold.
pub fn shutdown_cancels_what_has_not_begun(new_runner: &NewRunner) {
    let runner = new_runner();
    let engine = engine_on(runner.clone());
    let gate = Gate::default();
    // Submitting may be executing: not on this thread, which has to open the gate.
    let submitting: Vec<_> = (0..12)
        .map(|n| {
            let (engine, gate) = (engine.clone(), gate.clone());
            let submit = move || {
                engine.enter(|| match n % 3 {
                    0 => sync_pass.submit(gate),
                    1 => async_pass.submit(gate),
                    _ => blocking_pass.submit(gate),
                })
            };
            std::thread::spawn(submit)
        })
        .collect();
    gate.wait_for(1);
    runner.shutdown();
    gate.open();
    let futures: Vec<_> = submitting.into_iter().filter_map(|thread| thread.join().ok()).collect();
    assert_eq!(futures.len(), 12, "submitting panics");
    let mut completed = 0;
    for future in &futures {
        future.wait();
        let state = future.state();
        completed += usize::from(state.is_completed());
        assert!(state.is_completed() || state.is_cancelled(), "{} ended as {state}", future.name());
    }
    assert_eq!(gate.arrived(), completed, "so many bodies were executed, so many runs completed");

    let (_engine, futures, runs) = kept(&gate);
    for run in runs {
        assert_eq!(runner.submit(run), Err(RunnerError::NotStarted), "it was shut down");
    }
    assert_cancelled(&futures);
    assert_eq!(gate.arrived(), completed, "a body was executed after the shutdown");
}

/// Shutting down leaves what executes alone.
///
/// # Panics
/// Panics if that does not hold.
pub fn shutdown_lets_what_executes_end(new_runner: &NewRunner) {
    for kind in 0..3 {
        let runner = new_runner();
        let engine = engine_on(runner.clone());
        let gate = Gate::default();
        let passes = gate.clone();
        let submitting = std::thread::spawn(move || {
            engine.enter(|| match kind {
                0 => sync_pass.submit(passes),
                1 => async_pass.submit(passes),
                _ => blocking_pass.submit(passes),
            })
        });
        gate.wait_for(1);
        runner.shutdown();
        gate.open();
        let ended = submitting.join().map(|future| future.result().map_err(|error| error.to_string()));
        assert_eq!(ended.ok(), Some(Ok(())));
    }
}
