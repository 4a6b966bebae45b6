//! Colours of states, the same in all pictures. Boxes are light with dark text on them, and what stands beside them is of a grey
//! that can be read on a light background as well as on a dark one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Mapped, Node};
use crate::state::StateName;

/// How a box is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    pub(super) fill: &'static str,
    pub(super) line: &'static str,
    /// It was not executed.
    pub(super) is_dashed: bool,
}

/// The text in boxes.
pub(super) const INK: &str = "#1b1f24";
/// Lines, and text outside of boxes.
pub(super) const GREY: &str = "#767c85";

const fn paint(fill: &'static str, line: &'static str) -> Paint {
    Paint { fill, line, is_dashed: false }
}

impl Paint {
    const fn dashed(self) -> Self {
        Self { is_dashed: true, ..self }
    }

    /// That of a state; of none, in a plan.
    pub(super) const fn of(state: Option<StateName>) -> Self {
        use StateName::{
            AwaitingConcurrencySlot, AwaitingRetry, Cached, Cancelled, Cancelling, Completed, Crashed,
            Failed, Late, Paused, Pending, Retrying, RolledBack, Running, Scheduled, Skipped, Suspended,
            TimedOut, TriggerFailed,
        };
        match state {
            None => paint("#ffffff", "#57606a"),
            Some(Scheduled | Late | AwaitingRetry | AwaitingConcurrencySlot) => paint("#fff3bf", "#b08500"),
            Some(Pending) => paint("#eceff2", "#8b949e"),
            Some(Running | Retrying) => paint("#cfe8ff", "#1c7ed6"),
            Some(Paused | Suspended) => paint("#e5dbff", "#7048e8"),
            Some(Cancelling) => paint("#e4d8cc", "#8a6d4d"),
            Some(Cancelled) => paint("#e4d8cc", "#8a6d4d").dashed(),
            Some(Completed) => paint("#d3f5d9", "#2b8a3e"),
            Some(Cached) => paint("#c8f4ec", "#0b8a78"),
            Some(Skipped) => paint("#f4f5f7", "#8b949e").dashed(),
            Some(RolledBack) => paint("#ffe3c7", "#d9480f"),
            Some(Failed | TimedOut) => paint("#ffcfcf", "#d62828"),
            Some(TriggerFailed) => paint("#ffe4e4", "#d62828").dashed(),
            Some(Crashed) => paint("#f9c0d8", "#a3144f"),
        }
    }
}

/// The states in a picture, in the order of their names, for its legend.
pub(super) fn legend(graph: &Graph) -> Vec<StateName> {
    let mut states = BTreeSet::new();
    for node in &graph.nodes {
        match &node.map {
            Some(Mapped::Runs { states: of_runs, .. }) => states.extend(of_runs.keys().copied()),
            _ => states.extend(node.state()),
        }
    }
    states.into_iter().collect()
}

/// The edges that show what has begun what: of runs that nothing else leads to.
pub(super) fn begun(graph: &Graph) -> impl Iterator<Item = (&Node, &Node)> {
    let places: BTreeMap<_, _> = graph.nodes.iter().map(|node| (node.id, node)).collect();
    let beside: BTreeSet<_> = graph
        .edges
        .iter()
        .filter(|edge| {
            let parent = |id| places.get(&id).and_then(|node| node.parent);
            parent(edge.from) == parent(edge.to)
        })
        .map(|edge| edge.to)
        .collect();
    let begins = move |node: &Node| node.parent.and_then(|parent| places.get(&parent).copied());
    graph
        .nodes
        .iter()
        .filter(move |node| !beside.contains(&node.id))
        .filter_map(move |node| Some((begins(node)?, node)))
}
