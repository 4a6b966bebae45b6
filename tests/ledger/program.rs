//! What the tests of the ledger start and kill: a graph of a thousand task runs, whose effects are lines in a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use millrun::prelude::*;
use millrun::store::SqliteRunStore;
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

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [how, folder, id] = arguments[..] else { panic!("{arguments:?}?") };
    let folder = Path::new(folder);
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
