//! What the tests of results start, look at and kill: a process that keeps results and locks.

use std::io::{BufRead, Write};

use millrun::lock::{FileLockManager, LockManager, LockRequest};
use millrun::result::{MessagePack, Read, ResultStore, ResultStoreError};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["default"] => show(ResultStore::default_directory().and_then(|store| store.write_blocking("k", &1))),
        ["write", folder, key, length] => show(store(folder).write_blocking(key, &text(length))),
        ["keep on writing", folder, key, letter, length] => keep_on_writing(folder, key, letter, length),
        ["fill", folder, length] => fill(folder, length),
        ["hold", folder, key, owner] => hold(folder, key, owner),
        ["count", folder, owner, times] => count(folder, owner, times.parse().unwrap()),
        _ => panic!("{arguments:?}?"),
    }
}

/// Tells whoever listens; nobody may.
fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn show(done: Result<(), ResultStoreError>) {
    match done {
        Ok(()) => say("written"),
        Err(error) if error.is_permission_denied() => say(format_args!("permission denied: {error}")),
        Err(error) if error.is_full() => say(format_args!("full: {error}")),
        Err(error) => say(format_args!("failed: {error}")),
    }
}

fn store(folder: &str) -> ResultStore {
    ResultStore::directory(folder).unwrap().with_serializer(MessagePack)
}

fn text(length: &str) -> String {
    "x".repeat(length.parse().unwrap())
}

/// Writes a number and so many letters, again and again, and says each number that is written. Goes on from what is there.
fn keep_on_writing(folder: &str, key: &str, letter: &str, length: &str) {
    let store = store(folder);
    let letters = letter.repeat(length.parse().unwrap());
    let before = store.read_blocking::<(u64, String)>(key).unwrap().into_value();
    let first = before.map_or(0, |(number, _)| number) + 1;
    for number in first.. {
        store.write_blocking(key, &(number, &letters)).unwrap();
        say(number);
    }
}

/// On a disk that is too small for the second write.
fn fill(folder: &str, length: &str) {
    let store = store(folder);
    show(store.write_blocking("k", "before"));
    show(store.write_blocking("k", &text(length)));
    match store.read_blocking::<String>("k").unwrap() {
        Read::Found(record) => say(record.value),
        Read::Missing(missing) => say(missing),
    }
    show(store.write_blocking("k", "after"));
}

/// Holds a lock until it is told to go on.
fn hold(folder: &str, key: &str, owner: &str) {
    let locks = FileLockManager::new(folder).unwrap();
    locks.acquire_blocking(key, &LockRequest::by(owner)).unwrap();
    say("held");
    let _ = std::io::stdin().lock().read_line(&mut String::new());
    locks.release_blocking(key, owner).unwrap();
    say("released");
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

/// Adds one to what is there so many times, each time under the lock.
fn count(folder: &str, owner: &str, times: u32) {
    let locks = FileLockManager::new(folder).unwrap();
    for _ in 0..times {
        locks.acquire_blocking("n", &LockRequest::by(owner)).unwrap();
        let store = store(folder);
        let before: u32 = store.read_blocking("n").unwrap().into_value().unwrap_or_default();
        store.write_blocking("n", &(before + 1)).unwrap();
        locks.release_blocking("n", owner).unwrap();
    }
    say("counted");
}
