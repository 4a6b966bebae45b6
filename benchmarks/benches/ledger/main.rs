//! Task runs recorded in SQLite, beside their rows inserted by hand; and what reading a store with a million runs takes.
//! `cargo bench --bench ledger`; with `MILLRUN_TEST_POSTGRES=postgres://…` in a PostgreSQL server as well. One part alone:
//! `cargo bench --bench ledger -- rows`, `engine`, `peak`, `server` or `read`.

mod discarding;
mod engine;
mod peak;

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use millrun::prelude::*;
use millrun::store::{
    Durability, Event, Kind, PostgresOptions, RunQuery, RunRecord, RunStore, SqliteRunStore,
};
use millrun_benchmarks::{Row, in_turns, median, print_head, time};
use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::json;
use uuid::Uuid;

const RUNS: u32 = 100_000;
/// Runs of a batch by hand.
const BATCH: u32 = 1000;
/// So many runs are under way at once.
const WINDOW: u32 = 500;

fn main() {
    if let Some(folder) = peak::asked_for() {
        return peak::record(&folder);
    }
    let folder = std::env::temp_dir().join(format!("millrun-benchmark-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wants = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let mut met = true;
    if wants("rows") {
        for (durability, synchronous) in [(Durability::Relaxed, "NORMAL"), (Durability::Strict, "FULL")] {
            met &= recorded(&folder, durability, synchronous);
        }
    }
    if wants("engine") {
        met &= engine::measure(&folder);
    }
    if wants("peak") {
        met &= peak::measure(&folder);
    }
    if wants("server") {
        match std::env::var("MILLRUN_TEST_POSTGRES") {
            Ok(url) => in_a_server(&url),
            Err(_) => println!("left out: PostgreSQL, as MILLRUN_TEST_POSTGRES names none\n"),
        }
    }
    if wants("read") {
        met &= read(&folder);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("\n{}", if met { "all targets met" } else { "some targets are missed" });
}

fn flow_run() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000)
}

fn task_run(number: u32) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_8000_8000_0000_0000_0000 | u128::from(number))
}

fn nanos(number: u32) -> i64 {
    1_700_000_000_000_000_000 + i64::from(number) * 1000
}

fn state(run: Uuid, name: StateName, nanos: i64) -> State {
    let time = UNIX_EPOCH + Duration::from_nanos(nanos.unsigned_abs());
    let mut state = State::skipped("");
    (state.id, state.name, state.state_type, state.message, state.timestamp) =
        (run, name, name.state_type(), None, time);
    state
}

fn created(number: u32) -> Event {
    let id = task_run(number);
    let first = state(id, StateName::Pending, nanos(number));
    Event::Created(Box::new(RunRecord {
        id,
        kind: Kind::Task,
        key: "benchmark::square".into(),
        function: "square".into(),
        version: None,
        name: format!("square-{number}"),
        tags: Vec::new(),
        parameters: None,
        parent: Some(flow_run()),
        flow_run: Some(flow_run()),
        root: flow_run(),
        map_index: Some(number),
        identity: Some(Uuid::from_u128(u128::from(number) << 64)),
        transaction: None,
        owner: Some(flow_run()),
        created: first.timestamp,
        run_count: 0,
        state: first,
    }))
}

fn entered(number: u32, name: StateName, later: i64) -> Event {
    let run = task_run(number);
    let state = state(run, name, nanos(number) + later);
    Event::Entered { run, kind: Kind::Task, state, run_count: 1, outcome: None }
}

/// What happens to the runs, as it would: each begins and ends a little after it was made.
fn events(runs: std::ops::Range<u32>) -> Vec<Event> {
    let mut events = Vec::new();
    for number in runs.start..runs.end + WINDOW {
        if number < runs.end {
            events.push(created(number));
        }
        if let Some(number) = number.checked_sub(WINDOW).filter(|number| *number >= runs.start) {
            events.push(entered(number, StateName::Running, 1_000_000));
            events.push(entered(number, StateName::Completed, 2_000_000));
        }
    }
    events
}

fn write(store: &dyn RunStore, events: &[Event], durability: Durability) {
    for batch in events.chunks(3 * BATCH as usize) {
        store.write(batch, durability).unwrap();
    }
}

fn by_hand(connection: &mut Connection) {
    for first in (0..RUNS).step_by(BATCH as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        {
            let mut run = transaction
                .prepare(
                    "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                )
                .unwrap();
            let mut state = transaction.prepare("INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5)").unwrap();
            for number in first..first + BATCH {
                let (id, flow) = (task_run(number), flow_run());
                let (id, flow) = (id.as_bytes().as_slice(), flow.as_bytes().as_slice());
                let none = None::<&str>;
                let name = format!("square-{number}");
                let identity = Uuid::from_u128(u128::from(number) << 64);
                run.execute(params![
                    0,
                    id,
                    1,
                    none,
                    name,
                    none,
                    flow,
                    flow,
                    flow,
                    number,
                    identity.as_bytes().as_slice(),
                    none,
                    none,
                    nanos(number),
                    1,
                    80
                ])
                .unwrap();
                for (own, later) in [(16, 0), (32, 1_000_000), (80, 2_000_000)] {
                    state.execute(params![id, nanos(number) + later, own, none, none]).unwrap();
                }
            }
        }
        transaction.commit().unwrap();
    }
}

fn recorded(folder: &Path, durability: Durability, synchronous: &str) -> bool {
    let events = events(0..RUNS);
    let next = std::cell::Cell::new(0);
    let file = || -> PathBuf {
        next.set(next.get() + 1);
        folder.join(format!("{synchronous}-{}.db", next.get()))
    };
    let ours = || {
        let path = file();
        let store = SqliteRunStore::open_blocking(&path).unwrap();
        let (took, ()) = time(|| write(&store, &events, durability));
        drop(store);
        std::fs::remove_file(path).unwrap();
        took
    };
    let limit = || {
        let path = file();
        // The same tables.
        drop(SqliteRunStore::open_blocking(&path).unwrap());
        let mut connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000"
            ))
            .unwrap();
        let (took, ()) = time(|| by_hand(&mut connection));
        drop(connection);
        std::fs::remove_file(path).unwrap();
        took
    };
    println!("synchronous = {synchronous}");
    print_head("ns");
    let (ours, limit) = in_turns(RUNS as usize, ours, limit);
    let mut met = Row { name: "100 000 task runs / their rows by hand", ours, limit, target: 2.0 }.print();
    let rate = 1e9 / ours;
    if durability == Durability::Relaxed {
        met &= rate >= 60_000.0;
    }
    println!("{rate:.0} task runs per second, three states each\n");
    met
}

/// The same runs in PostgreSQL, in a schema that stays there until the next time.
fn in_a_server(url: &str) {
    let store =
        PostgresOptions::new(url).unwrap().with_schema("millrun_benchmark").connect_blocking().unwrap();
    store.delete(&[flow_run()]).unwrap();
    let events = events(0..RUNS);
    for (durability, setting) in [(Durability::Relaxed, "off"), (Durability::Strict, "on")] {
        let (took, ()) = time(|| write(&store, &events, durability));
        let rate = f64::from(RUNS) / took.as_secs_f64();
        println!(
            "PostgreSQL, synchronous_commit = {setting}: {rate:.0} task runs per second, three states each"
        );
        end_flow_run(&store);
        store.delete(&[flow_run()]).unwrap();
    }
    println!();
}

/// Makes the flow run of all these, as one that has ended: what is to be deleted.
fn end_flow_run(store: &dyn RunStore) {
    let Event::Created(mut run) = created(0) else { return };
    (run.id, run.kind, run.parent, run.flow_run, run.owner) = (flow_run(), Kind::Flow, None, None, None);
    run.state = state(run.id, StateName::Completed, nanos(0));
    store.write(&[Event::Created(run)], Durability::Relaxed).unwrap();
}

/// What opening and reading take where a million runs are.
fn read(folder: &Path) -> bool {
    const MANY: u32 = 1_000_000;
    let path = folder.join("many.db");
    let store = SqliteRunStore::open_blocking(&path).unwrap();
    for first in (0..MANY).step_by(RUNS as usize) {
        write(&store, &events(first..first + RUNS), Durability::Relaxed);
    }
    let rare = [entered(5, StateName::Failed, 3_000_000), entered(7, StateName::Running, 3_000_000)];
    store.write(&rare, Durability::Relaxed).unwrap();
    let mut one = created(MANY);
    if let Event::Created(run) = &mut one {
        (run.id, run.key, run.function) = (Uuid::from_u128(1), "benchmark::rare".into(), "rare".into());
        (run.tags, run.parameters) = (vec!["rare".into()], json!({ "x": 1 }).as_object().cloned());
    }
    store.write(&[one], Durability::Relaxed).unwrap();
    drop(store);
    let length = std::fs::metadata(&path).unwrap().len();
    println!("a million runs in SQLite: {} bytes each", length / u64::from(MANY));
    let opening = || time(|| drop(SqliteRunStore::open_blocking(&path).unwrap())).0;
    let mut met = report("opening", 100.0, opening);
    let store = SqliteRunStore::open_blocking(&path).unwrap();
    let newest = RunQuery::task_runs().limit(50);
    let queries = [
        ("the newest 50", newest.clone()),
        ("the newest 50 of a function", newest.clone().of("square")),
        ("those of a function that has few", newest.clone().of("rare")),
        ("the newest 50 that are COMPLETED", newest.clone().state(millrun::StateType::Completed)),
        ("those that are FAILED", newest.clone().state(millrun::StateType::Failed)),
        ("those that are RUNNING", newest.clone().state(millrun::StateType::Running)),
        ("those with a tag that few have", newest.clone().tag("rare")),
        ("50 in the middle of a flow run", newest.clone().in_flow_run(flow_run()).after(task_run(MANY / 2))),
        ("50 of a root", newest.clone().in_root(flow_run()).oldest_first()),
    ];
    for (name, query) in queries {
        met &= report(name, 10.0, || time(|| assert!(!store.runs(&query).unwrap().is_empty(), "{name}")).0);
    }
    met &= report("counting all", 2_000.0, || time(|| store.count(&RunQuery::task_runs()).unwrap()).0);
    met
}

fn report(name: &str, target: f64, mut action: impl FnMut() -> Duration) -> bool {
    let took = median((0..7).map(|_| action().as_secs_f64() * 1000.0).collect());
    let met = took <= target;
    println!("{name:<44} {took:>10.2} ms, target {target:.0}  {}", if met { "met" } else { "MISSED" });
    met
}
