//! What is written is what is read.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::population::{Chance, Ledger, at, child_of, created, entered, find, flow_run, task_run};
use super::{NewStore, done, written};
use crate::state::StateName;
use crate::store::{
    Durability, Event, Kind, LogQuery, LogRecord, Outcome, RunQuery, RunRecord, TransactionRecord,
    UpstreamRecord,
};
use crate::transaction::TransactionState;

/// A store has a name.
///
/// # Panics
/// Panics if that does not hold.
pub fn names_itself(new_store: &NewStore) {
    assert!(!new_store().name().is_empty(), "its name is empty");
}

/// All that is recorded of a run comes back, whatever is there of it and what is not.
///
/// # Panics
/// Panics if that does not hold.
pub fn records_are_read_as_they_were_written(new_store: &NewStore) {
    let store = new_store();
    let plain = flow_run(0);
    let full = RunRecord {
        version: Some("1.2".into()),
        tags: vec!["b".into(), "a".into(), "ä".into()],
        parameters: json!({ "n": 1.5, "list": [null, true, "x"], "map": {} }).as_object().cloned(),
        map_index: Some(u32::MAX),
        identity: Some(Uuid::max()),
        transaction: Some(Uuid::from_u128(5)),
        owner: Some(Uuid::from_u128(6)),
        run_count: 3,
        ..task_run(&plain, 7)
    };
    let bare = RunRecord { parent: None, flow_run: None, ..task_run(&plain, 8) };
    let outermost = RunRecord { root: bare.id, ..bare };
    let child = child_of(&full, 9);
    let runs = [&plain, &full, &outermost, &child];
    written(&*store, &runs.map(created));
    for run in runs {
        let mut expected = run.clone();
        expected.state.id = crate::id::of_state(run.id.as_u128(), 0);
        assert_eq!(find(&*store, run.kind, run.id), Some(expected.clone()));
        assert_eq!(done(store.states(run.id), "states"), [expected.state]);
        assert_eq!(done(store.outcome(run.id), "outcome"), None);
    }
    let nobody = Uuid::from_u128(404);
    assert_eq!(find(&*store, Kind::Task, nobody), None);
    assert_eq!(find(&*store, Kind::Flow, full.id), None, "a task run among the flow runs");
    assert_eq!(done(store.states(nobody), "states"), []);
    assert_eq!(done(store.upstreams(nobody), "upstreams"), []);
    assert_eq!(done(store.transactions(nobody), "transactions"), []);
    assert_eq!(done(store.outcome(nobody), "outcome"), None);
    assert_eq!(done(store.logs(&LogQuery::of(nobody)), "logs"), []);
    written(&*store, &[]);
}

/// No nanosecond is lost, and the Unix epoch is nothing special.
///
/// # Panics
/// Panics if that does not hold.
pub fn times_are_kept_to_the_nanosecond(new_store: &NewStore) {
    let store = new_store();
    let times = [
        UNIX_EPOCH - Duration::new(1, 1),
        UNIX_EPOCH,
        UNIX_EPOCH + Duration::from_nanos(1),
        at(1),
        at(2),
        UNIX_EPOCH + Duration::new(9_000_000_000, 999_999_999),
    ];
    let mut run = flow_run(0);
    run.created = times[0];
    run.state.timestamp = times[0];
    let mut events = vec![created(&run)];
    for time in &times[1..] {
        let mut event = entered(&run, StateName::AwaitingRetry, 0);
        if let Event::Entered { state, .. } = &mut event {
            state.timestamp = *time;
            state.details.scheduled_time = Some(*time + Duration::from_nanos(1));
            state.message = Some(format!("{time:?}"));
        }
        events.push(event);
    }
    written(&*store, &events);
    let states = done(store.states(run.id), "states");
    assert_eq!(states.iter().map(|state| state.timestamp).collect::<Vec<_>>(), times);
    let scheduled: Vec<_> = states[1..].iter().map(|state| state.details.scheduled_time).collect();
    assert_eq!(
        scheduled,
        times[1..].iter().map(|time| Some(*time + Duration::from_nanos(1))).collect::<Vec<_>>()
    );
    assert_eq!(states[0].details.scheduled_time, None);
    let found = find(&*store, Kind::Flow, run.id);
    assert_eq!(found.map(|run| (run.created, run.state)), states.last().map(|last| (times[0], last.clone())));
}

/// Texts are any that Rust knows: with NUL, quotes, what is no character and what is nothing at all.
///
/// # Panics
/// Panics if that does not hold.
pub fn any_text_is_read_as_it_was_written(new_store: &NewStore) {
    let texts = [
        "",
        "\0",
        "a\0b\0",
        "'\"`\\%_$1?1;--",
        "Zoë 東京 🦀 e\u{301}",
        "\u{FFFE}\u{FDD0}\u{FDD0}0\u{10FFFF}\u{FEFF}",
        "\r\n\t\u{1}\u{7F}",
    ];
    let store = new_store();
    for (n, text) in (0..).zip(texts) {
        let text = text.to_owned();
        let map: Map<String, Value> = [(text.clone(), Value::String(text.clone()))].into_iter().collect();
        let mut run = RunRecord {
            key: text.clone(),
            function: text.clone(),
            version: Some(text.clone()),
            name: text.clone(),
            tags: vec![text.clone(), format!("{text}.")],
            parameters: Some(map.clone()),
            ..flow_run(n)
        };
        run.state.message = Some(text.clone());
        let log = LogRecord {
            run: run.id,
            flow_run: Some(run.id),
            at: at(0),
            level: text.clone(),
            target: text.clone(),
            message: text.clone(),
        };
        let upstream =
            UpstreamRecord { run: run.id, parameter: Some(text.clone()), upstream: run.id, count: 1 };
        let transaction = TransactionRecord {
            id: run.id,
            root: run.id,
            parent: Some(Uuid::from_u128(6)),
            owner: Some(Uuid::from_u128(7)),
            key: Some(text.clone()),
            state: TransactionState::Staged,
            values: map,
        };
        let mut end = entered(&run, StateName::Completed, 1);
        if let Event::Entered { outcome, .. } = &mut end {
            *outcome = Some(Outcome::Stored(text.clone()));
        }
        let renamed = Event::Prepared {
            run: run.id,
            kind: Kind::Flow,
            name: Some(format!("{text}{text}")),
            parameters: None,
            identity: None,
        };
        written(&*store, &[created(&run)]);
        let found = find(&*store, Kind::Flow, run.id);
        run.state.id = crate::id::of_state(run.id.as_u128(), 0);
        assert_eq!(found, Some(run.clone()));
        let (logged, waits, began) = (
            Event::Logged(log.clone()),
            Event::Upstream(upstream.clone()),
            Event::Transaction(transaction.clone()),
        );
        written(&*store, &[renamed, logged, waits, began, end]);
        assert_eq!(find(&*store, Kind::Flow, run.id).map(|run| run.name), Some(format!("{text}{text}")));
        assert_eq!(done(store.logs(&LogQuery::of(run.id)), "logs"), [log]);
        assert_eq!(done(store.upstreams(run.id), "upstreams"), [upstream]);
        assert_eq!(done(store.transactions(run.id), "transactions"), [transaction]);
        assert_eq!(done(store.outcome(run.id), "outcome"), Some(Outcome::Stored(text.clone())));
        for query in [RunQuery::flow_runs().of(&text), RunQuery::flow_runs().tag(&text)] {
            let found = done(store.runs(&query), "runs");
            assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id], "{query:?}");
        }
    }
}

/// Results of 10 MB, parameters of 512 KiB, nothing at all.
///
/// # Panics
/// Panics if that does not hold.
pub fn large_records_are_read_as_they_were_written(new_store: &NewStore) {
    let store = new_store();
    let flow = RunRecord {
        parameters: json!({ "text": "x".repeat(512 << 10) }).as_object().cloned(),
        ..flow_run(0)
    };
    let large: Vec<u8> = (0..10_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let outcomes = [Vec::new(), large];
    let mut events = vec![created(&flow)];
    for (n, record) in (0..).zip(&outcomes) {
        let task = task_run(&flow, n);
        let mut end = entered(&task, StateName::Completed, 1);
        if let Event::Entered { outcome, .. } = &mut end {
            *outcome = Some(Outcome::Inline(record.clone()));
        }
        events.extend([created(&task), end]);
    }
    written(&*store, &events);
    let found = find(&*store, Kind::Flow, flow.id);
    assert!(found.is_some_and(|run| run.parameters == flow.parameters), "other parameters came back");
    for (n, record) in (0..).zip(outcomes) {
        let found = done(store.outcome(task_run(&flow, n).id), "outcome");
        assert!(found == Some(Outcome::Inline(record)), "another outcome came back");
    }
}

/// Asked for a flow run, upstreams are those of all runs in it, not of those in its child flow runs, and in the order of these
/// runs; asked for a task run, its own; of a run in the order in which they were written.
///
/// # Panics
/// Panics if that does not hold.
pub fn upstreams_are_those_of_a_run_or_of_a_flow_run(new_store: &NewStore) {
    let store = new_store();
    let flow = flow_run(0);
    let tasks = [task_run(&flow, 0), task_run(&flow, 1)];
    let child = child_of(&flow, 1);
    let inner = task_run(&child, 0);
    let other = task_run(&flow_run(2), 0);
    let waits = |run: &RunRecord, parameter: Option<&str>, upstream: u128, count| UpstreamRecord {
        run: run.id,
        parameter: parameter.map(str::to_owned),
        upstream: Uuid::from_u128(upstream),
        count,
    };
    let first = [waits(&tasks[0], Some("z"), 9, 1), waits(&tasks[0], None, 8, 1000)];
    let later = [waits(&tasks[0], Some("a"), 7, 1), waits(&tasks[0], Some("a"), 7, 1)];
    let second = waits(&tasks[1], Some("x"), 1, u32::MAX);
    let of_child = waits(&child, Some("x"), 2, 1);
    let of_inner = waits(&inner, Some("x"), 3, 1);
    let elsewhere = waits(&other, None, 4, 1);
    written(
        &*store,
        &[created(&flow), created(&tasks[0]), created(&tasks[1]), created(&child), created(&inner)],
    );
    let events = [&second, &first[0], &first[1], &of_child, &of_inner, &elsewhere];
    written(&*store, &events.map(|upstream| Event::Upstream(upstream.clone())));
    written(&*store, &later.clone().map(Event::Upstream));
    let [one, two] = first;
    let [three, four] = later;
    let of_task = [one, two, three, four];
    assert_eq!(done(store.upstreams(tasks[0].id), "upstreams"), of_task);
    let of_flow: Vec<UpstreamRecord> = of_task.into_iter().chain([second, of_child.clone()]).collect();
    assert_eq!(done(store.upstreams(flow.id), "upstreams"), of_flow);
    assert_eq!(done(store.upstreams(child.id), "upstreams"), [of_child, of_inner]);
}

/// Transactions come in the order in which they were written first, as they were written last.
///
/// # Panics
/// Panics if that does not hold.
pub fn transactions_become_what_was_written_last(new_store: &NewStore) {
    use TransactionState::{Active, Committed, Pending, RolledBack, Staged};
    let store = new_store();
    let transaction = |id: u128, state, root: u128| TransactionRecord {
        id: Uuid::from_u128(id),
        root: Uuid::from_u128(root),
        parent: Some(Uuid::from_u128(id + 100)).filter(|_| state == Staged),
        owner: Some(Uuid::from_u128(id + 200)).filter(|_| state != Active),
        key: Some(format!("key-{id}")).filter(|_| id > 1),
        state,
        values: json!({ "state": state.as_str() }).as_object().cloned().unwrap_or_default(),
    };
    let written_one_by_one = [
        transaction(2, Pending, 10),
        transaction(1, Active, 10),
        transaction(3, Active, 11),
        transaction(2, Active, 10),
        transaction(1, Staged, 10),
        transaction(2, RolledBack, 10),
    ];
    for parts in [1, 3, 6] {
        let store = new_store();
        for part in written_one_by_one.chunks(parts) {
            let events: Vec<Event> = part.iter().cloned().map(Event::Transaction).collect();
            written(&*store, &events);
        }
        let expected = [transaction(2, RolledBack, 10), transaction(1, Staged, 10)];
        assert_eq!(
            done(store.transactions(Uuid::from_u128(10)), "transactions"),
            expected,
            "in parts of {parts}"
        );
    }
    written(&*store, &[Event::Transaction(transaction(4, Committed, 12))]);
    assert_eq!(
        done(store.transactions(Uuid::from_u128(12)), "transactions"),
        [transaction(4, Committed, 12)]
    );
}

/// The same events come to the same, in whatever batches they are written, and however durable.
///
/// # Panics
/// Panics if that does not hold.
pub fn batches_may_be_cut_anywhere(new_store: &NewStore) {
    for seed in 0..4 {
        let ledger = Ledger::random(seed, 30);
        let mut chance = Chance::new(seed);
        for longest in [1, 5, 40, ledger.events.len()] {
            let store = new_store();
            let mut rest = ledger.events.as_slice();
            while !rest.is_empty() {
                let (part, behind) = rest.split_at((1 + chance.below(longest)).min(rest.len()));
                let durability = if chance.below(8) == 0 { Durability::Strict } else { Durability::Relaxed };
                done(store.write(part, durability), "write");
                rest = behind;
            }
            ledger.check(&*store);
        }
    }
}

/// Whoever reads while a batch is written sees all of it, or nothing.
///
/// # Panics
/// Panics if that does not hold.
pub fn batches_are_seen_whole(new_store: &NewStore) {
    const TOGETHER: u32 = 7;
    const BATCHES: u32 = 60;
    let store = new_store();
    let flow = flow_run(0);
    let batch = |n: u32| -> Vec<Event> {
        (0..TOGETHER).map(|own| created(&task_run(&flow, n * TOGETHER + own))).collect()
    };
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..BATCHES).for_each(|n| written(&*store, &batch(n))));
        let mut seen = 0;
        while !writing.is_finished() {
            let counts = done(store.count(&RunQuery::task_runs()), "count");
            let now = counts.iter().map(|count| count.count).sum::<u64>();
            assert_eq!(now % u64::from(TOGETHER), 0, "part of a batch was seen");
            assert!(now >= seen, "{seen} runs were seen, then {now}");
            seen = now;
        }
    });
    let all = done(store.runs(&RunQuery::task_runs().limit(u32::MAX)), "runs").len();
    assert_eq!(all, (TOGETHER * BATCHES) as usize);
}

/// Nobody is refused because of others who read and write at the same time.
///
/// # Panics
/// Panics if that does not hold.
pub fn many_threads_may_read_and_write(new_store: &NewStore) {
    const THREADS: u32 = 4;
    const RUNS: u32 = 25;
    let store = new_store();
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                let flow = flow_run(n);
                written(&**store, &[created(&flow)]);
                for number in 0..RUNS {
                    let task = task_run(&flow, number);
                    written(&**store, &[created(&task), entered(&task, StateName::Running, 1)]);
                    let found = done(store.runs(&RunQuery::task_runs().in_flow_run(flow.id)), "runs");
                    assert_eq!(found.len(), number as usize + 1);
                    written(&**store, &[entered(&task, StateName::Completed, 2)]);
                }
            });
        }
    });
    let ended = RunQuery::task_runs().state_name(StateName::Completed).limit(u32::MAX);
    assert_eq!(done(store.runs(&ended), "runs").len(), (THREADS * RUNS) as usize);
}
