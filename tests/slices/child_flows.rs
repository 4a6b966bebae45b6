//! Flows in flows.

use super::*;

static DONE: Tally = Tally::new();

#[task]
fn part(n: u32) -> u32 {
    DONE.add(format!("part {n}"));
    n
}

#[flow]
async fn child(n: u32) -> Result<u32, FlowError> {
    DONE.add(format!("child {n}"));
    let parts = part.map([n, 10 * n]);
    Ok(parts.await?.iter().sum())
}

#[flow]
async fn parent() -> Result<u32, FlowError> {
    let first = child(1).await?;
    let second = child.start(2);
    Ok(first + second.await? + part(5).await?)
}

#[test]
fn a_child_flow_run_goes_on_and_is_taken_as_a_whole() {
    let _alone = DONE.alone();
    for engine in engines() {
        let (last, count) = to_the_end(|snapshot| {
            engine.enter(|| parent().with_snapshot(snapshot).stop_after(1).report_blocking())
        });
        assert_eq!((last.value(), count), (Some(&38), 5));
        let done = DONE.take();
        let parts: Vec<_> = done.iter().filter(|done| done.starts_with("part")).collect();
        assert_eq!(parts.len(), 5, "{done:?}");
        // Its body was executed until it ended, and not from then on.
        assert_eq!(done.iter().filter(|done| *done == "child 1").count(), 2, "{done:?}");
        let snapshot = last.snapshot();
        assert_eq!(
            states(&snapshot).into_keys().collect::<Vec<_>>(),
            [
                "child",
                "child-1",
                "child-1/part[0]",
                "child-1/part[1]",
                "child/part[0]",
                "child/part[1]",
                "part"
            ]
        );
        // All of it is passed on.
        let again = engine.enter(|| parent().with_snapshot(shipped(&last)).report_blocking());
        assert_eq!((again.value(), states(&again.snapshot())), (Some(&38), states(&snapshot)));
        assert_eq!(DONE.take(), [] as [&str; 0]);
    }
}

#[flow]
async fn fails() -> Result<(), FlowError> {
    part(7).await?;
    Err(FlowError::msg("no more"))
}

#[flow]
async fn sees_failure() -> Result<u32, FlowError> {
    let error = fails().await.unwrap_err();
    assert_eq!(error.to_string(), "no more");
    Ok(part(8).await?)
}

#[test]
fn a_child_flow_run_that_has_failed_stays_failed() {
    let _alone = DONE.alone();
    let slice = sees_failure().stop_after(1).report_blocking();
    assert_eq!(
        slice.snapshot().state("fails").unwrap().to_string(),
        "Failed('Flow run encountered an exception: no more')"
    );
    let last = sees_failure().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(last.value(), Some(&8), "{last}");
    assert_eq!(last.snapshot().state("fails"), slice.snapshot().state("fails"));
    assert_eq!(DONE.take(), ["part 7", "part 8"]);
}
