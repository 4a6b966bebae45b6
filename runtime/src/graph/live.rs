//! Graphs of what is in memory: the records of a flow run that somebody has asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::build::{Builder, Membership};
use super::{Graph, Mapped, Maps, Node};
use crate::context::{Kept, Record, Scope, TaskRun};
use crate::id;
use crate::input;
use crate::map::MapGroup;
use crate::run::Run;
use crate::store::Kind;

/// The graph of a flow run whose records are kept.
pub(crate) fn of_flow_run(run: &Arc<Run>, maps: Maps) -> Option<Graph> {
    let tree = run.tree_inside().filter(|tree| tree.keeps_records())?;
    Some(of_records(run, &Kept::so_far(&tree), maps))
}

/// The graph of a flow run of which this is kept.
pub(crate) fn of_records(run: &Arc<Run>, kept: &Kept, maps: Maps) -> Graph {
    let mut builder = Builder::new(Node { parent: None, flow_run: None, ..node(run) }, maps);
    for Record { node, .. } in &kept.0 {
        match node {
            input::Node::Run(run) => add_run(&mut builder, run),
            // The run that ended in its place stands for one that has failed as a whole.
            input::Node::Map(map) if map.failure().is_none() => {
                builder.map(box_of(map), map.made());
            }
            input::Node::Map(_) => {}
        }
    }
    for Record { node, edges, .. } in &kept.0 {
        match node {
            input::Node::Run(run) => {
                add_edges(&mut builder, Uuid::from_u128(run.id()), run.spec.parameters, edges);
            }
            // What is made of elements one by one is so singly too.
            input::Node::Map(map) if is_box(&builder, map) || map.failure().is_some() => {
                add_edges(&mut builder, place_of(map), map.spec.parameters, edges);
            }
            input::Node::Map(_) => {}
        }
    }
    builder.finish()
}

/// The graph of a flow that is only planned, up to what it needs the value of.
pub(crate) fn of_plan(run: &Arc<Run>, kept: &Kept, needed: Option<&input::Node>) -> Graph {
    let mut graph = of_records(run, kept, Maps::Folded);
    for node in graph.nodes.iter_mut().chain([&mut graph.flow_run]) {
        node.states.clear();
        if let Some(Mapped::Runs { states, .. }) = &mut node.map {
            states.clear();
        }
    }
    graph.goes_on_after = needed.map(|node| match node {
        input::Node::Run(run) => match run.map_name() {
            Some(name) => id::of_map(run.scope.tree.prefix(), &run.spec.key(), &name),
            None => Uuid::from_u128(run.id()),
        },
        input::Node::Map(map) => place_of(map),
    });
    graph
}

fn add_run(builder: &mut Builder, run: &Arc<Run>) {
    let node = node(run);
    let map = run.map_name().map(|name| Membership {
        id: id::of_map(run.scope.tree.prefix(), &run.spec.key(), &name),
        name,
        index: run.cell.lock().index,
    });
    let state = node.states.last().map(|state| state.name);
    builder.run(node, state, map);
}

/// Whether a map is drawn as one.
fn is_box(builder: &Builder, map: &MapGroup) -> bool {
    builder.is_folded() || map.made() == 0
}

fn add_edges(builder: &mut Builder, to: Uuid, parameters: &[&str], edges: &[input::Edge]) {
    for edge in edges {
        let parameter = edge.need.parameter().and_then(|n| parameters.get(n)).copied();
        match &edge.node {
            input::Node::Run(run) => builder.edge(Uuid::from_u128(run.id()), to, parameter),
            input::Node::Map(map) if is_box(builder, map) => {
                builder.edge(place_of(map), to, parameter);
            }
            input::Node::Map(map) => {
                for run in map.runs() {
                    builder.edge(Uuid::from_u128(run.id()), to, parameter);
                }
            }
        }
    }
}

/// What stands for a map: the run that ended in its place, where it has failed as a whole.
fn place_of(map: &MapGroup) -> Uuid {
    match map.failure().and_then(|_| map.runs().pop()) {
        Some(stand_in) => Uuid::from_u128(stand_in.id()),
        None => id::of_map(map.scope.tree.prefix(), &map.spec.key(), &map.name()),
    }
}

fn node(run: &Arc<Run>) -> Node {
    let info = TaskRun(run.clone());
    let (parent, flow_run) = around(&run.scope);
    Node {
        id: Uuid::from_u128(run.id()),
        name: run.name(),
        task: run.task_name(),
        kind: if run.spec.is_flow { Kind::Flow } else { Kind::Task },
        states: run.states(),
        run_count: info.run_count(),
        started_at: info.started_at(),
        ended_at: info.ended_at(),
        run_time: info.run_time(),
        map: None,
        parent,
        flow_run,
    }
}

/// The box of a map, without its runs.
fn box_of(map: &MapGroup) -> Node {
    let (parent, flow_run) = around(&map.scope);
    Node {
        id: place_of(map),
        name: map.name(),
        task: map.task_name(),
        kind: Kind::Task,
        states: Vec::new(),
        run_count: 0,
        started_at: None,
        ended_at: None,
        run_time: Duration::ZERO,
        map: Some(Mapped::Runs { length: map.length(), states: BTreeMap::new() }),
        parent,
        flow_run,
    }
}

/// The run that submits in a scope, and the flow run that it is in.
fn around(scope: &Scope) -> (Option<Uuid>, Option<Uuid>) {
    let parent = scope.parent.as_ref().map(|parent| Uuid::from_u128(parent.id()));
    (parent, scope.tree.is_flow().then(|| Uuid::from_u128(scope.tree.prefix())))
}
