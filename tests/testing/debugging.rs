//! The debugging session of the third seed.

use std::sync::Mutex;

use millrun::prelude::*;

static PRINTED: Mutex<Vec<i64>> = Mutex::new(Vec::new());

#[task]
fn number() -> i64 {
    2
}

#[task]
fn cube(i: i64) {
    PRINTED.lock().unwrap().push(i.pow(3));
}

#[task]
fn fixed_number() -> i64 {
    5
}

#[flow]
fn debug() {
    let n = number.submit();
    let _ = cube.submit(n);
}

fn printed() -> Vec<i64> {
    std::mem::take(&mut PRINTED.lock().unwrap())
}

#[test]
fn a_flow_is_debugged() {
    let run = debug().report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(printed(), [8]);

    let run = debug().mock(number, 10).report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(printed(), [1000]);

    let run = debug().mock_state(number, State::failed("Dummy Failed")).report_blocking();
    assert!(run.state().is_failed(), "{run}");
    assert_eq!(run.task_run("number-0").unwrap().state().to_string(), "Failed('Dummy Failed')");
    assert_eq!(run.task_run("cube-0").unwrap().state().name, StateName::TriggerFailed);
    assert!(printed().is_empty());

    let run = debug().replace(number, fixed_number).report_blocking();
    assert!(run.state().is_completed(), "{run}");
    assert_eq!(printed(), [125]);
    assert!(run.task_run("fixed_number-0").is_some(), "{run}");
    assert!(run.task_run("number-0").is_none(), "{run}");
}
