//! What is deleted, and what is left.

use serde_json::Map;
use uuid::Uuid;

use super::population::{Ledger, at, child_of, created, entered, find, flow_run, task_run};
use super::{NewStore, done, written};
use crate::state::StateName;
use crate::store::{
    Event, LogQuery, LogRecord, Outcome, RunQuery, RunRecord, RunStore, TransactionRecord, UpstreamRecord,
};
use crate::transaction::TransactionState;

/// What has not ended, is somebody's, is not outermost or is not there stays as it is.
///
/// # Panics
/// Panics if that does not hold.
pub fn only_what_has_ended_is_deleted(new_store: &NewStore) {
    let store = new_store();
    let running = flow_run(0);
    let inner = task_run(&running, 0);
    let child = child_of(&running, 1);
    let claimed = flow_run(2);
    let events = [
        created(&running),
        created(&inner),
        entered(&inner, StateName::Completed, 1),
        created(&child),
        entered(&child, StateName::Completed, 1),
        created(&claimed),
        entered(&claimed, StateName::Failed, 1),
    ];
    written(&*store, &events);
    assert!(done(store.claim(claimed.id, Uuid::from_u128(1)), "claim"));
    let asked = [running.id, inner.id, child.id, claimed.id, Uuid::from_u128(404)];
    assert_eq!(done(store.delete(&asked), "delete"), Vec::<String>::new());
    for run in [&running, &inner, &child, &claimed] {
        assert!(find(&*store, run.kind, run.id).is_some(), "`{}` was deleted", run.name);
    }
    written(&*store, &[entered(&running, StateName::Cancelled, 2)]);
    done(store.delete(&asked), "delete");
    for run in [&running, &inner, &child] {
        assert_eq!(find(&*store, run.kind, run.id), None);
    }
    assert!(find(&*store, claimed.kind, claimed.id).is_some());
}

/// Nothing of what a run was and began is left, and nothing else is gone. The keys of its results are given.
///
/// # Panics
/// Panics if that does not hold.
pub fn deleted_runs_leave_nothing_behind(new_store: &NewStore) {
    let store = new_store();
    let (gone, stays) = (flow_run(0), flow_run(1));
    let alone = task_run(&flow_run(2), 0);
    let alone = RunRecord { parent: None, flow_run: None, root: alone.id, ..alone };
    let child = child_of(&gone, 5);
    let tree = |flow: &RunRecord| [flow.clone(), task_run(flow, 0), task_run(flow, 1)];
    let runs: Vec<RunRecord> =
        tree(&gone).into_iter().chain(tree(&child)).chain(tree(&stays)).chain([alone.clone()]).collect();
    for run in &runs {
        let run =
            RunRecord { tags: vec!["a".into(), "b".into()], parameters: Some(Map::new()), ..run.clone() };
        let mut end = entered(&run, StateName::Completed, 1);
        if let Event::Entered { outcome, .. } = &mut end {
            *outcome = Some(if run.name == "fetch-1" { Outcome::Inline(vec![1]) } else { stored(&run) });
        }
        let events = [
            created(&run),
            end,
            Event::Upstream(UpstreamRecord { run: run.id, parameter: None, upstream: run.id, count: 1 }),
            Event::Logged(LogRecord {
                run: run.id,
                flow_run: run.flow_run.or((run.kind == crate::store::Kind::Flow).then_some(run.id)),
                at: at(0),
                level: "INFO".into(),
                target: "etl".into(),
                message: run.name.clone(),
            }),
        ];
        written(&*store, &events);
    }
    for root in [gone.id, stays.id] {
        written(
            &*store,
            &[Event::Transaction(TransactionRecord {
                id: root,
                root,
                parent: None,
                owner: None,
                key: None,
                state: TransactionState::Committed,
                values: Map::new(),
            })],
        );
    }
    let mut keys = done(store.delete(&[gone.id, alone.id]), "delete");
    let (left, deleted): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.root == stays.id);
    let mut expected: Vec<String> =
        deleted.iter().filter(|run| run.name != "fetch-1").map(|run| run.id.to_string()).collect();
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
    for run in deleted {
        assert_eq!(recorded(&*store, run), (false, 0, None, 0, 0, 0), "something is left of `{}`", run.name);
    }
    for run in left {
        let is_flow = run.id == stays.id;
        let outcome = if run.name == "fetch-1" { Outcome::Inline(vec![1]) } else { stored(run) };
        let inside = if is_flow { 3 } else { 1 };
        let expected = (true, 2, Some(outcome), inside, inside, usize::from(is_flow));
        assert_eq!(recorded(&*store, run), expected, "something is gone of `{}`", run.name);
    }
    for query in [RunQuery::flow_runs(), RunQuery::task_runs()] {
        let found = done(store.runs(&query.clone().tag("a").tag("b")), "runs");
        assert!(found.iter().all(|run| run.root == stays.id), "{found:?}");
        assert_eq!(found, done(store.runs(&query), "runs"));
    }
    // What is made under an id that was there once has nothing of it.
    written(&*store, &[created(&gone)]);
    assert_eq!(recorded(&*store, &gone), (true, 1, None, 0, 0, 0));
    assert_eq!(done(store.runs(&RunQuery::flow_runs().tag("a")), "runs").len(), 1);
}

/// Runs may have one result: its key is given once the last of them is deleted, and once.
///
/// # Panics
/// Panics if that does not hold.
pub fn results_that_others_refer_to_stay(new_store: &NewStore) {
    let store = new_store();
    let runs: Vec<RunRecord> = (0..4).map(flow_run).collect();
    // Longer than what an index takes as a rule.
    let shared = "k\u{0}".repeat(5_000);
    for run in &runs {
        let inner = task_run(run, 0);
        let (mut own, mut end) =
            (entered(&inner, StateName::Completed, 1), entered(run, StateName::Completed, 2));
        for (end, key) in [(&mut own, &shared), (&mut end, &run.id.to_string())] {
            if let Event::Entered { outcome, .. } = end {
                *outcome = Some(Outcome::Stored(key.clone()));
            }
        }
        written(&*store, &[created(run), created(&inner), own, end]);
    }
    let delete = |runs: &[&RunRecord]| {
        let ids: Vec<Uuid> = runs.iter().map(|run| run.id).collect();
        let mut keys = done(store.delete(&ids), "delete");
        keys.sort();
        keys
    };
    let key = |run: &RunRecord| run.id.to_string();
    assert_eq!(delete(&[&runs[0]]), [key(&runs[0])]);
    assert_eq!(delete(&[&runs[1]]), [key(&runs[1])]);
    let mut last = vec![key(&runs[2]), key(&runs[3]), shared];
    last.sort();
    assert_eq!(delete(&[&runs[2], &runs[3]]), last);
    assert_eq!(delete(&[&runs[2], &runs[3]]), Vec::<String>::new());
}

fn stored(run: &RunRecord) -> Outcome {
    Outcome::Stored(run.id.to_string())
}

/// Whether it is there; how many states, its outcome; how many upstreams, logs and transactions.
fn recorded(store: &dyn RunStore, run: &RunRecord) -> (bool, usize, Option<Outcome>, usize, usize, usize) {
    (
        find(store, run.kind, run.id).is_some(),
        done(store.states(run.id), "states").len(),
        done(store.outcome(run.id), "outcome"),
        done(store.upstreams(run.id), "upstreams").len(),
        done(store.logs(&LogQuery::of(run.id)), "logs").len(),
        done(store.transactions(run.id), "transactions").len(),
    )
}

/// Giving room back changes nothing that is recorded.
///
/// # Panics
/// Panics if that does not hold.
pub fn vacuuming_changes_nothing(new_store: &NewStore) {
    let store = new_store();
    let ledger = Ledger::random(3, 20);
    written(&*store, &ledger.events);
    let gone = flow_run(50);
    written(&*store, &[created(&gone), entered(&gone, StateName::Completed, 1)]);
    done(store.delete(&[gone.id]), "delete");
    done(store.vacuum(), "vacuum");
    ledger.check(&*store);
    written(&*store, &[created(&gone)]);
    assert!(find(&*store, gone.kind, gone.id).is_some());
}
