//! One run at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::place::{self, Lane};
use super::worker;
use super::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};
use crate::clock;
use crate::engine::wait;
use crate::spec::Kind;

/// Executes one run at a time, in order of submission.
///
/// A sync task is executed by `submit`, on the thread that calls it, if nothing else is under way; after a delay, on a thread of
/// the runner's; an async one, and what stands behind it, on the tokio runtime. A run that waits for another lets that one go first.
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

    fn execute_if_free(&self, run: ReadyRun) -> Result<(), ReadyRun> {
        // A body may wait for another timer, which has to wait for this one.
        if clock::is_firing() {
            return Err(run);
        }
        let mut left = Some(run);
        if worker::holds(&self.lane) {
            let deep = wait::deeper(|| {
                if let Some(run) = left.take() {
                    place::work_once(&self.lane, run);
                }
            });
            if deep.is_err() {
                return left.map_or(Ok(()), Err);
            }
        } else if self.lane.try_enter() {
            if let Some(run) = left.take() {
                place::work_once(&self.lane, run);
            }
            self.lane.leave();
        }
        left.map_or(Ok(()), Err)
    }
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
        // What follows a run that this thread has executed goes after it, in order: next, or in line behind what does.
        let follows = run.is_follow_up() && worker::holds(&self.lane);
        let run = if follows || run.kind() == Kind::Async {
            run
        } else {
            match self.execute_if_free(run) {
                Ok(()) => return Ok(()),
                Err(run) => run,
            }
        };
        worker::submit(&self.lane, run);
        Ok(())
    }

    fn goes_next_here(&self, _kind: Kind) -> bool {
        worker::goes_next(&self.lane) && !self.is_shut_down()
    }

    fn execute_here(&self, run: ReadyRun) -> bool {
        run.kind() != Kind::Async && self.execute_if_free(run).is_ok()
    }

    fn shutdown(&self) {
        super::shut_down(&self.started, self.name());
        self.lane.close();
    }

    fn is_shut_down(&self) -> bool {
        !self.started.load(Ordering::Acquire)
    }
}
