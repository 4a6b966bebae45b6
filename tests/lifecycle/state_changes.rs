//! `on_state_change`: asked before each change of state, and what its answers do.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Notes, Oops, names, timed_engine};

/// Notes the change, and lets it be.
fn noting(notes: &Notes) -> impl Fn(&TaskRun, &State, State) -> State + Send + Sync + 'static {
    let notes = notes.clone();
    move |_, old, new| {
        notes.add(format!("{} to {new}", old.name));
        new
    }
}

#[task]
fn succeeding(calls: Calls) -> u32 {
    calls.add()
}

#[task]
async fn failing(calls: Calls) -> Result<u32, Oops> {
    Err(Oops(calls.add()))
}

#[task]
fn panicking() {
    panic!("no luck");
}

#[task]
async fn awaiting(gate: Gate) {
    gate.passed().await;
}

#[test]
fn it_is_asked_about_every_change() {
    let notes = Notes::default();
    succeeding.with_on_state_change(noting(&notes)).submit(Calls::default()).wait();
    assert_eq!(notes.list(), ["Pending to Running()", "Running to Completed()"]);

    let (engine, clock) = timed_engine();
    let notes = Notes::default();
    let task = failing.with_retries(1).with_retry_delay("10s").with_on_state_change(noting(&notes));
    let future = engine.enter(|| task.submit(Calls::default()));
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(10));
    future.wait();
    let changes = [
        "Pending to Running()",
        "Running to AwaitingRetry(type=SCHEDULED)",
        "AwaitingRetry to Retrying(type=RUNNING)",
        "Retrying to Failed('Task run encountered an exception: oops 2')",
    ];
    assert_eq!(notes.list(), changes);
    let notes = Notes::default();
    let task = failing.with_retries(1).with_on_state_change(noting(&notes));
    task.submit(Calls::default()).wait();
    assert_eq!(notes.list(), [changes[0], "Running to Retrying(type=RUNNING)", changes[3]]);
}

#[test]
fn it_is_asked_about_waiting_for_a_slot() {
    let engine = Engine::builder().concurrency_limit("one", 1).build();
    for called in [false, true] {
        let (gate, notes) = (Gate::new(), Notes::default());
        let holder = engine.enter(|| awaiting.with_tags(["one"]).submit(&gate));
        while !holder.state().is_running() {
            std::thread::yield_now();
        }
        let (seen, opener) = (notes.clone(), gate.clone());
        let task = succeeding.with_tags(["one"]).with_on_state_change(move |_, old, new| {
            seen.add(format!("{} to {}", old.name, new.name));
            if new.name == StateName::AwaitingConcurrencySlot {
                opener.open();
            }
            new
        });
        match called {
            false => engine.enter(|| task.submit(Calls::default())).wait(),
            true => drop(engine.enter(|| task.call(Calls::default()).result()).unwrap()),
        }
        let changes = [
            "Pending to AwaitingConcurrencySlot",
            "AwaitingConcurrencySlot to Running",
            "Running to Completed",
        ];
        assert_eq!(notes.list(), changes);
    }
}

#[test]
fn it_is_asked_about_ends_without_execution() {
    let notes = Notes::default();
    let failed = failing.submit(Calls::default());
    let future = waiting.with_on_state_change(noting(&notes)).submit(&failed);
    future.wait();
    assert_eq!(notes.list().len(), 1);
    assert!(notes.list()[0].starts_with("Pending to TriggerFailed('"), "{:?}", notes.list());

    let (notes, gate) = (Notes::default(), Gate::new());
    let before = awaiting.submit(&gate);
    let future = succeeding.wait_for(&before).with_on_state_change(noting(&notes)).submit(Calls::default());
    future.cancel();
    assert_eq!(notes.list(), ["Pending to Cancelled('the run was cancelled by `cancel()`')"]);
    gate.open();
}

#[task]
fn waiting(_x: u32) {}

/// Answers with `answer` where a state of that name is about to be entered.
fn turning(
    name: StateName,
    answer: State,
) -> impl Fn(&TaskRun, &State, State) -> State + Send + Sync + 'static {
    move |_, _, new| if new.name == name { answer.clone() } else { new }
}

#[test]
fn a_run_may_be_turned_away_before_its_body() {
    for (answer, ends) in [
        (State::failed("not allowed"), "Failed('not allowed')"),
        (State::cancelled("not allowed"), "Cancelled('not allowed')"),
        (State::skipped("not allowed"), "Skipped('not allowed', type=COMPLETED)"),
    ] {
        let calls = Calls::default();
        let task = succeeding.with_on_state_change(turning(StateName::Running, answer));
        let future = task.submit(calls.clone());
        let error = future.result().unwrap_err();
        assert_eq!(error.to_string(), "not allowed");
        assert_eq!(future.state().to_string(), ends);
        assert_eq!(calls.count(), 0);
        assert_eq!(task.call(calls.clone()).result().unwrap_err().kind(), error.kind());
        assert_eq!(calls.count(), 0);
    }
}

#[test]
fn a_success_may_be_turned_into_a_failure() {
    let calls = Calls::default();
    let task = succeeding
        .with_retries(2)
        .with_on_state_change(turning(StateName::Completed, State::failed("too good")));
    let future = task.submit(calls.clone());
    let error = future.result().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Failed, "too good"));
    assert_eq!(future.state().to_string(), "Failed('too good')");
    // It is an end, and not an attempt that failed.
    assert_eq!(calls.count(), 1);
    assert!(future.peek().is_none());
}

#[test]
fn a_failure_may_be_turned_into_a_skip_and_what_follows_is_skipped() {
    let task = failing.with_on_state_change(turning(StateName::Failed, State::skipped("never mind")));
    let future = task.submit(Calls::default());
    let following = waiting.submit(&future);
    assert!(future.result().unwrap_err().is_skipped());
    assert!(following.result().unwrap_err().is_skipped());
}

#[test]
fn another_message_keeps_the_error_of_the_user() {
    let task = failing.with_on_state_change(turning(StateName::Failed, State::failed("said otherwise")));
    let future = task.submit(Calls::default());
    let error = future.result().unwrap_err();
    assert_eq!(error.to_string(), "said otherwise");
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "oops 1");
    assert_eq!(future.state().to_string(), "Failed('said otherwise')");

    let crashing = panicking.with_on_state_change(turning(StateName::Crashed, State::failed("it crashed")));
    let error = crashing.submit().result().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Failed, "it crashed"));
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().starts_with("Task run panicked: no luck (at "), "{source}");
}

#[test]
fn a_retry_may_be_turned_down() {
    let (engine, clock) = timed_engine();
    for (task, called) in [(failing.with_retries(3), false), (failing.with_retries(3), true)] {
        let calls = Calls::default();
        let task = task
            .with_retry_delay("10s")
            .with_on_state_change(turning(StateName::AwaitingRetry, State::failed("once is enough")));
        let error = engine.enter(|| match called {
            false => task.submit(calls.clone()).result(),
            true => task.call(calls.clone()).result(),
        });
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "once is enough");
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
        assert_eq!((calls.count(), clock.pending_timers()), (1, 0));
    }
}

#[test]
fn a_wait_for_a_slot_may_be_turned_down() {
    let engine = Engine::builder().concurrency_limit("one", 1).build();
    let gate = Gate::new();
    let holder = engine.enter(|| awaiting.with_tags(["one"]).submit(&gate));
    while !holder.state().is_running() {
        std::thread::yield_now();
    }
    let answer = State::skipped("no time");
    let task = succeeding
        .with_tags(["one"])
        .with_on_state_change(turning(StateName::AwaitingConcurrencySlot, answer));
    let calls = Calls::default();
    let future = engine.enter(|| task.submit(calls.clone()));
    assert!(future.result().unwrap_err().is_skipped());
    assert_eq!(names(&future.states()), ["Pending", "Skipped"]);
    assert!(engine.enter(|| task.call(calls.clone()).result()).unwrap_err().is_skipped());
    gate.open();
    holder.wait();
    // Neither stands in line.
    let next = succeeding.with_tags(["one"]);
    assert_eq!(engine.enter(|| next.submit(calls.clone())).result().unwrap(), 1);
}

#[test]
fn illegal_answers_and_panics_fail_the_run_and_nobody_is_asked_about_that() {
    for (answer, says) in [
        (
            State::completed_like(),
            "a state cannot become Completed(); it may become Failed, Cancelled or Skipped",
        ),
        (None, "no answer (at "),
    ] {
        let (asked, calls) = (Calls::default(), Calls::default());
        let counted = asked.clone();
        let task = succeeding.with_on_state_change(move |_, _, _| {
            counted.add();
            answer.clone().unwrap_or_else(|| panic!("no answer"))
        });
        let future = task.submit(calls.clone());
        let message = format!("Unexpected error while calling state handlers: {says}");
        assert!(future.result().unwrap_err().to_string().starts_with(&message), "{:?}", future.state());
        assert_eq!(names(&future.states()), ["Pending", "Failed"]);
        assert_eq!((asked.count(), calls.count()), (1, 0));
    }

    // At the end: the user's error is kept.
    let task =
        failing.with_on_state_change(|_, _, new| if new.is_failed() { panic!("no answer") } else { new });
    let error = task.submit(Calls::default()).result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
    assert!(
        error.to_string().starts_with("Unexpected error while calling state handlers: no answer"),
        "{error}"
    );
}

trait CompletedLike {
    fn completed_like() -> Option<State>;
}

impl CompletedLike for State {
    /// A state that no handler may answer with where another is asked about.
    fn completed_like() -> Option<State> {
        let future = succeeding.submit(Calls::default());
        future.wait();
        Some(future.state())
    }
}

#[test]
fn each_is_given_what_the_one_before_it_answered() {
    let notes = Notes::default();
    let task = succeeding
        .with_on_state_change(turning(StateName::Running, State::failed("first")))
        .with_on_state_change(noting(&notes))
        .with_on_state_change(turning(StateName::Failed, State::skipped("second")));
    let future = task.submit(Calls::default());
    assert!(future.result().unwrap_err().is_skipped());
    assert_eq!(future.state().message.as_deref(), Some("second"));
    assert_eq!(notes.list(), ["Pending to Failed('first')"]);
}

#[test]
fn hooks_are_called_for_the_state_that_was_answered() {
    let notes = Notes::default();
    let (failure, completion) = (notes.clone(), notes.clone());
    let task = succeeding
        .with_on_state_change(turning(StateName::Completed, State::failed("too good")))
        .with_on_failure(move |_, state| failure.add(state.to_string()))
        .with_on_completion(move |_, state| completion.add(state.to_string()));
    task.submit(Calls::default()).wait();
    assert_eq!(notes.list(), ["Failed('too good')"]);
}

#[flow(retries = 1, retry_delay = "10s")]
async fn flowing(calls: Calls) -> Result<u32, Oops> {
    Err(Oops(calls.add()))
}

#[test]
fn flow_runs_are_asked_for_too() {
    let (engine, clock) = timed_engine();
    let notes = Notes::default();
    let seen = notes.clone();
    let flow = flowing(Calls::default()).with_on_state_change(move |run, old, new| {
        assert_eq!(flow_run().unwrap().id(), run.id());
        seen.add(format!("{} to {}", old.name, new.name));
        if new.is_failed() { State::skipped("never mind") } else { new }
    });
    let future = engine.enter(|| flow.start());
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(10));
    assert!(future.result().unwrap_err().is_skipped());
    assert_eq!(
        notes.list(),
        ["Pending to Running", "Running to AwaitingRetry", "AwaitingRetry to Retrying", "Retrying to Failed"]
    );
}

#[flow]
async fn holding(gate: Gate) {
    gate.passed().await;
}

/// Starts [`holding`], and cancels it once it executes.
fn cancelled_holding(
    hook: impl Fn(&FlowRunInfo, &State, State) -> State + Send + Sync + 'static,
) -> FlowFuture<()> {
    let flow = holding(Gate::new()).with_on_state_change(hook).start();
    while !flow.state().is_running() {
        std::thread::yield_now();
    }
    flow.cancel();
    flow.wait();
    flow
}

#[test]
fn flow_runs_are_asked_about_being_cancelled() {
    let notes = Notes::default();
    let seen = notes.clone();
    let future = cancelled_holding(move |_, old, new| {
        seen.add(format!("{} to {}", old.name, new.name));
        new
    });
    assert_eq!(notes.list(), ["Pending to Running", "Running to Cancelling", "Cancelling to Cancelled"]);
    assert!(future.result().unwrap_err().is_cancelled());
}

#[test]
fn a_flow_run_that_is_not_to_be_cancelling_ends_with_the_answer() {
    let asked = Calls::default();
    let counted = asked.clone();
    let future = cancelled_holding(move |_, _, new| {
        counted.add();
        if new.name == StateName::Cancelling { State::failed("somebody stopped it") } else { new }
    });
    assert_eq!(names(&future.states()), ["Pending", "Running", "Failed"]);
    assert_eq!(future.state().message.as_deref(), Some("somebody stopped it"));
    // About Running, and about Cancelling; about an answer nobody is asked.
    assert_eq!(asked.count(), 2);
}
