//! Panics: where they end, what is told of them, and that everything else goes on.

use millrun::prelude::*;

use crate::tally::{Calls, Oops, names};

#[task]
async fn panicking() {
    panic!("async trouble");
}

#[task]
fn panicking_sync() {
    panic!("sync trouble no {}", 1);
}

#[task(blocking)]
fn panicking_blocking() {
    panic!("blocking trouble");
}

#[task]
async fn panicking_later() {
    tokio::task::yield_now().await;
    panic!("later trouble");
}

/// The message holds the panic's own and its place in this file.
fn assert_crashed(state: &State, error: &TaskError, said: &str) {
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert_eq!((state.state_type, state.name), (StateType::Crashed, StateName::Crashed));
    let message = state.message.clone().unwrap();
    assert_eq!(message, error.to_string());
    let expected = format!("Task run panicked: {said} (at {}:", file!());
    assert!(message.starts_with(&expected), "{message}");
    let place = message.strip_prefix(&expected).unwrap().strip_suffix(')').unwrap();
    let (line, column) = place.split_once(':').unwrap();
    assert!(line.parse::<u32>().unwrap() > 5 && column.parse::<u32>().unwrap() > 0, "{place}");
}

#[test]
fn a_panic_ends_the_run_as_crashed_with_its_message_and_place() {
    let runs = [
        (panicking.submit(), "async trouble"),
        (panicking_sync.submit(), "sync trouble no 1"),
        (panicking_blocking.submit(), "blocking trouble"),
        (panicking_later.submit(), "later trouble"),
        (panicking_sync.with_timeout("1h").submit(), "sync trouble no 1"),
    ];
    for (future, said) in runs {
        let error = future.result().unwrap_err();
        assert_crashed(&future.state(), &error, said);
        assert_eq!(names(&future.states()), ["Pending", "Running", "Crashed"]);
    }
}

#[flow]
async fn going_on() -> Result<u32, FlowError> {
    let calls = [panicking().await, panicking_later().await];
    for result in calls {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Crashed);
    }
    let runs = [panicking.submit(), panicking_sync.submit()];
    for future in runs {
        assert_eq!(future.await.unwrap_err().kind(), ErrorKind::Crashed);
    }
    Ok(1)
}

#[flow]
fn going_on_sync() -> Result<u32, FlowError> {
    assert_eq!(panicking_sync().result().unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(panicking().result().unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(panicking_sync.submit().result().unwrap_err().kind(), ErrorKind::Crashed);
    Ok(2)
}

#[test]
fn the_flows_body_sees_an_error_and_goes_on() {
    let run = going_on().report_blocking();
    assert_eq!(run.result().unwrap(), &1);
    assert_eq!(run.task_runs().iter().filter(|run| run.state().is_crashed()).count(), 4);
    assert_eq!(going_on_sync().result().unwrap(), 2);
}

#[flow]
async fn crashing() {
    panic!("flow trouble");
}

#[flow]
fn crashing_sync() {
    panic!("sync flow trouble");
}

#[flow]
async fn parent() -> Result<u32, FlowError> {
    let error = crashing().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    Ok(3)
}

#[test]
fn a_panic_in_a_flows_body_crashes_the_flow_run() {
    let runs = [
        (crashing().report_blocking(), "flow trouble"),
        (crashing_sync().report_blocking(), "sync flow trouble"),
        (crashing_sync().with_timeout("1h").report_blocking(), "sync flow trouble"),
    ];
    for (run, said) in runs {
        assert_eq!(run.result().unwrap_err().kind(), ErrorKind::Crashed);
        assert_eq!(run.state().state_type, StateType::Crashed);
        let message = run.state().message.unwrap();
        let expected = format!("Flow run panicked: {said} (at {}:", file!());
        assert!(message.starts_with(&expected), "{message}");
    }
    assert_eq!(crashing_sync().start().result().unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(parent().result().unwrap(), 3);
}

#[flow(retries = 3)]
async fn crashing_once_and_for_all(calls: Calls) {
    calls.add();
    panic!("flow trouble");
}

#[test]
fn a_crash_is_not_retried() {
    let calls = Calls::default();
    let run = crashing_once_and_for_all(calls.clone()).report_blocking();
    assert_eq!(names(&run.states()), ["Pending", "Running", "Crashed"]);
    assert_eq!(calls.count(), 1);
}

#[task]
async fn succeeding() -> u32 {
    9
}

#[flow]
async fn leaving_runs_behind(calls: Calls) {
    let done = calls.clone();
    let counted = move |_: &TaskRun, _: &State| {
        done.add();
    };
    let _unseen = succeeding.with_on_completion(counted).submit();
    panic!("too early");
}

#[test]
fn open_runs_finish_before_a_crashed_flow_run_ends() {
    let calls = Calls::default();
    let run = leaving_runs_behind(calls.clone()).report_blocking();
    assert_eq!(calls.count(), 1);
    assert!(run.task_runs()[0].state().is_completed());
    assert!(run.state().is_crashed());
}

/// Panics with something else than a text.
#[task]
fn panicking_with_a_value() {
    std::panic::panic_any(Oops(3));
}

#[test]
fn a_panic_without_a_text_is_told_of_too() {
    let message = panicking_with_a_value.submit().result().unwrap_err().to_string();
    assert!(message.starts_with("Task run panicked: a panic without a message (at "), "{message}");
}

/// Panics when it is cloned, displayed or dropped.
struct Bomb(&'static str);

impl Clone for Bomb {
    fn clone(&self) -> Self {
        assert_ne!(self.0, "clone", "no clone");
        Self(self.0)
    }
}

impl std::fmt::Display for Bomb {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        assert_ne!(self.0, "display", "no display");
        Ok(())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 == "drop" && !std::thread::panicking() {
            panic!("no drop");
        }
    }
}

#[task(retries = 1, task_run_name = "bomb {bomb}")]
async fn handling(bomb: Bomb) {
    let _ = bomb.0;
}

#[task(retries = 1, task_run_name = "bomb {bomb}")]
fn handling_sync(bomb: Bomb) {
    let _ = bomb.0;
}

#[test]
fn panics_around_the_body_crash_the_run_and_nothing_else() {
    for what in ["clone", "display", "drop"] {
        let submitted = handling.submit(Bomb(what)).result().unwrap_err();
        let submitted_sync = handling_sync.submit(Bomb(what)).result().unwrap_err();
        for error in [submitted, submitted_sync] {
            assert_eq!(error.kind(), ErrorKind::Crashed);
            assert!(error.to_string().contains(&format!("no {what}")), "{error}");
        }
    }
    for what in ["clone", "display"] {
        let error = handling(Bomb(what)).result().unwrap_err();
        assert!(error.to_string().contains(&format!("no {what}")), "{error}");
    }
    assert_eq!(succeeding.submit().result().unwrap(), 9);
}
