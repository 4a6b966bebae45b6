//! Graphs of flow runs as plain data: which runs there are, what each waits for, and how they are.
//!
//! A graph is made of a [report](crate::FlowRun::graph), of a flow run that is [under way](crate::FlowFuture::graph), or of one that
//! is [recorded](Graph::recorded). It can be serialised, and knows no engine. It is [drawn](Graph::save) as DOT, as Mermaid, with the
//! feature `svg` as SVG and as a Gantt chart, with the feature `pictures` as PNG and PDF.

#[cfg(feature = "svg")]
mod align;
mod build;
#[cfg(feature = "svg")]
mod canvas;
mod colours;
mod dot;
#[cfg(feature = "svg")]
mod gantt;
#[cfg(feature = "svg")]
mod layout;
mod live;
mod mermaid;
#[cfg(feature = "pictures")]
mod print;
mod recorded;
mod save;
#[cfg(feature = "svg")]
mod svg;
mod words;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::{State, StateName, rfc3339};
use crate::store::Kind;

#[cfg(feature = "svg")]
pub use gantt::Gantt;
pub(crate) use live::{of_flow_run, of_plan, of_records};
pub use save::PictureError;
pub(crate) use words::counted;

/// The graph of a flow run, with those of its child flow runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Graph {
    /// The flow run itself.
    pub flow_run: Node,
    /// The runs in it, in the order in which they were begun; a child flow run stands before what is in it.
    pub nodes: Vec<Node>,
    /// What waits for what, among these. What a run waits for outside of the flow run is not in the graph.
    pub edges: Vec<Edge>,
    /// In a plan that is not complete, the run or the map whose value the flow needs to go on.
    #[serde(default)]
    pub goes_on_after: Option<Uuid>,
}

/// How the runs of maps are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maps {
    /// In one box, with their number by state.
    #[default]
    Folded,
    /// One by one.
    Singly,
}

/// A run, or the runs of a map in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// The id of the run; or one that stands for the map.
    pub id: Uuid,
    /// The name of the run: `fetch-0`; or of the map: `fetch`.
    pub name: String,
    /// The name of its task or flow.
    pub task: String,
    /// Whether it is one of a task or of a flow.
    pub kind: Kind,
    /// The states that the run has been in; none of a map.
    pub states: Vec<State>,
    /// How many attempts have begun; of a map, those of its runs together.
    pub run_count: u32,
    /// When the first attempt began; of a map, of the first of its runs to begin.
    #[serde(with = "rfc3339::option")]
    pub started_at: Option<SystemTime>,
    /// When it ended; of a map, the last of its runs, once all have.
    #[serde(with = "rfc3339::option")]
    pub ended_at: Option<SystemTime>,
    /// How long its attempts have taken, without the waits between them; of a map, those of its runs together.
    pub run_time: Duration,
    /// What it has to do with a map.
    pub map: Option<Mapped>,
    /// The run that has begun it, where that is not the graph's own flow run.
    pub parent: Option<Uuid>,
    /// The flow run that it is in, where that is not the graph's own.
    pub flow_run: Option<Uuid>,
}

/// What a node has to do with a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapped {
    /// It stands for the runs of a map.
    Runs {
        /// How many elements there are, where that is known: in a recorded graph, once the flow run has ended.
        length: Option<usize>,
        /// How many of the runs that were made are in a state of that name.
        states: BTreeMap<StateName, usize>,
    },
    /// It is one of them.
    Element {
        /// What the others have alike.
        map: Uuid,
        /// Its place.
        index: u32,
    },
}

/// A run waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Edge {
    /// What is waited for.
    pub from: Uuid,
    /// What waits.
    pub to: Uuid,
    /// The parameter that takes the result; `None` if it is only waited for.
    pub parameter: Option<String>,
}

/// An attempt of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// When it began.
    pub started_at: SystemTime,
    /// When it ended, and the name of the state that followed.
    pub ended: Option<(SystemTime, StateName)>,
}

impl Graph {
    /// The node of that name: that of the first, where there are several.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// As it is drawn: where a plan is not complete, with something that stands for what is not known.
    fn drawn(&self) -> Cow<'_, Self> {
        let Some(after) = self.goes_on_after else { return Cow::Borrowed(self) };
        let mut drawn = self.clone();
        let open =
            Node { id: Uuid::nil(), name: "…".to_owned(), task: "…".to_owned(), ..self.flow_run.clone() };
        drawn.nodes.push(Node { kind: Kind::Task, ..open });
        drawn.edges.push(Edge { from: after, to: Uuid::nil(), parameter: None });
        Cow::Owned(drawn)
    }

    /// The names of the nodes that `name` waits for, each with the parameter that takes the result, in the order of the edges.
    pub fn upstream_of(&self, name: &str) -> Vec<(&str, Option<&str>)> {
        let Some(to) = self.node(name).map(|node| node.id) else { return Vec::new() };
        let names: BTreeMap<Uuid, &str> = self.nodes.iter().map(|node| (node.id, &*node.name)).collect();
        let into = self.edges.iter().filter(|edge| edge.to == to);
        into.filter_map(|edge| Some((*names.get(&edge.from)?, edge.parameter.as_deref()))).collect()
    }
}

impl Node {
    fn is_flow(&self) -> bool {
        self.kind == Kind::Flow
    }

    /// The name of the state that it is in; of a map, the one among those of its runs that asks for the most attention. `None` in
    /// a plan.
    pub fn state(&self) -> Option<StateName> {
        match &self.map {
            Some(Mapped::Runs { states, .. }) => states.keys().copied().max_by_key(|name| attention(*name)),
            _ => self.states.last().map(|state| state.name),
        }
    }

    /// Its attempts, in order; none of a map.
    pub fn attempts(&self) -> Vec<Attempt> {
        let next = |n: usize| self.states.get(n + 1).map(|next| (next.timestamp, next.name));
        let running = self.states.iter().enumerate().filter(|(_, state)| state.is_running());
        running.map(|(n, state)| Attempt { started_at: state.timestamp, ended: next(n) }).collect()
    }
}

/// How much a state asks for attention: a failure the most, what has gone well the least.
fn attention(name: StateName) -> u8 {
    use crate::state::StateType::{
        Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled,
    };
    match name.state_type() {
        Crashed => 8,
        Failed => 7,
        Cancelled => 6,
        Cancelling => 5,
        Running => 4,
        Paused => 3,
        Scheduled => 2,
        Pending => 1,
        Completed => 0,
    }
}
