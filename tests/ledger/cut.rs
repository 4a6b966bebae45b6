//! Flow runs whose process dies after any event: what is recorded until then is a beginning of what has happened, and the next
//! process goes on from there.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::*;
use crate::ends_after::EndsAfter;

/// How often each thing happened.
type Counts = BTreeMap<String, i32>;

static HAPPENED: Mutex<Counts> = Mutex::new(BTreeMap::new());

fn happens(name: &str) {
    *HAPPENED.lock().unwrap().entry(name.to_owned()).or_default() += 1;
}

fn happened() -> Counts {
    std::mem::take(&mut *HAPPENED.lock().unwrap())
}

/// What a flow does, a step after another. Each gives a number; one that takes some takes those of steps before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    Call(u64),
    Submit(u64, usize),
    Map(u64, usize),
    Nested(u64),
    Child(Vec<Step>),
    Transaction(Vec<Step>),
}

#[task(task_run_name = "add {n} {to}", on_rollback = undo)]
async fn add(n: u64, to: u64) -> Result<u64, TransactionError> {
    let name = format!("add {n} {to}");
    happens(&name);
    if let Some(txn) = current_transaction() {
        txn.set("name", &name)?;
    }
    Ok(n + to)
}

fn undo(txn: &Transaction) -> Result<(), TransactionError> {
    let name: String = txn.get("name")?.unwrap_or_default();
    happens(&format!("undo {name}"));
    Ok(())
}

#[task(task_run_name = "double {x}")]
fn double(x: u64) -> u64 {
    happens(&format!("double {x}"));
    2 * x
}

#[task(task_run_name = "sum {xs:?}")]
fn sum(xs: &[u64]) -> u64 {
    happens(&format!("sum {xs:?}"));
    xs.iter().sum()
}

/// Submits runs of its own, some of them the same.
#[task(task_run_name = "nested {n}")]
async fn nested(n: u64) -> Result<u64, TaskError> {
    happens(&format!("nested {n}"));
    let both = [double.submit(n), double.submit(n)];
    Ok(sum.submit(both).await? + add(n, 1).await?)
}

#[flow]
async fn steps(steps: Vec<Step>) -> Result<u64, FlowError> {
    perform(steps, 1).await
}

fn perform(
    steps: Vec<Step>,
    first: u64,
) -> std::pin::Pin<Box<dyn Future<Output = Result<u64, FlowError>> + Send>> {
    Box::pin(async move {
        let mut last: Vec<TaskFuture<u64>> = vec![add.submit(first, 0)];
        for step in steps {
            let before = |which: usize| last[which % last.len()].clone();
            let next = match step {
                Step::Call(n) => add.submit(n, add(n, 1).await?),
                Step::Submit(n, which) => add.submit(n, before(which)),
                Step::Map(n, which) => sum.submit(double.map(double.map(vec![n, n + 1, which as u64]))),
                Step::Nested(n) => nested.submit(n),
                Step::Child(inner) => add.submit(super::cut::steps(inner).await?, 0),
                Step::Transaction(inner) => {
                    let first = before(0).await?;
                    add.submit(transaction().run(async |_| perform(inner, first).await).await?, 0)
                }
            };
            last.push(next);
        }
        Ok(sum.submit(last).await?)
    })
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let plain = prop_oneof![
        (0..3u64).prop_map(Step::Call),
        (0..3u64, 0..9usize).prop_map(|(n, which)| Step::Submit(n, which)),
        (0..3u64, 0..3usize).prop_map(|(n, which)| Step::Map(n, which)),
        (0..3u64).prop_map(Step::Nested),
    ];
    if depth == 0 {
        return plain.boxed();
    }
    let inner = proptest::collection::vec(step(depth - 1), 0..3).boxed();
    prop_oneof![
        3 => plain,
        1 => inner.clone().prop_map(Step::Child),
        2 => inner.prop_map(Step::Transaction),
    ]
    .boxed()
}

/// What is recorded as done, and need not be done again.
fn recorded(store: &MemoryRunStore, root: Uuid) -> Counts {
    let transactions = store.transactions(root).unwrap();
    let is_committed =
        |id| transactions.iter().any(|txn| txn.id == id && txn.state == TransactionState::Committed);
    let mut counts = Counts::new();
    for run in store.runs(&RunQuery::task_runs().limit(10_000)).unwrap() {
        if run.state.is_completed() && run.transaction.is_none_or(is_committed) {
            *counts.entry(run.name).or_default() += 1;
        }
    }
    counts
}

/// What was staged and neither committed nor rolled back: what is to be undone.
fn interrupted(store: &MemoryRunStore, root: Uuid) -> Counts {
    let mut counts = Counts::new();
    for txn in store.interrupted(root).unwrap() {
        if txn.state == TransactionState::Staged {
            *counts.entry(format!("undo {}", txn.values["name"].as_str().unwrap())).or_default() += 1;
        }
    }
    counts
}

fn without(mut all: Counts, some: &Counts) -> Counts {
    for (name, count) in some {
        *all.entry(name.clone()).or_default() -= count;
    }
    all.retain(|_, count| *count != 0);
    all
}

/// Whether the next process goes on well from what the first `events` of a flow run have left. How many there are in all.
fn goes_on(plan: &[Step], events: usize) -> Result<usize, TestCaseError> {
    let store = Arc::new(MemoryRunStore::new());
    let dying = Arc::new(EndsAfter::new(store.clone(), events));
    let id = Uuid::now_v7();
    let first = Engine::builder().run_store(dying.clone()).build();
    happened();
    let given = first.run_blocking(steps(plan.to_vec()).with_flow_run_id(id.into())).unwrap();
    drop(first);
    let all = happened();
    for owner in store.owners().unwrap() {
        store.bury(&owner, "its process was killed", SystemTime::now()).unwrap();
    }

    let done = recorded(&store, id);
    let undone = interrupted(&store, id);
    let second = Engine::builder().run_store(store.clone()).roll_back_interrupted(true).build();
    let again = second.run_blocking(steps(plan.to_vec()).with_flow_run_id(id.into())).unwrap();
    let then = happened();

    prop_assert_eq!(given, again);
    let mut expected = without(all, &done);
    expected.extend(undone);
    prop_assert_eq!(then, expected, "after {} events", events);
    prop_assert!(store.interrupted(id).unwrap().is_empty());
    for query in [RunQuery::task_runs(), RunQuery::flow_runs()] {
        for run in store.runs(&query.limit(10_000)).unwrap() {
            prop_assert!(run.state.is_final(), "{} stays {}", run.name, run.state);
        }
    }
    Ok(dying.seen())
}

/// One at a time: what happens is counted for the whole process.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn any_event_may_be_the_last_of_a_process() {
    let _turn = TURN.lock();
    let plan = [
        Step::Call(1),
        Step::Transaction(vec![
            Step::Submit(1, 0),
            Step::Transaction(vec![Step::Nested(1), Step::Submit(1, 0)]),
            Step::Child(vec![Step::Call(2)]),
        ]),
        Step::Child(vec![Step::Nested(2), Step::Transaction(vec![Step::Map(1, 1)])]),
    ];
    let mut events = 0;
    while goes_on(&plan, events).unwrap() > events {
        events += 1;
    }
    assert!(events > 150, "{events}");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 60_000, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn whatever_is_cut_off_is_done_by_the_next_process(
        plan in proptest::collection::vec(step(2), 0..5),
        at in any::<prop::sample::Index>(),
    ) {
        let _turn = TURN.lock();
        let events = goes_on(&plan, usize::MAX)?;
        goes_on(&plan, at.index(events + 1))?;
    }
}
