//! The `with_…` methods of tasks and flows, one for each option of their attributes, and `wait_for`.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::body::Task;
use crate::bounds::{AnnotatedFn, FlowRetryArgs, MockedTask, MocksBody, ReplacesTask, TaskRetryArgs};
use crate::cache::{CacheOptions, KeyOption, Named, Policy};
use crate::context::{FlowRunInfo, TaskRun};
use crate::error::TaskError;
use crate::flow::FlowCall;
use crate::hook::{AnyHook, AnyStateHook, AnyTransactionHook, IntoHookReturn, Moment};
use crate::id::FlowRunId;
use crate::input::{Dependencies, Edges};
use crate::mock::StandIn;
use crate::options::{IntoDuration, Options, RetryDelays};
#[cfg(feature = "progress")]
use crate::progress::Progress;
use crate::result::{ResultSerializer, ResultStore};
use crate::runner::TaskRunner;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::task::Configured;
use crate::transaction::{IsolationLevel, Transaction};
use crate::trigger::Trigger;

/// Marks a [`Configured`] task.
pub struct OfTask;
/// Marks a [`Configured`] flow.
pub struct OfFlow;
/// Marks a call.
#[doc(hidden)]
pub struct Call;

/// Options that tasks and flows have alike. Each method gives a copy that differs in that option; the others survive.
macro_rules! common_options {
    ($info:ty, $hook:path, $state_hook:path) => {
        /// Another name, for runs and logs.
        fn with_name(self, name: impl AsRef<str>) -> Self::Configured {
            let name = Arc::from(name.as_ref());
            self.change(|options| options.name = Some(name))
        }

        /// Another description.
        fn with_description(self, description: impl AsRef<str>) -> Self::Configured {
            let description = Arc::from(description.as_ref());
            self.change(|options| options.description = Some(description))
        }

        /// Another version.
        fn with_version(self, version: impl AsRef<str>) -> Self::Configured {
            let version = Arc::from(version.as_ref());
            self.change(|options| options.version = Some(version))
        }

        /// These tags in place of the attribute's: replaced, not merged.
        fn with_tags<S: AsRef<str>>(self, tags: impl IntoIterator<Item = S>) -> Self::Configured {
            let tags = tags.into_iter().map(|tag| Arc::from(tag.as_ref())).collect();
            self.change(|options| options.tags = Some(tags))
        }

        /// How long to wait before each further attempt: a duration, a string, a list of either, or
        /// [`RetryDelays::exponential`].
        ///
        /// # Panics
        /// Panics on a string that is not a duration.
        #[track_caller]
        fn with_retry_delay(self, delay: impl Into<RetryDelays>) -> Self::Configured {
            let delay = delay.into();
            self.change(|options| options.retry_delay = Some(delay))
        }

        /// Delays are uniform in base × [1 − factor, 1 + factor]; a factor out of 0 to 1 is taken as the nearer end.
        fn with_retry_jitter_factor(self, factor: f64) -> Self::Configured {
            self.change(|options| options.retry_jitter_factor = Some(factor.clamp(0.0, 1.0)))
        }

        /// Asked once per failure while retries remain.
        fn with_retry_if(self, ask: impl Fn(&TaskError) -> bool + Send + Sync + 'static) -> Self::Configured {
            self.change(|options| options.retry_if = Some(Arc::new(ask)))
        }

        /// How long an attempt may take: a `Duration` or a string such as `"30s"`.
        ///
        /// # Panics
        /// Panics on a string that is not a duration.
        #[track_caller]
        fn with_timeout(self, timeout: impl IntoDuration) -> Self::Configured {
            let timeout = timeout.into_duration();
            self.change(|options| options.timeout = Some(timeout))
        }

        hook_options! { $info, $hook:
            /// Called when an attempt begins. Replaces the attribute's hooks; called again, it adds one.
            ///
            /// A hook here may be sync or return a future that borrows nothing.
            with_on_running Running,
            /// Called when the run has completed; otherwise as [`with_on_running`](Self::with_on_running).
            with_on_completion Completion,
            /// Called when the run has failed; otherwise as [`with_on_running`](Self::with_on_running).
            with_on_failure Failure,
            /// Called when the run has crashed; otherwise as [`with_on_running`](Self::with_on_running).
            with_on_crashed Crashed,
            /// Called when the run was cancelled; otherwise as [`with_on_running`](Self::with_on_running).
            with_on_cancellation Cancellation,
        }

        /// Whether the result is kept, in the place and under the key that the other options say. By default it is where one of
        /// these says anything. What a flow says holds for the task runs inside that say nothing themselves.
        ///
        /// What has a result that cannot be serialised fails when it is asked to.
        fn with_persist_result(self, persist: bool) -> Self::Configured {
            self.change_cache(|options| options.persist = Some(persist))
        }

        /// Where the result is kept.
        fn with_result_storage(self, store: ResultStore) -> Self::Configured {
            self.change_cache(|options| options.storage = Some(store))
        }

        /// How the result is written.
        fn with_result_serializer(self, serializer: impl ResultSerializer + 'static) -> Self::Configured {
            self.change_cache(|options| options.serializer = Some(Arc::new(serializer)))
        }

        #[doc(hidden)]
        fn change_cache(self, change: impl FnOnce(&mut CacheOptions)) -> Self::Configured {
            self.change(|options| change(options.cache.get_or_insert_default()))
        }

        /// Asked before each change of state; may turn it into FAILED, CANCELLED or Skipped.
        fn with_on_state_change(
            self,
            hook: impl Fn(&$info, &State, State) -> State + Send + Sync + 'static,
        ) -> Self::Configured {
            let hook = $state_hook(Arc::new(hook));
            self.change(|options| options.on_state_change.get_or_insert_default().push(hook))
        }

        /// Has the runs wait for others, whose results they do not take.
        fn wait_for(self, dependencies: impl Dependencies) -> Self::Configured {
            let mut edges = Edges::default();
            dependencies.add_to(&mut edges);
            self.change(|options| options.wait_for.extend(edges.list))
        }
    };
}

/// The options that set hooks: the method's name, and the moment.
macro_rules! hook_options {
    ($info:ty, $hook:path: $($(#[$doc:meta])* $name:ident $moment:ident,)*) => {
        $(
            $(#[$doc])*
            fn $name<R, M>(self, hook: impl Fn(&$info, &State) -> R + Send + Sync + 'static) -> Self::Configured
            where
                R: IntoHookReturn<'static, M>,
            {
                let hook = $hook(Arc::new(move |run, state| hook(run, state).into_hook_return()));
                self.change(|options| options.add_hook(Moment::$moment, hook))
            }
        )*
    };
}

impl Options {
    fn add_hook(&mut self, moment: Moment, hook: AnyHook) {
        self.hooks[moment as usize].get_or_insert_default().push(hook);
    }
}

/// The `with_…` methods of a task: each gives a copy of it that differs in one option. For all functions annotated with
/// `#[task]`.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn parse(text: String) -> Result<u32, std::num::ParseIntError> { text.parse() }
///
/// let future = parse.with_name("number").with_retries(2).submit("7");
/// assert_eq!(future.name(), "number-0");
/// assert_eq!(future.result().unwrap(), 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "annotate the function with `#[task]`"
)]
pub trait ConfigureTask<X, A>: Sized {
    /// A task with options of its own.
    type Configured;

    #[doc(hidden)]
    fn change(self, change: impl FnOnce(&mut Options)) -> Self::Configured;

    #[doc(hidden)]
    fn change_with_clone(self, change: impl FnOnce(&mut Options), clone: fn(&A) -> A) -> Self::Configured;

    common_options!(TaskRun, AnyHook::Task, AnyStateHook::Task);

    /// How often a failed attempt is followed by another; 0 means never, whatever the attribute or the settings say.
    fn with_retries(self, retries: u32) -> Self::Configured
    where
        A: TaskRetryArgs,
    {
        self.change_with_clone(|options| options.retries = Some(retries), A::clone)
    }

    /// The name of the next runs: `fetch-0` becomes `name`.
    fn with_task_run_name(self, name: impl AsRef<str>) -> Self::Configured {
        let name = Arc::from(name.as_ref());
        self.change(|options| options.run_name = Some(name))
    }

    /// Called when what the run did is committed. Replaces the attribute's hooks; called again, it adds one.
    ///
    /// A hook here may be sync or return a future that borrows nothing.
    fn with_on_commit<R, M>(
        self,
        hook: impl Fn(&Transaction) -> R + Send + Sync + 'static,
    ) -> Self::Configured
    where
        R: IntoHookReturn<'static, M>,
    {
        let hook =
            AnyTransactionHook::Given(Arc::new(move |transaction| hook(transaction).into_hook_return()));
        self.change(|options| options.on_commit.get_or_insert_default().push(hook))
    }

    /// Called when what the run did is rolled back; otherwise as [`with_on_commit`](Self::with_on_commit).
    ///
    /// Where a hook fails, the message of the run's state tells so.
    fn with_on_rollback<R, M>(
        self,
        hook: impl Fn(&Transaction) -> R + Send + Sync + 'static,
    ) -> Self::Configured
    where
        R: IntoHookReturn<'static, M>,
    {
        let hook =
            AnyTransactionHook::Given(Arc::new(move |transaction| hook(transaction).into_hook_return()));
        self.change(|options| options.on_rollback.get_or_insert_default().push(hook))
    }

    /// Whether a run is executed, given how those before it ended.
    fn with_trigger(self, trigger: Trigger) -> Self::Configured {
        self.change(|options| options.trigger = Some(trigger))
    }

    /// Whether a run is skipped because one before it was; by default it is.
    fn with_skip_on_upstream_skip(self, skip: bool) -> Self::Configured {
        self.change(|options| options.skip_on_upstream_skip = Some(skip))
    }

    /// What the key is made of under which the result is kept and looked for: `Inputs + TaskSource - "verbose"`.
    fn with_cache_policy(self, policy: impl Into<Policy>) -> Self::Configured {
        let policy = policy.into();
        self.change_cache(|options| options.key = Some(KeyOption::Policy(policy)))
    }

    /// The key under which the result is kept and looked for, as it stands: runs and tasks that say the same share a record.
    fn with_cache_key(self, key: impl AsRef<str>) -> Self::Configured {
        let key = KeyOption::Named(Named::CacheKey, Arc::from(key.as_ref()));
        self.change_cache(|options| options.key = Some(key))
    }

    /// Where the result is kept and looked for, as it stands: `reports/2020-01-02.json`.
    fn with_result_storage_key(self, key: impl AsRef<str>) -> Self::Configured {
        let key = KeyOption::Named(Named::StorageKey, Arc::from(key.as_ref()));
        self.change_cache(|options| options.key = Some(key))
    }

    /// How long a result that is kept is found again: a `Duration` or a string such as `"1d"`.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[track_caller]
    fn with_cache_expiration(self, expiration: impl IntoDuration) -> Self::Configured {
        let expiration = expiration.into_duration();
        self.change_cache(|options| options.expiration = Some(expiration))
    }

    /// Whether the run looks for no result, and replaces the one that is there.
    fn with_refresh_cache(self, refresh: bool) -> Self::Configured {
        self.change_cache(|options| options.refresh = Some(refresh))
    }

    /// What a run knows of others with the same key.
    fn with_isolation(self, isolation: IsolationLevel) -> Self::Configured {
        self.change_cache(|options| options.isolation = Some(isolation))
    }
}

/// The `with_…` methods of a flow and of a call of one: each gives a copy that differs in one option.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a flow",
    label = "annotate the function with `#[flow]`"
)]
pub trait ConfigureFlow<X, A>: Sized {
    /// A flow with options of its own.
    type Configured;

    #[doc(hidden)]
    fn change(self, change: impl FnOnce(&mut Options)) -> Self::Configured;

    #[doc(hidden)]
    fn change_with_clone(self, change: impl FnOnce(&mut Options), clone: fn(&A) -> A) -> Self::Configured;

    common_options!(FlowRunInfo, AnyHook::Flow, AnyStateHook::Flow);

    /// How often a failed attempt is followed by another; 0 means never, whatever the attribute says.
    fn with_retries(self, retries: u32) -> Self::Configured
    where
        A: FlowRetryArgs,
    {
        self.change_with_clone(|options| options.retries = Some(retries), A::clone)
    }

    /// Has the run be the flow run with that id, which is recorded in the engine's [run store](crate::EngineBuilder::run_store): what
    /// has completed in it is not executed again, and its body is. One that has completed is not executed at all; one that is not
    /// recorded is begun with that id. See [`store`](crate::store).
    ///
    /// The run fails if it is being executed by somebody who is alive, is one of another flow, is a part of another flow run, or if
    /// nothing is recorded.
    fn with_flow_run_id(self, id: FlowRunId) -> Self::Configured {
        self.change(|options| options.flow_run_id = Some(id))
    }

    /// Keeps what the [graph](crate::FlowFuture::graph) of the run is made of: its runs, and what each waits for. They live as long
    /// as the future of the run. Not needed for a [`report`](FlowCall::report), which keeps them too.
    fn with_graph(self) -> Self::Configured {
        self.change(|options| options.keeps_graph = true)
    }

    /// Shows what the run is doing on standard error, if that is a terminal: see [`progress`](crate::progress). Of a flow run in
    /// another one that is shown the runs are counted there. The feature `progress`.
    #[cfg(feature = "progress")]
    fn with_progress(self) -> Self::Configured {
        self.with_progress_on(&Progress::stderr())
    }

    /// As [`with_progress`](Self::with_progress), on another terminal.
    #[cfg(feature = "progress")]
    fn with_progress_on(self, progress: &Progress) -> Self::Configured {
        self.change(|options| options.progress = Some(progress.clone()))
    }

    /// Has the runs of a task end COMPLETED with that value, without executing its body: those that the flow submits, maps and calls,
    /// also in its tasks and child flows. A test's means; see [`testing`](crate::testing).
    ///
    /// Only the body is replaced: such a run waits for what goes before it, may be skipped, has its name, states, hooks and records, and is
    /// rolled back. In a flow run with mocks no result is looked for or kept, and what is recorded of it is not taken up by one
    /// that is resumed. A [`plan`](FlowCall::plan) goes on with the value.
    ///
    /// The value is shared by the runs; those who take it for themselves are given clones. Of several mocks of a task the last one holds.
    ///
    /// A flow run that ends well without having begun the task FAILS, and says so.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task] fn number() -> i64 { 2 }
    /// #[task] fn cube(n: i64) -> i64 { n * n * n }
    /// #[flow] fn debug() -> Result<i64, FlowError> { Ok(cube.submit(number.submit()).result()?) }
    ///
    /// assert_eq!(debug().result().unwrap(), 8);
    /// assert_eq!(debug().mock(number, 10).result().unwrap(), 1000);
    /// ```
    fn mock<F, P, K>(self, task: F, value: K::Output) -> Self::Configured
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
    {
        let _ = task;
        self.change(|options| options.mocks.push(Arc::new(StandIn::giving::<K>(value))))
    }

    /// Has the runs of a task end in that state, without executing its body and without retries: `State::failed("boom")`, `crashed`,
    /// `timed_out`, `cancelled`, `skipped`. Otherwise as [`mock`](Self::mock).
    ///
    /// The flow run FAILS where no run can end in that state: one that is not final, or COMPLETED, to which a value belongs.
    fn mock_state<F, P, K>(self, task: F, state: State) -> Self::Configured
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
    {
        let _ = task;
        self.change(|options| options.mocks.push(Arc::new(StandIn::ending::<K>(state))))
    }

    /// Executes a closure in place of a task's body. It is given the arguments, as a tuple, and gives the result or a `Result` of it.
    /// A parameter that is a reference is given as something that can be used like one. Otherwise as [`mock`](Self::mock).
    ///
    /// It is called for each attempt, in the run: where it calls the task itself, the task is executed. A run that is called with
    /// borrowed arguments fails; submitted ones own them.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task] async fn fetch(url: String, n: u32) -> Result<String, std::io::Error> { unreachable!() }
    /// #[flow] async fn first() -> Result<String, FlowError> { Ok(fetch.submit("a", 1).await?) }
    ///
    /// # #[tokio::main] async fn main() {
    /// let fetched = first().mock_with(fetch, |(url, n)| format!("{url}{n}")).await;
    /// assert_eq!(fetched.unwrap(), "a1");
    /// # }
    /// ```
    fn mock_with<F, P, K, B, R, M>(self, task: F, body: B) -> Self::Configured
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
        B: Fn(K::Args) -> R + MocksBody<K::Output, R, M> + Send + Sync + 'static,
    {
        let _ = task;
        self.change(|options| options.mocks.push(Arc::new(StandIn::calling::<K, _, R, M>(body))))
    }

    /// Executes another task wherever the flow begins that one: its body, and what its attribute says of name, retries, hooks and so
    /// on, under the options of the handle. It takes and gives the same. Otherwise as [`mock_with`](Self::mock_with).
    fn replace<F, P, K, G, L>(self, task: F, other: G) -> Self::Configured
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
        G: ReplacesTask<P, K, L>,
        L: Task<Args = K::Args, Output = K::Output> + 'static,
    {
        let _ = (task, other);
        self.change(|options| options.mocks.push(Arc::new(StandIn::executing::<K, L>())))
    }

    /// The name of the run.
    fn with_flow_run_name(self, name: impl AsRef<str>) -> Self::Configured {
        let name = Arc::from(name.as_ref());
        self.change(|options| options.run_name = Some(name))
    }

    /// Where the flow's runs execute.
    fn with_task_runner(self, runner: impl TaskRunner + 'static) -> Self::Configured {
        self.change(|options| options.task_runner = Some(Arc::new(runner)))
    }

    /// Has the run go on from what an earlier slice has left: what has ended there is not executed again, as
    /// [`snapshot`](crate::snapshot) says.
    ///
    /// The run fails if the snapshot is that of another flow, of another version of the flow, or of a run with other arguments; or if
    /// it is begun inside of another flow run.
    fn with_snapshot(self, snapshot: Snapshot) -> Self::Configured {
        self.change(|options| options.slice.get_or_insert_default().snapshot = Some(Arc::new(snapshot)))
    }

    /// Stops the run once so many task runs have begun to execute: nothing begins any more, what is under way ends, and what is left
    /// is CANCELLED, and PENDING in the [`snapshot`](crate::FlowRun::snapshot) for the next slice. See
    /// [`snapshot`](mod@crate::snapshot) for what counts. Of several `stop_…` the first to be reached stops the run.
    ///
    /// The run fails if it is begun inside of another flow run.
    fn stop_after(self, task_runs: usize) -> Self::Configured {
        self.change(|options| options.slice.get_or_insert_default().after = Some(task_runs))
    }

    /// As [`stop_after`](Self::stop_after), once that time has passed since the run began, by the engine's clock: a `Duration` or a
    /// string such as `"8m"`. What is under way then still takes its time.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[track_caller]
    fn stop_after_time(self, time: impl IntoDuration) -> Self::Configured {
        let time = time.into_duration();
        self.change(|options| options.slice.get_or_insert_default().time = Some(time))
    }

    /// As [`stop_after`](Self::stop_after), once this gives `true`. It is asked about each task run that was executed, in its final
    /// state, before what waits for it begins; on several threads at once, where runs end at once. A panic counts as `true`.
    fn stop_when(self, ask: impl Fn(&TaskRun) -> bool + Send + Sync + 'static) -> Self::Configured {
        self.change(|options| options.slice.get_or_insert_default().when = Some(Arc::new(ask)))
    }

    /// Has the flow run as if it were on that date, `2020-01-02`: what `today()` says inside. Another form fails the run.
    fn with_today(self, today: impl AsRef<str>) -> Self::Configured {
        let today = Arc::from(today.as_ref());
        self.change(|options| options.today = Some(today))
    }
}

impl<F, A> ConfigureTask<OfTask, A> for Configured<F, A, OfTask> {
    type Configured = Self;

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    fn change_with_clone(mut self, change: impl FnOnce(&mut Options), clone: fn(&A) -> A) -> Self {
        change(&mut self.options);
        self.clone = Some(clone);
        self
    }
}

impl<F, A> ConfigureFlow<OfFlow, A> for Configured<F, A, OfFlow> {
    type Configured = Self;

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    fn change_with_clone(mut self, change: impl FnOnce(&mut Options), clone: fn(&A) -> A) -> Self {
        change(&mut self.options);
        self.clone = Some(clone);
        self
    }
}

impl<K: Task + 'static> ConfigureFlow<Call, K::Args> for FlowCall<K>
where
    K::Args: 'static,
{
    type Configured = Self;

    fn change(self, change: impl FnOnce(&mut Options)) -> Self {
        self.with_options(change)
    }

    fn change_with_clone(self, change: impl FnOnce(&mut Options), clone: fn(&K::Args) -> K::Args) -> Self {
        self.with_options(change).with_clone(clone)
    }
}

/// `$trait` for the functions that are annotated as such.
macro_rules! configure {
    ($trait:ident $of:ident) => {
        #[diagnostic::do_not_recommend]
        impl<F, A, K: Task> $trait<fn(A) -> K, K::Args> for F
        where
            F: AnnotatedFn<$of, A, K>,
        {
            type Configured = Configured<F, K::Args, $of>;

            fn change(self, change: impl FnOnce(&mut Options)) -> Self::Configured {
                let mut options = Options::default();
                change(&mut options);
                Configured { function: self, options, clone: None, of: PhantomData }
            }

            fn change_with_clone(
                self,
                change: impl FnOnce(&mut Options),
                clone: fn(&K::Args) -> K::Args,
            ) -> Self::Configured {
                let mut configured = $trait::<fn(A) -> K, K::Args>::change(self, change);
                configured.clone = Some(clone);
                configured
            }
        }
    };
}

configure!(ConfigureTask OfTask);
configure!(ConfigureFlow OfFlow);
