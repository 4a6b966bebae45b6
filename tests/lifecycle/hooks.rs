//! Hooks of task runs: which are called when, in which order, where, and what becomes of one that fails.

use std::sync::Mutex;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::logs;
use crate::tally::{Calls, Notes, Oops, timed_engine};

/// A task with each of the hooks, which note that they were called.
macro_rules! noting {
    ($notes:expr, $task:expr) => {{
        let note = |what: &'static str| {
            let notes: Notes = $notes.clone();
            move |_: &TaskRun, state: &State| notes.add(format!("{what} {}", state.name))
        };
        $task
            .with_on_running(note("running"))
            .with_on_completion(note("completion"))
            .with_on_failure(note("failure"))
            .with_on_crashed(note("crashed"))
            .with_on_cancellation(note("cancellation"))
    }};
}

#[task]
fn succeeding() -> u32 {
    1
}

#[task]
async fn succeeding_async() -> u32 {
    1
}

#[task]
fn failing() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
async fn failing_async() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
fn panicking() -> u32 {
    panic!("no luck");
}

#[task]
fn skipping() -> Result<u32, TaskError> {
    Err(TaskError::skip("not today"))
}

#[task]
async fn awaiting(gate: Gate) -> u32 {
    gate.passed().await;
    1
}

#[task]
fn after(x: u32) -> u32 {
    x
}

#[test]
fn each_end_has_its_hook_and_no_other() {
    let notes = Notes::default();
    let take = || std::mem::take(&mut *notes.0.lock().unwrap());
    noting!(notes, succeeding).submit().wait();
    assert_eq!(take(), ["running Running", "completion Completed"]);
    noting!(notes, succeeding_async).submit().wait();
    assert_eq!(take(), ["running Running", "completion Completed"]);
    noting!(notes, failing).submit().wait();
    assert_eq!(take(), ["running Running", "failure Failed"]);
    noting!(notes, failing_async).submit().wait();
    assert_eq!(take(), ["running Running", "failure Failed"]);
    noting!(notes, panicking).submit().wait();
    assert_eq!(take(), ["running Running", "crashed Crashed"]);
    noting!(notes, skipping).submit().wait();
    assert_eq!(take(), ["running Running", "completion Skipped"]);
    noting!(notes, after).submit(failing.submit()).wait();
    assert_eq!(take(), ["failure TriggerFailed"]);
    noting!(notes, after).submit(skipping.submit()).wait();
    assert_eq!(take(), ["completion Skipped"]);

    let (engine, clock) = timed_engine();
    let future = engine.enter(|| noting!(notes, awaiting.with_timeout("1s")).submit(Gate::new()));
    clock.wait_for_timers(1);
    clock.advance(std::time::Duration::from_secs(1));
    future.wait();
    assert_eq!(take(), ["running Running", "failure TimedOut"]);
}

#[test]
fn a_cancelled_run_calls_on_cancellation_alone() {
    let (notes, begun) = (Notes::default(), Gate::new());
    let opener = begun.clone();
    let task = noting!(notes, awaiting).with_on_running(move |_, _| opener.open());
    let future = task.submit(Gate::new());
    begun.wait();
    future.cancel();
    future.wait();
    assert_eq!(notes.list(), ["running Running", "cancellation Cancelled"]);

    // Before the start.
    let notes = Notes::default();
    let gate = Gate::new();
    let before = awaiting.submit(&gate);
    let future = noting!(notes, after).submit(&before);
    future.cancel();
    future.wait();
    assert_eq!(notes.list(), ["cancellation Cancelled"]);
    gate.open();
    before.wait();
}

#[test]
fn calls_and_maps_call_hooks_as_submitted_runs_do() {
    let notes = Notes::default();
    assert_eq!(noting!(notes, succeeding).call().result().unwrap(), 1);
    assert_eq!(noting!(notes, succeeding_async).call().result().unwrap(), 1);
    let twice = ["running Running", "completion Completed"].repeat(2);
    assert_eq!(notes.list(), twice);

    let notes = Notes::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        noting!(notes, failing).call().await.unwrap_err();
        noting!(notes, failing_async).call().await.unwrap_err();
    });
    assert_eq!(notes.list(), ["running Running", "failure Failed"].repeat(2));

    let notes = Notes::default();
    noting!(notes, after).map([1, 2, 3]).result().unwrap();
    let mut called = notes.list();
    called.sort();
    assert_eq!(called, [["completion Completed"; 3], ["running Running"; 3]].concat());
}

#[task(retries = 2)]
async fn failing_at_first(calls: Calls, failures: u32) -> Result<(), Oops> {
    let call = calls.add();
    if call > failures { Ok(()) } else { Err(Oops(call)) }
}

#[test]
fn on_running_is_called_for_each_attempt_and_the_others_once_at_the_end() {
    let notes = Notes::default();
    noting!(notes, failing_at_first).submit(Calls::default(), 1).wait();
    assert_eq!(notes.list(), ["running Running", "running Retrying", "completion Completed"]);

    let notes = Notes::default();
    noting!(notes, failing_at_first).submit(Calls::default(), 3).wait();
    assert_eq!(notes.list(), ["running Running", "running Retrying", "running Retrying", "failure Failed"]);
}

static CALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn first(run: &TaskRun, state: &State) {
    CALLED.lock().unwrap().push(format!("first {}: {state}", run.name()));
}

async fn second(run: &TaskRun, state: &State) -> Result<(), Oops> {
    tokio::task::yield_now().await;
    CALLED.lock().unwrap().push(format!("second {}: {state}", run.name()));
    Err(Oops(2))
}

fn third(run: &TaskRun, state: &State) -> Result<(), String> {
    CALLED.lock().unwrap().push(format!("third {}: {state}", run.name()));
    panic!("no third");
}

fn fourth(run: &TaskRun, state: &State) -> Result<(), String> {
    CALLED.lock().unwrap().push(format!("fourth {}: {state}", run.name()));
    Err("no fourth".into())
}

#[task(on_completion = [first, second, third, fourth, first], task_run_name = "with five hooks")]
fn with_five_hooks() -> u32 {
    5
}

#[test]
fn hooks_are_called_in_order_and_one_that_fails_or_panics_is_logged_and_changes_nothing() {
    logs::keep();
    let future = with_five_hooks.submit();
    assert_eq!(future.result().unwrap(), 5);
    assert!(future.state().is_completed());
    let called = std::mem::take(&mut *CALLED.lock().unwrap());
    let expected = ["first", "second", "third", "fourth", "first"];
    assert_eq!(called, expected.map(|hook| format!("{hook} with five hooks: Completed()")));

    let logged = logs::with(&["'with five hooks'", "The hook"]);
    assert_eq!(logged.len(), 3, "{logged:#?}");
    for (line, says) in logged.iter().zip(["oops 2", "no third (at ", "no fourth"]) {
        assert!(line.starts_with("ERROR"), "{line}");
        let said = format!("Task run 'with five hooks' - The hook `on_completion` failed: {says}");
        assert!(line.contains(&said), "{line}");
    }
}

#[test]
fn with_on_methods_replace_the_attributes_hooks_and_add_up() {
    let notes = Notes::default();
    let [one, two] = ["one", "two"].map(|what| {
        let notes = notes.clone();
        move |_: &TaskRun, _: &State| notes.add(what)
    });
    with_five_hooks
        .with_name("replaced")
        .with_task_run_name("replaced")
        .with_on_completion(one)
        .with_on_completion(two)
        .submit()
        .wait();
    assert_eq!(notes.list(), ["one", "two"]);
    assert!(!CALLED.lock().unwrap().iter().any(|called| called.contains("replaced")));
}

#[test]
fn hooks_see_the_run_as_it_has_ended() {
    let notes = Notes::default();
    let seen = notes.clone();
    let task = failing.with_name("told").with_on_failure(move |run, state| {
        seen.add(run.name());
        assert_eq!(run.state(), *state);
        seen.add(state.message.clone().unwrap_or_default());
        let error = run.error().unwrap();
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(1)));
        seen.add(run.run_count().to_string());
        assert!(run.ended_at().is_some());
    });
    let future = task.submit();
    future.wait();
    assert_eq!(notes.list(), ["told-0", "Task run encountered an exception: oops 1", "1"]);
    assert!(succeeding.with_on_completion(|run, _| assert!(run.error().is_none())).submit().result().is_ok());
}

#[task]
fn adding(x: u32, y: u32) -> u32 {
    x + y
}

#[test]
fn hooks_are_told_the_parameters() {
    let notes = Notes::default();
    let seen = notes.clone();
    let task = adding.with_on_running(move |run, _| {
        seen.add(serde_json::to_string(&run.parameters()).unwrap());
    });
    task.submit(1, 2).wait();
    assert_eq!(notes.list(), [r#"{"x":1,"y":2}"#]);
}

#[test]
fn hooks_run_inside_the_runs_context() {
    let notes = Notes::default();

    #[flow(flow_run_name = "of the hooks", tags = ["of flow"])]
    async fn with_hooks(notes: Notes) {
        let seen = notes.clone();
        let note = move |run: &TaskRun, _: &State| {
            let here = task_run().unwrap();
            assert_eq!(here.id(), run.id());
            assert_eq!(flow_run().unwrap().name(), "of the hooks");
            // What a hook submits is of the run, and the flow run waits for it.
            let seen = seen.clone();
            let _ = noting_parent.submit(seen, here.name());
        };
        let task = succeeding.with_tags(["own"]);
        task.with_on_running(note.clone()).with_on_completion(note).submit().await.unwrap();
    }

    #[task]
    fn noting_parent(notes: Notes, expected: String) {
        let run = task_run().unwrap();
        assert_eq!(run.parent().unwrap().name(), expected);
        assert_eq!(run.tags(), ["of flow", "own"]);
        notes.add(expected);
    }

    let run = with_hooks(notes.clone()).report_blocking();
    run.result().unwrap();
    assert_eq!(notes.list(), ["succeeding-0"; 2]);
    assert_eq!(run.task_runs().len(), 3);
}

#[test]
fn a_hook_may_wait_for_what_it_submits_on_every_runner() {
    let check = |engine: Engine| {
        let notes = Notes::default();
        let seen = notes.clone();
        let ask = move |_: &TaskRun, _: &State| seen.add(adding.submit(1, 2).result().unwrap().to_string());
        engine.enter(|| {
            let task = succeeding.with_on_running(ask.clone()).with_on_completion(ask.clone());
            assert_eq!(task.submit().result().unwrap(), 1);
            let task = failing_async.with_on_running(ask.clone()).with_on_failure(ask.clone());
            // On a worker of the runtime an async run's sync hooks may block, too.
            task.submit().wait();
        });
        assert_eq!(notes.list(), ["3"; 4]);
    };
    check(Engine::builder().task_runner(SequentialTaskRunner::new()).build());
    check(Engine::builder().task_runner(ConcurrentTaskRunner::new().max_workers(1)).build());
    check(Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build());
}

#[test]
fn what_waits_for_a_run_goes_on_after_its_hooks() {
    let notes = Notes::default();
    let (of_hook, of_task) = (notes.clone(), notes.clone());
    let before = succeeding.with_on_completion(move |_, _| of_hook.add("hook")).submit();
    let task = after.with_on_running(move |_, _| of_task.add("downstream")).submit(&before);
    task.wait();
    assert_eq!(notes.list(), ["hook", "downstream"]);
}
