//! What queries find.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::population::{Chance, at, child_of, created, entered, flow_run, task_run};
use super::{NewStore, done, written};
use crate::state::{StateName, StateType};
use crate::store::{Event, Kind, LogQuery, LogRecord, RunQuery, RunRecord, RunStore};

/// A filter, and whether a run passes it.
struct Filter {
    name: &'static str,
    add: Box<dyn Fn(RunQuery) -> RunQuery>,
    passes: Box<dyn Fn(&RunRecord) -> bool>,
}

fn filter(
    name: &'static str,
    add: impl Fn(RunQuery) -> RunQuery + 'static,
    passes: impl Fn(&RunRecord) -> bool + 'static,
) -> Filter {
    Filter { name, add: Box::new(add), passes: Box::new(passes) }
}

fn filters(some: &[RunRecord]) -> Vec<Filter> {
    let outer = flow_run(0).id;
    let child = flow_run(10).id;
    let task = task_run(&flow_run(0), 0).id;
    let ids: Vec<Uuid> = some.iter().step_by(3).map(|run| run.id).collect();
    let same_ids = ids.clone();
    let middle = at(1_000_000_000);
    vec![
        filter("a function's name", |q| q.of("fetch"), |run| run.function == "fetch"),
        filter("a function's key", |q| q.of("etl::load"), |run| run.key == "etl::load"),
        filter("a name of two functions", |q| q.of("nightly"), |run| run.function == "nightly"),
        filter("no function", |q| q.of("nobody"), |_| false),
        filter("a type", |q| q.state(StateType::Failed), |run| run.state.state_type == StateType::Failed),
        filter(
            "two types",
            |q| q.state(StateType::Completed).state(StateType::Running),
            |run| matches!(run.state.state_type, StateType::Completed | StateType::Running),
        ),
        filter(
            "a state's name",
            |q| q.state_name(StateName::TimedOut),
            |run| run.state.name == StateName::TimedOut,
        ),
        filter(
            "names of several types",
            |q| q.state_name(StateName::Failed).state_name(StateName::Cached).state_name(StateName::Pending),
            |run| matches!(run.state.name, StateName::Failed | StateName::Cached | StateName::Pending),
        ),
        filter("a tag", |q| q.tag("a"), |run| run.tags.iter().any(|tag| tag == "a")),
        filter(
            "two tags",
            |q| q.tag("b").tag("c"),
            |run| ["b", "c"].iter().all(|tag| run.tags.iter().any(|own| own == tag)),
        ),
        filter("a tag of nobody", |q| q.tag("A"), |_| false),
        filter("begun by a flow run", move |q| q.begun_by(outer), move |run| run.parent == Some(outer)),
        filter("begun by a task run", move |q| q.begun_by(task), move |run| run.parent == Some(task)),
        filter("in a flow run", move |q| q.in_flow_run(outer), move |run| run.flow_run == Some(outer)),
        filter("in a child flow run", move |q| q.in_flow_run(child), move |run| run.flow_run == Some(child)),
        filter("in an outermost flow run", move |q| q.in_root(outer), move |run| run.root == outer),
        filter("in no flow run", RunQuery::outermost, |run| run.flow_run.is_none()),
        filter("since", move |q| q.since(middle), move |run| run.created >= middle),
        filter("until", move |q| q.until(middle), move |run| run.created < middle),
        filter("ids", move |q| q.ids(ids.clone()), move |run| same_ids.contains(&run.id)),
        filter("no ids", |q| q.ids([]), |_| false),
    ]
}

/// Flow runs, child flow runs, task runs in them and outside, with all sorts of states and tags.
fn population() -> (Vec<RunRecord>, Vec<Event>) {
    let mut runs = Vec::new();
    let flows = [flow_run(0), flow_run(1), flow_run(2)];
    let child = child_of(&flows[0], 10);
    let of_task = RunRecord { parent: Some(task_run(&flows[0], 0).id), ..child_of(&flows[0], 11) };
    let grandchild = child_of(&child, 12);
    for flow in flows.iter().chain([&child, &of_task, &grandchild]) {
        runs.push(flow.clone());
        runs.extend((0..12).map(|number| task_run(flow, number)));
    }
    let mut nested = task_run(&flows[0], 50);
    nested.parent = Some(task_run(&flows[0], 0).id);
    runs.push(nested);
    for number in 0..4 {
        let outside = task_run(&flow_run(20), number);
        runs.push(RunRecord { parent: None, flow_run: None, root: outside.id, ..outside });
    }
    let states = [
        StateName::Completed,
        StateName::Failed,
        StateName::TimedOut,
        StateName::Running,
        StateName::Cached,
        StateName::Pending,
        StateName::Crashed,
    ];
    let tags: [&[&str]; 5] = [&[], &["a"], &["a", "b"], &["c", "b"], &["a", "b", "c"]];
    let mut events = Vec::new();
    for (n, run) in runs.iter_mut().enumerate() {
        if n % 4 == 1 {
            (run.key, run.function) = ("etl::load".into(), "load".into());
        } else if n % 5 == 3 {
            (run.key, run.function) = ("other::nightly".into(), "nightly".into());
        }
        run.tags = tags[n % tags.len()].iter().map(|tag| (*tag).to_owned()).collect();
        events.push(created(run));
        let name = states[n % states.len()];
        if name != StateName::Pending {
            events.push(entered(run, name, 1));
            run.state.name = name;
            run.state.state_type = name.state_type();
        }
    }
    runs.sort_by_key(|run| run.id);
    (runs, events)
}

fn found(store: &dyn RunStore, query: &RunQuery) -> Vec<Uuid> {
    done(store.runs(query), "runs").into_iter().map(|run| run.id).collect()
}

/// Each filter finds the runs that pass it, any two of them those which pass both, in both orders.
///
/// # Panics
/// Panics if that does not hold.
pub fn filters_hold_alone_and_together(new_store: &NewStore) {
    let store = new_store();
    let (runs, events) = population();
    for part in events.chunks(20) {
        written(&*store, part);
    }
    let filters = filters(&runs);
    for query in [RunQuery::flow_runs(), RunQuery::task_runs()] {
        for (n, one) in filters.iter().enumerate() {
            for other in &filters[n..] {
                let both = if one.name == other.name {
                    (one.add)(query.clone())
                } else if overlap(&(one.add)(query.clone()), &(other.add)(query.clone())) {
                    continue;
                } else {
                    (other.add)((one.add)(query.clone()))
                };
                let passing = runs.iter().filter(|run| run.kind == query.kind);
                let mut expected: Vec<Uuid> = passing
                    .filter(|run| (one.passes)(run) && (other.passes)(run))
                    .map(|run| run.id)
                    .collect();
                let what = format!("{} and {}: {both:?}", one.name, other.name);
                assert_eq!(found(&*store, &both.clone().oldest_first()), expected, "{what}");
                expected.reverse();
                assert_eq!(found(&*store, &both), expected, "{what}");
            }
        }
    }
}

/// Whether two filters are of the same field, so that they do not add up.
fn overlap(one: &RunQuery, other: &RunQuery) -> bool {
    one.function.is_some() && other.function.is_some()
        || one.parent.is_some() && other.parent.is_some()
        || one.flow_run.is_some() && other.flow_run.is_some()
        || one.ids.is_some() && other.ids.is_some()
        || !one.types.is_empty() && !other.types.is_empty()
        || !one.names.is_empty() && !other.names.is_empty()
}

/// A query may name as many runs as there are.
///
/// # Panics
/// Panics if that does not hold.
pub fn many_ids_may_be_asked_for(new_store: &NewStore) {
    const RUNS: u32 = 50_000;
    let store = new_store();
    let flow = flow_run(0);
    let events: Vec<Event> = (0..10).map(|number| created(&task_run(&flow, number * 100))).collect();
    written(&*store, &events);
    let ids = (0..RUNS).map(|number| task_run(&flow, number).id);
    assert_eq!(found(&*store, &RunQuery::task_runs().ids(ids)).len(), 10);
}

/// Page after page each run is found once, however many are made meanwhile.
///
/// # Panics
/// Panics if that does not hold.
pub fn pages_are_stable_while_runs_are_made(new_store: &NewStore) {
    for oldest_first in [false, true] {
        let store = new_store();
        let flows: Vec<RunRecord> = (0..2).map(flow_run).collect();
        let there = |n: u32| task_run(&flows[0], 2 * n);
        written(&*store, &(0..25).map(|n| created(&there(n))).collect::<Vec<_>>());
        let query = RunQuery::task_runs().limit(7);
        let query = if oldest_first { query.oldest_first() } else { query };
        let mut pages = Vec::new();
        let mut next = query.clone();
        loop {
            let page = found(&*store, &next);
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            next = query.clone().after(*last);
            pages.extend(page);
            // Behind the page, where it cannot matter, whichever way that is.
            let number = u32::try_from(pages.len()).unwrap_or_default();
            let new = if oldest_first { task_run(&flow_run(0), 0) } else { task_run(&flows[1], number) };
            let new =
                RunRecord { id: if oldest_first { Uuid::from_u128(number.into()) } else { new.id }, ..new };
            written(&*store, &[created(&new)]);
        }
        let mut expected: Vec<Uuid> = (0..25).map(|n| there(n).id).collect();
        if !oldest_first {
            expected.reverse();
        }
        assert_eq!(pages, expected, "oldest first: {oldest_first}");
        assert!(found(&*store, &query.clone().limit(0)).is_empty());
        // What need not be there itself.
        let between = task_run(&flows[0], 11).id;
        let after = found(&*store, &query.after(between).limit(1));
        assert_eq!(after, [task_run(&flows[0], if oldest_first { 12 } else { 10 }).id]);
    }
}

/// Counts are those of what a query finds without a limit: by state, and by the span in which runs were made.
///
/// # Panics
/// Panics if that does not hold.
pub fn counts_are_those_of_what_is_found(new_store: &NewStore) {
    let store = new_store();
    let (mut runs, events) = population();
    written(&*store, &events);
    let early = RunRecord { created: UNIX_EPOCH + Duration::from_secs(59), ..flow_run(30) };
    written(&*store, &[created(&early)]);
    runs.push(early);
    let spans = [None, Some(Duration::from_secs(60)), Some(Duration::from_millis(7)), Some(Duration::MAX)];
    for (per, kind) in spans.into_iter().flat_map(|per| [(per, Kind::Flow), (per, Kind::Task)]) {
        let query = match kind {
            Kind::Flow => RunQuery::flow_runs(),
            Kind::Task => RunQuery::task_runs(),
        };
        for filter in filters(&runs).iter().chain([&filter("all", |q| q, |_| true)]) {
            let mut query = (filter.add)(query.clone()).limit(1).after(Uuid::nil());
            query.after = None;
            query.per = per;
            let mut expected: BTreeMap<(Option<SystemTime>, StateName), u64> = BTreeMap::new();
            for run in runs.iter().filter(|run| run.kind == kind && (filter.passes)(run)) {
                let span = per.map(|per| {
                    let since = run.created.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                    let begin = since - since % per.as_nanos();
                    UNIX_EPOCH + Duration::from_nanos(u64::try_from(begin).unwrap_or_default())
                });
                *expected.entry((span, run.state.name)).or_default() += 1;
            }
            let counts = done(store.count(&query), "count");
            let counts: Vec<_> =
                counts.into_iter().map(|count| ((count.since, count.name), count.count)).collect();
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(counts, expected, "{}, per {per:?}", filter.name);
        }
    }
}

/// Logs come in the order of their times, and of writing where these are the same: of a task run, or of a flow run and the runs in it
/// but those of its child flow runs.
///
/// # Panics
/// Panics if that does not hold.
pub fn logs_come_in_pages(new_store: &NewStore) {
    let store = new_store();
    let flow = flow_run(0);
    let child = child_of(&flow, 1);
    let tasks = [task_run(&flow, 0), task_run(&flow, 1), task_run(&child, 0)];
    let outside = RunRecord { parent: None, flow_run: None, ..task_run(&flow_run(2), 0) };
    let runs = [&flow, &child, &tasks[0], &tasks[1], &tasks[2], &outside];
    written(&*store, &runs.map(created));
    let mut chance = Chance::new(1);
    let mut logs = Vec::new();
    for n in 0..100 {
        let run = runs[chance.below(runs.len())];
        logs.push(LogRecord {
            run: run.id,
            flow_run: if run.kind == Kind::Flow { Some(run.id) } else { run.flow_run },
            at: at(chance.below(10) as u64),
            level: "WARN".into(),
            target: "etl".into(),
            message: format!("log {n}"),
        });
    }
    for part in logs.chunks(30) {
        written(&*store, &part.iter().cloned().map(Event::Logged).collect::<Vec<_>>());
    }
    logs.sort_by_key(|log| log.at);
    for run in runs {
        let expected: Vec<&LogRecord> =
            logs.iter().filter(|log| log.run == run.id || log.flow_run == Some(run.id)).collect();
        let all = done(store.logs(&LogQuery::of(run.id)), "logs");
        assert_eq!(all.iter().collect::<Vec<_>>(), expected);
        let mut paged = Vec::new();
        while paged.len() < expected.len() {
            let page = LogQuery::of(run.id).limit(3).skip(paged.len() as u64);
            let page = done(store.logs(&page), "logs");
            assert_eq!(page.len(), 3.min(expected.len() - paged.len()));
            paged.extend(page);
        }
        assert_eq!(paged, all);
        assert_eq!(done(store.logs(&LogQuery::of(run.id).skip(u64::MAX)), "logs"), []);
        assert_eq!(done(store.logs(&LogQuery::of(run.id).limit(0)), "logs"), []);
    }
}
