//! Async hooks: awaited, in a runtime wherever the run executes, and called once.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::tally::{Calls, Notes, Oops};

#[task]
fn computing() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task(blocking)]
fn blocking() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
async fn awaiting() -> Result<u32, Oops> {
    Err(Oops(1))
}

/// A hook that needs a runtime with a timer, and notes what it does.
macro_rules! timing {
    ($notes:expr, $what:literal) => {{
        let notes: Notes = $notes.clone();
        move |_: &TaskRun, _: &State| {
            notes.add(concat!($what, " is called"));
            let notes = notes.clone();
            async move {
                tokio::time::sleep(Duration::ZERO).await;
                assert!(task_run().is_ok());
                notes.add(concat!($what, " has ended"));
            }
        }
    }};
}

const EXPECTED: [&str; 4] =
    ["running is called", "running has ended", "failure is called", "failure has ended"];

#[test]
fn they_are_awaited_in_sync_programs_and_called_once() {
    let check = |run: &dyn Fn(&Notes)| {
        let notes = Notes::default();
        run(&notes);
        assert_eq!(notes.list(), EXPECTED);
    };
    macro_rules! with_hooks {
        ($notes:expr, $task:expr) => {
            $task.with_on_running(timing!($notes, "running")).with_on_failure(timing!($notes, "failure"))
        };
    }
    check(&|notes| with_hooks!(notes, computing).submit().wait());
    check(&|notes| with_hooks!(notes, blocking).submit().wait());
    check(&|notes| with_hooks!(notes, awaiting).submit().wait());
    check(&|notes| drop(with_hooks!(notes, computing).call().result()));
    check(&|notes| drop(with_hooks!(notes, awaiting).call().result()));
    for runner in [1, 2] {
        let engine = match runner {
            1 => Engine::builder().task_runner(SequentialTaskRunner::new()).build(),
            _ => Engine::builder().task_runner(ConcurrentTaskRunner::new()).build(),
        };
        check(&|notes| engine.enter(|| with_hooks!(notes, computing).submit().wait()));
        check(&|notes| engine.enter(|| with_hooks!(notes, awaiting).submit().wait()));
    }
}

#[tokio::test]
async fn they_are_awaited_on_a_runtime_of_the_users() {
    let notes = Notes::default();
    let task =
        computing.with_on_running(timing!(notes, "running")).with_on_failure(timing!(notes, "failure"));
    task.submit().await.unwrap_err();
    assert_eq!(notes.list(), EXPECTED);

    let notes = Notes::default();
    let task = awaiting.with_on_running(timing!(notes, "running")).with_on_failure(timing!(notes, "failure"));
    task.call().await.unwrap_err();
    assert_eq!(notes.list(), EXPECTED);
}

#[test]
fn the_body_begins_after_on_running_and_the_run_ends_after_the_others() {
    let (notes, running, ending) = (Notes::default(), Gate::new(), Gate::new());
    let (before, after) = (running.clone(), ending.clone());
    let body = computing
        .with_on_running(move |_, _| {
            let gate = before.clone();
            async move { gate.passed().await }
        })
        .with_on_failure(move |_, _| {
            let gate = after.clone();
            async move { gate.passed().await }
        });
    let future = body.submit();
    let seen = notes.clone();
    let downstream = following
        .with_on_running(move |_, _| seen.add("downstream"))
        .wait_for(allow_failure(&future))
        .submit();
    while !future.state().is_running() {
        std::thread::yield_now();
    }
    running.open();
    while !future.state().is_failed() {
        std::thread::yield_now();
    }
    // Its state is final, and it has not ended yet.
    assert!(!future.wait_timeout(Duration::ZERO));
    assert!(notes.list().is_empty());
    ending.open();
    downstream.wait();
    assert!(future.wait_timeout(Duration::ZERO));
    assert_eq!(notes.list(), ["downstream"]);
}

#[task]
fn following() {}

#[test]
fn sync_and_async_hooks_keep_their_order() {
    let notes = Notes::default();
    let sync = |what: &'static str| {
        let notes = notes.clone();
        move |_: &TaskRun, _: &State| notes.add(what)
    };
    let later = |what: &'static str| {
        let notes = notes.clone();
        move |_: &TaskRun, _: &State| {
            let notes = notes.clone();
            async move {
                tokio::task::yield_now().await;
                notes.add(what);
            }
        }
    };
    let task = computing
        .with_on_failure(sync("one"))
        .with_on_failure(later("two"))
        .with_on_failure(sync("three"))
        .with_on_failure(later("four"))
        .with_on_failure(sync("five"));
    task.submit().wait();
    assert_eq!(notes.list(), ["one", "two", "three", "four", "five"]);
}

#[test]
fn one_that_panics_after_an_await_keeps_none_of_the_others() {
    let calls = Calls::default();
    let counted = calls.clone();
    let task = computing
        .with_on_failure(|_, _| async {
            tokio::task::yield_now().await;
            assert!(task_run().is_err(), "no hook");
        })
        .with_on_failure(move |_, _| {
            counted.add();
        });
    let future = task.submit();
    assert_eq!(future.result().unwrap_err().downcast_ref::<Oops>(), Some(&Oops(1)));
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_run_whose_hooks_are_dropped_with_their_runtime_ends_all_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let begun = Gate::new();
    let opener = begun.clone();
    let task = awaiting.with_on_failure(move |_, _| {
        opener.open();
        std::future::pending::<()>()
    });
    let future = {
        let _entered = runtime.enter();
        task.submit()
    };
    begun.wait();
    assert!(!future.wait_timeout(Duration::ZERO));
    runtime.shutdown_background();
    assert_eq!(future.result().unwrap_err().downcast_ref::<Oops>(), Some(&Oops(1)));
}

#[test]
fn one_may_call_and_await_tasks() {
    let notes = Notes::default();
    let seen = notes.clone();
    let task = computing.with_on_failure(move |run, _| {
        let (seen, name) = (seen.clone(), run.name());
        async move {
            let doubled = doubled.submit(2).await.unwrap() + doubled(3).await.unwrap();
            seen.add(format!("{name} {doubled}"));
        }
    });
    task.with_name("asking").submit().wait();
    assert_eq!(notes.list(), ["asking-0 10"]);
}

#[task]
fn doubled(x: u32) -> u32 {
    2 * x
}

#[flow]
fn computing_flow() -> u32 {
    3
}

/// Their runs execute elsewhere, and so do they: nothing needs the thread that is blocked.
#[tokio::test]
async fn one_may_block_for_sync_runs_with_async_hooks_on_a_single_threaded_runtime() {
    let notes = Notes::default();
    let task = || {
        doubled.with_on_running(timing!(notes, "running")).with_on_completion(timing!(notes, "completion"))
    };
    assert_eq!(task().call(1).await.unwrap(), 2);
    assert_eq!(task().submit(1).await.unwrap(), 2);
    assert_eq!(task().call(1).result().unwrap(), 2);
    assert_eq!(task().submit(1).result().unwrap(), 2);
    assert_eq!(notes.list().len(), 16);

    let later = |_: &FlowRunInfo, _: &State| async {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::ZERO).await;
    };
    let flow = || computing_flow().with_on_running(later).with_on_completion(later);
    assert_eq!(flow().await.unwrap(), 3);
    assert_eq!(flow().result().unwrap(), 3);
    assert_eq!(flow().report_blocking().value(), Some(&3));
}
