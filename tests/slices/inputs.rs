//! Bodies that take another way, and runs that take something else.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

static DONE: Tally = Tally::new();
static NOW: AtomicU32 = AtomicU32::new(1);

#[task]
fn fetch(page: u32) -> u32 {
    DONE.add(format!("fetch {page}"));
    page
}

#[task]
fn double(n: u32) -> u32 {
    DONE.add(format!("double {n}"));
    2 * n
}

#[task]
fn late() -> u32 {
    DONE.add("late");
    0
}

#[flow]
fn by_the_clock() -> Result<u32, FlowError> {
    let fixed = fetch.submit(7);
    let fetched = fetch.submit(NOW.load(Ordering::SeqCst));
    let doubled = double.submit(&fetched);
    let known = double.submit(&fixed);
    let late = late.wait_for((&doubled, &known)).submit();
    Ok(doubled.result()? + known.result()? + late.result()?)
}

#[test]
fn a_run_that_takes_something_else_is_executed_again_with_what_takes_it() {
    let _alone = DONE.alone();
    let slice = by_the_clock().stop_after(4).report_blocking();
    assert_eq!(DONE.take_sorted(), ["double 1", "double 7", "fetch 1", "fetch 7"]);
    NOW.store(2, Ordering::SeqCst);
    let last = by_the_clock().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(last.value(), Some(&18), "{last}");
    assert_eq!(DONE.take_sorted(), ["double 2", "fetch 2", "late"]);
}

#[task]
fn other() -> u32 {
    DONE.add("other");
    1
}

static SWAPPED: AtomicU32 = AtomicU32::new(0);

#[flow]
fn swapped() -> Result<u32, FlowError> {
    let before = match SWAPPED.load(Ordering::SeqCst) {
        0 => late.with_name("step").submit(),
        _ => other.with_name("step").submit(),
    };
    Ok(double.submit(&before).result()?)
}

#[test]
fn a_run_of_another_task_of_that_name_is_another() {
    let _alone = DONE.alone();
    let slice = swapped().stop_after(1).report_blocking();
    SWAPPED.store(1, Ordering::SeqCst);
    let last = swapped().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(last.value(), Some(&2));
    assert_eq!(DONE.take(), ["late", "other", "double 1"]);
}

static LONG: AtomicU32 = AtomicU32::new(1);

#[flow]
fn shorter() -> Result<u32, FlowError> {
    let one = other.submit();
    if LONG.load(Ordering::SeqCst) == 1 {
        late().result()?;
    }
    Ok(double.submit(&one).result()?)
}

#[test]
fn what_is_not_begun_again_is_not_lost() {
    let _alone = DONE.alone();
    let slice = shorter().stop_after(2).report_blocking();
    LONG.store(0, Ordering::SeqCst);
    let last = shorter().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(last.value(), Some(&2));
    assert_eq!(DONE.take_sorted(), ["double 1", "late", "other"]);
    let snapshot = last.snapshot();
    assert!(snapshot.state("late").unwrap().is_completed() && snapshot.is_done());
    LONG.store(1, Ordering::SeqCst);
    assert_eq!(shorter().with_snapshot(shipped(&last)).report_blocking().value(), Some(&2));
    assert_eq!(DONE.take(), [] as [&str; 0]);
}
