//! How long what a graph is made of is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrun::prelude::*;

#[task]
fn one() -> i32 {
    1
}

/// Lives as long as the runs of the flow run: their options hold it.
fn watch(token: Arc<()>) -> impl Fn(&TaskRun, &State) + Send + Sync + 'static {
    move |_, _| drop(token.clone())
}

/// Waits until nothing holds the token any more: a worker may still be about to let go of a run that has ended.
fn await_end_of(token: &Arc<()>) {
    let until = Instant::now() + Duration::from_secs(30);
    while Arc::strong_count(token) > 1 {
        assert!(Instant::now() < until, "{} runs are kept", Arc::strong_count(token) - 1);
        std::thread::yield_now();
    }
}

#[flow]
fn watched(token: Arc<()>) -> Result<i32, FlowError> {
    Ok(one.with_on_completion(watch(token)).submit().result()?)
}

#[flow]
fn around(token: Arc<()>) -> Result<i32, FlowError> {
    watched(token).result()
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let token = Arc::new(());
    let run = watched(token.clone()).start();
    assert_eq!(run.result().unwrap(), 1);
    assert!(run.graph().is_none());
    drop(run);
    await_end_of(&token);
}

#[test]
fn what_is_kept_goes_with_the_last_future() {
    let token = Arc::new(());
    let run = around(token.clone()).with_graph().start();
    assert_eq!(run.result().unwrap(), 1);
    assert!(Arc::strong_count(&token) > 1);
    let other = run.clone();
    drop(run);
    assert_eq!(other.graph().unwrap().nodes.len(), 2);
    drop(other);
    await_end_of(&token);
}

#[test]
fn what_is_called_keeps_nothing() {
    let token = Arc::new(());
    assert_eq!(around(token.clone()).with_graph().result().unwrap(), 1);
    await_end_of(&token);
}

#[test]
fn what_is_kept_goes_with_the_report() {
    let token = Arc::new(());
    let report = around(token.clone()).report_blocking();
    assert_eq!(report.graph().nodes.len(), 2);
    assert!(Arc::strong_count(&token) > 1);
    drop(report);
    await_end_of(&token);
}
