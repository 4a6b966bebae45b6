//! async_dag beside Millrun, in memory.
//!
//! It polls all tasks on the thread that runs the graph, keeps no states and spawns nothing. Where tasks compute, a second side spawns
//! each of them on the runtime: the crate's page does not say to, but nothing else uses a second thread.

use std::hint::black_box;

use async_dag::{Graph, NodeIndex};
use peer_harness::{Scale, Side, cases, ours, runtime, time, version};
use tokio::runtime::Runtime;

const LOCK: &str = include_str!("../../Cargo.lock");
const CONNECTED: &str = "the task takes that parameter, of that type";
const RUN: &str = "the task has run";

fn fan_out(runtime: &Runtime, n: usize) {
    let mut graph = Graph::new();
    let tasks: Vec<_> =
        (0..n as u64).map(|x| graph.add_task(move || async move { black_box(x) + 1 })).collect();
    runtime.block_on(graph.run());
    let sum: u64 = tasks.into_iter().map(|task| graph.get_value::<u64>(task).expect(RUN)).sum();
    assert_eq!(sum, cases::fan_out_sum(n));
}

fn chain(runtime: &Runtime, n: usize) {
    let mut graph = Graph::new();
    let mut last = graph.add_task(|| async { black_box(0_u64) + 1 });
    for _ in 1..n {
        last = graph.add_child_task(last, |x: u64| async move { black_box(x) + 1 }, 0).expect(CONNECTED);
    }
    runtime.block_on(graph.run());
    assert_eq!(graph.get_value::<u64>(last).expect(RUN), n as u64);
}

fn diamond(runtime: &Runtime, n: usize) {
    let add_one = |x: u64| async move { x.wrapping_add(1) };
    let mut graph = Graph::new();
    let mut last = graph.add_task(|| async { black_box(0_u64) + 1 });
    for _ in 0..cases::diamonds(n) {
        let left = graph.add_child_task(last, add_one, 0).expect(CONNECTED);
        let right = graph.add_child_task(last, add_one, 0).expect(CONNECTED);
        let join = |left: u64, right: u64| async move { cases::join(left, right) };
        last = graph.add_child_task(left, join, 0).expect(CONNECTED);
        graph.update_dependency(right, last, 1).expect(CONNECTED);
    }
    runtime.block_on(graph.run());
    assert_eq!(graph.get_value::<u64>(last).expect(RUN), cases::diamond_value(n));
}

async fn compute(x: u64, microseconds: u64, spawned: bool) -> u64 {
    if spawned {
        tokio::spawn(async move { cases::compute(x, microseconds) }).await.expect("no task panics")
    } else {
        cases::compute(x, microseconds)
    }
}

fn uneven(runtime: &Runtime, n: usize, sum: u64, spawned: bool) {
    let mut graph = Graph::new();
    let mut tasks: Vec<NodeIndex> = Vec::with_capacity(n);
    for cases::Uneven { parent, microseconds } in cases::uneven(n) {
        tasks.push(match parent {
            Some(parent) => graph
                .add_child_task(tasks[parent], move |x: u64| compute(x, microseconds, spawned), 0)
                .expect(CONNECTED),
            None => graph.add_task(move || compute(0, microseconds, spawned)),
        });
    }
    runtime.block_on(graph.run());
    let results = tasks.into_iter().map(|task| graph.get_value::<u64>(task).expect(RUN));
    assert_eq!(results.fold(0, u64::wrapping_add), sum);
}

fn side<'a>(who: &'a str, note: &str, action: impl Fn() + 'a) -> Side<'a> {
    Side::in_memory(who, version(LOCK, "async_dag"), note, move || time(&action))
}

fn main() {
    let (scale, runtime) = (Scale::from_arguments(), &runtime());
    let note = "all on one thread; no states, no spawn";
    for n in [10_000, 100_000].map(|n| scale.items(n)) {
        let fan_out = side("async_dag", note, || fan_out(runtime, n));
        scale.in_turns("fan_out", n, vec![fan_out, ours::side_of_fan_out(runtime, n)]);
        let chain = side("async_dag", note, || chain(runtime, n));
        scale.in_turns("chain", n, vec![chain, ours::side_of_chain(runtime, n)]);
        let diamond = side("async_dag", note, || diamond(runtime, n));
        scale.in_turns("diamond", n, vec![diamond, ours::side_of_diamond(runtime, n)]);
    }
    let n = scale.items(2_000);
    let sum = cases::uneven_sum(&cases::uneven(n));
    let alone = side("async_dag", note, || uneven(runtime, n, sum, false));
    let spawned = "each task spawns its work; what waits is polled again with every task that ends";
    let spawned = side("async_dag + tokio::spawn", spawned, || uneven(runtime, n, sum, true));
    scale.in_turns("uneven", n, vec![alone, spawned, ours::side_of_uneven(runtime, n, sum)]);
}
