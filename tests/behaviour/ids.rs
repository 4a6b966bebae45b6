//! Ids of runs and of their states.

use std::collections::HashSet;

use millrun::prelude::*;

#[task]
fn number(x: u32) -> u32 {
    x
}

#[flow]
fn flow(n: u32) -> Result<usize, FlowError> {
    let futures = number.map(0..n);
    let _ = number(1).result()?;
    let _ = number.submit(2).result()?;
    let child = child().result()?;
    Ok(futures.result()?.len() + child)
}

#[flow]
fn child() -> Result<usize, FlowError> {
    Ok(number.submit(1).result()? as usize)
}

#[test]
fn flow_run_ids_are_of_version_7_and_task_run_ids_of_version_8_under_the_same_prefix() {
    let run = flow(5).report_blocking();
    run.result().unwrap();
    let flow_id = run.id().as_uuid();
    assert_eq!(flow_id.get_version_num(), 7);
    let tasks: Vec<u128> = run.task_runs().iter().map(|run| run.id().as_uuid().as_u128()).collect();
    assert_eq!(tasks.len(), 7);
    for task in run.task_runs() {
        let id = task.id().as_uuid();
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id.get_variant(), flow_id.get_variant());
        // All but the version and the counter, which is the lowest 32 bits.
        let prefix = |id: u128| id & !(0xF << 76) & !0xFFFF_FFFF;
        assert_eq!(prefix(id.as_u128()), prefix(flow_id.as_u128()));
    }
    assert_eq!(tasks.iter().collect::<HashSet<_>>().len(), 7);
}

#[test]
fn child_flow_runs_have_ids_of_their_own() {
    let run = flow(1).report_blocking();
    let children = run.child_flow_runs();
    assert_eq!(children.len(), 1);
    let id = children[0].id();
    assert_eq!(id.as_uuid().get_version_num(), 7);
    assert_ne!(id, run.id());
}

#[test]
fn runs_outside_of_flows_have_ids_too() {
    let (one, other) = (number.submit(1), number.submit(2));
    assert_eq!(one.id().as_uuid().get_version_num(), 8);
    assert_ne!(one.id(), other.id());
    assert_eq!(one.id(), one.clone().id());
    assert_eq!(one.id().to_string(), one.id().as_uuid().to_string());
    one.wait();
    assert_eq!(one.result().unwrap(), 1);
}

#[test]
fn later_flow_runs_sort_after_earlier_ones() {
    let ids: Vec<_> = (0..20).map(|_| child().report_blocking().id()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[test]
fn every_state_of_every_run_has_an_id_of_its_own() {
    let run = flow(100).report_blocking();
    let mut all: Vec<_> = run.states().iter().map(|state| state.id).collect();
    all.extend(run.task_runs().iter().flat_map(TaskRun::states).map(|state| state.id));
    all.extend(run.child_flow_runs().iter().flat_map(FlowRunInfo::states).map(|state| state.id));
    assert_eq!(all.len(), 3 + 102 * 3 + 3);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    // Asked again they are the same.
    assert_eq!(run.task_runs()[7].states()[1].id, run.task_runs()[7].states()[1].id);
}
