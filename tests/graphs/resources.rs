//! Resources inside of the graph.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use millrun::prelude::*;

use crate::{edges, names};

#[task]
fn cluster(size: u32) -> String {
    format!("cluster of {size}")
}

#[task]
fn start(cluster: &str) -> Result<u32, TaskError> {
    match cluster {
        "cluster of 0" => Err(TaskError::msg("no machines")),
        "cluster of 1" => Err(TaskError::skip("not worth it")),
        _ => Ok(cluster.len() as u32),
    }
}

#[task]
fn stop(cluster: &str, session: u32) -> String {
    format!("{cluster}, {session} stopped")
}

#[task]
fn work(session: u32, how: &'static str) -> Result<u32, TaskError> {
    match how {
        "fail" => Err(TaskError::msg("broken")),
        "skip" => Err(TaskError::skip("nothing to do")),
        _ => Ok(session),
    }
}

#[task]
fn on_its_own() -> u32 {
    1
}

#[flow]
fn job(size: u32, how: &'static str) {
    resource_manager(&cluster.submit(size), start, stop, |session| {
        let worked = work.submit(session, how);
        let _ = work.map([&worked, &worked], unmapped("well"));
        let _ = on_its_own.submit();
    });
}

fn state(run: &FlowRun<()>, name: &str) -> State {
    run.task_run(name).unwrap_or_else(|| panic!("no {name} in {run}")).state()
}

#[test]
fn it_is_cleaned_up_after_all_that_is_inside() {
    let run = job(3, "well").report_blocking();
    assert!(run.state().is_completed(), "{run}");
    let stopped = run.task_run("stop-0").unwrap();
    assert!(stopped.state().is_completed());
    let started = |run: &TaskRun| run.states().iter().find(|state| state.is_running()).unwrap().timestamp;
    for inside in run.task_runs().iter().filter(|run| run.name() != "stop-0") {
        assert!(inside.state().timestamp <= started(&stopped), "{} in {run}", inside.name());
    }
    let graph = run.graph();
    let mut found = edges(&graph);
    let expected = [
        "cluster-0 -> start-0 (cluster)",
        "start-0 -> work-0 (session)",
        "start-0 -> work-0 (-)",
        "work-0 -> work (session)",
        "start-0 -> work (-)",
        "start-0 -> on_its_own-0 (-)",
        "cluster-0 -> stop-0 (cluster)",
        "start-0 -> stop-0 (session)",
        "work-0 -> stop-0 (-)",
        "work -> stop-0 (-)",
        "on_its_own-0 -> stop-0 (-)",
    ];
    found.sort_by_key(|edge| expected.iter().position(|known| known == edge));
    assert_eq!(found, expected);
}

#[test]
fn it_is_cleaned_up_whatever_becomes_of_what_is_inside() {
    let run = job(3, "fail").report_blocking();
    assert!(run.state().is_failed(), "{run}");
    assert_eq!(state(&run, "work[0]").name, StateName::TriggerFailed, "{run}");
    assert!(state(&run, "on_its_own-0").is_completed() && state(&run, "stop-0").name == StateName::Completed);

    let run = job(3, "skip").report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(state(&run, "work[0]").name, StateName::Skipped, "{run}");
    assert_eq!(state(&run, "stop-0").name, StateName::Completed, "{run}");

    let run = job(3, "well").mock_state(work, State::cancelled("no time")).report_blocking();
    assert_eq!(state(&run, "stop-0").name, StateName::Completed, "{run}");
}

#[test]
fn what_was_not_set_up_is_not_cleaned_up() {
    let run = job(0, "well").report_blocking();
    assert!(run.state().is_failed(), "{run}");
    for name in ["work-0", "on_its_own-0"] {
        assert_eq!(state(&run, name).name, StateName::TriggerFailed, "{name} in {run}");
    }
    assert_eq!(
        state(&run, "stop-0").to_string(),
        "Skipped('There is nothing to clean up: 'start-0' did not succeed', type=COMPLETED)"
    );

    let run = job(1, "well").report_blocking();
    assert!(run.state().is_completed(), "{run}");
    for name in ["work-0", "on_its_own-0", "stop-0"] {
        assert_eq!(state(&run, name).name, StateName::Skipped, "{name} in {run}");
    }

    let run = job(3, "well").mock_state(cluster, State::failed("no cloud")).report_blocking();
    assert_eq!(state(&run, "start-0").name, StateName::TriggerFailed, "{run}");
    assert_eq!(state(&run, "stop-0").name, StateName::Skipped, "{run}");
}

#[test]
fn it_is_in_the_plan() {
    let plan = job(3, "well").plan_blocking().unwrap();
    assert!(plan.is_complete());
    assert_eq!(names(plan.graph()), ["cluster-0", "start-0", "work-0", "work", "on_its_own-0", "stop-0"]);
    let waited_for = plan.graph().upstream_of("stop-0");
    let expected = [
        ("cluster-0", Some("cluster")),
        ("start-0", Some("session")),
        ("work-0", None),
        ("work", None),
        ("on_its_own-0", None),
    ];
    assert_eq!(waited_for, expected);
}

/// Also of what has ended, or is not awaited, when the closure does.
#[tokio::test]
async fn nothing_is_awaited_in_an_async_flow_either() {
    #[flow]
    async fn child() -> u32 {
        5
    }
    #[flow]
    async fn nested() -> Result<u32, FlowError> {
        let init = cluster.submit(3);
        let (sum, child, inner) =
            resource_manager(&init, start.with_name("outer"), stop.with_name("close"), |session| {
                let _ = tags(["tagged"]).enter(|| work.submit(session, "well"));
                let child = child.start();
                let called = on_its_own().result();
                let inner = resource_manager(&init, start, stop, |session| {
                    work.with_name("deep").submit(session, "well")
                });
                (called, child, inner)
            });
        Ok(sum? + child.await? + inner.await?)
    }
    let run = nested().report().await;
    assert_eq!(run.value(), Some(&18), "{run}");
    let graph = run.graph();
    let of_outer: Vec<_> =
        graph.upstream_of("close-1").into_iter().map(|(name, _)| name.to_owned()).collect();
    for name in ["work-0", "on_its_own-0", "start-1", "stop-0"] {
        assert!(of_outer.iter().any(|known| known == name), "no {name} in {of_outer:?}");
    }
    assert_eq!(of_outer.len(), 7, "{of_outer:?}");
    assert!(graph.upstream_of("stop-0").iter().any(|(name, _)| *name == "deep-1"), "{run}");
}

/// What is cancelled before it has begun ends before what it waits for.
#[test]
fn it_is_not_cleaned_up_while_something_inside_goes_on() {
    type Gate = (Sender<()>, Mutex<Option<Receiver<()>>>);
    static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(|| {
        let (open, opened) = channel();
        (open, Mutex::new(Some(opened)))
    });
    #[task]
    fn uses(_session: u32) {
        let opened = GATE.1.lock().unwrap().take().unwrap();
        opened.recv().unwrap();
    }
    #[task]
    fn after(_used: ()) {}
    #[flow]
    fn slow() -> Result<(), FlowError> {
        let (used, cancelled) = resource_manager(&cluster.submit(3), start, stop, |session| {
            let used = uses.submit(session);
            let after = after.submit(&used);
            after.cancel();
            (used, after)
        });
        cancelled.wait();
        let stopped = flow_run()?.graph().unwrap();
        let state = stopped.node("stop-0").unwrap().state();
        assert_eq!(state, Some(StateName::Pending));
        GATE.0.send(()).unwrap();
        used.result()?;
        Ok(())
    }
    let run = slow().with_graph().report_blocking();
    assert_eq!(state(&run, "stop-0").name, StateName::Completed, "{run}");
    assert_eq!(state(&run, "after-0").name, StateName::Cancelled, "{run}");
}

#[test]
fn it_is_cleaned_up_after_a_panic_too() {
    #[flow]
    fn panicking(is_caught: bool) {
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            resource_manager(&cluster.submit(3), start, stop, |session| {
                let _ = work.submit(session, "well");
                panic!("in the closure");
            })
        }));
        if let (Err(panic), false) = (panicked, is_caught) {
            std::panic::resume_unwind(panic);
        }
    }
    for is_caught in [true, false] {
        let run = panicking(is_caught).report_blocking();
        assert_eq!(run.state().is_crashed(), !is_caught, "{run}");
        assert_eq!(state(&run, "stop-0").name, StateName::Completed, "{run}");
    }
}
