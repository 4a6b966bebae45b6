//! A runner implemented outside of the crate, put through the same suite.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use millrun::prelude::*;
use millrun::runner::conformance::check;
use millrun::runner::{ConcurrencyType, ReadyRun, RunnerError};
use millrun::{Engine, FlowError};

/// Executes each run on a thread of its own.
#[derive(Default)]
struct ThreadPerRun {
    started: AtomicBool,
}

impl TaskRunner for ThreadPerRun {
    fn name(&self) -> &'static str {
        "thread_per_run"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Parallel
    }

    fn start(&self) -> Result<(), RunnerError> {
        if self.started.swap(true, Ordering::SeqCst) { Err(RunnerError::AlreadyStarted) } else { Ok(()) }
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        if !self.started.load(Ordering::SeqCst) {
            return Err(RunnerError::NotStarted);
        }
        thread::Builder::new().name(run.task_key()).spawn(move || run.execute_blocking()).unwrap();
        Ok(())
    }

    fn shutdown(&self) {
        self.started.store(false, Ordering::SeqCst);
    }
}

#[test]
fn a_runner_from_outside_conforms() {
    check(ThreadPerRun::default);
}

#[task]
fn thread_name() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

#[flow(task_runner = ThreadPerRun::default())]
fn on_its_own_runner() -> Result<Option<String>, FlowError> {
    Ok(thread_name.submit().result()?)
}

#[flow]
fn on_the_engines_runner() -> Result<Option<String>, FlowError> {
    Ok(thread_name.submit().result()?)
}

#[test]
fn a_flow_executes_its_tasks_on_its_own_runner() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    let key = engine.run_blocking(on_its_own_runner()).unwrap().unwrap();
    assert!(key.contains("thread_name"), "{key}");
    let pool = engine.run_blocking(on_the_engines_runner()).unwrap().unwrap();
    assert!(pool.starts_with("millrun-rayon-"), "{pool}");
    let key = engine.run_blocking(on_the_engines_runner().with_task_runner(ThreadPerRun::default()));
    assert!(key.unwrap().unwrap().contains("thread_name"));
}
