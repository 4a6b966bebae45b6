//! What runs gave, on its way to the next slice.

use super::*;
use millrun::ResultStore;

static DONE: Tally = Tally::new();

struct Opaque(u32);

#[task]
fn opaque() -> Opaque {
    DONE.add("opaque");
    Opaque(3)
}

#[task]
fn open(opaque: &Opaque) -> u32 {
    DONE.add("open");
    opaque.0
}

#[task]
fn double(n: u32) -> u32 {
    DONE.add("double");
    2 * n
}

#[flow]
fn unkept() -> Result<u32, FlowError> {
    let opaque = opaque.submit();
    Ok(double.submit(double.submit(open.submit(&opaque))).result()?)
}

#[test]
fn a_run_whose_result_cannot_be_kept_is_executed_again_and_not_counted() {
    let _alone = DONE.alone();
    let slice = unkept().stop_after(2).report_blocking();
    let snapshot = shipped(&slice);
    assert_eq!(
        snapshot.state("opaque").unwrap().to_string(),
        "Pending('it is executed again: its result cannot be serialised')"
    );
    assert!(snapshot.state("open").unwrap().is_completed());
    DONE.take();
    let (last, count) =
        to_the_end(|snapshot| unkept().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert_eq!((last.value(), count), (Some(&12), 4));
    let done = DONE.take();
    let often = |name| done.iter().filter(|done| *done == name).count();
    assert_eq!((often("opaque"), often("open"), often("double")), (4, 1, 2));
    // Nothing is left, though it would be executed again.
    assert!(last.snapshot().state("opaque").unwrap().is_completed());
}

#[task]
fn long(n: usize) -> String {
    DONE.add("long");
    "x".repeat(n)
}

#[task]
fn length(text: &str) -> usize {
    DONE.add("length");
    text.len()
}

#[flow]
fn measured() -> Result<usize, FlowError> {
    Ok(length.submit(long.submit(100_000)).result()?)
}

#[test]
fn long_results_lie_in_the_result_store_where_there_is_one() {
    let _alone = DONE.alone();
    let store = ResultStore::memory();
    let engine = || Engine::builder().results(store.clone()).build();
    let slice = engine().enter(|| measured().stop_after(1).report_blocking());
    let json = serde_json::to_value(slice.snapshot()).unwrap();
    let key = json["tasks"][0]["stored"].as_str().unwrap().to_owned();
    assert!(key.starts_with("runs/"), "{key}");
    let last = engine().enter(|| measured().with_snapshot(shipped(&slice)).report_blocking());
    assert_eq!(last.value(), Some(&100_000));
    assert_eq!(DONE.take(), ["long", "length"]);

    // It is not there any more.
    store.delete_blocking(&key).unwrap();
    let last = engine().enter(|| measured().with_snapshot(shipped(&slice)).report_blocking());
    assert_eq!(last.value(), Some(&100_000));
    assert_eq!(DONE.take(), ["long", "length"]);

    // Nobody said where they could lie.
    let slice = Engine::builder().build().enter(|| measured().stop_after(1).report_blocking());
    let json = serde_json::to_value(slice.snapshot()).unwrap();
    assert_eq!(json["tasks"][0]["result"].as_str().unwrap().len(), 100_000);
    DONE.take();
}

#[task]
fn exact() -> (u128, f64, Option<u8>, Vec<(String, i64)>) {
    DONE.add("exact");
    (u128::MAX, 0.1 + 0.2, None, vec![("b".into(), i64::MIN), ("a".into(), 1)])
}

#[task]
fn same(given: (u128, f64, Option<u8>, Vec<(String, i64)>)) -> bool {
    given == (u128::MAX, 0.1 + 0.2, None, vec![("b".into(), i64::MIN), ("a".into(), 1)])
}

#[flow]
fn to_the_bit() -> Result<bool, FlowError> {
    Ok(same.submit(exact.submit()).result()?)
}

#[test]
fn values_arrive_as_they_were() {
    let _alone = DONE.alone();
    let slice = to_the_bit().stop_after(1).report_blocking();
    let last = to_the_bit().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(last.value(), Some(&true));
    assert_eq!(DONE.take(), ["exact"]);
}

#[task(cache_policy = Inputs)]
fn cached(n: u32) -> u32 {
    DONE.add(format!("cached {n}"));
    n
}

#[flow]
fn with_cache() -> Result<u32, FlowError> {
    let [one, again, two] = [1, 1, 2].map(|n| cached(n).result());
    Ok(one? + again? + two?)
}

#[test]
fn what_is_found_in_a_cache_does_not_count() {
    let _alone = DONE.alone();
    let engine = Engine::builder().results(ResultStore::memory()).build();
    let slice = engine.enter(|| with_cache().stop_after(1).report_blocking());
    let snapshot = shipped(&slice);
    // The second one was found before its turn to begin came.
    assert_eq!(states(&snapshot).into_values().collect::<Vec<_>>(), ["Completed", "Pending", "Pending"]);
    let last = engine.enter(|| with_cache().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert_eq!(last.value(), Some(&4), "{last}");
    let snapshot = last.snapshot();
    assert_eq!(states(&snapshot).into_values().collect::<Vec<_>>(), ["Completed", "Cached", "Completed"]);
    assert_eq!(DONE.take(), ["cached 1", "cached 2"]);
    let again = engine.enter(|| with_cache().with_snapshot(shipped(&last)).report_blocking());
    assert_eq!(states(&again.snapshot()), states(&snapshot));
}

#[flow]
fn in_one_go() -> Result<u32, FlowError> {
    let one = double.submit(1);
    let two = double.submit(&one);
    let called = double(5).result()?;
    Ok(one.result()? + two.result()? + called)
}

#[test]
fn a_report_has_the_states_and_a_new_snapshot_keeps_the_results_too() {
    let _alone = DONE.alone();
    let report = in_one_go().report_blocking();
    assert_eq!(
        states(&report.snapshot()).into_iter().collect::<Vec<_>>(),
        [("double", "Completed"), ("double-1", "Completed"), ("double-2", "Completed")]
    );
    assert!(report.snapshot().is_done());
    DONE.take();

    let report = in_one_go().with_snapshot(Snapshot::new()).report_blocking();
    DONE.take();
    let again = in_one_go().with_snapshot(shipped(&report)).report_blocking();
    assert_eq!(again.value(), report.value());
    assert_eq!(DONE.take(), [] as [&str; 0]);
    let first = report.snapshot();
    assert_eq!(first.flow_state().unwrap().name, StateName::Completed);
    assert_eq!(first.state("double"), again.snapshot().state("double"));
}
