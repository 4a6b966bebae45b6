//! Building an engine.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::{Engine, Inner, signal};
use crate::clock::Clock;
use crate::error::BoxError;
use crate::limit::{Limits, Rule};
use crate::lock::LockManager;
use crate::options::IntoDuration;
use crate::recorder::{Recorder, Recording};
use crate::result::ResultStore;
use crate::runner::{ConcurrentTaskRunner, SequentialTaskRunner, TaskRunner, ThreadPoolTaskRunner};
use crate::settings::{RunnerName, Settings};
use crate::store::{Durability, RunStore};

/// Builds an [`Engine`]. What is not set here comes from `MILLRUN_*` variables, then from `millrun.toml`
/// (see [`settings`](crate::settings)).
#[derive(Default)]
#[must_use = "an engine is made by `build()`"]
pub struct EngineBuilder {
    settings: Settings,
    clock: Option<Clock>,
    runner: Option<Arc<dyn TaskRunner>>,
    results: Option<ResultStore>,
    locks: Option<Arc<dyn LockManager>>,
    store: Option<Arc<dyn RunStore>>,
    durability: Durability,
    recording_timeout: Option<Duration>,
    spool: Option<PathBuf>,
    #[cfg(feature = "progress")]
    progress: Option<crate::progress::Progress>,
}

/// So long a run waits for a run store that fails, with [`Durability::Strict`].
const RECORDING_TIMEOUT: Duration = Duration::from_secs(30);

impl EngineBuilder {
    /// Where runs execute; by default a [`ThreadPoolTaskRunner`] with a worker per core.
    pub fn task_runner(mut self, runner: impl TaskRunner + 'static) -> Self {
        self.runner = Some(Arc::new(runner));
        self
    }

    /// At most `slots` at once, of those who ask for `concurrency(name)`, and of the task runs tagged `name`.
    ///
    /// # Panics
    /// Panics if `slots` is 0.
    #[track_caller]
    pub fn concurrency_limit(mut self, name: impl Into<String>, slots: usize) -> Self {
        assert!(slots > 0, "a concurrency limit of 0 lets nothing through: write 1 or more");
        self.settings.set_limit(name.into(), Rule::Slots(slots));
        self
    }

    /// At most `permits` in any `period`, of those who ask for `concurrency(name)`, and of the task runs tagged `name`.
    ///
    /// # Panics
    /// Panics if `permits` is 0, or `period` is a string that is not a duration.
    #[track_caller]
    pub fn rate_limit(mut self, name: impl Into<String>, permits: u32, period: impl IntoDuration) -> Self {
        assert!(permits > 0, "a rate limit of 0 lets nothing through: write 1 or more");
        self.settings.set_limit(name.into(), Rule::Rate { permits, period: period.into_duration() });
        self
    }

    /// Makes `concurrency(name)` of a name that is no limit an error; otherwise it is warned about once.
    pub fn strict_limits(mut self) -> Self {
        self.settings.strict_limits = Some(true);
        self
    }

    /// How often a task that says nothing itself is retried; by default 0. Tasks whose arguments cannot be cloned are not.
    pub fn default_retries(mut self, retries: u32) -> Self {
        self.settings.default_retries = Some(retries);
        self
    }

    /// How long tasks that say nothing themselves wait before a retry; by default not at all.
    ///
    /// # Panics
    /// Panics if `delay` is a string that is not a duration.
    #[track_caller]
    pub fn default_retry_delay(mut self, delay: impl IntoDuration) -> Self {
        self.settings.default_retry_delay = Some(delay.into_duration());
        self
    }

    /// Whether every task run writes its parameters down before it begins; by default only those do that are asked for them.
    pub fn record_parameters(mut self, record: bool) -> Self {
        self.settings.record_parameters = Some(record);
        self
    }

    /// Where results are kept by tasks that say nothing themselves; by default in files under `$MILLRUN_HOME/storage`, else
    /// under `~/.millrun/storage`. The clock of the engine says when a record has expired.
    pub fn results(mut self, store: ResultStore) -> Self {
        self.results = Some(store);
        self
    }

    /// Who keeps the locks on keys, for stores that have no lock manager of their own; by default nobody, and nothing can be
    /// [`Serializable`](crate::IsolationLevel::Serializable).
    pub fn lock_manager(mut self, locks: impl LockManager + 'static) -> Self {
        self.locks = Some(Arc::new(locks));
        self
    }

    /// Where runs are recorded; by default nowhere but in memory, for as long as somebody has a future or a report of them.
    ///
    /// The engine is an owner of runs there from the moment it is built, and finds those whose process has died.
    pub fn run_store(mut self, store: impl RunStore + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How safe the record of a run is when its result is handed on, where there is a [run store](Self::run_store); by default
    /// [`Durability::Relaxed`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether a flow run that is resumed first rolls back what was [interrupted](RunStore::interrupted) of it; by default it starts
    /// over without that.
    ///
    /// The `on_rollback` hooks are called that stand in the attributes of the tasks, for those runs that had succeeded in a transaction
    /// when their process died, the latest first, with the values that were set. A process that dies in the midst of this has
    /// them called again by the next one. Those that were given by `with_on_rollback` are not known to other processes: such
    /// transactions stay interrupted, with a warning.
    pub fn roll_back_interrupted(mut self, roll_back: bool) -> Self {
        self.settings.roll_back_interrupted = Some(roll_back);
        self
    }

    /// How long a run waits for a [run store](Self::run_store) that fails, with [`Durability::Strict`]; by default 30 seconds. Then it
    /// ends as CRASHED, with the reason, and so does what ends after it until the store answers again. An error that is not
    /// [temporary](crate::store::StoreError::is_temporary) is not waited for. With [`Durability::Relaxed`] nobody waits.
    ///
    /// # Panics
    /// Panics if `timeout` is a string that is not a duration.
    #[track_caller]
    pub fn recording_timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.recording_timeout = Some(timeout.into_duration());
        self
    }

    /// The folder of the files in which events are kept while the [run store](Self::run_store) fails; by default
    /// `$MILLRUN_HOME/spool`, else `~/.millrun/spool`. It is made when it is needed.
    ///
    /// What lies there when the process ends is taken in by the next engine, of any process of this machine, with that run store
    /// and that folder. Best it is on another disk than the run store.
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }

    /// Whether the results of all tasks are kept that can be and that say nothing themselves; by default not.
    pub fn persist_results_by_default(mut self, persist: bool) -> Self {
        self.settings.persist_results_by_default = Some(persist);
        self
    }

    /// Whether tasks whose results are kept look for none, and replace what is there; by default not.
    pub fn refresh_cache(mut self, refresh: bool) -> Self {
        self.settings.refresh_cache = Some(refresh);
        self
    }

    /// Whether SIGINT and SIGTERM end the runs before they end the process; by default not.
    ///
    /// The first signal stops what is open, records it as CRASHED, waits for the hooks, and gives the signal back to the default
    /// handler, which ends the process; a second one ends it at once. Who waits for a run outside of any other, the program's
    /// main thread as a rule, does not go on in between.
    pub fn handle_signals(mut self, handle: bool) -> Self {
        self.settings.handle_signals = Some(handle);
        self
    }

    /// Shows all flow runs of this engine there, but those that [say](crate::prelude::ConfigureFlow::with_progress_on) where
    /// themselves; by default none. The feature `progress`.
    ///
    /// ```
    /// # use millrun::prelude::*;
    /// use millrun::progress::Progress;
    ///
    /// let engine = Engine::builder().progress(&Progress::stderr()).build();
    /// # drop(engine);
    /// ```
    #[cfg(feature = "progress")]
    pub fn progress(mut self, progress: &crate::progress::Progress) -> Self {
        self.progress = Some(progress.clone());
        self
    }

    /// Where the time comes from; tests give [`Clock::manual`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The engine.
    ///
    /// # Panics
    /// Panics if a variable or `millrun.toml` cannot be read, or the run store cannot be written to:
    /// [`try_build`](Self::try_build) gives the error instead.
    #[track_caller]
    pub fn build(self) -> Engine {
        match self.try_build() {
            Ok(engine) => engine,
            Err(error) => panic!("{error}"),
        }
    }

    /// The engine.
    ///
    /// # Errors
    /// A variable or an entry of `millrun.toml` that cannot be read: which, and what is accepted. Or the run store cannot be
    /// written to.
    pub fn try_build(mut self) -> Result<Engine, BoxError> {
        let settings = Settings::load()?;
        let clock = self.clock.get_or_insert_with(Clock::system);
        let recorder = match self.store.take() {
            Some(store) => {
                let recording = Recording {
                    durability: self.durability,
                    patience: self.recording_timeout.unwrap_or(RECORDING_TIMEOUT),
                    spool: self
                        .spool
                        .take()
                        .or_else(|| crate::settings::home().map(|home| home.join("spool"))),
                };
                Some(Arc::new(Recorder::begin(store, recording, clock)?))
            }
            None => None,
        };
        Ok(self.build_with(settings, recorder, false))
    }

    pub(super) fn build_with(
        self,
        others: Settings,
        recorder: Option<Arc<Recorder>>,
        is_default: bool,
    ) -> Engine {
        let settings = self.settings.over(others);
        let clock = self.clock.unwrap_or_else(Clock::system);
        let runner = self.runner.unwrap_or_else(|| {
            let workers = settings.max_workers;
            match settings.task_runner.unwrap_or(RunnerName::ThreadPool) {
                RunnerName::Sequential => Arc::new(SequentialTaskRunner::new()),
                RunnerName::Concurrent => Arc::new(match workers {
                    Some(workers) => ConcurrentTaskRunner::new().max_workers(workers),
                    None => ConcurrentTaskRunner::new(),
                }),
                RunnerName::ThreadPool => Arc::new(match workers {
                    Some(workers) => ThreadPoolTaskRunner::new(workers),
                    None => ThreadPoolTaskRunner::default(),
                }),
            }
        });
        let limits = Limits::new(&clock, settings.limits.clone(), settings.strict_limits.unwrap_or(false));
        if let Err(error) = runner.start() {
            // A runner that serves another engine too has been started by that one.
            log!(debug, "{error}");
        }
        let handle_signals = settings.handle_signals.unwrap_or(false);
        let is_plain = limits.is_empty()
            && recorder.is_none()
            && settings.default_retries.is_none()
            && settings.record_parameters != Some(true)
            && settings.persist_results_by_default != Some(true);
        let scopes = Mutex::default();
        let results =
            self.results.map(|store| store.in_time_of(&clock)).map_or_else(OnceLock::new, OnceLock::from);
        let locks = self.locks;
        let inner = Inner {
            clock,
            settings,
            limits,
            runner,
            results,
            locks,
            recorder,
            is_plain,
            #[cfg(feature = "progress")]
            progress: self.progress,
            is_default,
            scopes,
        };
        let engine = Engine(Arc::new(inner));
        if handle_signals {
            signal::handle(Arc::downgrade(&engine.0));
        }
        engine
    }
}

/// The database of embedded engines, in a folder that is there.
#[cfg(feature = "sqlite")]
fn database() -> Result<PathBuf, BoxError> {
    let home = crate::settings::home()
        .ok_or("there is no home directory to keep runs in: set `MILLRUN_HOME`, or open a `SqliteRunStore` elsewhere")?;
    std::fs::create_dir_all(&home)
        .map_err(|error| format!("failed to make the folder `{}`: {error}", home.display()))?;
    Ok(home.join("runs.db"))
}

#[cfg(feature = "sqlite")]
impl Engine {
    /// An engine that records its runs on this machine: in the SQLite database `$MILLRUN_HOME/runs.db`, with results under
    /// `$MILLRUN_HOME/storage`; `MILLRUN_HOME` is `~/.millrun` by default. It takes signals, so that what is open when the process is
    /// stopped is recorded as CRASHED. The feature `sqlite`.
    ///
    /// # Errors
    /// A setting cannot be read, or the database cannot be opened.
    ///
    /// ```no_run
    /// # use millrun::prelude::*;
    /// # #[flow] async fn etl(month: String) -> usize { month.len() }
    /// # #[tokio::main] async fn main() -> Result<(), millrun::BoxError> {
    /// let engine = Engine::embedded().await?;
    /// engine.run(etl("2013-01".into())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn embedded() -> Result<Self, BoxError> {
        let store = crate::store::SqliteRunStore::open(database()?).await?;
        Self::builder().run_store(store).handle_signals(true).try_build()
    }

    /// As [`embedded`](Self::embedded), blocking this thread.
    ///
    /// # Errors
    /// As [`embedded`](Self::embedded).
    pub fn embedded_blocking() -> Result<Self, BoxError> {
        let store = crate::store::SqliteRunStore::open_blocking(database()?)?;
        Self::builder().run_store(store).handle_signals(true).try_build()
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Why an engine could not be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstallError {
    /// Another engine is installed.
    Twice,
    /// Something has run already, on the engine in memory.
    TooLate,
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twice => "failed to install the engine: another one is installed; a process has one at most",
            Self::TooLate => {
                "failed to install the engine: something has run before on the engine in memory; install it first"
            }
        })
    }
}

impl Error for InstallError {}
