//! Maps.

use super::*;

static DONE: Tally = Tally::new();

#[task]
fn list(n: u32) -> Vec<u32> {
    DONE.add("list");
    (0..n).collect()
}

#[task]
fn fetch(n: u32) -> u32 {
    DONE.add(format!("fetch {n}"));
    n
}

#[task]
async fn double(n: u32) -> u32 {
    DONE.add(format!("double {n}"));
    2 * n
}

#[task]
fn sum(numbers: &[u32]) -> u32 {
    DONE.add("sum");
    numbers.iter().sum()
}

#[flow]
fn mapped() -> Result<u32, FlowError> {
    let fetched = fetch.map(list.submit(3));
    let doubled = double.map(&fetched);
    let more = fetch.map([7, 8]);
    Ok(sum.submit(&doubled).result()? + sum.submit(&more).result()?)
}

#[test]
fn each_element_is_executed_once_in_all() {
    let _alone = DONE.alone();
    let all = [
        "double 0", "double 1", "double 2", "fetch 0", "fetch 1", "fetch 2", "fetch 7", "fetch 8", "list",
        "sum", "sum",
    ];
    for engine in engines() {
        for length in [1, 3] {
            let (last, count) = to_the_end(|snapshot| {
                engine.enter(|| mapped().with_snapshot(snapshot).stop_after(length).report_blocking())
            });
            assert_eq!((last.value(), count), (Some(&21), 11_usize.div_ceil(length)));
            assert_eq!(DONE.take_sorted(), all);
            let snapshot = last.snapshot();
            assert_eq!(
                states(&snapshot).into_keys().collect::<Vec<_>>(),
                [
                    "double[0]",
                    "double[1]",
                    "double[2]",
                    "fetch-1[0]",
                    "fetch-1[1]",
                    "fetch[0]",
                    "fetch[1]",
                    "fetch[2]",
                    "list",
                    "sum",
                    "sum-1"
                ]
            );
        }
    }
}

#[task]
fn has_list_inside(numbers: Vec<u32>) -> u32 {
    fetch.map(list.submit(u32::try_from(numbers.len()).unwrap())).result().unwrap().iter().sum()
}

#[flow]
fn list_left() -> Result<u32, FlowError> {
    Ok(has_list_inside(vec![0; 3]).result()?)
}

#[test]
fn a_list_that_is_left_is_no_failure_of_the_map() {
    let _alone = DONE.alone();
    let slice = list_left().stop_after(1).report_blocking();
    assert!(slice.state().is_cancelled());
    let snapshot = slice.snapshot();
    assert_eq!(
        states(&snapshot).into_iter().collect::<Vec<_>>(),
        [("has_list_inside", "Pending"), ("has_list_inside/list", "Pending")]
    );
    let (last, _) =
        to_the_end(|snapshot| list_left().with_snapshot(snapshot).stop_after(1).report_blocking());
    assert_eq!(last.value(), Some(&3));
    assert_eq!(DONE.take_sorted(), ["fetch 0", "fetch 1", "fetch 2", "list"]);
}
