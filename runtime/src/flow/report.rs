//! Reports of flow runs.

mod text;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::bounds::Output;
use crate::context::{FlowRunInfo, Kept, TaskRun, Tree};
use crate::engine::slice;
use crate::error::{ErrorKind, FlowError, TaskError};
use crate::future::{FlowFuture, typed};
use crate::graph::{self, Graph, Maps};
use crate::id::FlowRunId;
use crate::run::Run;
use crate::snapshot::Snapshot;
use crate::state::State;

/// A flow run that has ended: its result, its states, and each of its task runs and child flow runs.
///
/// Displays as a line for the flow run and one for each run in it: its final state, how long its attempts took, and how many there
/// were where it was more than one. What runs in a child flow run stands below that, indented. A map of more than 20 runs is one line,
/// which counts them by state, and one for each of the first 20 that are not COMPLETED; `{:#}` has a line for each run of these too.
pub struct FlowRun<T> {
    run: Arc<Run>,
    result: Result<Arc<T>, FlowError>,
    value: Option<Arc<T>>,
    kept: Kept,
}

impl<T: Output> FlowRun<T> {
    pub(super) fn of(future: &FlowFuture<T>, tree: &Tree) -> Self {
        let run = future.reader().run().clone();
        let unknown =
            || TaskError::new(ErrorKind::Crashed, "the flow run has no outcome: this is a bug in millrun");
        let result = run.outcome().unwrap_or_else(|| Err(unknown())).map_err(FlowError::from);
        let value = tree.shared.lock().value.take().and_then(|value| T::of_erased(value));
        Self { result: result.and_then(|value| Ok(typed(Ok(value))?)), value, kept: Kept::taken(tree), run }
    }
}

impl<T> FlowRun<T> {
    /// What calling the flow would have given.
    ///
    /// # Errors
    /// Why the flow run is not COMPLETED.
    pub fn result(&self) -> Result<&T, &FlowError> {
        self.result.as_ref().map(|value| &**value)
    }

    /// What the body gave, even if the flow run failed otherwise.
    pub fn value(&self) -> Option<&T> {
        self.value.as_deref()
    }

    /// The final state.
    pub fn state(&self) -> State {
        self.run.state()
    }

    /// All states, in order.
    pub fn states(&self) -> Vec<State> {
        self.run.states()
    }

    /// The id.
    pub fn id(&self) -> FlowRunId {
        FlowRunId::from_u128(self.run.id())
    }

    /// The name.
    pub fn name(&self) -> String {
        self.run.name()
    }

    /// What hooks are given of the flow run.
    pub fn info(&self) -> FlowRunInfo {
        FlowRunInfo(self.run.clone())
    }

    /// When the first attempt began.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.info().started_at()
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<SystemTime> {
        self.info().ended_at()
    }

    /// How long its attempts took, without the waits between them.
    pub fn run_time(&self) -> Duration {
        self.info().run_time()
    }

    /// The task runs, of all attempts and of tasks in tasks at any depth, in the order in which they were begun. Not those of
    /// child flow runs, which have reports of their own.
    pub fn task_runs(&self) -> Vec<TaskRun> {
        self.own().filter(|run| !run.spec.is_flow).cloned().map(TaskRun).collect()
    }

    /// The flow runs begun in it, not those begun in these.
    pub fn child_flow_runs(&self) -> Vec<FlowRunInfo> {
        self.own().filter(|run| run.spec.is_flow).cloned().map(FlowRunInfo).collect()
    }

    /// The runs that are in no child flow run.
    fn own(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.kept.runs().filter(|(depth, _)| *depth == 0).map(|(_, run)| run)
    }

    /// The graph of the flow run and of its child flow runs, with one box for each map.
    pub fn graph(&self) -> Graph {
        self.graph_with(Maps::Folded)
    }

    /// The graph, with the runs of maps in one box, or singly.
    pub fn graph_with(&self, maps: Maps) -> Graph {
        graph::of_records(&self.run, &self.kept, maps)
    }

    /// How far its runs are, and what they gave, for the process that goes on with it; see [`snapshot`](crate::snapshot).
    ///
    /// Of a flow run that was begun neither with a [snapshot](crate::ConfigureFlow::with_snapshot) nor to be
    /// [stopped](crate::ConfigureFlow::stop_after), it has those results that somebody still holds; the other runs would be executed
    /// again. Of one with [mocks](crate::ConfigureFlow::mock) it has what these gave.
    pub fn snapshot(&self) -> Snapshot {
        slice::snapshot(&self.run, &self.kept)
    }

    /// The task run of that name.
    pub fn task_run(&self, name: &str) -> Option<TaskRun> {
        self.task_runs().into_iter().find(|run| run.name() == name)
    }
}

impl<T> fmt::Debug for FlowRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowRun")
            .field("name", &self.name())
            .field("state", &self.state().to_string())
            .field("runs", &self.kept.runs().count())
            .finish_non_exhaustive()
    }
}
