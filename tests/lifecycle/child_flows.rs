//! Flows in flows: how the end of a child reaches its parent.

use std::sync::{Arc, Mutex, OnceLock};

use millrun::prelude::*;

use crate::tally::{Oops, names, timed_engine};

#[flow]
async fn child(fails: bool) -> Result<u32, Oops> {
    if fails { Err(Oops(1)) } else { Ok(1) }
}

#[flow]
fn child_sync(fails: bool) -> Result<u32, Oops> {
    if fails { Err(Oops(1)) } else { Ok(1) }
}

#[flow]
async fn passing_on(fails: bool) -> Result<u32, FlowError> {
    child(fails).await
}

#[flow]
fn passing_on_sync(fails: bool) -> Result<u32, FlowError> {
    Ok(child_sync(fails).result()? + child(fails).result()?)
}

#[test]
fn a_child_that_fails_fails_its_parent_if_that_passes_the_error_on() {
    let run = passing_on(true).report_blocking();
    assert_eq!(run.result().unwrap_err().downcast_ref::<Oops>(), Some(&Oops(1)));
    assert!(run.child_flow_runs()[0].state().is_failed());
    assert!(passing_on_sync(true).result().is_err());
    assert_eq!(passing_on(false).result().unwrap(), 1);
    assert_eq!(passing_on_sync(false).result().unwrap(), 2);
}

#[flow]
async fn handling() -> u32 {
    child(true).await.unwrap_or(5)
}

#[flow]
fn handling_sync() -> u32 {
    child_sync(true).result().unwrap_or(5)
}

#[flow]
async fn handling_started() -> u32 {
    let started = child.start(true);
    started.finished().await;
    5
}

#[test]
fn a_child_whose_failure_is_handled_does_not_fail_its_parent() {
    for run in [handling().report_blocking(), handling_sync().report_blocking()] {
        assert_eq!(run.result().unwrap(), &5);
        assert!(run.child_flow_runs()[0].state().is_failed());
    }
    assert_eq!(handling_started().result().unwrap(), 5);
}

#[flow]
async fn only_waiting() -> u32 {
    let started = child.start(true);
    wait([&started], None).await;
    5
}

#[flow]
fn only_waiting_sync() -> u32 {
    child_sync.start(true).wait();
    5
}

#[test]
fn a_child_whose_failure_nobody_looks_at_fails_its_parent() {
    for run in [only_waiting().report_blocking(), only_waiting_sync().report_blocking()] {
        assert_eq!(run.state().message.as_deref(), Some("1/1 task runs failed."));
        assert!(run.state().is_failed());
    }
}

#[flow]
async fn deep(depth: u32) -> Result<Vec<String>, FlowError> {
    let run = flow_run()?;
    let mut names = match depth {
        1 => Vec::new(),
        _ => Box::pin(async move { deep(depth - 1).await }).await?,
    };
    let parent = run.parent_flow_run().map_or_else(|| "none".into(), |parent| parent.name());
    names.push(format!("{} in {parent}", run.name()));
    Ok(names)
}

#[test]
fn a_flow_that_calls_itself_has_a_run_for_each_depth_with_its_parent() {
    let names = deep(10).result().unwrap();
    assert_eq!(names.len(), 10);
    assert!(names[9].ends_with(" in none"), "{names:?}");
    for pair in names.windows(2) {
        let parent = pair[0].split_once(" in ").unwrap().1;
        assert!(pair[1].starts_with(&format!("{parent} in ")), "{names:?}");
    }
    let distinct: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), 10);
}

#[flow]
async fn joining() -> u32 {
    let (good, bad) = futures::join!(child(false).into_future(), child(true).into_future());
    assert_eq!(bad.unwrap_err().downcast_ref::<Oops>(), Some(&Oops(1)));
    good.unwrap()
}

#[test]
fn joined_children_end_with_their_own_states() {
    let run = joining().report_blocking();
    assert_eq!(run.result().unwrap(), &1);
    let mut ends: Vec<String> =
        run.child_flow_runs().iter().map(|child| names(&child.states()).join(" ")).collect();
    ends.sort();
    assert_eq!(ends, ["Pending Running Completed", "Pending Running Failed"]);
}

#[task]
async fn failing() -> Result<(), Oops> {
    Err(Oops(2))
}

#[flow]
async fn child_with_unseen_failure() -> u32 {
    let _unseen = failing.submit();
    1
}

#[flow]
async fn parent_of_unseen_failure() -> u32 {
    child_with_unseen_failure().await.unwrap_or(6)
}

#[test]
fn what_fails_in_a_child_is_the_childs_alone() {
    let run = parent_of_unseen_failure().report_blocking();
    assert_eq!(run.result().unwrap(), &6);
    assert_eq!(run.child_flow_runs()[0].state().message.as_deref(), Some("1/1 task runs failed."));
    assert!(run.task_runs().is_empty());
}

#[flow]
async fn waiting_child() -> u32 {
    1
}

#[flow]
async fn child_after_a_failure(look: bool) -> u32 {
    let failed = failing.submit();
    let waited = waiting_child().wait_for(&failed).start();
    if look {
        let error = waited.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TriggerFailed);
        assert!(error.to_string().contains("'failing-0'"), "{error}");
    }
    4
}

#[test]
fn a_child_that_waits_for_a_failed_run_is_trigger_failed_and_who_sees_it_sees_the_cause() {
    assert_eq!(child_after_a_failure(true).result().unwrap(), 4);
}

#[test]
fn a_flow_run_that_is_cancelled_after_its_body_has_failed_ends_cancelled() {
    let own: Arc<OnceLock<FlowFuture<u32>>> = Arc::default();
    let inside = own.clone();
    let (known, knows) = std::sync::mpsc::channel::<()>();
    let knows = Mutex::new(knows);
    let asked = child(true).with_retries(1).with_retry_if(move |_| {
        let _ = knows.lock().unwrap().recv();
        inside.get().unwrap().cancel();
        false
    });
    let run = asked.start();
    let _ = own.set(run.clone());
    drop(known);
    let error = run.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.run_name(), Some(run.name().as_str()));
    assert_eq!(names(&run.states()), ["Pending", "Running", "Cancelling", "Cancelled"]);
}

#[test]
fn a_report_displays_a_line_for_each_run_and_those_of_child_flows_below_them() {
    #[task]
    fn one() -> u32 {
        1
    }
    #[task(retries = 2)]
    fn failing() -> Result<u32, Oops> {
        Err(Oops(1))
    }
    #[flow(flow_run_name = "innermost")]
    fn grandchild() -> u32 {
        one().result().unwrap_or_default()
    }
    #[flow(flow_run_name = "inner")]
    fn child() -> Result<u32, FlowError> {
        let before = one().result()?;
        let _ = failing().result();
        Ok(before + grandchild().result()? + one().result()?)
    }
    #[flow(flow_run_name = "outer")]
    fn parent() -> Result<u32, FlowError> {
        let before = one().result()?;
        Ok(before + child().result()?)
    }
    // Where the clock stands still, each state lasts for a nanosecond.
    let (engine, _) = timed_engine();
    let report = engine.enter(|| parent().report_blocking());
    assert_eq!(report.value(), Some(&4));
    assert_eq!((report.task_runs().len(), report.child_flow_runs().len()), (1, 1));
    let lines: Vec<_> = report.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "Flow run 'outer' of 'parent' - Completed() in 1.0ns",
            "  one-0 - Completed() in 1.0ns",
            "  inner of 'child' - Completed() in 1.0ns",
            "    one-0 - Completed() in 1.0ns",
            "    failing-0 - Failed('Task run encountered an exception: oops 1') in 3.0ns, 3 attempts",
            "    innermost of 'grandchild' - Completed() in 1.0ns",
            "      one-0 - Completed() in 1.0ns",
            "    one-1 - Completed() in 1.0ns",
        ]
    );
}
