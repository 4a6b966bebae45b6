//! Tasks in tasks.

use super::*;

static DONE: Tally = Tally::new();

#[task]
fn inner(n: u32) -> u32 {
    DONE.add(format!("inner {n}"));
    n
}

#[task]
fn outer(n: u32) -> u32 {
    DONE.add(format!("outer {n}"));
    // What is left shows as an error here, and a panic because of it is none of the task's.
    let called = inner(n).result().unwrap();
    let submitted = inner.submit(10 * n).result().unwrap();
    called + submitted
}

#[flow]
fn nested() -> Result<u32, FlowError> {
    let [one, two] = [1, 2].map(|n| outer.submit(n));
    Ok(one.result()? + two.result()?)
}

#[test]
fn what_is_inside_of_a_task_is_executed_once_and_the_task_until_it_ends() {
    let _alone = DONE.alone();
    for engine in engines() {
        let (last, count) = to_the_end(|snapshot| {
            engine.enter(|| nested().with_snapshot(snapshot).stop_after(1).report_blocking())
        });
        assert_eq!(last.value(), Some(&33));
        // Six task runs, one in each slice; what begins again is not counted.
        assert_eq!(count, 6);
        let mut done = DONE.take_sorted();
        done.retain(|done| done.starts_with("inner"));
        assert_eq!(done, ["inner 1", "inner 10", "inner 2", "inner 20"]);
    }
    let slice = nested().stop_after(2).report_blocking();
    let snapshot = slice.snapshot();
    let outer = snapshot.state("outer").unwrap();
    assert!(outer.is_pending(), "{snapshot:?}");
    assert!(outer.message.as_deref().unwrap().contains("is left for the next slice"), "{outer}");
    DONE.take();
}

#[task]
fn leaves_it_behind() -> u32 {
    DONE.add("outer");
    let _inner = inner.submit(7);
    1
}

#[task]
fn takes(n: u32) -> u32 {
    n
}

#[flow]
fn left_behind() -> Result<u32, FlowError> {
    Ok(takes.submit(leaves_it_behind.submit()).result()?)
}

#[test]
fn a_task_whose_run_inside_is_left_is_left_with_it() {
    let _alone = DONE.alone();
    let (last, _) =
        to_the_end(|snapshot| left_behind().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert_eq!(last.value(), Some(&1));
    let done = DONE.take();
    assert_eq!(done.iter().filter(|done| *done == "inner 7").count(), 1, "{done:?}");
}
