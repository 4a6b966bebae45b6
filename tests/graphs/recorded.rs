use std::sync::Arc;

use millrun::graph::{Mapped, Maps};
use millrun::prelude::*;
use millrun::store::{Kind, SqliteRunStore};
use millrun::{Graph, MemoryRunStore, RunStore};

use crate::{edges, names, node};

#[task]
fn number() -> i32 {
    2
}

#[task(task_run_name = "double of {x}")]
fn double(x: i32) -> i32 {
    2 * x
}

#[task]
fn add(x: i32, y: i32) -> i32 {
    x + y
}

#[task]
fn sum(xs: &[i32]) -> i32 {
    xs.iter().sum()
}

#[flow]
fn child(x: i32) -> Result<i32, FlowError> {
    Ok(double.submit(x).result()?)
}

#[flow]
fn whole() -> Result<i32, FlowError> {
    let n = number.submit();
    let inner = child.start(&n);
    let doubled = double.map(0..4);
    let added = add.map(&doubled, unmapped(&inner));
    Ok(sum.submit(&added).result()?)
}

fn check(store: Arc<impl RunStore + 'static>) {
    let engine = Engine::builder().run_store(store.clone()).build();
    let run = engine.enter(|| whole().report_blocking());
    assert_eq!(run.value(), Some(&28));

    let (kept, recorded) = (run.graph(), Graph::recorded(&store, run.id()).unwrap());
    let child = kept.nodes.iter().find(|node| node.kind == Kind::Flow).unwrap().name.clone();
    assert_eq!(names(&recorded), ["number-0", &child, "double of 2", "double", "add", "sum-0"]);
    assert_eq!(names(&recorded), names(&kept));
    let sorted = |graph: &Graph| {
        let mut edges = edges(graph);
        edges.sort();
        edges
    };
    assert_eq!(sorted(&recorded), sorted(&kept));
    for (one, other) in recorded.nodes.iter().zip(&kept.nodes) {
        assert_eq!((one.parent, one.flow_run), (other.parent, other.flow_run), "{}", one.name);
        assert_eq!((&one.map, one.run_count), (&other.map, other.run_count), "{}", one.name);
        let names = |node: &millrun::graph::Node| node.states.iter().map(|s| s.name).collect::<Vec<_>>();
        assert_eq!(names(one), names(other), "{}", one.name);
        assert_eq!(one.state(), Some(StateName::Completed), "{}", one.name);
        assert!(one.ended_at.is_some(), "{}", one.name);
    }
    assert_eq!(node(&recorded, "number-0").run_time, node(&kept, "number-0").run_time);

    let singly = Graph::recorded_with(&store, run.id(), Maps::Singly).unwrap();
    assert_eq!(singly.upstream_of("add[1]"), [("double of 1", Some("x")), (&*child, Some("y"))]);
    let map = node(&kept, "add").id;
    assert_eq!(node(&singly, "add[1]").map, Some(Mapped::Element { map, index: 1 }));
    assert_eq!(node(&singly, "add[1]").attempts().len(), 1);

    // A child flow run has a graph of its own.
    let inner = node(&recorded, &child).id;
    let inner = Graph::recorded(&store, inner.into()).unwrap();
    assert_eq!((&*inner.flow_run.name, names(&inner)), (&*child, vec!["double of 2"]));
    assert_eq!((inner.nodes[0].parent, inner.nodes[0].flow_run), (None, None));
}

#[test]
fn what_is_recorded_in_memory() {
    check(Arc::new(MemoryRunStore::new()));
}

#[test]
fn what_is_recorded_in_a_file() {
    let path = std::env::temp_dir().join(format!("millrun-graphs-{}.db", uuid::Uuid::now_v7()));
    check(Arc::new(SqliteRunStore::open_blocking(&path).unwrap()));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_recorded_in_a_server() {
    let Some(server) = crate::server::Server::find() else { return };
    let schema = server.schema();
    check(Arc::new(schema.open()));
}

#[test]
fn a_server_that_has_lost_its_tables_is_an_error_that_names_it() {
    let Some(server) = crate::server::Server::find() else { return };
    let schema = server.schema();
    let store = schema.open();
    server.client().batch_execute(&format!("DROP SCHEMA {} CASCADE", schema.quoted())).unwrap();
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let error = Graph::recorded(&store, id).unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
}

#[test]
fn a_flow_run_that_is_not_there() {
    let store = MemoryRunStore::new();
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let error = Graph::recorded(&store, id).unwrap_err().to_string();
    assert_eq!(error, format!("there is no flow run {id} in {}", store.name()));
}

#[test]
fn more_runs_than_are_read_at_once() {
    #[flow]
    fn wide() -> Result<usize, FlowError> {
        Ok(add.map(0..2500, unmapped(1)).result()?.len())
    }
    let store = Arc::new(MemoryRunStore::new());
    let run = Engine::builder().run_store(store.clone()).build().enter(|| wide().report_blocking());
    let graph = Graph::recorded(&store, run.id()).unwrap();
    let Some(Mapped::Runs { length, states }) = &graph.nodes[0].map else { panic!("{graph:?}") };
    assert_eq!((*length, states[&StateName::Completed], graph.nodes.len()), (Some(2500), 2500, 1));
}
