//! When runs begin and end, by the system's clock.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use millrun::prelude::*;

/// When something of the user's was done for a run that began right after another.
static DONE: Mutex<Vec<SystemTime>> = Mutex::new(Vec::new());

/// Takes its time to be copied, and to be dropped.
struct Slow;

fn takes_its_time() {
    let begun = SystemTime::now();
    while begun.elapsed().unwrap_or_default() < Duration::from_micros(300) {
        std::hint::spin_loop();
    }
    DONE.lock().unwrap().push(SystemTime::now());
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        takes_its_time();
        Self
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        takes_its_time();
    }
}

#[task]
fn make(_n: u32) -> Slow {
    Slow
}

#[task]
fn take(_given: Slow, _n: u32) -> Slow {
    Slow
}

#[task]
async fn make_async(_n: u32) -> Slow {
    Slow
}

#[task]
async fn take_async(_given: Slow, _n: u32) -> Slow {
    Slow
}

#[flow]
fn one_after_another() -> Result<(), FlowError> {
    let made = make.map(0..20);
    let shared = make.submit(0);
    let last: Vec<_> = (0..20).map(|n| take.submit(&shared, n)).collect();
    let all = take.map(&made, 0..20);
    all.wait();
    last.iter().for_each(TaskFuture::wait);
    Ok(())
}

#[flow]
async fn one_after_another_async() -> Result<(), FlowError> {
    let made = make_async.map(0..20);
    let shared = make_async.submit(0);
    let last: Vec<_> = (0..20).map(|n| take_async.submit(&shared, n)).collect();
    let all = take_async.map(&made, 0..20);
    let _ = all.shared().await;
    for future in &last {
        future.finished().await;
    }
    Ok(())
}

/// On one thread, runs and what is done between them go one after another: nothing of that lies in a run.
fn nothing_of_the_users_is_done_between_the_beginning_of_a_run_and_its_body(runs: &[TaskRun]) {
    let done = std::mem::take(&mut *DONE.lock().unwrap());
    assert!(done.len() > 40);
    for run in runs {
        let (begun, ended) = (run.started_at().unwrap(), run.ended_at().unwrap());
        // Arguments are dropped as the body ends.
        let inside = done.iter().filter(|at| begun <= **at && **at <= ended).count();
        assert!(inside <= 1, "{inside} things were done in {}, which took {:?}", run.name(), run.run_time());
    }
}

#[test]
fn a_run_begins_after_what_is_done_for_it() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    let report = engine.enter(|| one_after_another().report_blocking());
    nothing_of_the_users_is_done_between_the_beginning_of_a_run_and_its_body(&report.task_runs());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let engine = Engine::builder().build();
    let report = runtime.block_on(engine.scope(async { one_after_another_async().report().await }));
    nothing_of_the_users_is_done_between_the_beginning_of_a_run_and_its_body(&report.task_runs());
}

#[task]
fn first(n: u32) -> u32 {
    n
}

#[task]
fn next(n: u32) -> u32 {
    n
}

#[task]
async fn first_async(n: u32) -> u32 {
    n
}

#[task]
async fn next_async(n: u32) -> u32 {
    n
}

#[flow]
fn one_for_each() -> Result<usize, FlowError> {
    let firsts = first.map(0..3000);
    let all: Vec<_> = firsts.futures_blocking().iter().map(|one| next.submit(one)).collect();
    let shared = first.submit(3000);
    let more: Vec<_> = (0..1000).map(|_| next.submit(&shared)).collect();
    all.iter().chain(&more).for_each(TaskFuture::wait);
    Ok(all.len() + more.len())
}

#[flow]
async fn one_for_each_async() -> Result<usize, FlowError> {
    let firsts = first_async.map(0..3000);
    let all: Vec<_> = firsts.futures().await.iter().map(|one| next_async.submit(one)).collect();
    let shared = first_async.submit(3000);
    let more: Vec<_> = (0..1000).map(|_| next_async.submit(&shared)).collect();
    for future in all.iter().chain(&more) {
        future.finished().await;
    }
    Ok(all.len() + more.len())
}

fn none_begins_before_what_it_takes_has_ended(runs: &[TaskRun]) {
    let (nexts, firsts): (Vec<_>, Vec<_>) =
        runs.iter().partition(|run| run.spec().name().starts_with("next"));
    let ends: Vec<SystemTime> = firsts.iter().map(|run| run.ended_at().unwrap()).collect();
    assert_eq!((nexts.len(), ends.len()), (4000, 3001));
    for (n, run) in nexts.iter().enumerate() {
        let before = ends[n.min(3000)];
        let begun = run.started_at().unwrap();
        assert!(begun >= before, "{} begins {:?} too early", run.name(), before.duration_since(begun));
    }
}

#[test]
fn no_run_begins_before_what_it_takes_has_ended() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(2)).build();
    for _ in 0..3 {
        let report = engine.enter(|| one_for_each().report_blocking());
        none_begins_before_what_it_takes_has_ended(&report.task_runs());
    }
    let engine = Engine::builder().build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for _ in 0..3 {
        let report = runtime.block_on(engine.scope(async { one_for_each_async().report().await }));
        none_begins_before_what_it_takes_has_ended(&report.task_runs());
    }
}
