//! Plans of flows.

use crate::engine::plan::Planned;
use crate::error::{FlowError, TaskError};
use crate::graph::Graph;

/// What a flow would begin; made by [`FlowCall::plan`](crate::FlowCall::plan).
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Graph,
    is_complete: bool,
}

impl Plan {
    pub(super) fn of(planned: Result<Planned, TaskError>) -> Result<Self, FlowError> {
        let Planned { graph, is_complete } = planned?;
        Ok(Self { graph, is_complete })
    }

    /// Whether the body has come to its end without a value that only an execution gives. Else it goes on from where
    /// [`goes_on_after`](Graph::goes_on_after) says, in a way that depends on that value.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The graph: runs without states, and maps with their lengths where these are known.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The graph.
    pub fn into_graph(self) -> Graph {
        self.graph
    }
}
