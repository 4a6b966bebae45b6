//! The JSON of snapshots.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

#[task]
fn number(n: u32) -> u32 {
    n
}

#[task]
fn nothing() {}

#[flow]
fn numbers(n: u32) -> Result<Vec<u32>, FlowError> {
    nothing().result()?;
    let list = number.map(0..n);
    let _ = nothing.submit();
    Ok(list.result()?)
}

fn some_json() -> String {
    serde_json::to_string(&numbers(3).stop_after(3).report_blocking().snapshot()).unwrap()
}

#[test]
fn its_fields_are_those_of_prefects_states() {
    let json: Value = serde_json::from_str(&some_json()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["flow"]["key"], "slices::read::numbers");
    assert_eq!(json["flow"]["state"]["type"], "CANCELLED");
    let first = &json["tasks"][0];
    assert_eq!(first["task"], json!({"slug": "nothing", "key": "slices::read::nothing"}));
    assert_eq!(first["state"]["type"], "COMPLETED");
    assert_eq!(first["state"]["name"], "Completed");
    assert_eq!(first["state"]["message"], Value::Null);
    assert!(first["state"]["timestamp"].as_str().unwrap().starts_with("20"));
    assert_eq!(first["result"], Value::Null);
    assert_eq!(first["run_count"], 1);
    assert!(first.as_object().unwrap().contains_key("result"));
}

#[test]
fn what_is_read_is_what_was_written() {
    let json = some_json();
    let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&snapshot).unwrap(), json);
    let value: Value = serde_json::from_str(&json).unwrap();
    let of_value: Snapshot = serde_json::from_value(value).unwrap();
    assert_eq!(states(&of_value), states(&snapshot));
    let empty: Snapshot = serde_json::from_str(&serde_json::to_string(&Snapshot::new()).unwrap()).unwrap();
    assert_eq!(empty.states().count(), 0);
    assert!(!empty.is_done() && empty.flow_state().is_none());
}

/// What is said of a snapshot that differs in one place.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_str(&some_json()).unwrap();
    change(&mut json);
    serde_json::from_str::<Snapshot>(&json.to_string()).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_one_is_an_error() {
    let newer = refused(|json| {
        json["version"] = 2.into();
        json["tasks"] = "something new".into();
    });
    assert!(newer.starts_with("the snapshot has version 2, and this program reads up to 1"), "{newer}");
    let twice = refused(|json| json["tasks"][1] = json["tasks"][0].clone());
    assert!(twice.contains("`nothing` stands there twice"), "{twice}");
    let state = refused(|json| json["tasks"][0]["state"]["type"] = "FAILED".into());
    assert!(state.contains("`nothing`: a state named `Completed` is not FAILED"), "{state}");
    let both = refused(|json| json["tasks"][0]["lost"] = "why".into());
    assert!(both.contains("may have one of `result`, `stored` and `lost`"), "{both}");
    let hash = refused(|json| json["tasks"][0]["inputs"] = "xyz".into());
    assert!(hash.contains("`xyz` is no hash of inputs"), "{hash}");
    let tasks = refused(|json| drop(json.as_object_mut().unwrap().remove("tasks")));
    assert!(tasks.contains("missing field `tasks`"), "{tasks}");
    let class = serde_json::from_str::<Snapshot>(r#"[{"task": {"slug": "a"}, "state": {"type": "Succes"}}]"#);
    let class = class.unwrap_err().to_string();
    assert!(class.contains("`Succes` is no class of states of Prefect 1"), "{class}");
    let number = serde_json::from_str::<Snapshot>("7").unwrap_err().to_string();
    assert!(number.contains("expected a snapshot, or a list of tasks with their states"), "{number}");
    assert!(serde_json::from_str::<Snapshot>(&some_json()[..200]).unwrap_err().is_eof());
}

#[test]
fn the_classes_of_prefect_1_are_read() {
    let named = [
        ("Success", "Completed"),
        ("Looped", "Completed"),
        ("Cached", "Cached"),
        ("Skipped", "Skipped"),
        ("Failed", "Failed"),
        ("ValidationFailed", "Failed"),
        ("TimedOut", "TimedOut"),
        ("TriggerFailed", "TriggerFailed"),
        ("Cancelled", "Cancelled"),
        ("Pending", "Pending"),
        ("Scheduled", "Pending"),
        ("Submitted", "Pending"),
        ("Queued", "Pending"),
        ("Paused", "Pending"),
        ("Resume", "Pending"),
        ("Retrying", "Pending"),
        ("Running", "Pending"),
        ("Cancelling", "Pending"),
        ("ClientFailed", "Pending"),
        ("Mapped", "Pending"),
    ];
    for (class, name) in named {
        let list = json!([{"task": {"slug": "a", "type": "t"}, "state": {"type": class, "context": {}}}]);
        let snapshot: Snapshot = serde_json::from_value(list).unwrap();
        assert_eq!(states(&snapshot)["a"], name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever arrives, reading it gives a snapshot or an error; and with a snapshot of whatever kind the flow run ends.
    #[test]
    fn nothing_that_arrives_panics(
        cuts in prop::collection::vec((0.0..1.0_f64, 0..4_usize, "[\\[\\]{}\",:0-9a-zA-Z%/ -]{0,4}"), 0..4)
    ) {
        let mut json = some_json().into_bytes();
        for (at, length, text) in cuts {
            let at = (at * json.len() as f64) as usize;
            let end = (at + length).min(json.len());
            json.splice(at..end, text.bytes());
        }
        if let Ok(snapshot) = serde_json::from_slice::<Snapshot>(&json) {
            let report = numbers(3).with_snapshot(snapshot).report_blocking();
            prop_assert!(report.state().is_final());
            let again: Snapshot = serde_json::from_str(&serde_json::to_string(&report.snapshot()).unwrap()).unwrap();
            let snapshot = report.snapshot();
            prop_assert_eq!(states(&again), states(&snapshot));
        }
    }
}
