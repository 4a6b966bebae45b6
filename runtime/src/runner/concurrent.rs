//! Many runs at once, on tokio and on threads that may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::place::{self, Lane};
use super::worker;
use super::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};
use crate::spec::Kind;

/// As many threads block at once, if nothing else is said: tokio's own number for its blocking pool.
const BLOCKING_THREADS: usize = 512;

/// Executes async tasks on tokio, and sync ones on threads that may block, as many at once as there are.
///
/// `max_workers` bounds the async ones and the sync ones each; without it the number of async ones is unbounded, and that of
/// sync ones is 512.
#[derive(Debug)]
pub struct ConcurrentTaskRunner {
    tasks: Arc<Lane>,
    threads: Arc<Lane>,
    started: AtomicBool,
}

impl ConcurrentTaskRunner {
    /// A runner without a bound of its own.
    pub fn new() -> Self {
        Self::with(usize::MAX, BLOCKING_THREADS)
    }

    /// The same, with at most `workers` async and `workers` sync runs at once.
    #[must_use]
    pub fn max_workers(self, workers: usize) -> Self {
        Self::with(workers, workers)
    }

    fn with(tasks: usize, threads: usize) -> Self {
        Self { tasks: Lane::new(tasks), threads: Lane::new(threads), started: AtomicBool::new(false) }
    }

    fn lane(&self, kind: Kind) -> &Arc<Lane> {
        if kind == Kind::Async { &self.tasks } else { &self.threads }
    }
}

impl Default for ConcurrentTaskRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskRunner for ConcurrentTaskRunner {
    fn name(&self) -> &'static str {
        "concurrent"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Concurrent
    }

    fn start(&self) -> Result<(), RunnerError> {
        super::start(&self.started, self.name())?;
        self.tasks.open();
        self.threads.open();
        Ok(())
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        super::check_started(&self.started)?;
        worker::submit(self.lane(run.kind()), run);
        Ok(())
    }

    fn submit_all(&self, runs: Vec<ReadyRun>) -> Result<(), RunnerError> {
        super::check_started(&self.started)?;
        if let Some(first) = runs.first() {
            self.lane(first.kind()).submit_all(runs);
        }
        Ok(())
    }

    fn takes_many(&self) -> bool {
        true
    }

    fn goes_next_here(&self, kind: Kind) -> bool {
        worker::goes_next(self.lane(kind)) && !self.is_shut_down()
    }

    fn execute_here(&self, run: ReadyRun) -> bool {
        place::execute_here(self.lane(run.kind()), run)
    }

    fn shutdown(&self) {
        super::shut_down(&self.started, self.name());
        self.tasks.close();
        self.threads.close();
    }

    fn is_shut_down(&self) -> bool {
        !self.started.load(Ordering::Acquire)
    }
}
