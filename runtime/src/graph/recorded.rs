//! Graphs of what is recorded.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::build::{Builder, Membership};
use super::{Graph, Maps, Node};
use crate::id::{self, FlowRunId};
use crate::store::{RunQuery, RunRecord, RunStore, StoreError};

/// So many runs are read at once.
const PAGE: u32 = 1000;

impl Graph {
    /// The graph of a flow run that is recorded, with one box for each map. Blocks.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use millrun::prelude::*;
    /// use millrun::{Graph, MemoryRunStore};
    ///
    /// #[task] fn one() -> u32 { 1 }
    /// #[task] fn double(x: u32) -> u32 { 2 * x }
    /// #[flow] fn two() -> Result<u32, FlowError> { Ok(double.submit(one.submit()).result()?) }
    ///
    /// let store = Arc::new(MemoryRunStore::new());
    /// let engine = Engine::builder().run_store(store.clone()).build();
    /// let run = engine.enter(|| two().report_blocking());
    /// let graph = Graph::recorded(&store, run.id()).unwrap();
    /// assert_eq!(graph.upstream_of("double-0"), [("one-0", Some("x"))]);
    /// ```
    ///
    /// # Errors
    /// The store cannot be read, or has no such flow run.
    pub fn recorded(store: &(impl RunStore + ?Sized), id: FlowRunId) -> Result<Self, StoreError> {
        Self::recorded_with(store, id, Maps::Folded)
    }

    /// As [`recorded`](Self::recorded), with the runs of maps in one box, or singly. A box says of the times of its runs what can be
    /// told without reading the states of each: when the first was made and when the last ended.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub fn recorded_with(
        store: &(impl RunStore + ?Sized),
        id: FlowRunId,
        maps: Maps,
    ) -> Result<Self, StoreError> {
        let id = id.as_uuid();
        let found = store.runs(&RunQuery::flow_runs().ids([id]).limit(1))?.pop();
        let missing = || StoreError::new(format!("there is no flow run {id} in {}", store.name()));
        let flow_run = found.ok_or_else(missing)?;
        let inside = in_order(all(store, flow_run.root)?, id);

        let own = node(&flow_run, Some(store))?;
        let mut builder = Builder::new(Node { parent: None, flow_run: None, ..own }, maps);
        for record in &inside {
            let map = record.map_index.map(|index| membership(record, index));
            let with_states = Some(store).filter(|_| map.is_none() || !builder.is_folded());
            builder.run(node(record, with_states)?, Some(record.state.name), map);
        }
        let child_flow_runs =
            inside.iter().filter(|record| record.kind == super::Kind::Flow).map(|record| record.id);
        for flow_run in child_flow_runs.chain([id]) {
            for upstream in store.upstreams(flow_run)? {
                let first = upstream.upstream.as_u128();
                for from in (0..upstream.count).map(|n| Uuid::from_u128(first + u128::from(n))) {
                    builder.edge(from, upstream.run, upstream.parameter.as_deref());
                }
            }
        }
        if flow_run.state.is_final() {
            builder.all_made();
        }
        Ok(builder.finish())
    }
}

/// All runs of an outermost flow run.
fn all(store: &(impl RunStore + ?Sized), root: Uuid) -> Result<Vec<RunRecord>, StoreError> {
    let mut all = Vec::new();
    for query in [RunQuery::flow_runs(), RunQuery::task_runs()] {
        query.in_root(root).oldest_first().limit(PAGE).for_each_page(store, |page| {
            all.extend(page);
            Ok(())
        })?;
    }
    Ok(all)
}

/// Those in a flow run, in the order in which they were made; a child flow run before what is in it.
fn in_order(mut records: Vec<RunRecord>, flow_run: Uuid) -> Vec<RunRecord> {
    records.sort_by_key(|record| std::cmp::Reverse((record.created, record.id)));
    let mut by_flow: HashMap<Option<Uuid>, Vec<RunRecord>> = HashMap::new();
    for record in records {
        by_flow.entry(record.flow_run).or_default().push(record);
    }
    let mut open = by_flow.remove(&Some(flow_run)).unwrap_or_default();
    let mut ordered = Vec::new();
    while let Some(record) = open.pop() {
        open.extend(by_flow.remove(&Some(record.id)).unwrap_or_default());
        ordered.push(record);
    }
    ordered
}

/// The map that a run is of: known by its name, or, where runs have names of their own, by the ids of its runs, which follow each
/// other.
fn membership(record: &RunRecord, index: u32) -> Membership {
    let prefix = record.flow_run.unwrap_or(record.root).as_u128();
    let first = Uuid::from_u128(record.id.as_u128().wrapping_sub(index.into()));
    let (name, mark) = match record.name.strip_suffix(&format!("[{index}]")) {
        Some(name) => (name.to_owned(), name.to_owned()),
        None => (record.function.clone(), first.to_string()),
    };
    Membership { id: id::of_map(prefix, &record.key, &mark), name, index }
}

/// The node of a run, with its states where a store is to be asked for them.
fn node(record: &RunRecord, store: Option<&(impl RunStore + ?Sized)>) -> Result<Node, StoreError> {
    let states = store.map_or_else(|| Ok(Vec::new()), |store| store.states(record.id))?;
    let has_states = store.is_some();
    let node = Node {
        id: record.id,
        name: record.name.clone(),
        task: record.function.clone(),
        kind: record.kind,
        states,
        run_count: record.run_count,
        started_at: Some(record.created),
        ended_at: record.state.is_final().then_some(record.state.timestamp),
        run_time: Duration::ZERO,
        map: None,
        parent: record.parent,
        flow_run: record.flow_run,
    };
    if !has_states {
        return Ok(node);
    }
    let attempts = node.attempts();
    let took = |attempt: &super::Attempt| {
        let (ended, _) = attempt.ended?;
        ended.duration_since(attempt.started_at).ok()
    };
    Ok(Node {
        started_at: attempts.first().map(|attempt| attempt.started_at),
        run_time: attempts.iter().filter_map(took).sum(),
        ..node
    })
}
