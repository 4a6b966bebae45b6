//! What is kept of a flow run for whoever asked for a report or a graph of it: its runs, what each waits for, and its maps.

use std::sync::Arc;

use super::Tree;
use crate::input::{Edge, Node};
use crate::run::Run;

/// The runs and the maps that one flow run has begun, in that order, without those of child flow runs.
#[derive(Clone, Default)]
pub(crate) struct Records {
    nodes: Vec<Node>,
    /// What they wait for: the number of the node, and the edge. In the order of the nodes.
    edges: Vec<(u32, Edge)>,
}

/// A run or a map, in how many child flow runs it is, and what it waits for. The runs of a map follow it with their own.
pub(crate) struct Record {
    pub(crate) depth: usize,
    pub(crate) node: Node,
    pub(crate) edges: Box<[Edge]>,
}

/// What a flow run and its child flow runs have begun, each child flow run before what is in it.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<Record>);

impl Records {
    #[expect(clippy::cast_possible_truncation, reason = "there is no memory for 2^32 runs")]
    pub(super) fn add(&mut self, node: Node, edges: &[Edge]) {
        let number = self.nodes.len() as u32;
        self.nodes.push(node);
        self.edges.extend(edges.iter().map(|edge| (number, edge.clone())));
    }

    /// Each node with its own edges.
    fn each(self, depth: usize) -> Vec<Record> {
        let mut edges = self.edges.into_iter().peekable();
        let mut own = |number: usize| {
            let of_it = |(of, _): &(u32, Edge)| *of as usize == number;
            std::iter::from_fn(|| edges.next_if(of_it).map(|(_, edge)| edge)).collect()
        };
        self.nodes.into_iter().enumerate().map(|(n, node)| Record { depth, node, edges: own(n) }).collect()
    }
}

impl Kept {
    /// All that is kept; nothing is from now on.
    pub(crate) fn taken(tree: &Tree) -> Self {
        Self::of(tree, Tree::take_records)
    }

    /// What is kept so far.
    pub(crate) fn so_far(tree: &Tree) -> Self {
        Self::of(tree, Tree::copy_records)
    }

    /// The runs, and in how many child flow runs each is.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, &Arc<Run>)> {
        self.0.iter().filter_map(|record| match &record.node {
            Node::Run(run) => Some((record.depth, run)),
            Node::Map(_) => None,
        })
    }

    fn of(tree: &Tree, records: impl Fn(&Tree) -> Records) -> Self {
        let mut kept = Vec::new();
        let last_first = |tree: &Tree, depth| records(tree).each(depth).into_iter().rev();
        let mut open: Vec<Record> = last_first(tree, 0).collect();
        while let Some(record) = open.pop() {
            if let Node::Run(run) = &record.node
                && let Some(inside) = run.tree_inside()
            {
                open.extend(last_first(&inside, record.depth + 1));
            }
            kept.push(record);
        }
        Self(kept)
    }
}
