//! dagx beside Millrun, in memory.
//!
//! As in its own comparisons (`benches/comparisons`): `task_fn`, `depends_on`, and `run` with `tokio::spawn`. It begins when the graph
//! is complete, layer by layer; a layer of one task runs in place. Its graph is run on a worker of the runtime, as Millrun's flows are.

use std::hint::black_box;

use dagx::{DagRunner, TaskHandle, task_fn};
use peer_harness::{Scale, Side, cases, ours, runtime, time_on_worker, version};
use tokio::runtime::Runtime;

const LOCK: &str = include_str!("../../Cargo.lock");

async fn run(dag: &DagRunner) {
    dag.run(|task| {
        tokio::spawn(task);
    })
    .await
    .expect("no task fails");
}

fn read(dag: &DagRunner, handle: TaskHandle<u64>) -> u64 {
    dag.get(handle).expect("the task has run")
}

async fn fan_out(n: usize) {
    let dag = DagRunner::new();
    let handles: Vec<TaskHandle<u64>> = (0..n as u64)
        .map(|x| dag.add_task(task_fn(move |(): ()| async move { black_box(x) + 1 })).into())
        .collect();
    run(&dag).await;
    let sum: u64 = handles.into_iter().map(|handle| read(&dag, handle)).sum();
    assert_eq!(sum, cases::fan_out_sum(n));
}

async fn chain(n: usize) {
    let dag = DagRunner::new();
    let mut last: TaskHandle<u64> = dag.add_task(task_fn(|(): ()| async { black_box(0) + 1 })).into();
    for _ in 1..n {
        last = dag.add_task(task_fn(|x: u64| async move { black_box(x) + 1 })).depends_on(last);
    }
    run(&dag).await;
    assert_eq!(read(&dag, last), n as u64);
}

async fn diamond(n: usize) {
    let dag = DagRunner::new();
    let mut last: TaskHandle<u64> = dag.add_task(task_fn(|(): ()| async { black_box(0) + 1 })).into();
    for _ in 0..cases::diamonds(n) {
        let left = dag.add_task(task_fn(|x: u64| async move { x.wrapping_add(1) })).depends_on(&last);
        let right = dag.add_task(task_fn(|x: u64| async move { x.wrapping_add(1) })).depends_on(&last);
        last = dag
            .add_task(task_fn(|(left, right): (u64, u64)| async move { cases::join(left, right) }))
            .depends_on((&left, &right));
    }
    run(&dag).await;
    assert_eq!(read(&dag, last), cases::diamond_value(n));
}

async fn uneven(n: usize, sum: u64) {
    let dag = DagRunner::new();
    let mut handles: Vec<TaskHandle<u64>> = Vec::with_capacity(n);
    for cases::Uneven { parent, microseconds } in cases::uneven(n) {
        handles.push(match parent {
            Some(parent) => dag
                .add_task(task_fn(move |x: u64| async move { cases::compute(x, microseconds) }))
                .depends_on(&handles[parent]),
            None => {
                dag.add_task(task_fn(move |(): ()| async move { cases::compute(0, microseconds) })).into()
            }
        });
    }
    run(&dag).await;
    let results = handles.into_iter().map(|handle| read(&dag, handle));
    assert_eq!(results.fold(0, u64::wrapping_add), sum);
}

fn side<'a, F>(runtime: &'a Runtime, note: &str, action: impl Fn() -> F + 'a) -> Side<'a>
where
    F: Future<Output = ()> + Send + 'static,
{
    Side::in_memory("dagx", version(LOCK, "dagx"), note, move || time_on_worker(runtime, action()))
}

fn main() {
    let (scale, runtime) = (Scale::from_arguments(), runtime());
    for n in [10_000, 100_000].map(|n| scale.items(n)) {
        let note = "tokio::spawn as its spawner; no states";
        let fan_out = side(&runtime, note, move || fan_out(n));
        scale.in_turns("fan_out", n, vec![fan_out, ours::side_of_fan_out(&runtime, n)]);
        let chain = side(&runtime, "each layer of one task runs in place; no states", move || chain(n));
        scale.in_turns("chain", n, vec![chain, ours::side_of_chain(&runtime, n)]);
        let diamond = side(&runtime, note, move || diamond(n));
        scale.in_turns("diamond", n, vec![diamond, ours::side_of_diamond(&runtime, n)]);
    }
    let n = scale.items(2_000);
    let sum = cases::uneven_sum(&cases::uneven(n));
    let uneven = side(&runtime, "computes on tokio's workers; no states", move || uneven(n, sum));
    scale.in_turns("uneven", n, vec![uneven, ours::side_of_uneven(&runtime, n, sum)]);
}
