//! What executing a run means: once, to its end, with its value, its error or its panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{NewRunner, engine_on};
use crate::error::ErrorKind;
use crate::prelude::*;

type Counts = Arc<Vec<AtomicUsize>>;

#[task(crate = crate)]
fn sync_count(counts: Arc<Vec<AtomicUsize>>, n: usize) -> usize {
    counts[n].fetch_add(1, Ordering::SeqCst);
    n
}

#[task(crate = crate, blocking)]
fn blocking_count(counts: Arc<Vec<AtomicUsize>>, n: usize) -> usize {
    counts[n].fetch_add(1, Ordering::SeqCst);
    n
}

#[task(crate = crate)]
async fn async_count(counts: Arc<Vec<AtomicUsize>>, n: usize) -> usize {
    counts[n].fetch_add(1, Ordering::SeqCst);
    // To the back of the line, once.
    let mut polled = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    n
}

/// Every run is executed exactly once and ends, whoever submits how many at the same time.
///
/// # Panics
/// Panics if that does not hold.
pub fn every_run_executes_once_and_ends(new_runner: &NewRunner) {
    const THREADS: usize = 4;
    const EACH: usize = 250;
    let engine = engine_on(new_runner());
    let counts: Counts = Arc::new((0..THREADS * EACH).map(|_| AtomicUsize::new(0)).collect());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, counts) = (&engine, &counts);
            scope.spawn(move || {
                let numbers = thread * EACH..(thread + 1) * EACH;
                let submit = |n: usize| match n % 3 {
                    0 => sync_count.submit(counts.clone(), n),
                    1 => async_count.submit(counts.clone(), n),
                    _ => blocking_count.submit(counts.clone(), n),
                };
                let futures: Vec<_> = engine.enter(|| numbers.clone().map(submit).collect());
                for (n, future) in numbers.zip(futures) {
                    assert_eq!(future.result().map_err(|error| error.to_string()), Ok(n));
                    let states: Vec<String> =
                        future.states().iter().map(|state| state.name.to_string()).collect();
                    assert_eq!(states, ["Pending", "Running", "Completed"], "of {}", future.name());
                }
            });
        }
    });
    for (n, count) in counts.iter().enumerate() {
        assert_eq!(count.load(Ordering::SeqCst), 1, "so often run {n} was executed");
    }
}

#[task(crate = crate)]
fn sync_halve(n: u64) -> Result<u64, String> {
    halve(n)
}

#[task(crate = crate, blocking)]
fn blocking_halve(n: u64) -> Result<u64, String> {
    halve(n)
}

#[task(crate = crate)]
async fn async_halve(n: u64) -> Result<u64, String> {
    halve(n)
}

fn halve(n: u64) -> Result<u64, String> {
    match n {
        13 => panic!("{n} brings bad luck"),
        _ if n % 2 == 1 => Err(format!("{n} is odd")),
        _ => Ok(n / 2),
    }
}

/// What a body gives is what its future gives: the value, or the error, which fails the run.
///
/// # Panics
/// Panics if that does not hold.
pub fn values_and_errors_come_back(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    engine.enter(|| {
        let well = [sync_halve.submit(10), async_halve.submit(10), blocking_halve.submit(10)];
        let badly = [sync_halve.submit(7), async_halve.submit(7), blocking_halve.submit(7)];
        for future in well {
            assert_eq!(future.result().ok(), Some(5), "of {}", future.name());
        }
        for future in badly {
            let error = future.result().err();
            assert_eq!(error.as_ref().map(TaskError::kind), Some(ErrorKind::Failed), "of {}", future.name());
            assert!(
                error.is_some_and(|error| error.to_string().contains("7 is odd")),
                "of {}",
                future.name()
            );
            assert!(future.state().is_failed(), "{} ended as {}", future.name(), future.state());
        }
    });
}

/// A body that panics ends its own run as CRASHED and nothing else: the runner goes on, with as many workers as before.
///
/// # Panics
/// Panics if that does not hold.
pub fn panics_never_take_the_runner_down(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    engine.enter(|| {
        for _ in 0..3 {
            let futures: Vec<_> = (0..4)
                .flat_map(|_| [sync_halve.submit(13), async_halve.submit(13), blocking_halve.submit(13)])
                .collect();
            for future in futures {
                let error = future.result().err();
                assert_eq!(error.as_ref().map(TaskError::kind), Some(ErrorKind::Crashed));
                assert!(error.is_some_and(|error| error.to_string().contains("13 brings bad luck")));
                assert!(future.state().is_crashed(), "{} ended as {}", future.name(), future.state());
            }
        }
        let futures: Vec<_> = (0..8)
            .flat_map(|_| [sync_halve.submit(4), async_halve.submit(4), blocking_halve.submit(4)])
            .collect();
        for future in futures {
            assert_eq!(future.result().ok(), Some(2), "of {}", future.name());
        }
    });
}

#[task(crate = crate, retries = 3)]
fn sync_at_last(calls: Arc<AtomicUsize>) -> Result<usize, String> {
    at_last(&calls)
}

#[task(crate = crate, retries = 3)]
async fn async_at_last(calls: Arc<AtomicUsize>) -> Result<usize, String> {
    at_last(&calls)
}

fn at_last(calls: &AtomicUsize) -> Result<usize, String> {
    match calls.fetch_add(1, Ordering::SeqCst) {
        3 => Ok(3),
        n => Err(format!("attempt {n} fails")),
    }
}

/// A run that is retried comes back to the runner, and is executed again.
///
/// # Panics
/// Panics if that does not hold.
pub fn failed_runs_are_executed_again(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    engine.enter(|| {
        for _ in 0..20 {
            for future in [
                sync_at_last.submit(Arc::<AtomicUsize>::default()),
                async_at_last.submit(Arc::<AtomicUsize>::default()),
            ] {
                assert_eq!(future.result().ok(), Some(3), "of {}", future.name());
                let states: Vec<String> =
                    future.states().iter().map(|state| state.name.to_string()).collect();
                assert_eq!(
                    states,
                    ["Pending", "Running", "Retrying", "Retrying", "Retrying", "Completed"],
                    "of {}",
                    future.name()
                );
            }
        }
    });
}

type Ends = Arc<Mutex<Vec<usize>>>;

#[task(crate = crate)]
fn sync_after(ends: Arc<Mutex<Vec<usize>>>, n: usize, before: Vec<usize>) -> usize {
    after(&ends, n, &before)
}

#[task(crate = crate)]
async fn async_after(ends: Arc<Mutex<Vec<usize>>>, n: usize, before: Vec<usize>) -> usize {
    after(&ends, n, &before)
}

fn after(ends: &Mutex<Vec<usize>>, n: usize, before: &[usize]) -> usize {
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    for upstream in before {
        assert!(ends.contains(upstream), "{n} begins before {upstream} has ended");
    }
    ends.push(n);
    n
}

/// No run begins before everything that it depends on has ended, and each finds the results.
///
/// # Panics
/// Panics if that does not hold.
pub fn no_run_begins_before_its_upstreams_have_ended(new_runner: &NewRunner) {
    const LAYERS: usize = 20;
    const WIDTH: usize = 5;
    let engine = engine_on(new_runner());
    let ends = Ends::default();
    engine.enter(|| {
        let mut layer: Vec<TaskFuture<usize>> = Vec::new();
        for n in 0..LAYERS {
            let numbers = n * WIDTH..(n + 1) * WIDTH;
            layer = numbers
                .map(|n| {
                    if n % 2 == 0 {
                        sync_after.submit(ends.clone(), n, &layer)
                    } else {
                        async_after.submit(ends.clone(), n, &layer)
                    }
                })
                .collect();
        }
        for future in layer {
            assert_eq!(future.result().err().map(|error| error.to_string()), None);
        }
    });
    assert_eq!(ends.lock().unwrap_or_else(PoisonError::into_inner).len(), LAYERS * WIDTH);
}

#[task(crate = crate)]
fn sync_square(n: usize) -> usize {
    n * n
}

#[task(crate = crate)]
async fn async_square(n: usize) -> usize {
    n * n
}

/// A map gives its results in the order of its elements, in turns of many or not, mapped once more or not.
///
/// # Panics
/// Panics if that does not hold.
pub fn maps_keep_their_order(new_runner: &NewRunner) {
    const LENGTH: usize = 1200;
    let engine = engine_on(new_runner());
    let squares = |power: u32| Some((0..LENGTH).map(|n| n.pow(power)).collect::<Vec<_>>());
    engine.enter(|| {
        assert_eq!(sync_square.map(0..LENGTH).result().ok(), squares(2));
        assert_eq!(async_square.map(0..LENGTH).result().ok(), squares(2));
        assert_eq!(sync_square.map(0..LENGTH).chunked(64).result().ok(), squares(2));
        assert_eq!(sync_square.map(async_square.map(0..LENGTH)).result().ok(), squares(4));
        assert_eq!(sync_square.map(0..0_usize).result().ok(), Some(Vec::new()));
    });
}

#[task(crate = crate)]
fn sync_name() -> Option<String> {
    task_run().ok().map(|run| run.name())
}

#[task(crate = crate)]
async fn async_name() -> Option<String> {
    task_run().ok().map(|run| run.name())
}

/// Inside its body a run can be asked for, on whatever thread that executes.
///
/// # Panics
/// Panics if that does not hold.
pub fn runs_are_told_who_they_are(new_runner: &NewRunner) {
    let engine = engine_on(new_runner());
    engine.enter(|| {
        for future in [sync_name.submit(), async_name.submit(), sync_name.submit(), async_name.submit()] {
            assert_eq!(future.result().ok(), Some(Some(future.name())));
        }
    });
    assert!(task_run().is_err(), "a run is left behind where it was submitted");
}
