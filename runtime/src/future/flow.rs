//! The future of a flow run.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Reader, typed};
use crate::body::BoxFuture;
use crate::bounds::ResultByValue;
use crate::context::Kept;
use crate::engine::wait;
use crate::error::FlowError;
use crate::graph::{self, Graph, Maps};
use crate::id::FlowRunId;
use crate::run::{By, Run};
use crate::state::State;

/// The flow run that `start` has begun.
///
/// Awaiting it gives the flow's result, as [`result`](Self::result) does for sync code. It may be passed as an argument and
/// waited for like the future of a task. Dropping the last one of an unfinished run cancels the run and all its runs.
#[must_use = "dropping the future of a flow run cancels the run"]
pub struct FlowFuture<T> {
    reader: Reader,
    owner: Arc<Owner>,
    output: PhantomData<fn() -> T>,
}

/// Cancels a flow run with the last of its futures.
struct Owner {
    run: Arc<Run>,
    /// Set once the run is an argument of another: that other run reads it, whatever becomes of the futures.
    is_argument: AtomicBool,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !self.is_argument.load(Ordering::Relaxed) {
            crate::engine::cancel(&self.run, By::Drop);
        }
        // What is kept of it goes with whoever asked for that.
        if let Some(tree) = self.run.tree_inside()
            && !self.run.scope.tree.keeps_records()
        {
            drop(Kept::taken(&tree));
        }
    }
}

impl<T> FlowFuture<T> {
    pub(crate) fn from_reader(reader: Reader) -> Self {
        let owner = Arc::new(Owner { run: reader.run().clone(), is_argument: AtomicBool::new(false) });
        Self { reader, owner, output: PhantomData }
    }

    /// A future of a run that counts it as its reader already.
    pub(crate) fn counted(run: Arc<Run>) -> Self {
        Self::from_reader(Reader::counted(run))
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A reader for another run, on whose behalf the run goes on even if all its futures are dropped.
    pub(crate) fn to_reader(&self) -> Reader {
        self.owner.is_argument.store(true, Ordering::Relaxed);
        self.reader.clone()
    }

    /// As [`to_reader`](Self::to_reader), the future being given away.
    pub(crate) fn into_reader(self) -> Reader {
        let reader = self.to_reader();
        drop(self);
        reader
    }

    fn run(&self) -> &Arc<Run> {
        self.reader.run()
    }

    /// The run's id.
    pub fn id(&self) -> FlowRunId {
        FlowRunId::from_u128(self.run().id())
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

    /// The graph of the run and of its child flow runs as they are, with one box for each map; `None` unless the run was begun
    /// [`with_graph`](crate::ConfigureFlow::with_graph), or is in one that was.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task] fn one() -> u32 { 1 }
    /// #[task] fn double(x: u32) -> u32 { 2 * x }
    /// #[flow] fn two() -> Result<u32, FlowError> { Ok(double.submit(one.submit()).result()?) }
    ///
    /// let run = two().with_graph().start();
    /// assert_eq!(run.result().unwrap(), 2);
    /// let graph = run.graph().unwrap();
    /// assert_eq!(graph.edges[0].parameter.as_deref(), Some("x"));
    /// assert!(two().start().graph().is_none());
    /// ```
    pub fn graph(&self) -> Option<Graph> {
        self.graph_with(Maps::Folded)
    }

    /// As [`graph`](Self::graph), with the runs of maps in one box, or singly.
    pub fn graph_with(&self, maps: Maps) -> Option<Graph> {
        graph::of_flow_run(self.run(), maps)
    }

    /// Cancels the run and all its runs.
    pub fn cancel(&self) {
        crate::engine::cancel(self.run(), By::User);
    }

    /// Waits until the run has ended, and gives its final state; never fails. Counts as seen.
    pub async fn finished(&self) -> State {
        wait::Ended::of(self.run()).await;
        self.state()
    }

    /// Blocks until the run has ended; never fails.
    ///
    /// # Panics
    /// Panics on the thread of a single-threaded tokio runtime that the run itself needs: await there.
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
}

impl<T: Send + Sync + 'static> FlowFuture<T> {
    /// Awaits the result without a copy of it.
    ///
    /// # Errors
    /// What the run ended with instead.
    pub async fn shared(&self) -> Result<Arc<T>, FlowError> {
        wait::Ended::of(self.run()).await;
        Ok(typed(wait::seen(self.run()))?)
    }

    /// Blocks for the result without a copy of it.
    ///
    /// # Errors
    /// What the run ended with instead.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn shared_result(&self) -> Result<Arc<T>, FlowError> {
        wait::block_on(self.run(), None);
        Ok(typed(wait::seen(self.run()))?)
    }
}

impl<T: Send + Sync + 'static> FlowFuture<T> {
    /// Blocks until the run has ended, and gives its result.
    ///
    /// # Errors
    /// What the run ended with instead.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn result(&self) -> Result<T, FlowError>
    where
        T: ResultByValue,
    {
        self.shared_result().map(Arc::unwrap_or_clone)
    }
}

impl<T: ResultByValue> Future for FlowFuture<T> {
    type Output = Result<T, FlowError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if wait::poll_ended(self.run(), cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(typed(wait::seen(self.run())).map(Arc::unwrap_or_clone).map_err(FlowError::from))
    }
}

impl<'f, T: ResultByValue> IntoFuture for &'f FlowFuture<T> {
    type Output = Result<T, FlowError>;
    type IntoFuture = BoxFuture<'f, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.shared().await.map(Arc::unwrap_or_clone) })
    }
}

impl<T> Clone for FlowFuture<T> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.clone(), owner: self.owner.clone(), output: PhantomData }
    }
}

impl<T> fmt::Debug for FlowFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowFuture({:?})", self.run())
    }
}
