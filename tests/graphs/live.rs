use millrun::graph::Mapped;
use millrun::prelude::*;
use std::sync::Mutex;
use tokio::sync::Semaphore;

use crate::{edges, names, node};

static GATE: Semaphore = Semaphore::const_new(0);

#[task]
async fn waits(n: i32) -> i32 {
    if n == 0 {
        GATE.acquire().await.unwrap().forget();
    }
    n
}

#[task]
fn many(n: i32) -> Vec<i32> {
    vec![n; 3]
}

#[task]
fn after(x: i32) -> i32 {
    x
}

#[flow]
async fn gated() -> Result<usize, FlowError> {
    let first = waits.submit(0);
    let list = many.submit(&first);
    Ok(after.map(&list).await?.len())
}

#[tokio::test]
async fn a_run_is_drawn_while_it_runs() {
    let run = gated().with_graph().start();
    // Nothing of it can end before the gate is open.
    let graph = loop {
        let graph = run.graph().unwrap();
        if graph.nodes.len() == 3 && node(&graph, "waits-0").state() == Some(StateName::Running) {
            break graph;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(names(&graph), ["waits-0", "many-0", "after"]);
    assert_eq!(edges(&graph), ["waits-0 -> many-0 (n)", "many-0 -> after (x)"]);
    assert_eq!(node(&graph, "many-0").state(), Some(StateName::Pending));
    assert_eq!(node(&graph, "after").map, Some(Mapped::Runs { length: None, states: [].into() }));
    assert_eq!(node(&graph, "after").ended_at, None);
    GATE.add_permits(1);
    assert_eq!((&run).await.unwrap(), 3);
    let graph = run.graph().unwrap();
    assert_eq!(graph.flow_run.state(), Some(StateName::Completed));
    let states = [(StateName::Completed, 3)].into();
    assert_eq!(node(&graph, "after").map, Some(Mapped::Runs { length: Some(3), states }));
    assert!(node(&graph, "after").ended_at.is_some());
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn look(run: &FlowRunInfo, _state: &State) {
    let graph = run.graph().expect("a report was asked for");
    SEEN.lock().unwrap().extend(names(&graph).iter().map(ToString::to_string));
}

#[flow(on_completion = look)]
fn looked_at() -> Result<i32, FlowError> {
    Ok(after.submit(1).result()?)
}

#[test]
fn a_hook_sees_the_graph() {
    drop(looked_at().report_blocking());
    assert_eq!(*SEEN.lock().unwrap(), ["after-0"]);
}
