//! How a graph is put together, whoever tells of the runs: those of a map go into one box, where that is wanted.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{Edge, Graph, Mapped, Maps, Node};
use crate::state::StateName;

/// A graph in the making.
pub(super) struct Builder {
    maps: Maps,
    flow_run: Node,
    nodes: Vec<Node>,
    /// The place among the nodes of each run, and of each map that has a box.
    places: HashMap<Uuid, usize>,
    edges: Vec<Edge>,
    known: HashSet<Edge>,
}

/// The map that a run is of.
pub(super) struct Membership {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) index: u32,
}

impl Builder {
    pub(super) fn new(flow_run: Node, maps: Maps) -> Self {
        Self {
            maps,
            flow_run,
            nodes: Vec::new(),
            places: HashMap::new(),
            edges: Vec::new(),
            known: HashSet::new(),
        }
    }

    pub(super) fn is_folded(&self) -> bool {
        self.maps == Maps::Folded
    }

    /// Adds a run. What began it, and the flow run that it is in, are left out where these are the graph's own.
    pub(super) fn run(&mut self, mut node: Node, state: Option<StateName>, map: Option<Membership>) {
        let Some(map) = map else { return self.push(node) };
        if !self.is_folded() {
            node.map = Some(Mapped::Element { map: map.id, index: map.index });
            return self.push(node);
        }
        let run = node.id;
        let begun = Node {
            id: map.id,
            name: map.name,
            task: node.task,
            states: Vec::new(),
            map: Some(Mapped::Runs { length: None, states: BTreeMap::new() }),
            ..node
        };
        let place = self.place_of(begun);
        self.places.insert(run, place);
        if let (Some(Mapped::Runs { states, .. }), Some(state)) = (&mut self.nodes[place].map, state) {
            *states.entry(state).or_insert(0) += 1;
        }
    }

    /// The place of the box of a map, with what this run of it adds to it.
    fn place_of(&mut self, node: Node) -> usize {
        let Some(&place) = self.places.get(&node.id) else {
            self.push(node);
            return self.nodes.len() - 1;
        };
        let folded = &mut self.nodes[place];
        let is_first = matches!(&folded.map, Some(Mapped::Runs { states, .. }) if states.is_empty());
        folded.run_count += node.run_count;
        folded.run_time += node.run_time;
        folded.started_at = match (folded.started_at, node.started_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        // There is an end where all have ended.
        folded.ended_at = match folded.ended_at.zip(node.ended_at) {
            Some((one, other)) => Some(one.max(other)),
            None => node.ended_at.filter(|_| is_first),
        };
        place
    }

    /// Adds the box of a map, to which runs are added later: of all where they are folded, else of one that has none.
    pub(super) fn map(&mut self, node: Node, made: usize) {
        if self.is_folded() || made == 0 {
            self.push(node);
        }
    }

    /// All runs have been made: maps are as long as there are runs of them.
    pub(super) fn all_made(&mut self) {
        for node in &mut self.nodes {
            if let Some(Mapped::Runs { length, states }) = &mut node.map {
                *length = Some(states.values().sum());
            }
        }
    }

    fn push(&mut self, mut node: Node) {
        let own = Some(self.flow_run.id);
        node.parent = node.parent.filter(|_| node.parent != own);
        node.flow_run = node.flow_run.filter(|_| node.flow_run != own);
        self.places.insert(node.id, self.nodes.len());
        self.nodes.push(node);
    }

    /// Adds an edge between runs or maps that are there, once.
    pub(super) fn edge(&mut self, from: Uuid, to: Uuid, parameter: Option<&str>) {
        let place = |id: &Uuid| self.places.get(id).copied();
        let (Some(from), Some(to)) = (place(&from), place(&to)) else { return };
        if from == to {
            return;
        }
        let [from, to] = [from, to].map(|place| self.nodes[place].id);
        let edge = Edge { from, to, parameter: parameter.map(str::to_owned) };
        if self.known.insert(edge.clone()) {
            self.edges.push(edge);
        }
    }

    pub(super) fn finish(mut self) -> Graph {
        for node in &mut self.nodes {
            if let Some(Mapped::Runs { length, states }) = &node.map
                && *length != Some(states.values().sum())
            {
                node.ended_at = None;
            }
        }
        Graph { flow_run: self.flow_run, nodes: self.nodes, edges: self.edges, goes_on_after: None }
    }
}
