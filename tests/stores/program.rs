//! What the tests of run stores start, look at and kill: a process that records.

use std::io::{BufRead, Write};

use millrun::store::{Durability, RunQuery, RunStore, SqliteRunStore, StoreError};

#[path = "batches.rs"]
mod batches;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["open", path] => show(SqliteRunStore::open_blocking(path).map(drop)),
        ["record", path, first] => record(path, first.parse().unwrap()),
        ["compete", path, first, count] => compete(path, first.parse().unwrap(), count.parse().unwrap()),
        ["fill", folder] => fill(folder),
        _ => panic!("{arguments:?}?"),
    }
}

/// Tells whoever listens; nobody may.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn show(done: Result<(), StoreError>) {
    match done {
        Ok(()) => say("done"),
        Err(error) if error.is_temporary() => say(format_args!("temporary: {error}")),
        Err(error) => say(format_args!("failed: {error}")),
    }
}

/// Writes one batch after the other, and says the number of each that is written.
fn record(path: &str, first: u32) {
    let store = SqliteRunStore::open_blocking(path).unwrap();
    for n in first.. {
        let durability = if n % 7 == 0 { Durability::Strict } else { Durability::Relaxed };
        store.write(&batches::batch(n), durability).unwrap();
        say(n);
    }
}

/// Opens the store and writes so many batches, at the same time as others do.
fn compete(path: &str, first: u32, count: u32) {
    say("ready");
    let _ = std::io::stdin().lock().read_line(&mut String::new());
    let store = match SqliteRunStore::open_blocking(path) {
        Ok(store) => store,
        Err(error) => return show(Err(error)),
    };
    for n in first..first + count {
        let written = store.write(&batches::batch(n), Durability::Relaxed);
        if written.is_err() || store.count(&RunQuery::task_runs()).is_err() {
            return show(written);
        }
    }
    show(Ok(()));
}

/// On a disk that is too small, until something is removed from it.
fn fill(folder: &str) {
    let other = format!("{folder}/other");
    std::fs::write(&other, vec![0; 1 << 20]).unwrap();
    let store = SqliteRunStore::open_blocking(format!("{folder}/runs.db")).unwrap();
    let mut batch = 0;
    let refused = loop {
        match store.write(&batches::batch(batch), Durability::Relaxed) {
            Ok(()) => batch += 1,
            Err(error) => break error,
        }
    };
    show(Err(refused));
    let count = || store.runs(&RunQuery::task_runs().limit(u32::MAX)).unwrap().len();
    say(count() == (batch * batches::RUNS) as usize);
    std::fs::remove_file(other).unwrap();
    show(store.write(&batches::batch(batch), Durability::Strict));
    say(count() == ((batch + 1) * batches::RUNS) as usize);
}
