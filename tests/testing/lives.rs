//! The lives of runs that are mocked: all but the body is as it was.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use millrun::prelude::*;

#[task(task_run_name = "write {path}", tags = ["disk"], on_running = note, on_completion = note, on_failure = note)]
fn write(path: String) -> Result<u32, String> {
    Err(format!("{path} is not writable"))
}

static NOTED: Mutex<Vec<(String, StateName)>> = Mutex::new(Vec::new());

fn note(run: &TaskRun, state: &State) {
    NOTED.lock().unwrap().push((run.name(), state.name));
}

fn noted(name: &str) -> Vec<StateName> {
    NOTED.lock().unwrap().iter().filter(|(noted, _)| noted == name).map(|(_, state)| *state).collect()
}

#[task]
fn path(name: String) -> String {
    name
}

#[task]
fn never() -> Result<(), String> {
    Err("no".into())
}

#[flow]
fn written(name: String) -> Result<u32, FlowError> {
    Ok(write.submit(path.submit(name)).result()?)
}

#[test]
fn it_has_its_name_its_states_and_its_hooks() {
    let run = written("named".into()).mock(write, 1).report_blocking();
    let write = run.task_run("write named").unwrap();
    let states: Vec<StateName> = write.states().iter().map(|state| state.name).collect();
    assert_eq!(states, [StateName::Pending, StateName::Running, StateName::Completed]);
    assert_eq!(write.tags(), ["disk"]);
    assert_eq!(noted("write named"), [StateName::Running, StateName::Completed]);
    assert_eq!(run.graph().upstream_of("write named"), [("path-0", Some("path"))]);
}

#[test]
fn it_waits_and_is_skipped_and_its_trigger_is_asked() {
    #[flow]
    fn after(fails: bool) -> Result<u32, FlowError> {
        let before = if fails { never.submit() } else { never.with_name("skipped").submit() };
        Ok(write.wait_for(&before).submit("x").result()?)
    }
    let run = after(true).mock(write, 1).report_blocking();
    assert_eq!(run.task_run("write-0").unwrap().state().name, StateName::TriggerFailed, "{run}");
    let run = after(false).mock(write, 1).mock_state(never, State::skipped("not today")).report_blocking();
    assert_eq!(run.task_run("write-0").unwrap().state().name, StateName::Skipped, "{run}");
    assert!(run.state().is_skipped(), "{run}");
}

#[test]
fn a_run_ends_in_the_state() {
    for (state, name, kind) in [
        (State::failed("why"), StateName::Failed, ErrorKind::Failed),
        (State::timed_out("why"), StateName::TimedOut, ErrorKind::TimedOut),
        (State::crashed("why"), StateName::Crashed, ErrorKind::Crashed),
        (State::cancelled("why"), StateName::Cancelled, ErrorKind::Cancelled),
        (State::skipped("why"), StateName::Skipped, ErrorKind::Skipped),
    ] {
        #[flow]
        fn ended() -> Result<ErrorKind, FlowError> {
            let (submitted, called) = (write.submit("x"), write("x".into()).result());
            let kind = submitted.result().unwrap_err().kind();
            assert_eq!(called.unwrap_err().kind(), kind);
            Ok(kind)
        }
        let run = ended().mock_state(write, state).report_blocking();
        assert_eq!(run.value(), Some(&kind), "{run}");
        for run in run.task_runs() {
            assert_eq!(run.state().name, name);
            assert_eq!(run.state().message.as_deref(), Some("why"));
        }
    }
}

#[test]
fn a_run_that_is_to_fail_is_not_retried() {
    #[task(retries = 2, retry_delay = "1h")]
    fn patient() -> u32 {
        1
    }
    #[flow]
    fn flow() -> Result<u32, FlowError> {
        Ok(patient.submit().result()?)
    }
    let run = flow().mock_state(patient, State::failed("no")).report_blocking();
    let states: Vec<StateName> = run.task_runs()[0].states().iter().map(|state| state.name).collect();
    assert_eq!(states, [StateName::Pending, StateName::Running, StateName::Failed]);
}

#[test]
fn a_closure_is_called_for_each_attempt() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[task(retries = 2)]
    fn flaky(x: String) -> Result<String, String> {
        Err(x)
    }
    #[flow]
    fn flow() -> Result<String, FlowError> {
        Ok(flaky.submit("a").result()? + &flaky("b".into()).result()?)
    }
    let every_second = |(x,): (String,)| match CALLS.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Err("once more"),
        _ => Ok(x),
    };
    assert_eq!(flow().mock_with(flaky, every_second).result().unwrap(), "ab");
    assert_eq!(CALLS.load(Ordering::SeqCst), 4);
}

#[test]
fn a_closure_that_panics_crashes_the_run() {
    let run = written("a".into()).mock_with(write, |_| -> u32 { panic!("oh no") }).report_blocking();
    assert!(run.task_run("write a").unwrap().state().is_crashed(), "{run}");
}

#[test]
fn what_replaces_a_task_brings_its_attribute() {
    static FAILED: AtomicU32 = AtomicU32::new(0);
    #[task(name = "faked", task_run_name = "fake {to}", retries = 1, on_failure = count, on_completion = count)]
    async fn fake(to: String) -> Result<u32, String> {
        match FAILED.fetch_add(1, Ordering::SeqCst) {
            0 => Err("at first".into()),
            _ => Ok(to.len() as u32),
        }
    }
    static HOOKS: AtomicU32 = AtomicU32::new(0);
    fn count(_: &TaskRun, _: &State) {
        HOOKS.fetch_add(1, Ordering::SeqCst);
    }
    let run = written("abc".into()).replace(write, fake).report_blocking();
    assert_eq!(run.value(), Some(&3), "{run}");
    let faked = run.task_run("fake abc").unwrap();
    assert_eq!(faked.run_count(), 2);
    assert_eq!(HOOKS.load(Ordering::SeqCst), 1);

    #[flow]
    fn several() -> Result<Vec<u32>, FlowError> {
        let mapped = write.map(["a", "bc"].map(String::from));
        let called = write("def".into()).result()?;
        Ok([mapped.result()?, vec![called]].concat())
    }
    assert_eq!(several().replace(write, fake).result().unwrap(), [1, 2, 3]);
}

#[test]
fn what_a_mock_has_done_is_rolled_back() {
    static ROLLED_BACK: AtomicU32 = AtomicU32::new(0);
    #[task(on_rollback = undo)]
    fn upload() -> u32 {
        1
    }
    fn undo(_: &Transaction) {
        ROLLED_BACK.fetch_add(1, Ordering::SeqCst);
    }
    #[flow]
    fn published() -> Result<(), FlowError> {
        transaction().run_blocking(|_| {
            upload().result()?;
            never().result()?;
            Ok(())
        })
    }
    let run = published().mock(upload, 2).report_blocking();
    assert_eq!(run.task_run("upload-0").unwrap().state().name, StateName::RolledBack, "{run}");
    assert_eq!(ROLLED_BACK.load(Ordering::SeqCst), 1);
}

#[test]
fn a_state_that_no_run_ends_in_fails_the_flow_run() {
    let completed = debugged_state();
    let error = written("a".into()).mock_state(write, completed).result().unwrap_err().to_string();
    assert_eq!(
        error,
        "`.mock_state(write, Completed())`: what it gives is missing; give it a state such as `State::failed(\"why\")` or \
         `State::skipped(\"why\")`, or a value with `.mock(write, value)`"
    );
}

/// The state of a run that has completed.
fn debugged_state() -> State {
    written("a".into()).mock(write, 1).report_blocking().task_run("write a").unwrap().state()
}

#[task]
fn descends(depth: u32) -> Result<u32, FlowError> {
    assert_eq!(depth, 0, "it is mocked below");
    below().mock(descends, 5).result()
}

#[flow]
fn below() -> Result<u32, FlowError> {
    Ok(descends.submit(1).result()?)
}

#[flow]
fn above() -> Result<u32, FlowError> {
    Ok(descends.submit(0).result()?)
}

#[test]
fn a_task_is_mocked_in_a_flow_that_the_task_itself_has_begun() {
    assert_eq!(above().result().unwrap(), 5);
}
