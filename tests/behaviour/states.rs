//! States: which a run goes through, when, how they are shown, and as JSON.

use std::time::{Duration, SystemTime};

use millrun::prelude::*;
use millrun::{Clock, StateDetails};

use crate::gate::Gate;

#[task]
fn sync_task(x: u32) -> u32 {
    x
}

#[task]
async fn async_task(x: u32) -> u32 {
    tokio::task::yield_now().await;
    x
}

#[task]
fn failing() -> Result<u32, String> {
    Err("boom".into())
}

#[task]
fn skipping() -> Result<u32, TaskError> {
    Err(TaskError::skip("not today"))
}

#[task]
fn panicking() -> u32 {
    panic!("expected by a test")
}

#[task]
async fn held(gate: Gate) -> u32 {
    gate.pass().await;
    1
}

#[task(blocking)]
fn blocking_task(x: u32) -> u32 {
    x
}

fn still() -> (Clock, Engine) {
    let clock = Clock::manual();
    (clock.clone(), Engine::builder().clock(clock).build())
}

fn check_increasing(states: &[State]) {
    assert!(states.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp), "{states:?}");
}

#[test]
fn a_plain_success_is_pending_running_completed_though_the_clock_stands_still() {
    let (clock, engine) = still();
    engine.enter(|| {
        let map = sync_task.map(0..3);
        map.wait();
        let mut futures = map.futures_blocking();
        futures.extend([sync_task.submit(1), async_task.submit(1), blocking_task.submit(1)]);
        futures.push(sync_task.submit(&futures[0]));
        for future in futures {
            future.wait();
            let states = future.states();
            let names: Vec<StateName> = states.iter().map(|state| state.name).collect();
            assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Completed]);
            check_increasing(&states);
            assert_eq!(states[0].timestamp, clock.now());
        }
    });
}

#[test]
fn a_flow_run_goes_through_the_same_states() {
    #[flow]
    fn flow(x: u32) -> Result<u32, TaskError> {
        sync_task.submit(x).result()
    }
    let (_, engine) = still();
    let run = engine.enter(|| flow(1).report_blocking());
    let names: Vec<StateName> = run.states().iter().map(|state| state.name).collect();
    assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Completed]);
    check_increasing(&run.states());
    assert_eq!(run.state(), *run.states().last().unwrap());
}

#[test]
fn a_call_goes_through_the_same_states() {
    #[flow]
    fn calls() -> Result<u32, TaskError> {
        Ok(sync_task(1).result()? + async_task(2).result()? + blocking_task(3).result()?)
    }
    let (_, engine) = still();
    let run = engine.enter(|| calls().report_blocking());
    assert_eq!(run.task_runs().len(), 3);
    for task in run.task_runs() {
        let names: Vec<StateName> = task.states().iter().map(|state| state.name).collect();
        assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Completed]);
        check_increasing(&task.states());
    }
}

#[tokio::test]
async fn states_carry_the_time_at_which_they_began() {
    let (clock, engine) = still();
    let start = clock.now();
    let second = Duration::from_secs(1);
    let work = async {
        let gate = Gate::new();
        let future = held.submit(&gate);
        let waiting = sync_task.submit(&future);
        clock.advance(second);
        gate.arrived(1).await;
        clock.advance(second);
        gate.open();
        let _ = waiting.finished().await;
        let times: Vec<SystemTime> = waiting.states().iter().map(|state| state.timestamp).collect();
        assert_eq!(times[0], start);
        assert_eq!(times[1], start + 2 * second);
        assert!(times[2] > times[1] && times[2] < times[1] + second);
        assert!(future.states()[1].timestamp >= start);
        assert_eq!(future.states()[2].timestamp, start + 2 * second);
    };
    engine.scope(work).await;
}

#[test]
fn a_run_of_more_than_four_seconds_keeps_its_times() {
    let (clock, engine) = still();
    engine.enter(|| {
        let start = clock.now();
        let gate = Gate::new();
        let future = held.submit(&gate);
        gate.arrived_blocking(1);
        clock.advance(Duration::from_secs(3600));
        gate.open();
        future.wait();
        let states = future.states();
        assert_eq!(states.len(), 3);
        assert_eq!(states[0].timestamp, start);
        assert!(states[1].timestamp < start + Duration::from_secs(1));
        assert_eq!(states[2].timestamp, start + Duration::from_secs(3600));
    });
}

#[test]
fn each_end_has_its_type_its_name_and_its_message() {
    let cancelled = held.submit(Gate::new());
    cancelled.cancel();
    let unexecuted = sync_task.with_task_run_name("x").submit(&cancelled);
    let ends = [
        (sync_task.submit(1), "Completed()"),
        (failing.submit(), "Failed('Task run encountered an exception: boom')"),
        (skipping.submit(), "Skipped('not today', type=COMPLETED)"),
        (cancelled, "Cancelled('the run was cancelled by `cancel()`')"),
    ];
    for (future, expected) in ends {
        future.wait();
        assert_eq!(future.state().to_string(), expected);
    }
    unexecuted.wait();
    let shown = unexecuted.state().to_string();
    assert!(shown.starts_with("TriggerFailed('Trigger was \"all_successful\" but"), "{shown}");
    assert!(shown.ends_with("', type=FAILED)"), "{shown}");
    let crashed = panicking.submit();
    crashed.wait();
    assert!(crashed.state().is_crashed());
    assert!(crashed.state().message.unwrap().contains("expected by a test"));
    assert!(crashed.states()[1].message.is_none());
}

#[test]
fn a_state_has_the_json_of_prefect_and_back() {
    let (_, engine) = still();
    let (id, state) = engine.enter(|| {
        let future = failing.submit();
        future.wait();
        (future.id(), future.state())
    });
    let json = serde_json::to_value(&state).unwrap();
    let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    for field in ["id", "type", "name", "message", "timestamp", "state_details"] {
        assert!(fields.contains(&field), "{field} is missing in {fields:?}");
    }
    assert_eq!(fields.len(), 6);
    assert_eq!(json["type"], "FAILED");
    assert_eq!(json["name"], "Failed");
    assert_eq!(json["message"], "Task run encountered an exception: boom");
    assert!(json["timestamp"].as_str().unwrap().starts_with("2020-01-01T00:00:00.0000000"), "{json}");
    assert!(json["timestamp"].as_str().unwrap().ends_with('Z'), "{json}");
    assert_eq!(state.details.run_id, Some(id.as_uuid()));
    let back: State = serde_json::from_value(json).unwrap();
    assert_eq!(back, state);
}

#[test]
fn a_state_written_elsewhere_can_be_read() {
    let state: State = serde_json::from_str(
        r#"{"id": "0192f7c1-0000-7000-8000-000000000001", "type": "SCHEDULED", "name": "AwaitingRetry",
            "message": null, "timestamp": "2023-05-06T07:08:09.123456+02:00"}"#,
    )
    .unwrap();
    assert_eq!((state.state_type, state.name), (StateType::Scheduled, StateName::AwaitingRetry));
    assert_eq!(state.details, StateDetails::default());
    assert_eq!(state.to_string(), "AwaitingRetry(type=SCHEDULED)");
    let since = state.timestamp.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!((since.as_secs(), since.subsec_micros()), (1_683_349_689, 123_456));
    let unknown = serde_json::from_str::<State>(
        r#"{"id": "0192f7c1-0000-7000-8000-000000000001", "type": "WEIRD", "name": "Late", "timestamp": "2023-05-06T07:08:09Z"}"#,
    );
    assert!(unknown.unwrap_err().to_string().contains("WEIRD"));
}

#[test]
fn every_name_has_a_type_and_both_are_read_as_they_are_written() {
    assert_eq!(StateType::ALL.len(), 9);
    for state_type in StateType::ALL {
        assert_eq!(state_type.to_string().parse::<StateType>().unwrap(), *state_type);
        assert_eq!(serde_json::to_value(state_type).unwrap(), state_type.as_str());
        assert!(StateName::ALL.iter().any(|name| name.as_str().to_uppercase() == state_type.as_str()));
    }
    for name in StateName::ALL {
        assert_eq!(name.to_string().parse::<StateName>().unwrap(), *name);
    }
    let beside = |state_type: StateType| -> Vec<&str> {
        let own = |name: &&StateName| name.as_str().to_uppercase() != state_type.as_str();
        let of = StateName::ALL.iter().filter(|name| name.state_type() == state_type);
        of.filter(own).map(|name| name.as_str()).collect()
    };
    assert_eq!(beside(StateType::Scheduled), ["Late", "AwaitingRetry", "AwaitingConcurrencySlot"]);
    assert_eq!(beside(StateType::Running), ["Retrying"]);
    assert_eq!(beside(StateType::Paused), ["Suspended"]);
    assert_eq!(beside(StateType::Completed), ["Cached", "Skipped", "RolledBack"]);
    assert_eq!(beside(StateType::Failed), ["TimedOut", "TriggerFailed"]);
}

#[test]
fn a_terminal_state_is_left_only_by_being_rolled_back() {
    for from in StateName::ALL {
        for to in StateName::ALL {
            if from.state_type().is_final() {
                let allowed = *from == StateName::Completed && *to == StateName::RolledBack;
                assert_eq!(from.may_become(*to), allowed, "{from} -> {to}");
            }
        }
    }
    assert!(StateName::Pending.may_become(StateName::Running));
    assert!(StateName::Running.may_become(StateName::AwaitingRetry));
    assert!(StateName::AwaitingRetry.may_become(StateName::Retrying));
    assert!(StateName::Running.may_become(StateName::Cancelling));
    assert!(!StateName::Cancelling.may_become(StateName::Running));
    assert!(!StateName::Pending.may_become(StateName::RolledBack));
}
