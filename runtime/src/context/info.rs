//! What a body and its hooks can ask of the run they are in.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{current_run, outside, own_tags};
use crate::cache::Why;
use crate::error::{ContextError, FlowError, TaskError};
use crate::graph::{self, Graph, Maps};
use crate::id::{FlowRunId, TaskRunId};
use crate::run::{NO_INDEX, Recorded, Run};
use crate::spec::Spec;
use crate::state::{State, StateName};

macro_rules! info {
    ($(#[$doc:meta])* $name:ident, $id:ident, $error:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub(crate) Arc<Run>);

        impl $name {
            /// Its id.
            pub fn id(&self) -> $id {
                $id::from_u128(self.0.id())
            }

            /// Its name.
            pub fn name(&self) -> String {
                self.0.name()
            }

            /// What is known of its function at compile time.
            pub fn spec(&self) -> &'static Spec {
                self.0.spec
            }

            /// Its tags: its own, those in scope, its flow run's and its parents'.
            pub fn tags(&self) -> Vec<String> {
                own_tags(&self.0).iter().map(ToString::to_string).collect()
            }

            /// Its parameters by name, as JSON; `null` for one whose type cannot be written as such.
            ///
            /// Those of a flow run are always there. Those of a task run are written down only where somebody asks for
            /// them: in tasks that have hooks or whose body has the word `parameters` in it, and everywhere with
            /// [`record_parameters(true)`](crate::EngineBuilder::record_parameters); elsewhere the object is empty.
            pub fn parameters(&self) -> serde_json::Map<String, Value> {
                self.0.parameters().unwrap_or_default()
            }

            /// The number of the attempt, from 1; 0 before the first has begun.
            pub fn run_count(&self) -> u32 {
                self.0.cell.lock().log.attempts()
            }

            /// Whether the body should stop: the run was cancelled, or its time is over.
            pub fn cancelled(&self) -> bool {
                self.0.is_abandoned() || super::is_given_up(&self.0)
            }

            /// The state it is in.
            pub fn state(&self) -> State {
                self.0.state()
            }

            /// All states it has been in.
            pub fn states(&self) -> Vec<State> {
                self.0.states()
            }

            /// Why it ended without a value, if it has ended so. In hooks for the end it is there.
            pub fn error(&self) -> Option<$error> {
                self.0.error().map(Into::into)
            }

            /// When its first attempt began.
            pub fn started_at(&self) -> Option<SystemTime> {
                self.0.cell.lock().log.started_at()
            }

            /// When it ended.
            pub fn ended_at(&self) -> Option<SystemTime> {
                self.0.ended_at()
            }

            /// How long its attempts have taken, without the waits between them.
            pub fn run_time(&self) -> Duration {
                let now = self.0.scope.engine.clock().nanos();
                let inner = self.0.cell.lock();
                inner.log.run_time(inner.state, now)
            }

            /// The date on which it runs, `2020-01-02`: that of `with_today`, else today's in the local time zone.
            pub fn today(&self) -> String {
                today(&self.0)
            }

            /// The date on which it runs, `20200102`.
            pub fn today_nodash(&self) -> String {
                today(&self.0).replace('-', "")
            }

            /// The task run that has submitted it, if one has.
            pub fn parent(&self) -> Option<TaskRun> {
                self.0.scope.parent.clone().filter(|parent| !parent.spec.is_flow).map(TaskRun)
            }

            /// The flow run that it is in, if it is in one.
            pub fn parent_flow_run(&self) -> Option<FlowRunInfo> {
                self.0.scope.tree.flow_run().map(FlowRunInfo)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("id", &self.id())
                    .field("name", &self.name())
                    .field("state", &self.state().to_string())
                    .finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}: {}", self.name(), self.state())
            }
        }
    };
}

info! {
    /// A task run, as its body, its hooks and reports see it.
    TaskRun, TaskRunId, TaskError
}

info! {
    /// A flow run, as its body, its hooks and reports see it.
    FlowRunInfo, FlowRunId, FlowError
}

impl TaskRun {
    /// Whether its result was found, under which key, and what that is made of; `None` if its result is not kept, and until it is
    /// known.
    ///
    /// ```
    /// use millrun::cache::CacheOutcome;
    /// use millrun::prelude::*;
    ///
    /// #[task(cache_policy = Inputs)]
    /// fn square(x: u64) -> u64 { x * x }
    ///
    /// #[flow]
    /// fn twice() -> Result<u64, FlowError> { Ok(square(3).result()? + square(3).result()?) }
    ///
    /// let engine = Engine::builder().results(ResultStore::memory()).build();
    /// let report = engine.enter(|| twice().report_blocking());
    /// let why = report.task_run("square-1").unwrap().why().unwrap();
    /// assert_eq!(why.outcome, CacheOutcome::Hit);
    /// assert!(why.to_string().starts_with("hit: \"tasks/"));
    /// assert_eq!(why.parts[0].0, "inputs");
    /// ```
    pub fn why(&self) -> Option<Why> {
        let why = self.0.cell.lock().log.extra.as_ref().and_then(|extra| extra.why.clone());
        why.map(|why| (*why).clone())
    }

    /// Why it is executed again if its flow run is resumed, although it has completed; `None` where it is not, and where nothing is
    /// recorded.
    pub fn not_resumable(&self) -> Option<NotResumable> {
        let run = &self.0;
        run.scope.engine.recorder().filter(|_| run.scope.tree.is_flow())?;
        let inner = run.cell.lock();
        let extra = inner.log.extra.as_ref();
        match inner.state {
            StateName::Completed | StateName::Cached => {}
            _ => return None,
        }
        if inner.log.recorded() == Recorded::ButResult {
            return Some(NotResumable::Result);
        }
        extra.is_none_or(|extra| extra.identity.is_none()).then_some(NotResumable::Inputs)
    }

    /// Its place in the map that it is of.
    pub fn map_index(&self) -> Option<usize> {
        let index = self.0.cell.lock().index;
        (index != NO_INDEX).then_some(index as usize)
    }
}

/// Why a task run that has completed is executed again if its flow run is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotResumable {
    /// Its result cannot be read back: its type is not `Serialize + DeserializeOwned`, or writing it failed.
    Result,
    /// It cannot be recognised: an input of it, or of the run that has begun it, is not `Serialize`.
    Inputs,
}

impl fmt::Display for NotResumable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Result => "its result cannot be serialised",
            Self::Inputs => "an input cannot be serialised",
        })
    }
}

impl FlowRunInfo {
    /// The graph of the run and of its child flow runs as they are, with one box for each map; `None` unless a
    /// [report](crate::FlowCall::report) is to be made of it or it was begun [`with_graph`](crate::ConfigureFlow::with_graph).
    pub fn graph(&self) -> Option<Graph> {
        self.graph_with(Maps::Folded)
    }

    /// As [`graph`](Self::graph), with the runs of maps in one box, or singly.
    pub fn graph_with(&self, maps: Maps) -> Option<Graph> {
        graph::of_flow_run(&self.0, maps)
    }
}

/// The task run that executes here.
///
/// # Errors
/// An error outside of a task run: the context does not cross `tokio::spawn`, `thread::spawn` or rayon by itself
/// (see [`RunContext`](super::RunContext)).
pub fn task_run() -> Result<TaskRun, ContextError> {
    current_run().filter(|run| !run.spec.is_flow).map(TaskRun).ok_or_else(|| outside("task run"))
}

/// The flow run that executes here: that of the body, or the one that the task run is of.
///
/// # Errors
/// An error outside of a flow run: the context does not cross `tokio::spawn`, `thread::spawn` or rayon by itself
/// (see [`RunContext`](super::RunContext)).
pub fn flow_run() -> Result<FlowRunInfo, ContextError> {
    let run = current_run().ok_or_else(|| outside("flow run"))?;
    if run.spec.is_flow {
        return Ok(FlowRunInfo(run));
    }
    run.scope.tree.flow_run().map(FlowRunInfo).ok_or_else(|| outside("flow run"))
}

/// The day on which a run runs.
pub(crate) fn today(run: &Run) -> String {
    date_of(run).date().to_string()
}

/// The time at which a run runs: now, on the day of `with_today` where that is said.
pub(crate) fn date_of(run: &Run) -> jiff::Zoned {
    let own = run.tree_inside();
    let tree = own.as_ref().unwrap_or(&run.scope.tree);
    let now =
        jiff::Timestamp::try_from(run.scope.engine.clock().now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let now = now.to_zoned(jiff::tz::TimeZone::system());
    // What is no date has failed the flow run before its body began.
    let today = tree.today.as_ref().and_then(|today| today.parse::<jiff::civil::Date>().ok());
    let moved = today.and_then(|today| today.to_datetime(now.time()).to_zoned(now.time_zone().clone()).ok());
    moved.unwrap_or(now)
}
