//! What the tests of the ledger start and kill: a graph of a thousand task runs, whose effects are lines in a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Barrier;

use millrun::prelude::*;
use millrun::store::{RunQuery, SqliteRunStore};
use millrun::{Durability, FlowRunId};

/// An effect on the world outside: it has happened once its line is in the file.
fn happens(effects: &str, name: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(effects).unwrap();
    file.write_all(format!("{name}\n").as_bytes()).unwrap();
}

#[task(task_run_name = "fetch {n}")]
async fn fetch(n: u64, effects: String) -> u64 {
    happens(&effects, &format!("fetch {n}"));
    n * 7
}

#[task(task_run_name = "parse {n}")]
fn parse(n: u64, value: &u64, effects: &str) -> u64 {
    happens(effects, &format!("parse {n}"));
    value + 1
}

#[task(task_run_name = "check {n}")]
fn check(n: u64, value: Result<u64, TaskError>, effects: &str) -> u64 {
    happens(effects, &format!("check {n}"));
    value.unwrap_or(0)
}

#[task(task_run_name = "chain {n}")]
async fn chain(n: u64, sum: u64, effects: String) -> u64 {
    happens(&effects, &format!("chain {n}"));
    sum + n
}

#[task(task_run_name = "add up {part}")]
fn add_up(part: u64, values: &[u64], effects: &str) -> u64 {
    happens(effects, &format!("add up {part}"));
    values.iter().sum()
}

/// 100 task runs: a chain, in a flow run of its own.
#[flow]
async fn chained(start: u64, effects: String) -> Result<u64, FlowError> {
    let mut last = chain.submit(0, start, effects.clone());
    for n in 1..100 {
        last = chain.submit(n, last, effects.clone());
    }
    Ok(last.await?)
}

/// 1000 task runs in all.
#[flow]
async fn graph(effects: String) -> Result<u64, FlowError> {
    let fetched = fetch.map(0..299, unmapped(effects.clone()));
    let parsed = parse.map(0..299, &fetched, unmapped(effects.clone()));
    let checked = check.map(0..299, &parsed, unmapped(effects.clone()));
    let sums = [
        add_up.submit(0, &fetched, effects.as_str()),
        add_up.submit(1, &parsed, effects.as_str()),
        add_up.submit(2, &checked, effects.as_str()),
    ];
    let [one, two, three] = sums;
    let direct = one.await? + two.await?;
    Ok(chained(direct, effects).await? + three.await?)
}

#[flow]
fn brief() -> u64 {
    1
}

static BEGUN: Barrier = Barrier::new(2);

/// Never ends.
#[flow]
fn endless() -> u64 {
    BEGUN.wait();
    loop {
        std::thread::park();
    }
}

/// Runs two flows while nothing can be written, and is killed in the second.
fn outage(folder: &Path) {
    let store = SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap();
    let engine = Engine::builder().run_store(store).spool(folder.join("spool")).build();
    engine.run_blocking(brief()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| engine.run_blocking(endless()));
        BEGUN.wait();
        println!("{}", engine.flush_blocking().unwrap_err());
    });
}

#[task]
fn fill(n: u64) -> String {
    format!("{n} {}", "x".repeat(3_000))
}

#[flow]
fn filled(count: u64) -> Result<usize, FlowError> {
    Ok(fill.map(0..count).result()?.len())
}

/// On a disk that is too small, until something is removed from it.
fn full(disk: &Path, spool: &Path) {
    let other = disk.join("other");
    std::fs::write(&other, vec![0; 62 << 20]).unwrap();
    let engine = |name: &str, durability| {
        let store = SqliteRunStore::open_blocking(disk.join(name)).unwrap();
        let engine = Engine::builder().run_store(store).spool(spool).durability(durability);
        engine.recording_timeout("1s").build()
    };
    let (relaxed, strict) = (engine("one.db", Durability::Relaxed), engine("two.db", Durability::Strict));
    println!("relaxed: {:?}", relaxed.run_blocking(filled(2_000)).map_err(|error| error.to_string()));
    println!("strict: {:?}", strict.run_blocking(filled(2_000)).map_err(|error| error.to_string()));
    std::fs::remove_file(other).unwrap();
    relaxed.flush_blocking().unwrap();
    let runs = relaxed.run_store().unwrap().count(&RunQuery::task_runs()).unwrap();
    println!("recorded: {}", runs.len() == 1 && runs[0].count == 2_000);
    strict.flush_blocking().unwrap();
    println!("strict: {:?}", strict.run_blocking(filled(10)).map_err(|error| error.to_string()));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [how, folder, id] = arguments[..] else { panic!("{arguments:?}?") };
    let folder = Path::new(folder);
    match how {
        "outage" => return outage(folder),
        "full" => return full(folder, Path::new(id)),
        _ => {}
    }
    let store = SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap();
    let durability = if how == "strict" { Durability::Strict } else { Durability::Relaxed };
    let engine = Engine::builder().run_store(store).durability(durability).build();
    let id: FlowRunId = id.parse().unwrap();
    let effects = folder.join("effects").to_str().unwrap().to_owned();
    match engine.run_blocking(graph(effects).with_flow_run_id(id)) {
        Ok(value) => println!("{value}"),
        Err(error) => println!("{error}"),
    }
}
