//! The engine takes runs through their lives. Only here does a run change its state.

pub(crate) mod admission;
mod aside;
mod attempt;
pub(crate) mod awaited;
mod builder;
pub(crate) mod cache;
mod call;
mod cancel;
mod deadline;
mod execution;
mod finish;
pub(crate) mod flow_run;
mod hook;
mod interrupted;
pub(crate) mod moment;
pub(crate) mod plan;
mod ready;
pub(crate) mod record;
pub(crate) mod resume;
mod retry;
mod settling;
mod signal;
pub(crate) mod slice;
mod slots;
pub(crate) mod span;
mod standstill;
mod state_log;
mod submit;
pub(crate) mod transaction;
mod unlist;
pub(crate) mod wait;
pub(crate) mod watch;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use crate::body::Task;
use crate::clock::Clock;
use crate::context::{Current, FlowRunInfo, RunContext, Scope, current_engine, root_scope};
use crate::error::{BoxError, FlowError};
use crate::flow::FlowCall;
use crate::id::FlowRunId;
use crate::limit::Limits;
use crate::lock::LockManager;
use crate::recorder::Recorder;
use crate::result::{ResultStore, ResultStoreError};
use crate::runner::TaskRunner;
use crate::settings::Settings;
use crate::store::{Retention, RunStore, StoreError};

pub use builder::{EngineBuilder, InstallError};
pub(crate) use call::{call_async, call_sync};
pub(crate) use cancel::cancel;
pub use execution::Execution;
pub(crate) use finish::{Ended, ended_run, wake};
pub use ready::ReadyRun;
pub(crate) use ready::{ReadyBecause, in_one_turn, is_submitting, shrink};
pub(crate) use slots::ancestors_hold;
pub(crate) use standstill::Wanted;
pub(crate) use submit::{begin, begin_cancelled, may_follow, submit};

/// Runs flows and tasks: it holds the runner, the limits and the settings.
///
/// A cheap handle, `Clone`. Which engine is in charge: that of [`run`](Self::run), else that of the enclosing run, else the
/// [installed](Self::install) one, else one in memory with the settings of the environment.
///
/// ```
/// use millrun::prelude::*;
///
/// #[flow] fn answer() -> u32 { 42 }
///
/// let engine = Engine::builder().task_runner(SequentialTaskRunner::new()).build();
/// assert_eq!(engine.run_blocking(answer()).unwrap(), 42);
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    clock: Clock,
    settings: Settings,
    limits: Limits,
    runner: Arc<dyn TaskRunner>,
    /// Where results are kept: as it was given, or made when it is first needed.
    results: OnceLock<ResultStore>,
    locks: Option<Arc<dyn LockManager>>,
    recorder: Option<Arc<Recorder>>,
    /// Nothing is set that concerns each task run: retries, limits, records of parameters.
    is_plain: bool,
    /// Where its flow runs are shown.
    #[cfg(feature = "progress")]
    progress: Option<crate::progress::Progress>,
    /// Made without being asked for, and there until the process ends.
    is_default: bool,
    /// The scopes of runs outside of any other, for signals.
    scopes: Mutex<Vec<Weak<Scope>>>,
}

/// What is said where something recorded is asked for.
const NO_STORE: &str = "this engine records nothing: build it with a `run_store`";

static INSTALLED: OnceLock<Engine> = OnceLock::new();
static DEFAULT: OnceLock<Engine> = OnceLock::new();

impl Engine {
    /// Begins to build an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Makes this the process's engine, for whatever runs without one of its own.
    ///
    /// # Errors
    /// An error if one is installed already, or if something has run before and the engine in memory has been made for it.
    pub fn install(&self) -> Result<(), InstallError> {
        if DEFAULT.get().is_some() {
            return Err(InstallError::TooLate);
        }
        INSTALLED.set(self.clone()).map_err(|_| InstallError::Twice)
    }

    /// The engine in charge here.
    pub(crate) fn ambient() -> Self {
        current_engine().or_else(|| INSTALLED.get().cloned()).unwrap_or_else(|| {
            DEFAULT
                .get_or_init(|| {
                    let settings = Settings::load().unwrap_or_else(|error| {
                        log!(error, "{error}; the defaults are used");
                        Settings::default()
                    });
                    EngineBuilder::default().build_with(settings, None, true)
                })
                .clone()
        })
    }

    /// Runs a flow on this engine: `engine.run(etl(month)).await`.
    ///
    /// # Errors
    /// What the flow run ended with instead of a value. Dropping the future cancels the run.
    pub async fn run<K: Task + 'static>(&self, call: FlowCall<K>) -> Result<K::Output, FlowError>
    where
        K::Args: 'static,
    {
        let scope = root_scope(self);
        RunContext::in_scope(scope).scope(call.into_future()).await
    }

    /// Runs a flow on this engine, blocking for its end.
    ///
    /// # Errors
    /// What the flow run ended with instead of a value.
    ///
    /// # Panics
    /// Panics on the thread of a single-threaded tokio runtime that an async flow itself needs: await [`run`](Self::run) there.
    #[track_caller]
    pub fn run_blocking<K: Task + 'static>(&self, call: FlowCall<K>) -> Result<K::Output, FlowError>
    where
        K::Args: 'static,
    {
        self.enter(|| call.result())
    }

    /// Does `action` with this engine in charge, on this thread: for tasks outside of flows.
    pub fn enter<T>(&self, action: impl FnOnce() -> T) -> T {
        let mut current = Current::in_scope(root_scope(self));
        let _entered = current.enter();
        action()
    }

    /// Polls `future` with this engine in charge: for tasks outside of flows.
    pub fn scope<F: Future>(&self, future: F) -> crate::context::Scoped<F> {
        crate::context::Scoped::outside(self.clone(), future)
    }

    /// Has a flow run go on that is recorded in this engine's [run store](EngineBuilder::run_store), with the parameters that are
    /// recorded, as [`with_flow_run_id`](crate::ConfigureFlow::with_flow_run_id) does where the flow and its arguments are at hand.
    /// Gives the flow run once it has completed.
    ///
    /// # Errors
    /// There is no such flow run, or nothing is recorded here; the program has no such flow, or a parameter cannot be read; or what the
    /// flow run ended with instead.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the run, which can be resumed again.
    pub async fn resume(&self, id: FlowRunId) -> Result<FlowRunInfo, FlowError> {
        resume::by_id(self, id).await
    }

    /// As [`resume`](Self::resume), blocking this thread.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn resume_blocking(&self, id: FlowRunId) -> Result<FlowRunInfo, FlowError> {
        wait::block_on_future(self.resume(id))
    }

    /// Asks the [run store](EngineBuilder::run_store) something, on a thread that may block.
    ///
    /// ```
    /// # use millrun::prelude::*;
    /// use millrun::store::{MemoryRunStore, RunQuery};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), millrun::BoxError> {
    /// let engine = Engine::builder().run_store(MemoryRunStore::new()).build();
    /// let newest = engine.ask(|store| store.runs(&RunQuery::flow_runs().limit(10))).await?;
    /// assert!(newest.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the store answers; or nothing is recorded here, or the question panicked.
    ///
    /// # Cancel safety
    /// The question is answered also if nobody waits for the answer any more.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn RunStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.run_store().ok_or_else(|| StoreError::new(NO_STORE))?.clone();
        let asked = root_scope(self).handle.get().spawn_blocking(move || question(&*store)).await;
        asked.unwrap_or_else(|error| Err(StoreError::new(format!("the question panicked: {error}"))))
    }

    /// Where runs are recorded, to be asked about them: see [`RunQuery`](crate::store::RunQuery). Its methods block; in async programs
    /// there is [`ask`](Self::ask).
    pub fn run_store(&self) -> Option<&Arc<dyn RunStore>> {
        self.recorder().map(|recorder| recorder.store())
    }

    /// Deletes runs from this engine's [run store](EngineBuilder::run_store), with all that is recorded of them and with their results;
    /// gives back the room that they took. How many outermost runs were deleted.
    ///
    /// # Errors
    /// Nothing is recorded here; or the store cannot be read or written, or a result not be deleted. What was deleted until then
    /// stays deleted.
    pub async fn clean_up(&self, retention: &Retention) -> Result<usize, BoxError> {
        let (engine, retention) = (self.clone(), *retention);
        let handle = root_scope(self).handle.get();
        handle.spawn_blocking(move || engine.clean_up_blocking(&retention)).await?
    }

    /// As [`clean_up`](Self::clean_up), blocking this thread.
    ///
    /// # Errors
    /// As [`clean_up`](Self::clean_up).
    pub fn clean_up_blocking(&self, retention: &Retention) -> Result<usize, BoxError> {
        let store = self.run_store().ok_or(NO_STORE)?;
        let (deleted, keys) = retention.apply(&**store, self.clock().now())?;
        if !keys.is_empty() {
            let results = self.results()?;
            for key in keys {
                results.delete_blocking(&key)?;
            }
        }
        if deleted > 0 {
            store.vacuum()?;
        }
        Ok(deleted)
    }

    /// Waits until everything is recorded that has happened until now, where there is a [run store](EngineBuilder::run_store). An
    /// outermost flow run is recorded by the time its call returns; task runs outside of flows shortly after. If the store fails it is
    /// tried again at once, and once.
    ///
    /// # Errors
    /// The store fails: with [`Relaxed`](crate::Durability::Relaxed) what has happened is in the [spool](EngineBuilder::spool), where
    /// there is one, and is recorded once the store can be written to. Or this engine was taken for dead
    /// ([`is_gone`](StoreError::is_gone)), and records nothing any more.
    pub async fn flush(&self) -> Result<(), Arc<StoreError>> {
        match self.recorder() {
            Some(recorder) => recorder.flush().await,
            None => Ok(()),
        }
    }

    /// As [`flush`](Self::flush), blocking this thread.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self) -> Result<(), Arc<StoreError>> {
        wait::block_on_future(self.flush())
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Whether it was said where results are kept, or anything is there.
    pub(crate) fn has_results(&self) -> bool {
        self.0.results.get().is_some()
    }

    /// Where results are kept that no task has a place of its own for.
    pub(crate) fn results(&self) -> Result<ResultStore, ResultStoreError> {
        if let Some(store) = self.0.results.get() {
            return Ok(store.clone());
        }
        let store = ResultStore::default_directory()?.in_time_of(self.clock());
        Ok(self.0.results.get_or_init(|| store).clone())
    }

    /// Who keeps the locks of stores that have no lock manager of their own.
    pub(crate) fn lock_manager(&self) -> Option<&Arc<dyn LockManager>> {
        self.0.locks.as_ref()
    }

    #[cfg(feature = "progress")]
    pub(crate) fn progress(&self) -> Option<&crate::progress::Progress> {
        self.0.progress.as_ref()
    }

    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.0.is_plain
    }

    /// Who records what runs do, if anybody does.
    pub(crate) fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.0.recorder.as_ref()
    }

    pub(crate) fn task_runner(&self) -> Arc<dyn TaskRunner> {
        self.0.runner.clone()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn is_default(&self) -> bool {
        self.0.is_default
    }

    pub(crate) fn watch(&self, scope: &Arc<Scope>) {
        let mut scopes = self.0.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        if scopes.len() == scopes.capacity() {
            scopes.retain(|scope| scope.strong_count() > 0);
        }
        scopes.push(Arc::downgrade(scope));
    }

    fn open_scopes(inner: &Inner) -> Vec<Arc<Scope>> {
        let scopes = inner.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.runner.shutdown();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("task_runner", &self.0.runner.name())
            .field("clock", &self.0.clock)
            .finish()
    }
}
