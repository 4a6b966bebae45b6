//! What a run waits for, and what it needs of it.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::future::Reader;
use crate::map::MapGroup;
use crate::run::Run;

/// What a run needs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its result, for the parameter of that number.
    Value(u8),
    /// Its result or its error, for the parameter of that number.
    Outcome(u8),
    /// Its end.
    End,
    /// Its end, however it ended.
    AllowedFailure,
}

impl Need {
    /// The number of the parameter that takes the result.
    pub(crate) fn parameter(self) -> Option<usize> {
        match self {
            Self::Value(n) | Self::Outcome(n) => Some(n.into()),
            Self::End | Self::AllowedFailure => None,
        }
    }
}

/// What may be waited for.
#[derive(Clone)]
pub(crate) enum Node {
    Run(Arc<Run>),
    Map(Arc<MapGroup>),
}

impl Node {
    /// The run, or the runs of the map that have been made: all of them, once it is done.
    pub(crate) fn runs(&self) -> Vec<Arc<Run>> {
        match self {
            Self::Run(run) => vec![run.clone()],
            Self::Map(group) => group.runs(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) node: Node,
    pub(crate) need: Need,
}

/// Next to all runs that wait for anything wait for one.
pub(crate) type EdgeList = SmallVec<[Edge; 1]>;

/// The runs that another waits for.
#[derive(Clone, Default)]
pub struct Edges {
    pub(crate) list: EdgeList,
    pub(super) parameter: u8,
}

impl Edges {
    pub(crate) fn push(&mut self, node: Node, need: Need) {
        self.list.push(Edge { node, need });
    }

    /// The arguments that follow are for the parameter of that number.
    pub(crate) fn for_parameter(&mut self, parameter: u8) -> &mut Self {
        self.parameter = parameter;
        self
    }

    pub(super) fn value(&mut self, reader: &Reader) {
        let need = Need::Value(self.parameter);
        self.push(Node::Run(reader.run().clone()), need);
    }

    pub(super) fn outcome(&mut self, reader: &Reader) {
        let need = Need::Outcome(self.parameter);
        self.push(Node::Run(reader.run().clone()), need);
    }

    pub(super) fn values(&mut self, group: &Arc<MapGroup>) {
        let need = Need::Value(self.parameter);
        self.push(Node::Map(group.clone()), need);
    }

    pub(super) fn outcomes(&mut self, group: &Arc<MapGroup>) {
        let need = Need::Outcome(self.parameter);
        self.push(Node::Map(group.clone()), need);
    }
}
