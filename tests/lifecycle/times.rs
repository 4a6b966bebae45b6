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
