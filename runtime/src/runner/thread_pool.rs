//! Runs on all cores: async ones on tokio, those that compute on rayon, those that block on threads of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::place::{self, Lane};
use super::threads;
use super::worker;
use super::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};
use crate::spec::Kind;

/// As many threads block at once, if nothing else is said.
const BLOCKING_THREADS: usize = 512;

/// Executes async tasks on tokio, sync ones on a rayon pool of its own, and `blocking` ones on threads that may block. The
/// default.
///
/// Computing never starves I/O, and `par_iter` or `map` inside a sync task uses the same pool. [`new(n)`](Self::new) bounds
/// each kind to `n` runs at once; [`default`](Self::default) has a thread per core for sync tasks, 512 for blocking ones,
/// and no bound for async ones. A run that waits for another lends its place, so no depth of nesting stops the pool.
#[derive(Debug)]
pub struct ThreadPoolTaskRunner {
    tasks: Arc<Lane>,
    cpu: Arc<Lane>,
    blocking: Arc<Lane>,
    started: AtomicBool,
}

impl ThreadPoolTaskRunner {
    /// A runner that executes at most `max_workers` runs of each kind at once; 0 counts as 1.
    pub fn new(max_workers: usize) -> Self {
        let workers = max_workers.max(1);
        Self::with(workers, workers, workers)
    }

    fn with(tasks: usize, cpu: usize, blocking: usize) -> Self {
        Self {
            tasks: Lane::new(tasks),
            cpu: Lane::on_rayon(cpu),
            blocking: Lane::new(blocking),
            started: AtomicBool::new(false),
        }
    }

    fn lane(&self, kind: Kind) -> &Arc<Lane> {
        match kind {
            Kind::Async => &self.tasks,
            Kind::Sync => &self.cpu,
            Kind::Blocking => &self.blocking,
        }
    }
}

impl Default for ThreadPoolTaskRunner {
    fn default() -> Self {
        Self::with(usize::MAX, threads::cores(), BLOCKING_THREADS)
    }
}

impl TaskRunner for ThreadPoolTaskRunner {
    fn name(&self) -> &'static str {
        "thread_pool"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Parallel
    }

    fn start(&self) -> Result<(), RunnerError> {
        super::start(&self.started, self.name())?;
        for lane in [&self.tasks, &self.cpu, &self.blocking] {
            lane.open();
        }
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
        for lane in [&self.tasks, &self.cpu, &self.blocking] {
            lane.close();
        }
    }

    fn is_shut_down(&self) -> bool {
        !self.started.load(Ordering::Acquire)
    }
}
