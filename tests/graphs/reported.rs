use std::time::Duration;

use millrun::graph::{Graph, Mapped, Maps};
use millrun::prelude::*;
use millrun::store::Kind;

use crate::{edges, names, node};

#[task]
fn number() -> i32 {
    2
}

#[task]
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

#[task]
fn report(total: Result<i32, TaskError>) -> bool {
    total.is_ok()
}

#[task]
fn list() -> Vec<i32> {
    vec![1, 2, 3]
}

#[task]
fn fails(x: i32) -> Result<i32, String> {
    Err(format!("not {x}"))
}

#[flow]
fn small() -> Result<i32, FlowError> {
    let a = number.submit();
    let b = double.submit(&a);
    let c = add.wait_for(&a).submit(&a, &b);
    Ok(c.result()?)
}

#[test]
fn runs_and_what_they_wait_for() {
    let graph = small().report_blocking().graph();
    assert_eq!(names(&graph), ["number-0", "double-0", "add-0"]);
    let expected = [
        "number-0 -> double-0 (x)",
        "number-0 -> add-0 (x)",
        "double-0 -> add-0 (y)",
        "number-0 -> add-0 (-)",
    ];
    assert_eq!(edges(&graph), expected);
    assert_eq!(graph.upstream_of("double-0"), [("number-0", Some("x"))]);
    assert_eq!(graph.upstream_of("nobody"), []);
    assert_eq!((&*graph.flow_run.task, graph.flow_run.kind), ("small", Kind::Flow));
    assert_eq!(graph.flow_run.state(), Some(StateName::Completed));
    let double = node(&graph, "double-0");
    assert_eq!((&*double.task, double.kind, double.run_count), ("double", Kind::Task, 1));
    assert_eq!((double.parent, double.flow_run), (None, None));
    let names: Vec<StateName> = double.states.iter().map(|state| state.name).collect();
    assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Completed]);
    assert_eq!(double.attempts().len(), 1);
    assert_eq!(double.ended_at.zip(double.started_at).map(|(end, start)| end > start), Some(true));
}

#[test]
fn an_edge_says_nothing_twice() {
    #[flow]
    fn twice() -> Result<i32, FlowError> {
        let a = number.submit();
        Ok(sum.wait_for((&a, &a)).submit([&a, &a, &a]).result()?)
    }
    let graph = twice().report_blocking().graph();
    assert_eq!(edges(&graph), ["number-0 -> sum-0 (xs)", "number-0 -> sum-0 (-)"]);
}

#[flow]
fn mapped() -> Result<bool, FlowError> {
    let n = number.submit();
    let doubled = double.map(0..4);
    let added = add.map(&doubled, unmapped(&n));
    let total = sum.submit(&added);
    Ok(report.submit(&total).result()?)
}

#[test]
fn a_map_is_one_box() {
    let graph = mapped().report_blocking().graph();
    assert_eq!(names(&graph), ["number-0", "double", "add", "sum-0", "report-0"]);
    let expected =
        ["double -> add (x)", "number-0 -> add (y)", "add -> sum-0 (xs)", "sum-0 -> report-0 (total)"];
    assert_eq!(edges(&graph), expected);
    let double = node(&graph, "double");
    let Some(Mapped::Runs { length, states }) = &double.map else { panic!("{double:?}") };
    assert_eq!((*length, states.get(&StateName::Completed)), (Some(4), Some(&4)));
    assert_eq!((double.state(), double.run_count), (Some(StateName::Completed), 4));
    assert!(double.states.is_empty() && double.attempts().is_empty());
    assert!(double.run_time > Duration::ZERO && double.ended_at > double.started_at);
}

#[test]
fn the_runs_of_a_map_singly() {
    let run = mapped().report_blocking();
    let graph = run.graph_with(Maps::Singly);
    assert_eq!(graph.nodes.len(), 1 + 4 + 4 + 1 + 1);
    assert_eq!(graph.upstream_of("add[2]"), [("double[2]", Some("x")), ("number-0", Some("y"))]);
    let summed: Vec<_> = (0..4).map(|n| format!("add[{n}]")).collect();
    let expected: Vec<_> = summed.iter().map(|name| (&**name, Some("xs"))).collect();
    assert_eq!(graph.upstream_of("sum-0"), expected);
    let folded = run.graph();
    let id = node(&folded, "add").id;
    assert_eq!(node(&graph, "add[2]").map, Some(Mapped::Element { map: id, index: 2 }));
}

#[test]
fn a_failing_run_is_what_a_box_shows() {
    #[task]
    fn even(x: i32) -> Result<i32, String> {
        if x % 2 == 0 { Ok(x) } else { Err("odd".into()) }
    }
    #[flow]
    fn some_fail() {
        let _ = even.map(0..5).outcomes_blocking();
    }
    let graph = some_fail().report_blocking().graph();
    let even = node(&graph, "even");
    let Some(Mapped::Runs { states, .. }) = &even.map else { panic!("{even:?}") };
    assert_eq!(states[&StateName::Failed], 2);
    assert_eq!(states[&StateName::Completed], 3);
    assert_eq!(even.state(), Some(StateName::Failed));
}

#[test]
fn two_maps_of_a_task_are_two_boxes() {
    #[flow]
    fn twice() -> Result<Vec<i32>, FlowError> {
        Ok(double.map(double.map(0..3)).result()?)
    }
    let graph = twice().report_blocking().graph();
    assert_eq!(names(&graph), ["double", "double-1"]);
    assert_eq!(edges(&graph), ["double -> double-1 (x)"]);
}

#[test]
fn a_map_without_runs() {
    #[flow]
    fn over(fails_first: bool) -> Result<usize, FlowError> {
        let xs = if fails_first { fails.submit(1) } else { number.submit() };
        #[task]
        fn none(_x: i32) -> Vec<i32> {
            Vec::new()
        }
        let empty = double.map(none.submit(&xs));
        let _ = empty.outcomes_blocking();
        Ok(0)
    }
    // There is nothing to map over.
    let graph = over(false).report_blocking().graph();
    assert_eq!(edges(&graph), ["number-0 -> none-0 (_x)", "none-0 -> double (x)"]);
    assert_eq!(node(&graph, "double").map, Some(Mapped::Runs { length: Some(0), states: [].into() }));
    // Nobody knows what there would have been: one run has ended for all.
    let graph = over(true).report_blocking().graph();
    assert_eq!(edges(&graph), ["fails-0 -> none-0 (_x)", "none-0 -> double-0 (x)"]);
    assert_eq!(node(&graph, "double-0").state(), Some(StateName::TriggerFailed));
}

#[test]
fn a_map_over_a_list_that_a_run_gives() {
    #[flow]
    fn over_list() -> Result<i32, FlowError> {
        Ok(sum.submit(double.map(list.submit())).result()?)
    }
    let run = over_list().report_blocking();
    assert_eq!(edges(&run.graph()), ["list-0 -> double (x)", "double -> sum-0 (xs)"]);
    let singly = run.graph_with(Maps::Singly);
    assert_eq!(singly.upstream_of("double[1]"), [("list-0", Some("x"))]);
}

#[test]
fn what_begins_what() {
    #[task]
    fn outer(x: i32) -> Result<i32, TaskError> {
        Ok(double.submit(x).result()? + number().result()?)
    }
    #[flow]
    fn child(x: i32) -> Result<i32, FlowError> {
        Ok(double.submit(x).result()?)
    }
    #[flow]
    fn parent() -> Result<i32, FlowError> {
        let inner = child.start(number.submit());
        Ok(outer.submit(&inner).result()?)
    }
    let graph = parent().report_blocking().graph();
    let child = graph.nodes.iter().find(|node| node.kind == Kind::Flow).unwrap();
    assert_eq!(child.task, "child");
    let inside: Vec<_> = graph.nodes.iter().filter(|node| node.flow_run == Some(child.id)).collect();
    assert_eq!(inside.len(), 1);
    assert_eq!((&*inside[0].name, inside[0].parent), ("double-0", Some(child.id)));
    let outer = node(&graph, "outer-0");
    let begun: Vec<_> =
        graph.nodes.iter().filter(|node| node.parent == Some(outer.id)).map(|node| &*node.name).collect();
    assert_eq!(begun, ["double-0", "number-1"]);
    assert_eq!(graph.upstream_of(&child.name), [("number-0", Some("x"))]);
    assert_eq!(graph.upstream_of("outer-0"), [(&*child.name, Some("x"))]);
}

#[test]
fn calls_are_nodes_that_wait_for_what_they_are_told_to() {
    #[flow]
    fn calls() -> Result<i32, FlowError> {
        let first = number.submit();
        Ok(double.wait_for(&first).call(3).result()?)
    }
    let graph = calls().report_blocking().graph();
    assert_eq!(edges(&graph), ["number-0 -> double-0 (-)"]);
}

#[test]
fn each_attempt_is_there() {
    let graph = crate::drawn::retried();
    let flaky = node(&graph, "flaky-0");
    assert_eq!(flaky.run_count, 3);
    let attempts = flaky.attempts();
    let ends: Vec<_> = attempts.iter().map(|attempt| attempt.ended.unwrap().1).collect();
    assert_eq!(ends, [StateName::AwaitingRetry, StateName::AwaitingRetry, StateName::Completed]);
    let gap = attempts[1].started_at.duration_since(attempts[0].started_at).unwrap();
    assert!(gap > Duration::from_secs(9) && gap < Duration::from_secs(11), "{gap:?}");
    assert!(flaky.run_time < Duration::from_secs(1), "the waits are no part of it");
}

#[test]
fn a_graph_is_plain_data() {
    let graph = mapped().report_blocking().graph();
    let json = serde_json::to_string_pretty(&graph).unwrap();
    let read: Graph = serde_json::from_str(&json).unwrap();
    // Times are written to the nanosecond.
    assert_eq!(read, graph);
}
