//! Tasks: sync, async, blocking, borrowing, generic, with every option.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millrun::prelude::*;

use crate::hooks;

/// Every option.
#[task(
    name = "fetch page",
    description = "Fetches a page.",
    version = "2",
    tags = ["io", "nightly"],
    task_run_name = "fetch {url:?} {width:>width$}",
    retries = 3,
    retry_delay = exponential("10s", max = "10m"),
    retry_jitter_factor = 0.5,
    retry_if = hooks::is_transient,
    timeout = "1m 30s",
    trigger = some_successful(0.5..),
    skip_on_upstream_skip = false,
    persist_result,
    cache_policy = Inputs + TaskSource - "width",
    cache_expiration = "1d",
    refresh_cache,
    result_storage = ResultStore::memory(),
    result_serializer = msgpack,
    crate = ::millrun,
    on_running = hooks::note,
    on_completion = [hooks::note, hooks::tell],
    on_failure = hooks::tell,
    on_crashed = hooks::note,
    on_cancellation = hooks::note,
    on_state_change = hooks::watch,
)]
pub async fn fetch(url: &str, width: usize) -> Result<String, std::io::Error> {
    std::future::ready(Ok(format!("{url:>width$}"))).await
}

/// A trigger of our own, and a list of delays.
#[task(trigger = hooks::decide, retries = 2, retry_delay = ["1s", "1m"])]
pub fn parse(text: String) -> Result<u64, std::num::ParseIntError> {
    text.trim().parse()
}

/// Its result has a place.
#[task(result_storage_key = "{today}/{task_name}-{_x}.json")]
pub fn placed(_x: u32) -> u32 {
    1
}

/// Takes what it does not need, by value and by reference.
#[task(task_run_name = "ignore {_why}")]
pub fn ignore(_why: String, _values: &[u64], _path: &Path) {}

/// Async without anything to await.
#[task]
pub async fn idle(_n: u32) {}

/// Reads a file.
///
/// # Errors
/// What the file system says.
#[task(blocking)]
pub fn read(path: PathBuf) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Takes things by value that it only reads, and changes one.
#[task]
pub fn count(words: Vec<String>, mut counts: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    for word in words.iter().cloned() {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// Generic.
#[task]
pub async fn show<T: std::fmt::Debug + Send + Sync + 'static>(value: &T) -> String {
    std::future::ready(format!("{value:?}")).await
}

/// Sees how its upstream ended.
#[task(trigger = all_finished)]
pub fn outcome(of: Result<u64, TaskError>) -> bool {
    of.is_ok()
}

/// A flag, a character and a number: many small parameters.
#[task]
pub fn small(flag: bool, letter: char, number: f64, pair: (u8, u8), nothing: Option<u8>) -> bool {
    flag && letter.is_ascii() && number > 0.0 && pair.0 == pair.1 && nothing.is_none()
}

/// A constant.
#[task]
pub fn answer() -> u64 {
    42
}
