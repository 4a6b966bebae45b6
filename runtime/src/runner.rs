//! Runners: where runs execute. They know neither caches nor stores; what they are given is ready and reports its own end.

mod concurrent;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub(crate) mod place;
mod pool;
mod queue;
pub(crate) mod runtime;
mod sequential;
mod stint;
mod thread_pool;
pub(crate) mod threads;
pub(crate) mod worker;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::spec::Kind;

pub use crate::engine::{Execution, ReadyRun};
pub use concurrent::ConcurrentTaskRunner;
pub use sequential::SequentialTaskRunner;
pub use thread_pool::ThreadPoolTaskRunner;

/// How runs go beside each other. Displayed as `sequentially`, `concurrently`, `in parallel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConcurrencyType {
    /// One after another.
    Sequential,
    /// Many at once, taking turns where they wait.
    Concurrent,
    /// Many at the same time.
    Parallel,
}

impl fmt::Display for ConcurrencyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sequential => "sequentially",
            Self::Concurrent => "concurrently",
            Self::Parallel => "in parallel",
        })
    }
}

/// What a runner was asked at the wrong time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunnerError {
    /// It was started twice.
    AlreadyStarted,
    /// It was given work before it was started, or after it was shut down.
    NotStarted,
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyStarted => "The task runner is already started!",
            Self::NotStarted => "The task runner must be started before submitting work.",
        })
    }
}

impl Error for RunnerError {}

/// Executes runs that are ready.
///
/// An engine starts its runner, submits to it from many threads at once, and shuts it down when the engine is gone. A runner
/// need not order anything or wait for anything: dependencies, retries and timeouts are the engine's. A runner of your own
/// should pass the suite of `millrun::runner::conformance` (feature `conformance`).
///
/// ```
/// use millrun::prelude::*;
/// use millrun::runner::{ConcurrencyType, ReadyRun, RunnerError, TaskRunner};
///
/// /// Executes each run on a thread of its own.
/// struct ThreadPerRun;
///
/// impl TaskRunner for ThreadPerRun {
///     fn name(&self) -> &str {
///         "thread_per_run"
///     }
///
///     fn concurrency_type(&self) -> ConcurrencyType {
///         ConcurrencyType::Parallel
///     }
///
///     fn start(&self) -> Result<(), RunnerError> {
///         Ok(())
///     }
///
///     fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
///         std::thread::spawn(|| run.execute_blocking());
///         Ok(())
///     }
///
///     fn shutdown(&self) {}
/// }
///
/// #[task] fn double(x: u32) -> u32 { 2 * x }
/// #[flow] fn doubled() -> Result<Vec<u32>, FlowError> { Ok(double.map(0..3).result()?) }
///
/// let engine = Engine::builder().task_runner(ThreadPerRun).build();
/// assert_eq!(engine.run_blocking(doubled()).unwrap(), [0, 2, 4]);
/// ```
pub trait TaskRunner: Send + Sync {
    /// What it is called: `sequential`, `concurrent`, `thread_pool`.
    fn name(&self) -> &str;

    /// How its runs go beside each other.
    fn concurrency_type(&self) -> ConcurrencyType;

    /// Prepares it for work.
    ///
    /// # Errors
    /// [`RunnerError::AlreadyStarted`] if it is started.
    fn start(&self) -> Result<(), RunnerError>;

    /// Takes a run to execute it, elsewhere as a rule: this may be the thread of the clock, on which every delay and timeout has to
    /// wait for it to return, or one that has yet to tell others of the end of a run.
    ///
    /// # Errors
    /// [`RunnerError::NotStarted`] if it is not started; the run is dropped, which cancels it.
    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError>;

    /// Takes runs of one kind and one runtime that have become ready together, where [`takes_many`](Self::takes_many) says so.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[doc(hidden)]
    fn submit_all(&self, runs: Vec<ReadyRun>) -> Result<(), RunnerError> {
        runs.into_iter().try_for_each(|run| self.submit(run))
    }

    /// Whether it takes runs together, and executes none of them before it has taken all. By default not.
    #[doc(hidden)]
    fn takes_many(&self) -> bool {
        false
    }

    /// A thread that waits for this run, which nobody has begun, offers to execute it: whether that was done. By default not.
    fn execute_here(&self, run: ReadyRun) -> bool {
        drop(run);
        false
    }

    /// Cancels what has not begun; what executes goes on to its end.
    fn shutdown(&self);

    /// Whether a run of that kind may go next on this thread, which has just executed another one for this runner; then it is
    /// kept for that, and not submitted. By default not.
    #[doc(hidden)]
    fn goes_next_here(&self, kind: Kind) -> bool {
        let _ = kind;
        false
    }

    /// Whether it has been shut down, so that what it has been given is cancelled where it would begin. By default not.
    fn is_shut_down(&self) -> bool {
        false
    }
}

impl<R: TaskRunner + ?Sized> TaskRunner for Arc<R> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        (**self).concurrency_type()
    }

    fn start(&self) -> Result<(), RunnerError> {
        (**self).start()
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        (**self).submit(run)
    }

    fn submit_all(&self, runs: Vec<ReadyRun>) -> Result<(), RunnerError> {
        (**self).submit_all(runs)
    }

    fn takes_many(&self) -> bool {
        (**self).takes_many()
    }

    fn execute_here(&self, run: ReadyRun) -> bool {
        (**self).execute_here(run)
    }

    fn goes_next_here(&self, kind: Kind) -> bool {
        (**self).goes_next_here(kind)
    }

    fn shutdown(&self) {
        (**self).shutdown();
    }

    fn is_shut_down(&self) -> bool {
        (**self).is_shut_down()
    }
}

/// What `start` of our own runners begins with.
fn start(started: &AtomicBool, name: &str) -> Result<(), RunnerError> {
    if started.swap(true, Ordering::AcqRel) {
        return Err(RunnerError::AlreadyStarted);
    }
    log!(debug, task_runner = name, "Starting task runner...");
    Ok(())
}

fn check_started(started: &AtomicBool) -> Result<(), RunnerError> {
    if started.load(Ordering::Acquire) { Ok(()) } else { Err(RunnerError::NotStarted) }
}

fn shut_down(started: &AtomicBool, name: &str) {
    if started.swap(false, Ordering::AcqRel) {
        log!(debug, task_runner = name, "Shutting down task runner...");
    }
}
