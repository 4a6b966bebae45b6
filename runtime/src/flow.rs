//! Flows as users hold them: calls, and reports of their runs. Typed shells over the engine.

mod plan;
mod report;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::{Map, Value};

use crate::body::{ArgTuple, CloneArgs, Compiled, Flow, Job, JobArgs, Of, Task};
use crate::bounds::Output;
use crate::engine::flow_run::{self, Start};
use crate::engine::plan::Draft;
use crate::engine::wait;
use crate::error::{ErrorKind, FlowError, TaskError};
use crate::future::FlowFuture;
use crate::input::{Dependencies, EdgeList, Edges};
use crate::options::Options;

pub use plan::Plan;
pub use report::FlowRun;

/// A call of a flow: nothing happens until it is awaited, asked for its [`result`](Self::result) or
/// [`report`](Self::report), or [started](Self::start).
///
/// Dropping it once it has been polled, and before it has ended, cancels the run.
#[must_use = "a call does nothing until it is awaited, or asked for its `.result()`, or started with `.start()`"]
pub struct FlowCall<K: Task> {
    args: K::Args,
    options: Options,
    has_options: bool,
    clone: CloneArgs<K::Args>,
}

/// What begins a flow run, its arguments being there or to come.
pub(crate) fn start_of<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    args: JobArgs<A>,
    options: Option<Options>,
    clone: CloneArgs<A>,
    mut edges: EdgeList,
) -> Start {
    edges.extend(options.iter().flat_map(|options| options.wait_for.iter().cloned()));
    let body = A::boxed(Job::new(args, task, clone));
    Start { spec: task.spec(), options: options.map(Arc::new), edges, body, report: false }
}

/// What begins a run of a flow with recorded parameters; or which of them cannot be read, and why.
pub(crate) fn start_recorded<K: Flow<Args: 'static> + 'static>(
    given: &Map<String, Value>,
    options: Options,
) -> Result<Start, String> {
    let parameters = Of::<K>::SPEC.parameters;
    let parameter = |n: usize| given.get(parameters[n]).cloned().unwrap_or(Value::Null);
    let args = K::Args::of_json(parameter, &K::OF_JSON).map_err(|(n, problem)| {
        format!("parameter `{}` cannot be read from its record: {problem}", parameters[n])
    })?;
    Ok(start_of(Of::<K>::COMPILED, JobArgs::Ready(args), Some(options), None, EdgeList::new()))
}

impl<K: Task> FlowCall<K> {
    /// What a flow's function returns.
    #[doc(hidden)]
    pub fn new(args: K::Args) -> Self {
        Self { args, options: Options::default(), has_options: false, clone: None }
    }
}

impl<K: Task + 'static> FlowCall<K>
where
    K::Args: 'static,
{
    pub(crate) fn with_options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        self.has_options = true;
        change(&mut self.options);
        self
    }

    pub(crate) fn with_clone(mut self, clone: fn(&K::Args) -> K::Args) -> Self {
        self.clone = Some(clone);
        self
    }

    fn into_start(self, report: bool) -> Start {
        let options = self.has_options.then_some(self.options);
        let args = JobArgs::Ready(self.args);
        Start { report, ..start_of(Of::<K>::COMPILED, args, options, self.clone, EdgeList::new()) }
    }

    /// Begins the run now; it goes on by itself, until its last future is dropped.
    ///
    /// A sync flow executes on a thread of its own.
    pub fn start(self) -> FlowFuture<K::Output> {
        let (run, _) = flow_run::make(self.into_start(false)).spawn();
        FlowFuture::counted(run)
    }

    /// Runs the flow and blocks for its result; a sync flow runs on this thread.
    ///
    /// # Errors
    /// What the flow run ended with instead: the body's error, a task run that failed and that nobody looked at, a timeout,
    /// a panic, a cancellation.
    ///
    /// # Panics
    /// Panics where an async flow is called like this on the thread of a single-threaded tokio runtime: await it there.
    #[track_caller]
    pub fn result(self) -> Result<K::Output, FlowError> {
        flow_run::check_may_block(Of::<K>::SPEC);
        let (run, _) = flow_run::make(self.into_start(false)).live_here();
        output(FlowFuture::counted(run))
    }

    /// Runs the flow and gives a report of it; never fails. Dropped before its end, it cancels the run.
    pub async fn report(self) -> FlowRun<K::Output> {
        let (run, tree) = flow_run::make(self.into_start(true)).spawn();
        let future = FlowFuture::counted(run);
        let _ = future.finished().await;
        FlowRun::of(&future, &tree)
    }

    /// Plans the flow: its body is executed, with its own input and output too, and what it begins is not. `submit`, `map`, calls and
    /// child flows become nodes of the plan's graph. Nothing is recorded, kept or counted; neither limits nor hooks act, nor do
    /// transactions.
    ///
    /// The plan goes up to the first value that the body needs: an async body is dropped there. To a sync one, which is executed on a
    /// thread of its own, `.result()` and the like give an error of kind [`Planning`](ErrorKind::Planning). A task with a
    /// `plan_value` has that value, and the plan goes on.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task(plan_value = vec!["a".into(), "b".into()])]
    /// async fn list() -> Vec<String> { unreachable!("no task is executed") }
    /// #[task]
    /// async fn fetch(name: String) -> String { unreachable!() }
    ///
    /// #[flow]
    /// async fn sync_all() -> Result<usize, FlowError> {
    ///     let names = list.submit().await?;                // the plan goes on with "a" and "b"
    ///     let mut done = 0;
    ///     for page in fetch.map(names).await? {            // the plan ends here
    ///         done += page.len();
    ///     }
    ///     Ok(done)
    /// }
    ///
    /// # #[tokio::main] async fn main() -> Result<(), FlowError> {
    /// let plan = sync_all().plan().await?;
    /// assert!(!plan.is_complete());
    /// assert_eq!(plan.graph().nodes.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the body ended with, or panicked with, before it needed a value.
    pub async fn plan(self) -> Result<Plan, FlowError> {
        Plan::of(Draft::begin(self.into_start(false)).live().await)
    }

    /// As [`plan`](Self::plan), blocking this thread, on which a sync body is executed.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    ///
    /// # Panics
    /// As [`result`](Self::result).
    #[track_caller]
    pub fn plan_blocking(self) -> Result<Plan, FlowError> {
        flow_run::check_may_block(Of::<K>::SPEC);
        Plan::of(Draft::begin(self.into_start(false)).live_here())
    }

    /// Runs the flow, a sync one on this thread, and gives a report of it; never fails.
    ///
    /// # Panics
    /// As [`result`](Self::result).
    #[track_caller]
    pub fn report_blocking(self) -> FlowRun<K::Output> {
        flow_run::check_may_block(Of::<K>::SPEC);
        let (run, tree) = flow_run::make(self.into_start(true)).live_here();
        let future = FlowFuture::counted(run);
        let _ = future.state();
        FlowRun::of(&future, &tree)
    }
}

/// The value of a flow run that nobody else reads.
fn output<T: Output>(future: FlowFuture<T>) -> Result<T, FlowError> {
    future.reader().run().mark_seen();
    let value = future.reader().run().take_outcome().unwrap_or_else(|| Err(lost()))?;
    drop(future);
    Ok(T::of_erased(value).and_then(Arc::into_inner).ok_or_else(lost)?)
}

fn lost() -> TaskError {
    TaskError::new(ErrorKind::Crashed, "the result of a call is gone: this is a bug in millrun")
}

/// A call of a flow, being executed. Dropped before its end, it cancels the run.
#[must_use = "a future does nothing until it is awaited"]
pub struct FlowCallFuture<K: Task> {
    call: Option<FlowCall<K>>,
    future: Option<FlowFuture<K::Output>>,
}

// Nothing in it is ever pinned.
impl<K: Task> Unpin for FlowCallFuture<K> {}

impl<K: Task + 'static> Future for FlowCallFuture<K>
where
    K::Args: 'static,
{
    type Output = Result<K::Output, FlowError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(call) = this.call.take() {
            this.future = Some(call.start());
        }
        match this.future.take() {
            Some(future) if wait::poll_ended(future.reader().run(), cx).is_pending() => {
                this.future = Some(future);
                Poll::Pending
            }
            Some(future) => Poll::Ready(output(future)),
            None => Poll::Ready(Err(lost().into())),
        }
    }
}

impl<K: Task + 'static> IntoFuture for FlowCall<K>
where
    K::Args: 'static,
{
    type Output = Result<K::Output, FlowError>;
    type IntoFuture = FlowCallFuture<K>;

    fn into_future(self) -> FlowCallFuture<K> {
        FlowCallFuture { call: Some(self), future: None }
    }
}

impl<K: Task> fmt::Debug for FlowCall<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowCall({})", Of::<K>::SPEC.name)
    }
}

impl<K: Task> fmt::Debug for FlowCallFuture<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlowCallFuture").field(&self.future).finish()
    }
}

/// Lets these task runs, and flow runs, alone decide the state of the flow run that executes here: FAILED with
/// `Some reference tasks failed.` if one of them failed, else COMPLETED with `All reference tasks succeeded.`
///
/// Named again, they replace those named before. Outside of a flow's body it is ignored, with a warning.
pub fn reference_tasks(references: impl Dependencies) {
    let mut edges = Edges::default();
    references.add_to(&mut edges);
    if !flow_run::set_references(edges.list) {
        log!(warn, "`reference_tasks` was called outside of a flow run: it is ignored");
    }
}
