//! Snapshots that are refused, and those that somebody wrote.

use super::*;

static DONE: Tally = Tally::new();

#[task]
fn notify() {
    DONE.add("notify");
}

#[task]
fn number() -> u32 {
    DONE.add("number");
    3
}

#[task]
fn maybe() -> Option<u32> {
    DONE.add("maybe");
    Some(1)
}

#[task]
fn describe(number: Result<u32, TaskError>) -> String {
    DONE.add("describe");
    number.map_or_else(|error| error.to_string(), |number| number.to_string())
}

#[flow]
fn described() -> Result<String, FlowError> {
    notify().result()?;
    let number = number.submit();
    Ok(describe.submit(&number).result()?)
}

fn parsed(json: &str) -> Snapshot {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_list_says_what_has_succeeded_and_what_that_gave() {
    let _alone = DONE.alone();
    let list = r#"[{"task": {"slug": "notify"}, "state": {"type": "Success"}},
        {"task": {"slug": "number"}, "state": {"type": "Cached", "message": "from yesterday"}, "result": 5}]"#;
    let run = described().with_snapshot(parsed(list)).report_blocking();
    assert_eq!(run.value().map(String::as_str), Some("5"));
    assert_eq!(DONE.take(), ["describe"]);
    assert_eq!(
        run.snapshot().state("number").unwrap().to_string(),
        "Cached('from yesterday', type=COMPLETED)"
    );

    let list = r#"[{"task": {"slug": "number"}, "state": {"type": "Failed", "message": "no server"}}]"#;
    let run = described().with_snapshot(parsed(list)).report_blocking();
    assert_eq!(run.value().map(String::as_str), Some("no server"));
    assert_eq!(DONE.take(), ["notify", "describe"]);
}

#[flow]
fn optional() -> Result<Option<u32>, FlowError> {
    Ok(maybe().result()?)
}

#[test]
fn a_success_without_a_value_is_one_of_a_task_that_gives_none() {
    let _alone = DONE.alone();
    for (flow_run, slug) in [("described", "number"), ("optional", "maybe")] {
        let list = format!(r#"[{{"task": {{"slug": "{slug}"}}, "state": {{"type": "Success"}}}}]"#);
        let message = format!(
            "the snapshot says that `{slug}` has succeeded, and not what it gave: add a `result` to it, or make it `Pending`"
        );
        let (error, snapshot) = match flow_run {
            "described" => {
                let run = described().with_snapshot(parsed(&list)).report_blocking();
                (run.value().cloned().unwrap(), run.snapshot())
            }
            _ => {
                let run = optional().with_snapshot(parsed(&list)).report_blocking();
                (run.result().unwrap_err().to_string(), run.snapshot())
            }
        };
        assert_eq!(error, message);
        // It is not made a failure for ever.
        assert!(snapshot.state(slug).unwrap().is_completed());
    }
    assert_eq!(DONE.take(), ["notify", "describe"]);
}

#[test]
fn a_list_that_names_what_is_never_begun_fails_the_flow_run() {
    let _alone = DONE.alone();
    let list = r#"[{"task": {"slug": "numbr"}, "state": {"type": "Success"}, "result": 5},
        {"task": {"slug": "later"}, "state": {"type": "Pending"}}]"#;
    // Not while it may yet be begun.
    let slice = described().with_snapshot(parsed(list)).stop_after(1).report_blocking();
    assert!(slice.state().is_cancelled(), "{slice}");
    let run = described().with_snapshot(shipped(&slice)).report_blocking();
    assert_eq!(run.state().to_string(), "Failed('the snapshot names what the flow has not begun: `numbr`')");
    assert_eq!(DONE.take(), ["notify", "number", "describe"]);
    assert!(run.snapshot().state("numbr").unwrap().is_completed());
}

#[flow(version = "2")]
fn versioned(n: u32, _note: String) -> Result<String, FlowError> {
    let number = number.submit();
    let _ = n;
    Ok(describe.submit(&number).result()?)
}

#[test]
fn a_snapshot_of_something_else_is_refused_and_given_back() {
    let _alone = DONE.alone();
    let note = String::new;
    let slice = versioned(1, note()).stop_after(1).report_blocking();
    DONE.take();
    let snapshot = shipped(&slice);
    let refused = [
        (
            described().with_snapshot(snapshot.clone()).report_blocking(),
            "it is one of the flow `slices::given::versioned`, and not of `slices::given::described`",
        ),
        (
            versioned(1, note()).with_version("3").with_snapshot(snapshot.clone()).report_blocking(),
            "it is one of version \"2\" of the flow, which has version \"3\" now",
        ),
        (
            versioned(2, note()).with_snapshot(snapshot.clone()).report_blocking(),
            "the flow was called with other arguments then",
        ),
    ];
    for (run, why) in refused {
        assert_eq!(run.state().to_string(), format!("Failed('the snapshot is of no use here: {why}')"));
        assert_eq!(
            serde_json::to_string(&run.snapshot()).unwrap(),
            serde_json::to_string(&snapshot).unwrap()
        );
    }
    assert_eq!(DONE.take(), [] as [&str; 0]);
    let last = versioned(1, note()).with_snapshot(snapshot).report_blocking();
    assert_eq!(last.value().map(String::as_str), Some("3"));
    assert_eq!(DONE.take(), ["describe"]);
}
