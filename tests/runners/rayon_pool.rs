//! Sync runs on the rayon pool of their runner, and what rayon does inside of them.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use millrun::prelude::*;
use rayon::prelude::*;

use crate::gate::Gate;

fn name_here() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// How many threads rayon has here, and the names of those that take part.
#[task]
fn taking_part() -> (usize, Vec<String>) {
    let names = (0..64).into_par_iter().map(|_| name_here()).collect();
    (rayon::current_num_threads(), names)
}

#[track_caller]
fn assert_in_pool((threads, names): (usize, Vec<String>), size: usize) {
    assert_eq!(threads, size);
    for name in names {
        assert!(name.starts_with("millrun-rayon-") && name != "millrun-rayon-spare", "{name}");
    }
}

#[flow]
fn one_by_one() -> Result<Vec<(usize, Vec<String>)>, FlowError> {
    // Whoever waits here does not execute it here.
    (0..20).map(|_| Ok(taking_part.submit().result()?)).collect()
}

#[test]
fn rayon_inside_a_sync_run_uses_the_runners_pool() {
    for size in [1, 2, 3] {
        let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(size)).build();
        for found in engine.run_blocking(one_by_one()).unwrap() {
            assert_in_pool(found, size);
        }
        let at_once: Vec<_> = engine.enter(|| (0..50).map(|_| taking_part.submit()).collect());
        for future in at_once {
            assert_in_pool(future.result().unwrap(), size);
        }
    }
}

#[task]
fn nested(depth: u32) -> Result<(usize, Vec<String>), TaskError> {
    if depth == 0 { taking_part.submit().result() } else { nested.submit(depth - 1).result() }
}

#[task]
fn stays(gate: Gate) {
    gate.pass_blocking();
}

#[test]
fn a_nested_run_is_on_the_pool_too_while_one_stack_is_enough() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(2)).build();
    engine.enter(|| {
        // One thread is held: it cannot begin with what the other one submits, before that waits for it.
        let gate = Gate::new();
        let held = stays.submit(&gate);
        gate.arrived_blocking(1);
        assert_in_pool(nested.submit(20).result().unwrap(), 2);
        gate.open();
        held.result().unwrap();
    });
}

#[task]
async fn through_async() -> Result<(usize, Vec<String>), TaskError> {
    taking_part.submit().await
}

#[task]
fn waits_for_async() -> Result<(usize, Vec<String>), TaskError> {
    through_async.submit().result()
}

#[test]
fn a_run_that_takes_the_place_of_one_that_waits_goes_to_no_other_pool() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    let (threads, names) = engine.enter(|| waits_for_async.submit().result()).unwrap();
    assert_eq!(threads, 1);
    assert_eq!(names, vec!["millrun-rayon-spare"; 64]);
}

#[task]
fn square(n: u64) -> u64 {
    n * n
}

#[task]
async fn square_async(n: u64) -> u64 {
    n * n
}

/// Closures of `par_iter` that submit and wait, in the context of the run and without it.
#[task]
fn sum_of_squares(count: u64, carries_context: bool) -> Result<u64, TaskError> {
    let context = RunContext::current();
    let one = |n: u64| -> Result<u64, TaskError> {
        let square = || Ok(square.submit(n).result()? + square_async.submit(n).result()?);
        if carries_context { context.enter(square) } else { square() }
    };
    (0..count).into_par_iter().map(one).sum()
}

#[test]
fn closures_of_par_iter_may_submit_and_wait() {
    for size in [1, 2, 4] {
        let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(size)).build();
        let sums: Vec<_> = engine.enter(|| (0..4).map(|_| sum_of_squares.submit(100, true)).collect());
        for sum in sums {
            assert_eq!(sum.result().unwrap(), 2 * 328_350);
        }
    }
    // Without the context they are submitted to the engine in memory, from threads of a pool that is not its own.
    assert_eq!(sum_of_squares.submit(100, false).result().unwrap(), 2 * 328_350);
}

/// A run with two halves: one stays until the gate opens, the other until somebody else has taken its own second half.
#[task]
fn halves(stays: Gate, taken: Arc<Barrier>) {
    rayon::join(
        || stays.pass_blocking(),
        || {
            rayon::join(
                || {
                    taken.wait();
                },
                || {
                    taken.wait();
                    stays.pass_blocking();
                },
            )
        },
    );
}

#[task]
fn waits_for(other: TaskFuture<()>, begun: Sender<()>) -> Result<(), TaskError> {
    begun.send(()).unwrap();
    other.result()
}

#[test]
fn a_thread_that_waits_inside_of_a_run_begins_with_no_other_that_may_wait_for_it() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(3)).build();
    engine.enter(|| {
        let stays = Gate::new();
        let (begun, begins) = mpsc::channel();
        let halves = halves.submit(&stays, Arc::new(Barrier::new(2)));
        // All three threads are in it: two at the gate, one in `join`, which is where rayon has it look for something to do.
        stays.arrived_blocking(2);
        let waiting = waits_for.submit(quote(&halves), begun);
        // A wrong one begins with it at once, and then never ends. A right one leaves it until later: nothing to wait for.
        let _ = begins.recv_timeout(Duration::from_millis(200));
        stays.open();
        waiting.result().unwrap();
    });
}
