//! dagrs beside Millrun, in memory.
//!
//! As in its own example (`examples/compute_dag.rs`): an `Action` for each task, values sent through its channels, results read from
//! the graph. Its graph is run on a worker of the runtime, as Millrun's flows are.

use std::sync::Arc;

use dagrs::{
    Action, Content, DefaultNode, EnvVar, Graph, InChannels, Node, NodeId, NodeTable, OutChannels, Output,
    async_trait::async_trait,
};
use peer_harness::{Scale, Side, cases, ours, runtime, time_on_worker, version};
use tokio::runtime::Runtime;

const LOCK: &str = include_str!("../../Cargo.lock");

/// A task: what it makes of its inputs, and whether others wait for it.
struct Task<F>(F);

#[async_trait]
impl<F: Fn(&[u64]) -> u64 + Send + Sync> Action for Task<F> {
    async fn run(&self, input: &mut InChannels, output: &mut OutChannels, _: Arc<EnvVar>) -> Output {
        let inputs = input
            .map(|content| *content.expect("its sender has run").into_inner::<u64>().expect("a number"))
            .await;
        let result = (self.0)(&inputs);
        output.broadcast(Content::new(result)).await;
        Output::new(result)
    }
}

/// A graph that is being described.
struct Described {
    graph: Graph,
    table: NodeTable,
    tasks: Vec<NodeId>,
}

impl Described {
    fn new() -> Self {
        Self { graph: Graph::new(), table: NodeTable::new(), tasks: Vec::new() }
    }

    fn add(&mut self, action: impl Fn(&[u64]) -> u64 + Send + Sync + 'static) -> NodeId {
        let name = self.tasks.len().to_string();
        let node = DefaultNode::with_action(name, Task(action), &mut self.table);
        let task = node.id();
        self.graph.add_node(node).expect("its name is new");
        self.tasks.push(task);
        task
    }

    fn connect(&mut self, from: NodeId, to: &[NodeId]) {
        self.graph.add_edge(from, to.to_vec()).expect("both are in the graph");
    }

    /// Runs it, and reads the results in the order of the tasks.
    async fn results(mut self) -> Vec<u64> {
        self.graph.set_env(EnvVar::new(self.table));
        self.graph.async_start().await.expect("no task fails");
        let results = self.graph.get_results::<u64>();
        self.tasks.iter().map(|task| **results[task].as_ref().expect("the task has run")).collect()
    }
}

async fn fan_out(n: usize) {
    let mut graph = Described::new();
    for x in 0..n as u64 {
        graph.add(move |_| x + 1);
    }
    assert_eq!(graph.results().await.into_iter().sum::<u64>(), cases::fan_out_sum(n));
}

async fn chain(n: usize) {
    let mut graph = Described::new();
    let mut last = graph.add(|_| 1);
    for _ in 1..n {
        let next = graph.add(|inputs| inputs[0] + 1);
        graph.connect(last, &[next]);
        last = next;
    }
    assert_eq!(graph.results().await.last(), Some(&(n as u64)));
}

async fn diamond(n: usize) {
    let mut graph = Described::new();
    let mut last = graph.add(|_| 1);
    for _ in 0..cases::diamonds(n) {
        let left = graph.add(|inputs| inputs[0].wrapping_add(1));
        let right = graph.add(|inputs| inputs[0].wrapping_add(1));
        let join = graph.add(|inputs| cases::join(inputs[0], inputs[1]));
        graph.connect(last, &[left, right]);
        graph.connect(left, &[join]);
        graph.connect(right, &[join]);
        last = join;
    }
    assert_eq!(graph.results().await.last(), Some(&cases::diamond_value(n)));
}

async fn uneven(n: usize, sum: u64) {
    let mut graph = Described::new();
    let tasks = cases::uneven(n);
    let mut children = vec![Vec::new(); n];
    for cases::Uneven { parent, microseconds } in tasks {
        let task =
            graph.add(move |inputs| cases::compute(inputs.first().copied().unwrap_or(0), microseconds));
        if let Some(parent) = parent {
            children[parent].push(task);
        }
    }
    for (parent, children) in children.iter().enumerate().filter(|(_, children)| !children.is_empty()) {
        graph.connect(graph.tasks[parent], children);
    }
    assert_eq!(graph.results().await.into_iter().fold(0, u64::wrapping_add), sum);
}

fn side<'a, F>(runtime: &'a Runtime, action: impl Fn() -> F + 'a) -> Side<'a>
where
    F: Future<Output = ()> + Send + 'static,
{
    let note = "values through its channels; no states";
    Side::in_memory("dagrs", version(LOCK, "dagrs"), note, move || time_on_worker(runtime, action()))
}

fn main() {
    let (scale, runtime) = (Scale::from_arguments(), runtime());
    for n in [1_000, 10_000].map(|n| scale.items(n)) {
        let fan_out = side(&runtime, move || fan_out(n));
        scale.in_turns("fan_out", n, vec![fan_out, ours::side_of_fan_out(&runtime, n)]);
        let chain = side(&runtime, move || chain(n));
        scale.in_turns("chain", n, vec![chain, ours::side_of_chain(&runtime, n)]);
        let diamond = side(&runtime, move || diamond(n));
        scale.in_turns("diamond", n, vec![diamond, ours::side_of_diamond(&runtime, n)]);
    }
    let n = scale.items(2_000);
    let sum = cases::uneven_sum(&cases::uneven(n));
    let uneven = side(&runtime, move || uneven(n, sum));
    scale.in_turns("uneven", n, vec![uneven, ours::side_of_uneven(&runtime, n, sum)]);
}
