//! The ambient run: who is executing here, and what is submitted here belongs to whom. The only thread-local of the crate
//! that users can feel.

mod info;
mod records;
mod scope;
mod tree;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::engine::Engine;
use crate::error::ContextError;
use crate::input::Node;
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::sync::Mutex;

pub use info::{FlowRunInfo, NotResumable, TaskRun, flow_run, task_run};
pub(crate) use info::{date_of, today as today_of};
pub(crate) use records::{Kept, Record};
pub(crate) use scope::{Scope, Tags, own_tags};
pub(crate) use tree::{Failure, Slab, Tree};

/// What is ambient on a thread: the run that executes there, and the scope of what it submits, once it submits.
#[derive(Clone, Default)]
pub(crate) struct Current {
    pub(crate) run: Option<Arc<Run>>,
    pub(crate) scope: Option<Arc<Scope>>,
    /// Set once the attempt that executes on a thread of its own is given up on.
    pub(crate) given_up: Option<Arc<AtomicBool>>,
    /// A hook of the run executes, and not its body: what it submits is begun whatever became of the run.
    is_hook: bool,
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::NONE) };
    /// The scope of what is submitted on this thread outside of any run.
    static ROOT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

impl Current {
    const NONE: Self = Self { run: None, scope: None, given_up: None, is_hook: false };

    #[inline]
    pub(crate) fn of(run: Arc<Run>) -> Self {
        Self { run: Some(run), ..Self::NONE }
    }

    pub(crate) fn of_hook(run: Arc<Run>) -> Self {
        Self { run: Some(run), is_hook: true, ..Self::NONE }
    }

    pub(crate) fn in_scope(scope: Arc<Scope>) -> Self {
        Self { run: scope.parent.clone(), scope: Some(scope), ..Self::NONE }
    }

    /// Makes this ambient until the guard is dropped, which puts it back with what it has become.
    #[inline]
    pub(crate) fn enter(&mut self) -> Entered<'_> {
        self.swap();
        Entered(self)
    }

    #[inline]
    fn swap(&mut self) {
        // Fails only while the thread is being torn down, where nothing of ours runs any more.
        let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), self));
    }
}

pub(crate) struct Entered<'c>(&'c mut Current);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.swap();
    }
}

/// Whether a hook of a run executes here.
pub(crate) fn is_in_hook() -> bool {
    CURRENT.try_with(|current| current.borrow().is_hook).unwrap_or(false)
}

/// The run that executes here.
pub(crate) fn current_run() -> Option<Arc<Run>> {
    CURRENT.try_with(|current| current.borrow().run.clone()).ok().flatten()
}

/// Looks at the run that executes here, from wherever: `None` if there is none, or if it cannot be told in the midst of a change.
#[cfg(feature = "logging")]
pub(crate) fn with_current_run<T>(look: impl FnOnce(&Arc<Run>) -> T) -> Option<T> {
    let run = |current: &RefCell<Current>| current.try_borrow().ok().and_then(|current| current.run.clone());
    CURRENT.try_with(run).ok().flatten().map(|run| look(&run))
}

/// Whether the attempt at the run that executes here was given up on.
fn is_given_up(run: &Arc<Run>) -> bool {
    let here = |current: &RefCell<Current>| {
        let current = current.borrow();
        current.run.as_ref().is_some_and(|here| Arc::ptr_eq(here, run))
            && current.given_up.as_ref().is_some_and(|given_up| given_up.load(Ordering::SeqCst))
    };
    CURRENT.try_with(here).unwrap_or(false)
}

/// The engine of the run that executes here.
pub(crate) fn current_engine() -> Option<Engine> {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let scope = current.scope.as_ref().or(current.run.as_ref().map(|run| &run.scope));
            scope.map(|scope| scope.engine.clone())
        })
        .ok()
        .flatten()
}

/// The scope of what is submitted here.
#[inline]
pub(crate) fn scope_here() -> Arc<Scope> {
    let inside = CURRENT.with(|current| {
        let mut current = current.borrow_mut();
        if current.scope.is_none()
            && let Some(run) = &current.run
        {
            current.scope = Some(run.scope.inside(run, current.is_hook));
        }
        current.scope.clone()
    });
    inside.unwrap_or_else(|| root_scope(&Engine::ambient()))
}

/// The scope of what is submitted outside of any run. One is kept for each thread, as making one costs more than a run.
pub(crate) fn root_scope(engine: &Engine) -> Arc<Scope> {
    ROOT.with(|root| {
        let mut root = root.borrow_mut();
        if let Some(scope) = &*root
            && scope.engine.is(engine)
            && scope.handle.id() == RuntimeHandle::current_id()
        {
            return scope.clone();
        }
        let scope = Scope::new(
            engine.clone(),
            RuntimeHandle::current(),
            engine.task_runner(),
            Arc::new(Tree::new(None, None, None, false)),
            None,
            Tags::from([]),
            None,
        );
        engine.watch(&scope);
        if engine.is_default() {
            *root = Some(scope.clone());
        }
        scope
    })
}

/// The context of the run that executes here, to be carried where it does not go by itself.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task]
/// fn outer() -> String {
///     let context = RunContext::current();
///     std::thread::scope(|scope| {
///         scope.spawn(|| context.enter(|| task_run().unwrap().name())).join().unwrap()
///     })
/// }
///
/// assert_eq!(outer().result().unwrap(), "outer-0");
/// ```
#[derive(Clone)]
pub struct RunContext(Current);

impl RunContext {
    /// The context here; outside of any run, one in which runs are submitted without a parent.
    pub fn current() -> Self {
        let scope = scope_here();
        let run = current_run();
        Self(Current { run, scope: Some(scope), ..Current::NONE })
    }

    pub(crate) fn in_scope(scope: Arc<Scope>) -> Self {
        Self(Current::in_scope(scope))
    }

    /// Does `action` in this context, on this thread.
    pub fn enter<T>(&self, action: impl FnOnce() -> T) -> T {
        let mut current = self.0.clone();
        let _entered = current.enter();
        action()
    }

    /// Gives this context to a future, wherever it is polled.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped { current: self.0.clone(), root: None, future: Box::pin(future) }
    }
}

impl std::fmt::Debug for RunContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunContext").field("run", &self.0.run).finish()
    }
}

/// A future in a context; made by [`RunContext::scope`], [`TagScope::scope`] and [`Engine::scope`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Scoped<F> {
    current: Current,
    /// What the context is made of at the first poll: until then it is not known which runtime polls.
    root: Option<Root>,
    future: Pin<Box<F>>,
}

struct Root {
    engine: Option<Engine>,
    tags: Vec<Arc<str>>,
}

impl<F: Future> Scoped<F> {
    /// A future outside of any run, on that engine.
    pub(crate) fn outside(engine: Engine, future: F) -> Self {
        let root = Root { engine: Some(engine), tags: Vec::new() };
        Self { current: Current::default(), root: Some(root), future: Box::pin(future) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        if let Some(root) = this.root.take() {
            let scope = root.engine.map_or_else(scope_here, |engine| root_scope(&engine));
            let scope = if root.tags.is_empty() { scope } else { scope.tagged(&root.tags) };
            this.current = Current::in_scope(scope);
        }
        let _entered = this.current.enter();
        this.future.as_mut().poll(cx)
    }
}

/// Tags for all runs inside; made by [`tags`].
#[derive(Clone, Debug)]
#[must_use = "tags do nothing until something is done in their scope"]
pub struct TagScope(Vec<Arc<str>>);

/// Adds tags to all runs that are submitted inside of its scope.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn my_tags() -> Vec<String> { task_run().unwrap().tags() }
///
/// let found = tags(["nightly"]).enter(|| my_tags().result().unwrap());
/// assert_eq!(found, ["nightly"]);
/// ```
pub fn tags<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> TagScope {
    TagScope(tags.into_iter().map(|tag| Arc::from(tag.as_ref())).collect())
}

impl TagScope {
    fn current(&self) -> Current {
        let scope = scope_here();
        Current { run: current_run(), scope: Some(scope.tagged(&self.0)), ..Current::NONE }
    }

    /// For a future: what it submits has the tags.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        let is_outside = CURRENT.with(|current| {
            let current = current.borrow();
            current.run.is_none() && current.scope.is_none()
        });
        let root = is_outside.then(|| Root { engine: None, tags: self.0.clone() });
        let current = if is_outside { Current::default() } else { self.current() };
        Scoped { current, root, future: Box::pin(future) }
    }

    /// For what `action` does on this thread.
    pub fn enter<T>(&self, action: impl FnOnce() -> T) -> T {
        let mut current = self.current();
        let _entered = current.enter();
        action()
    }
}

/// Does `action`, and has what it submits hang on a choice.
pub(crate) fn after<T>(choice: Arc<Run>, action: impl FnOnce() -> T) -> T {
    let here = scope_here();
    within(here.with(here.tags.clone(), here.transaction.clone(), Some(choice), here.begun.clone()), action)
}

/// Does `action` for the run that executes here, in another scope.
fn within<T>(scope: Arc<Scope>, action: impl FnOnce() -> T) -> T {
    let mut current = Current { run: current_run(), scope: Some(scope), ..Current::NONE };
    let _entered = current.enter();
    action()
}

/// As [`after`], and gives what was begun, too. Who has asked for that around this one is not told: it is told of what waits for that.
pub(crate) fn after_noting<T>(choice: Arc<Run>, action: impl FnOnce() -> T) -> (T, Vec<Node>) {
    let here = scope_here();
    let begun = Arc::new(Mutex::default());
    let scope = here.with(here.tags.clone(), here.transaction.clone(), Some(choice), Some(begun.clone()));
    let done = within(scope, action);
    let nodes = std::mem::take(&mut *begun.lock());
    (done, nodes)
}

pub(crate) fn outside(wanted: &'static str) -> ContextError {
    ContextError { wanted }
}
