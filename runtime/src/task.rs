//! Tasks as users hold them: calls and configured copies. Typed shells over the engine.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::body::{ArgTuple, BoxFuture, CloneArgs, Job, JobArgs, Of, Outcome, Task};
use crate::bounds::Output;
use crate::configure::{OfFlow, OfTask};
use crate::engine;
use crate::error::{ErrorKind, TaskError};
use crate::future::TaskFuture;
use crate::input::EdgeList;
use crate::options::Options;

/// A call of a task: nothing happens until it is awaited, asked for its [`result`](Self::result), or
/// [submitted](Self::submit).
///
/// Awaited or asked for its result it runs in the caller, now; it may borrow its arguments for that.
#[must_use = "a call does nothing until it is awaited, or asked for its `.result()`, or submitted with `.submit()`"]
pub struct TaskCall<'a, K: Task> {
    args: K::Args,
    options: Option<Arc<Options>>,
    borrowed: PhantomData<&'a ()>,
}

impl<'a, K: Task + 'a> TaskCall<'a, K> {
    /// What a task's function returns.
    #[doc(hidden)]
    pub const fn new(args: K::Args) -> Self {
        Self { args, options: None, borrowed: PhantomData }
    }

    pub(crate) fn configured(mut self, options: Options) -> Self {
        self.options = Some(Arc::new(options));
        self
    }

    fn into_job(self) -> (Option<Arc<Options>>, Job<'a, K::Args>) {
        (self.options, Job::new(JobArgs::Ready(self.args), Of::<K>::COMPILED, None))
    }

    /// Runs the task here, on this thread, and gives its result.
    ///
    /// # Errors
    /// What the run ended with instead: the task's own error, a timeout, a panic, a skip.
    ///
    /// # Panics
    /// Panics where an async task is called like this on the thread of a single-threaded tokio runtime: await it there.
    #[track_caller]
    pub fn result(self) -> Result<K::Output, TaskError> {
        let (options, mut job) = self.into_job();
        output(engine::call_sync(Of::<K>::SPEC, options, K::Args::body(&mut job)))
    }
}

impl<K: Task + 'static> TaskCall<'static, K> {
    /// Hands the run to the runner, as `task.submit(..)` does.
    pub fn submit(self) -> TaskFuture<K::Output> {
        let (options, job) = self.into_job();
        let run = engine::submit(Of::<K>::SPEC, options, EdgeList::new(), K::Args::boxed(job));
        TaskFuture::counted(run)
    }
}

/// The value of a run that nobody else reads.
fn output<T: Output>(outcome: Outcome) -> Result<T, TaskError> {
    let value = T::of_erased(outcome?).and_then(Arc::into_inner);
    value.ok_or_else(|| {
        TaskError::new(ErrorKind::Crashed, "the result of a call is gone: this is a bug in millrun")
    })
}

/// A call of a task, being executed.
#[must_use = "a future does nothing until it is awaited"]
pub struct CallFuture<'a, T> {
    outcome: BoxFuture<'a, Outcome>,
    output: PhantomData<fn() -> T>,
}

impl<T: Output> Future for CallFuture<'_, T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().outcome.as_mut().poll(cx).map(output)
    }
}

impl<'a, K: Task + 'a> IntoFuture for TaskCall<'a, K> {
    type Output = Result<K::Output, TaskError>;
    type IntoFuture = CallFuture<'a, K::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let (options, job) = self.into_job();
        CallFuture { outcome: K::Args::call_async(Of::<K>::SPEC, options, job), output: PhantomData }
    }
}

impl<K: Task> fmt::Debug for TaskCall<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskCall({})", Of::<K>::SPEC.name)
    }
}

impl<T> fmt::Debug for CallFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallFuture")
    }
}

/// A task or a flow with options of its own, made by `wait_for` and the `with_…` methods of its function.
///
/// It has `call`, `submit` and `map`, or `start`, and more `with_…`. It is no function: write
/// `task.with_retries(3).call(args)`.
#[must_use = "a task with options of its own does nothing until it is called, submitted or mapped"]
pub struct Configured<F, A, X> {
    pub(crate) function: F,
    pub(crate) options: Options,
    /// How arguments are cloned for further attempts, where retries are set here.
    pub(crate) clone: CloneArgs<A>,
    /// Whether it is a task or a flow.
    pub(crate) of: PhantomData<fn() -> X>,
}

/// A task with options of its own.
pub type ConfiguredTask<F, A> = Configured<F, A, OfTask>;
/// A flow with options of its own.
pub type ConfiguredFlow<F, A> = Configured<F, A, OfFlow>;

impl<F: Clone, A, X> Clone for Configured<F, A, X> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
            options: self.options.clone(),
            clone: self.clone,
            of: PhantomData,
        }
    }
}

impl<F, A, X> fmt::Debug for Configured<F, A, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configured").field(&self.options).finish()
    }
}
