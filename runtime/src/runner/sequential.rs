//! One run at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::place::{self, Lane};
use super::worker;
use super::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};
use crate::clock;
use crate::engine::{is_submitting, wait};
use crate::spec::Kind;

/// Executes one run at a time, in order of submission.
///
/// A sync task is executed by `submit`, on the thread that calls it, if nothing else is under way; what becomes ready later, by an
/// end or after a delay, on a thread of the runner's; an async one, and what stands behind it, on the tokio runtime. A run that waits
/// for another lets that one go first.
#[derive(Debug)]
pub struct SequentialTaskRunner {
    lane: Arc<Lane>,
    started: AtomicBool,
}

impl SequentialTaskRunner {
    /// A runner for one engine, or, as `task_runner = SequentialTaskRunner::new()`, for one flow.
    pub fn new() -> Self {
        Self { lane: Lane::new(1), started: AtomicBool::new(false) }
    }

    /// Executes runs on this thread, which submits them, if nothing else is under way; else they stand in line.
    fn submit_here(&self, runs: Vec<ReadyRun>) {
        let mut left = Some(runs);
        let mut work = || left.take().map(|runs| place::work_in_place(&self.lane, runs));
        if worker::holds(&self.lane) {
            // Too deep on its stack it is not executed.
            let _ = wait::deeper(work);
        } else if self.lane.try_enter() {
            work();
            self.lane.leave();
        }
        if let Some(runs) = left {
            self.lane.submit_all(runs);
        }
    }
}

/// Whether it may be executed by who hands it over: others wait for a thread that tells of an end, and for that of the clock.
fn goes_here(run: &ReadyRun) -> bool {
    run.kind() != Kind::Async && is_submitting() && !clock::is_firing()
}

impl Default for SequentialTaskRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskRunner for SequentialTaskRunner {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Sequential
    }

    fn start(&self) -> Result<(), RunnerError> {
        super::start(&self.started, self.name())?;
        self.lane.open();
        Ok(())
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        super::check_started(&self.started)?;
        if goes_here(&run) {
            self.submit_here(vec![run]);
        } else {
            worker::submit(&self.lane, run);
        }
        Ok(())
    }

    fn submit_all(&self, runs: Vec<ReadyRun>) -> Result<(), RunnerError> {
        super::check_started(&self.started)?;
        if runs.first().is_some_and(goes_here) {
            self.submit_here(runs);
        } else {
            self.lane.submit_all(runs);
        }
        Ok(())
    }

    fn takes_many(&self) -> bool {
        true
    }

    fn goes_next_here(&self, _kind: Kind) -> bool {
        worker::goes_next(&self.lane) && !self.is_shut_down()
    }

    fn execute_here(&self, run: ReadyRun) -> bool {
        place::execute_here(&self.lane, run)
    }

    fn shutdown(&self) {
        super::shut_down(&self.started, self.name());
        self.lane.close();
    }

    fn is_shut_down(&self) -> bool {
        !self.started.load(Ordering::Acquire)
    }
}
