//! Runs that have not completed: their states are passed on.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

static DONE: Tally = Tally::new();
static HOOKED: AtomicU32 = AtomicU32::new(0);

fn hooked(_: &TaskRun, _: &State) {
    HOOKED.fetch_add(1, Ordering::SeqCst);
}

#[task(retries = 1, on_failure = hooked)]
fn breaks(n: u32) -> Result<u32, String> {
    DONE.add("breaks");
    Err(format!("boom {n}"))
}

#[task]
fn skips() -> Result<u32, TaskError> {
    DONE.add("skips");
    Err(TaskError::skip("not today"))
}

#[task]
fn needs(n: u32) -> u32 {
    DONE.add("needs");
    n
}

#[task]
fn describe(outcome: Result<u32, TaskError>) -> String {
    DONE.add("describe");
    outcome.unwrap_err().to_string()
}

#[task(trigger = any_failed)]
fn repair() -> String {
    DONE.add("repair");
    "repaired".into()
}

#[flow]
fn mixed() -> Result<(String, String), FlowError> {
    let broken = breaks.submit(3);
    let skipped = skips.submit();
    let lacks = needs.submit(&broken);
    let skipped_too = needs.submit(&skipped);
    let described = describe.submit(&broken);
    let repaired = repair.wait_for(&broken).submit();
    drop((lacks, skipped_too));
    Ok((described.result()?, repaired.result()?))
}

#[test]
fn failed_runs_stay_failed_and_skipped_ones_skipped() {
    let _alone = DONE.alone();
    let whole = mixed().report_blocking();
    DONE.take();
    HOOKED.store(0, Ordering::SeqCst);
    for engine in engines() {
        let (last, count) = to_the_end(|snapshot| {
            engine.enter(|| mixed().with_snapshot(snapshot).stop_after(1).report_blocking())
        });
        // One more where what is skipped was executed last: what follows it is left, and not executed.
        assert!((4..=5).contains(&count), "{count}");
        assert_eq!(last.state().to_string(), whole.state().to_string());
        assert_eq!(last.value(), whole.value());
        assert_eq!(last.value().unwrap().0, "boom 3");
        assert_eq!(DONE.take_sorted(), ["breaks", "breaks", "describe", "repair", "skips"]);
        assert_eq!(HOOKED.swap(0, Ordering::SeqCst), 1);
        let snapshot = last.snapshot();
        let state = |slug| snapshot.state(slug).unwrap().to_string();
        assert_eq!(state("breaks"), "Failed('Task run encountered an exception: boom 3')");
        assert_eq!(state("skips"), "Skipped('not today', type=COMPLETED)");
        assert!(state("needs").starts_with("TriggerFailed("), "{}", state("needs"));
        assert!(state("needs-1").starts_with("Skipped("), "{}", state("needs-1"));
        assert_eq!(last.task_run("breaks-0").unwrap().state().to_string(), state("breaks"));
    }
}

#[flow]
fn unseen() -> Result<u32, FlowError> {
    let broken = breaks.submit(4);
    let _ = needs.submit(&broken);
    Ok(needs.submit(5).result()?)
}

#[test]
fn a_failure_that_nobody_sees_fails_the_flow_in_the_end_as_in_one_go() {
    let _alone = DONE.alone();
    let whole = unseen().report_blocking().state().to_string();
    let (last, _) = to_the_end(|snapshot| unseen().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert!(last.state().is_failed(), "{last}");
    assert_eq!(last.state().to_string(), whole);
    DONE.take();
}

#[task(timeout = "1s")]
fn panics() {
    panic!("out of it");
}

#[flow]
fn crashes() -> Result<u32, FlowError> {
    let crash = panics().result().unwrap_err();
    assert_eq!(crash.kind(), ErrorKind::Crashed, "{crash}");
    assert!(crash.to_string().contains("out of it"));
    let run = needs.with_name("dropped").submit(1);
    run.cancel();
    let end = run.result();
    Ok(needs(u32::from(end.is_err())).result()?)
}

#[test]
fn crashed_runs_stay_crashed() {
    let _alone = DONE.alone();
    let slice = crashes().stop_after(1).report_blocking();
    assert!(slice.snapshot().state("panics").unwrap().is_crashed());
    let last = crashes().with_snapshot(shipped(&slice)).report_blocking();
    assert!(last.result().is_ok(), "{last}");
    assert_eq!(last.snapshot().state("panics"), slice.snapshot().state("panics"));
    DONE.take();
}
