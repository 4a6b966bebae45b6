//! Futures of runs: what `submit`, `map` and `start` return.

mod completed;
mod flow;
mod many;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::body::{BoxFuture, Outcome};
use crate::bounds::{Output, ResultByValue};
use crate::engine::{plan, wait};
use crate::error::{ErrorKind, TaskError};
use crate::id::TaskRunId;
use crate::run::{By, Run};
use crate::state::State;

pub use completed::{AsCompleted, AwaitedRun, Blocking, Waited, as_completed, wait, wait_blocking};
pub use flow::FlowFuture;
pub use many::{Outcomes, TaskFutures};

/// A handle that can still read a run's result: the result is freed with the last one.
pub(crate) struct Reader(Arc<Run>);

impl Reader {
    /// A further reader of `run`.
    pub(crate) fn of(run: &Arc<Run>) -> Self {
        run.add_reader();
        Self(run.clone())
    }

    /// The reader that `run` has counted already.
    pub(crate) fn counted(run: Arc<Run>) -> Self {
        Self(run)
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.0
    }

    /// What the ended run gave, moved out where this is the last reader.
    pub(crate) fn into_value(self) -> Outcome {
        self.0.take_outcome().unwrap_or_else(|| Err(unended()))
    }
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.remove_reader();
    }
}

fn unended() -> TaskError {
    TaskError::new(
        ErrorKind::Crashed,
        "the result was read before the run had ended: this is a bug in millrun",
    )
}

/// The run that `submit` has begun.
///
/// Awaiting it gives the run's result, as [`result`](Self::result) does for sync code. Passed as an argument or to
/// `wait_for` it is a dependency. It may be cloned; dropping it cancels nothing: the run goes on, and its flow waits for it.
///
/// Awaiting is cancel safe: dropping the future, or the `await`, loses nothing.
#[must_use = "a failure that nobody looks at fails the flow; await the future, pass it on, or keep it"]
pub struct TaskFuture<T> {
    reader: Reader,
    output: PhantomData<fn() -> T>,
}

impl<T> TaskFuture<T> {
    pub(crate) fn from_reader(reader: Reader) -> Self {
        Self { reader, output: PhantomData }
    }

    /// A future of a run that counts it as its reader already.
    pub(crate) fn counted(run: Arc<Run>) -> Self {
        Self::from_reader(Reader::counted(run))
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(crate) fn into_reader(self) -> Reader {
        self.reader
    }

    pub(crate) fn to_reader(&self) -> Reader {
        self.reader.clone()
    }

    fn run(&self) -> &Arc<Run> {
        &self.reader.0
    }

    /// The run's id.
    pub fn id(&self) -> TaskRunId {
        TaskRunId::from_u128(self.run().id())
    }

    /// The run's name.
    pub fn name(&self) -> String {
        self.run().name()
    }

    /// The state that the run is in. A final one counts as seen.
    pub fn state(&self) -> State {
        let state = self.run().state();
        if state.is_final() {
            self.run().mark_seen();
        }
        state
    }

    /// All states that the run has been in, in order.
    pub fn states(&self) -> Vec<State> {
        self.run().states()
    }

    /// Cancels the run: one that has not started never executes, an async one is dropped at its next await, a sync one is
    /// given up on. What it has submitted is cancelled first. A run that has ended, or is being committed, stays as it is.
    pub fn cancel(&self) {
        crate::engine::cancel(self.run(), By::User);
    }

    /// Waits until the run has ended, and gives its final state; never fails. Counts as seen.
    pub async fn finished(&self) -> State {
        wait::Ended::of(self.run()).await;
        self.state()
    }

    /// Blocks until the run has ended; never fails, and does not count as seen.
    ///
    /// # Panics
    /// Panics on the thread of a single-threaded tokio runtime that the run needs: await there. It needs it where it is async; where
    /// it waits for a run that is; and, which may turn out while this blocks, where its sync body blocks for such a run.
    #[track_caller]
    pub fn wait(&self) {
        wait::block_on(self.run(), None);
    }

    /// Blocks until the run has ended, but no longer than `timeout`; says whether it has.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        wait::block_on(self.run(), Some(timeout))
    }

    fn timed_out(&self, timeout: Duration) -> TaskError {
        let run = self.run();
        TaskError::new(
            ErrorKind::TimedOut,
            format!("Task run '{}' did not complete within {} seconds", run.name(), timeout.as_secs_f64()),
        )
        .of_run(run.id(), || run.name())
    }
}

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// The result, if the run has completed; does not count as seen.
    pub fn peek(&self) -> Option<Arc<T>> {
        self.run().peek()?.downcast().ok()
    }

    /// Awaits the result without a copy of it.
    ///
    /// # Errors
    /// What the run ended with instead.
    pub async fn shared(&self) -> Result<Arc<T>, TaskError> {
        wait::Ended::of(self.run()).await;
        typed(wait::seen(self.run()))
    }

    /// Blocks for the result without a copy of it.
    ///
    /// # Errors
    /// What the run ended with instead.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn shared_result(&self) -> Result<Arc<T>, TaskError> {
        if let Some(ended) = self.run().see_ended() {
            plan::asked(self.run());
            return typed(ended);
        }
        wait::block_on(self.run(), None);
        typed(wait::seen(self.run()))
    }
}

impl<T: Send + Sync + 'static> TaskFuture<T> {
    /// Blocks until the run has ended, and gives its result.
    ///
    /// # Errors
    /// What the run ended with instead: the task's own error, a timeout, a crash, a cancellation, a skip.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: ResultByValue,
    {
        self.shared_result().map(Arc::unwrap_or_clone)
    }

    /// As [`result`](Self::result), but no longer than `timeout`.
    ///
    /// # Errors
    /// What the run ended with instead, or that it did not end in time; it goes on then.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn result_timeout(&self, timeout: Duration) -> Result<T, TaskError>
    where
        T: ResultByValue,
    {
        if !self.wait_timeout(timeout) {
            return Err(self.timed_out(timeout));
        }
        typed(wait::seen(self.run())).map(Arc::unwrap_or_clone)
    }
}

/// The outcome of a run as its own type.
pub(crate) fn typed<T: Output>(outcome: Outcome) -> Result<Arc<T>, TaskError> {
    outcome.and_then(|value| T::of_erased(value).ok_or_else(unended))
}

impl<T: ResultByValue> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ended) = self.run().see_ended() {
            if plan::withholds(self.run(), cx.waker()) {
                return Poll::Pending;
            }
            return Poll::Ready(typed(ended).map(Arc::unwrap_or_clone));
        }
        if wait::poll_ended(self.run(), cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(typed(wait::seen(self.run())).map(Arc::unwrap_or_clone))
    }
}

impl<'f, T: ResultByValue> IntoFuture for &'f TaskFuture<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = BoxFuture<'f, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.shared().await.map(Arc::unwrap_or_clone) })
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::from_reader(self.reader.clone())
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskFuture({:?})", self.run())
    }
}
