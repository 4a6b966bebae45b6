//! The futures of a map's runs.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Reader, TaskFuture, typed};
use crate::bounds::ResultByValue;
use crate::engine::{Wanted, awaited, wait};
use crate::error::TaskError;
use crate::map::MapGroup;
use crate::run::By;

/// The runs that `map` has begun, one for each element.
///
/// Awaiting it gives all results in input order, and fails as soon as one run does. Passed as an argument it stands for a
/// list of the results, passed to another `map` for its elements, one by one. Dropping it cancels nothing.
///
/// Awaiting is cancel safe.
#[must_use = "a failure that nobody looks at fails the flow; await the futures, pass them on, or keep them"]
pub struct TaskFutures<T> {
    group: Arc<MapGroup>,
    output: PhantomData<fn() -> T>,
}

impl<T> TaskFutures<T> {
    /// The handle that the map has counted already.
    pub(crate) fn counted(group: Arc<MapGroup>) -> Self {
        Self { group, output: PhantomData }
    }

    pub(crate) fn group(&self) -> &Arc<MapGroup> {
        self.group.touch();
        &self.group
    }

    /// A reader of the element, for a use after which this handle does not read it.
    pub(crate) fn hand_over(&self, element: usize) -> Option<Reader> {
        self.group.reader(element, true)
    }

    /// Readers of all elements, in order.
    pub(crate) fn into_readers(self) -> impl Iterator<Item = Reader> {
        (0..).map_while(move |element| self.hand_over(element))
    }

    /// Executes `n` elements a turn, one after another on one worker, each with its own run: for bodies that take less time
    /// than it takes to hand them to a worker.
    ///
    /// It holds for the elements that have not begun; called right after `map`, for all but the first few.
    pub fn chunked(self, n: usize) -> Self {
        self.group.set_chunk(n);
        self.group.touch();
        self
    }

    /// Cancels all runs that have not ended.
    pub fn cancel(&self) {
        self.group.cancel(By::User);
    }

    /// How many runs there are, once that is known.
    pub fn count(&self) -> Option<usize> {
        self.group().length()
    }

    /// Blocks until all runs have ended; never fails, and does not count as seen.
    ///
    /// # Panics
    /// Panics on the thread of a single-threaded tokio runtime that the runs themselves need: await there.
    #[track_caller]
    pub fn wait(&self) {
        wait::block_on_map(self.group());
    }

    /// The futures of the runs, in input order, once it is known how many there are. All runs are begun by this.
    ///
    /// The list is empty where there is nothing to map over, or where the map has failed as a whole.
    pub async fn futures(&self) -> Vec<TaskFuture<T>> {
        wait::Opened::of(self.group()).await;
        self.group.make_all();
        wait::Made::of(self.group()).await;
        let length = if self.group.failure().is_some() { 0 } else { self.group.length().unwrap_or(0) };
        (0..length)
            .filter_map(|element| self.group.reader(element, false))
            .map(TaskFuture::from_reader)
            .collect()
    }

    /// Blocks for what [`futures`](Self::futures) gives.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn futures_blocking(&self) -> Vec<TaskFuture<T>> {
        if self.group().length().is_some() {
            self.group.make_all();
        }
        wait::block_for(|| Wanted::All(self.group.awaited()), self.futures())
    }
}

impl<T: Send + Sync + 'static> TaskFutures<T> {
    /// Awaits the results without copies of them.
    ///
    /// # Errors
    /// The first failure, or why there are no runs.
    pub async fn shared(&self) -> Result<Vec<Arc<T>>, TaskError> {
        wait::Settled::of(self.group()).await;
        self.settled(false)
    }

    /// Blocks for the results without copies of them.
    ///
    /// # Errors
    /// As [`shared`](Self::shared).
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn shared_result(&self) -> Result<Vec<Arc<T>>, TaskError> {
        wait::block_on_settled(self.group());
        self.settled(false)
    }

    fn settled(&self, last_use: bool) -> Result<Vec<Arc<T>>, TaskError> {
        self.group.mark_seen();
        if let Some(error) = self.group.first_error() {
            return Err(error);
        }
        self.group.outcomes(last_use).into_iter().map(typed).collect()
    }
}

impl<T: Send + Sync + 'static> TaskFutures<T> {
    /// Blocks for the results, in input order.
    ///
    /// # Errors
    /// The first failure, or why there are no runs.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn result(&self) -> Result<Vec<T>, TaskError>
    where
        T: ResultByValue,
    {
        wait::block_on_settled(self.group());
        self.settled(false).map(|values| values.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    /// Waits for all runs, and gives each one's result or error, in input order.
    ///
    /// A map that has failed as a whole gives its one error.
    pub fn outcomes(&self) -> Outcomes<T>
    where
        T: ResultByValue,
    {
        Outcomes(self.clone())
    }

    /// Blocks for what [`outcomes`](Self::outcomes) gives.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn outcomes_blocking(&self) -> Vec<Result<T, TaskError>>
    where
        T: ResultByValue,
    {
        wait::block_on_map(self.group());
        self.ended()
    }

    fn ended(&self) -> Vec<Result<T, TaskError>>
    where
        T: ResultByValue,
    {
        self.group.mark_seen();
        if let Some(failure) = self.group.unknown().or_else(|| self.group.failure()) {
            return vec![Err(failure)];
        }
        let outcomes = self.group.outcomes(false).into_iter();
        outcomes.map(|outcome| typed(outcome).map(Arc::unwrap_or_clone)).collect()
    }
}

/// The results and errors of a map's runs; made by [`TaskFutures::outcomes`].
#[must_use = "a future does nothing until it is awaited"]
#[derive(Debug)]
pub struct Outcomes<T>(TaskFutures<T>);

impl<T: ResultByValue> Future for Outcomes<T> {
    type Output = Vec<Result<T, TaskError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0.group().poll_done(cx.waker()) {
            Poll::Ready(self.0.ended())
        } else {
            awaited::note_map(self.0.group());
            Poll::Pending
        }
    }
}

impl<T: ResultByValue> Future for TaskFutures<T> {
    type Output = Result<Vec<T>, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.group().poll_settled(cx.waker()) {
            Poll::Ready(
                self.settled(true).map(|values| values.into_iter().map(Arc::unwrap_or_clone).collect()),
            )
        } else {
            awaited::note_map(&self.group);
            Poll::Pending
        }
    }
}

impl<T> Clone for TaskFutures<T> {
    fn clone(&self) -> Self {
        self.group.add_handle();
        Self { group: self.group.clone(), output: PhantomData }
    }
}

impl<T> Drop for TaskFutures<T> {
    fn drop(&mut self) {
        self.group.touch();
        self.group.remove_handle();
    }
}

impl<T> fmt::Debug for TaskFutures<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskFutures({} × {:?})", self.group.spec.name, self.group.length())
    }
}
