//! Graphs: of reports, of flow runs under way, of what is recorded, of plans; their pictures; and choices
//! inside of them.

mod branches;
mod drawn;
mod kept;
mod live;
mod pictures;
mod plans;
mod plans_alone;
mod recorded;
mod reported;
mod resources;
#[path = "../stores/server.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod server;
mod svg;

use millrun::graph::{Graph, Node};

/// The edges as `from -> to (parameter)`, in order.
fn edges(graph: &Graph) -> Vec<String> {
    let name = |id| graph.nodes.iter().find(|node| node.id == id).map_or("?", |node| &*node.name);
    let text = |edge: &millrun::graph::Edge| {
        let parameter = edge.parameter.as_deref().unwrap_or("-");
        format!("{} -> {} ({parameter})", name(edge.from), name(edge.to))
    };
    graph.edges.iter().map(text).collect()
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| &*node.name).collect()
}

/// The node of that name, which there is.
fn node<'g>(graph: &'g Graph, name: &str) -> &'g Node {
    graph.node(name).unwrap_or_else(|| panic!("no {name} among {:?}", names(graph)))
}
