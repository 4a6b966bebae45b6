//! What is drawn, as flows that give something to look at. Where `MILLRUN_TEST_PICTURES` names a directory the pictures are kept there.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use millrun::Graph;
use millrun::prelude::*;

/// Where pictures go.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::var_os("MILLRUN_TEST_PICTURES").map_or_else(
        || std::env::temp_dir().join(format!("millrun-pictures-{}", std::process::id())),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder).unwrap();
    folder
});

#[task]
fn only() -> u32 {
    1
}

#[flow]
pub fn single() -> Result<u32, FlowError> {
    Ok(only.submit().result()?)
}

#[task]
fn extract(source: &str) -> Vec<u32> {
    vec![1; source.len()]
}

#[task]
fn clean(rows: &[u32], limit: u32) -> Result<Vec<u32>, String> {
    if limit == 0 { Err("no rows are left".into()) } else { Ok(rows.to_vec()) }
}

#[task]
fn join(left: &[u32], right: &[u32]) -> usize {
    left.len() + right.len()
}

#[task]
fn publish(_rows: usize) -> Result<(), TaskError> {
    Err(TaskError::skip("nothing is new"))
}

#[task(trigger = all_finished)]
fn notify(outcome: Result<(), TaskError>, failed: Result<Vec<u32>, TaskError>) -> bool {
    outcome.is_ok() && failed.is_ok()
}

/// Eight runs: completed, failed, skipped, not executed.
#[flow]
pub fn etl() -> Result<bool, FlowError> {
    let airports = extract.submit("airports");
    let flights = extract.submit("flights");
    let airports = clean.submit(&airports, 10);
    let late = clean.submit(&flights, 0);
    let flights = clean.submit(&flights, 20);
    let joined = join.submit(&flights, &airports);
    let published = publish.wait_for(&flights).submit(&joined);
    Ok(notify.submit(&published, &late).result()?)
}

#[task]
fn step(inputs: Vec<u32>) -> u32 {
    inputs.into_iter().sum()
}

/// Runs that each take the results of some of those before.
#[flow]
pub fn random(count: usize, seed: u64) -> Result<u32, FlowError> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut steps = vec![step.submit(Vec::<u32>::new())];
    for n in 1..count {
        let nearest = n.min(24);
        let inputs: Vec<_> = (0..next(3)).map(|_| &steps[n - 1 - next(nearest)]).collect();
        let run = step.with_name(["load", "parse_rows", "check", "aggregate"][next(4)]).submit(inputs);
        steps.push(run);
    }
    Ok(steps.last().unwrap().result()?)
}

#[task(task_run_name = "{name}")]
fn named(name: String) -> usize {
    name.len()
}

/// Names that are long, and such as a picture might take for something else.
#[flow]
pub fn long_names() -> Result<(), FlowError> {
    let words = "a name that goes on and on, with commas, and does not come to an end before it has been broken in lines";
    let path = "s3://bucket/with/a/very/long/path/to/some/partition/year=2020/month=01/day=02/part-00000-of-00128.parquet";
    for name in [
        words,
        path,
        &"x".repeat(130),
        "<b>&amp;\"quoted\"</b> \\ {brace} #35; `tick`",
        "日本語の名前が付いたタスク",
        "Ünïcödé ✓ 🚀",
        "two\nlines\u{7}",
    ] {
        let run = named.submit(name);
        step.submit([run].map(|_| 1).to_vec()).wait();
    }
    Ok(())
}

#[task]
fn fetch(page: u32) -> Result<u32, String> {
    if page % 7 == 3 { Err("gone".into()) } else { Ok(page) }
}

#[task(retries = 1)]
fn parse(page: u32) -> u32 {
    page
}

#[task]
fn total(pages: Vec<Result<u32, TaskError>>) -> usize {
    pages.len()
}

#[task]
fn with_inner(n: u32) -> Result<u32, TaskError> {
    Ok(parse.submit(n).result()? + only().result()?)
}

#[flow]
fn child(n: u32) -> Result<u32, FlowError> {
    Ok(step.submit(vec![parse.submit(n).result()?]).result()?)
}

/// Maps, a child flow run, runs that are begun by runs.
#[flow]
pub fn boxes(pages: u32) -> Result<usize, FlowError> {
    let fetched = fetch.map(0..pages);
    let parsed = parse.map(&fetched);
    let all = total.submit(&fetched);
    let inner = child.start(&all_of(&all)?);
    let _ = with_inner.submit(&inner).result()?;
    let _ = parsed.outcomes_blocking();
    Ok(all.result()?)
}

fn all_of(all: &TaskFuture<usize>) -> Result<u32, TaskError> {
    Ok(all.result()? as u32)
}

/// One run after another.
#[flow]
pub fn chain(length: usize) -> Result<u32, FlowError> {
    let mut last = step.submit(vec![1]);
    for _ in 1..length {
        last = step.submit([&last]);
    }
    Ok(last.result()?)
}

/// Many runs of which one takes the results.
#[flow]
pub fn fan(width: usize) -> Result<u32, FlowError> {
    let first = only.submit();
    let steps: Vec<_> = (0..width).map(|_| step.submit([&first])).collect();
    Ok(step.submit(steps).result()?)
}

#[task(retries = 2, retry_delay = "10s")]
async fn flaky() -> Result<(), String> {
    if task_run().unwrap().run_count() < 3 { Err("not yet".into()) } else { Ok(()) }
}

#[flow]
async fn tried() -> Result<(), FlowError> {
    Ok(flaky.submit().await?)
}

/// A run of three attempts, with ten seconds between them.
pub fn retried() -> Graph {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let run = engine.enter(|| tried().with_graph().start());
    for _ in 0..2 {
        clock.wait_for_timers(1);
        clock.advance(Duration::from_secs(10));
    }
    run.wait();
    run.graph().unwrap()
}

/// Runs that have nothing to do with each other.
#[flow]
pub fn run_apart(count: usize) {
    for _ in 0..count {
        let _ = only.submit();
    }
}
