//! Whose runs are whose.

use std::sync::Barrier;
use std::time::Duration;

use uuid::Uuid;

use super::population::{at, created, entered, find, flow_run, task_run};
use super::{NewStore, done, written};
use crate::state::{State, StateName, StateType};
use crate::store::{Event, Kind, Owner, RunRecord, RunStore};

pub(super) fn owner(n: u64) -> Owner {
    Owner {
        id: Uuid::from_u128(n.into()),
        host: format!("host-{n}"),
        pid: u32::MAX,
        started: u64::MAX - n,
        lease: at(n),
    }
}

const NOBODY: [Uuid; 0] = [];

fn of(owner: &Owner, run: RunRecord) -> RunRecord {
    RunRecord { owner: Some(owner.id), ..run }
}

fn owner_of(store: &dyn RunStore, run: &RunRecord) -> Option<Uuid> {
    find(store, run.kind, run.id).and_then(|run| run.owner)
}

/// A run has its owner until it has ended, in whatever batch that is written.
///
/// # Panics
/// Panics if that does not hold.
pub fn ended_runs_belong_to_nobody(new_store: &NewStore) {
    for together in [true, false] {
        let store = new_store();
        let owner = owner(1);
        let flow = of(&owner, flow_run(0));
        for (n, name) in (0..).zip(StateName::ALL.iter().copied()) {
            let task = of(&owner, task_run(&flow, n));
            let events = [created(&task), entered(&task, name, 1)];
            for part in events.chunks(if together { 2 } else { 1 }) {
                written(&*store, part);
            }
            let expected = task.owner.filter(|_| !name.state_type().is_final());
            assert_eq!(owner_of(&*store, &task), expected, "{name}, in one batch: {together}");
        }
    }
}

/// Owners are those who have said that they live, as they said it last.
///
/// # Panics
/// Panics if that does not hold.
pub fn leases_are_renewed(new_store: &NewStore) {
    let store = new_store();
    assert_eq!(done(store.owners(), "owners"), []);
    let mut owners = [owner(1), owner(2)];
    for lease in [10, 20] {
        for owner in &mut owners {
            owner.lease = at(lease);
            done(store.renew(owner), "renew");
        }
        let mut known = done(store.owners(), "owners");
        known.sort_by_key(|owner| owner.id);
        assert_eq!(known, owners);
    }
}

/// What an owner that is buried has not ended is CRASHED, and nobody's; what is others' or has ended stays as it was.
///
/// # Panics
/// Panics if that does not hold.
pub fn runs_of_the_buried_have_crashed(new_store: &NewStore) {
    let store = new_store();
    let (dead, alive) = (owner(1), owner(2));
    let flow = of(&dead, flow_run(0));
    let running = of(&dead, task_run(&flow, 0));
    let ended = of(&dead, task_run(&flow, 1));
    let child = of(&dead, super::population::child_of(&flow, 5));
    let outside = of(&dead, task_run(&flow_run(9), 0));
    let outside = RunRecord { parent: None, flow_run: None, root: outside.id, ..outside };
    let claimed = flow_run(1);
    let others = of(&alive, flow_run(2));
    for owner in [&dead, &alive] {
        done(store.renew(owner), "renew");
    }
    let runs = [&flow, &running, &ended, &child, &outside, &claimed, &others];
    written(&*store, &runs.map(created));
    let mut retry = entered(&running, StateName::AwaitingRetry, 5);
    if let Event::Entered { state, .. } = &mut retry {
        state.details.scheduled_time = Some(at(1));
    }
    written(
        &*store,
        &[retry, entered(&ended, StateName::Completed, 5), entered(&claimed, StateName::Failed, 5)],
    );
    assert!(done(store.claim(claimed.id, dead.id), "claim"));
    // Later than some of their last states, earlier than others.
    let now = flow.created + Duration::from_nanos(3);
    let mut outermost = done(store.bury(&dead, "it is dead", now), "bury");
    outermost.sort();
    let mut expected = vec![flow.id, outside.id];
    expected.sort();
    assert_eq!(outermost, expected);
    assert_eq!(done(store.owners(), "owners"), std::slice::from_ref(&alive));
    for run in [&flow, &running, &child, &outside] {
        let found = find(&*store, run.kind, run.id);
        let Some(RunRecord { state, owner: None, .. }) = found else { panic!("{found:?}") };
        let states = done(store.states(run.id), "states");
        let before = &states[states.len() - 2];
        let expected = State {
            id: crate::id::of_state(run.id.as_u128(), states.len() - 1),
            timestamp: now.max(before.timestamp + Duration::from_nanos(1)),
            message: Some("it is dead".into()),
            ..super::population::state(run.id, StateName::Crashed, 0)
        };
        assert_eq!(state, expected);
        assert_eq!(states.last(), Some(&expected));
    }
    let state =
        |run: &RunRecord| find(&*store, run.kind, run.id).map(|run| (run.state.state_type, run.owner));
    assert_eq!(state(&ended), Some((StateType::Completed, None)));
    assert_eq!(state(&claimed), Some((StateType::Failed, None)));
    assert_eq!(state(&others), Some((StateType::Pending, Some(alive.id))));
}

/// An owner is not buried that has renewed its lease since, nor one that nobody knows.
///
/// # Panics
/// Panics if that does not hold.
pub fn owners_that_live_are_not_buried(new_store: &NewStore) {
    let store = new_store();
    let before = owner(1);
    let now = Owner { lease: before.lease + Duration::from_nanos(1), ..before.clone() };
    let flow = of(&before, flow_run(0));
    written(&*store, &[created(&flow)]);
    assert_eq!(done(store.bury(&before, "it is dead", at(0)), "bury"), NOBODY);
    assert_eq!(owner_of(&*store, &flow), flow.owner, "an owner that nobody knows was buried");
    done(store.renew(&before), "renew");
    done(store.renew(&now), "renew");
    assert_eq!(done(store.bury(&before, "it is dead", at(0)), "bury"), NOBODY);
    assert_eq!(done(store.owners(), "owners"), std::slice::from_ref(&now));
    assert_eq!(owner_of(&*store, &flow), flow.owner);
    assert_eq!(done(store.states(flow.id), "states").len(), 1);
    done(store.renew(&now), "renew");
}

/// An owner whose runs were given up cannot renew its lease any more; one that had none may come back.
///
/// # Panics
/// Panics if that does not hold.
pub fn who_was_buried_learns_of_it(new_store: &NewStore) {
    let store = new_store();
    let (busy, idle) = (owner(1), owner(2));
    for owner in [&busy, &idle] {
        done(store.renew(owner), "renew");
    }
    written(&*store, &[created(&of(&busy, flow_run(0)))]);
    for owner in [&busy, &idle] {
        done(store.bury(owner, "it is dead", at(0)), "bury");
    }
    for _ in 0..2 {
        let refused = store.renew(&busy);
        assert!(refused.as_ref().is_err_and(super::super::StoreError::is_gone), "{refused:?}");
    }
    assert_eq!(done(store.bury(&busy, "it is dead", at(0)), "bury"), NOBODY);
    done(store.renew(&idle), "renew");
    assert_eq!(done(store.owners(), "owners"), [idle]);
}

/// A flow run is made once, as that of whoever comes first.
///
/// # Panics
/// Panics if that does not hold.
pub fn flow_runs_are_created_by_one_owner(new_store: &NewStore) {
    let store = new_store();
    for n in 0..20 {
        let owners: Vec<Owner> = (1..5).map(owner).collect();
        let begin = Barrier::new(owners.len());
        let create = |owner: &Owner| {
            begin.wait();
            done(store.create(&of(owner, flow_run(n))), "create")
        };
        let made: Vec<bool> = std::thread::scope(|scope| {
            let asking: Vec<_> = owners.iter().map(|owner| scope.spawn(|| create(owner))).collect();
            asking.into_iter().map(|asked| asked.join().unwrap_or(false)).collect()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
        let first = owners.iter().zip(made).find(|(_, made)| *made).map(|(owner, _)| owner.id);
        assert_eq!(owner_of(&*store, &flow_run(n)), first);
        assert_eq!(done(store.states(flow_run(n).id), "states").len(), 1);
        assert!(!done(store.create(&of(&owners[0], flow_run(n))), "create"), "it was made twice");
    }
}

/// A flow run is given to an owner if it is nobody's, and not COMPLETED.
///
/// # Panics
/// Panics if that does not hold.
pub fn flow_runs_are_claimed_by_one_owner(new_store: &NewStore) {
    let store = new_store();
    let (one, other) = (owner(1), owner(2));
    for (n, name) in (0..).zip(StateName::ALL.iter().copied()) {
        let flow = flow_run(n);
        written(&*store, &[created(&flow), entered(&flow, name, 1)]);
        let claimed = done(store.claim(flow.id, one.id), "claim");
        assert_eq!(claimed, name.state_type() != StateType::Completed, "{name}");
        assert!(!done(store.claim(flow.id, other.id), "claim") || !claimed, "{name}: claimed twice");
        assert_eq!(owner_of(&*store, &flow), claimed.then_some(one.id));
        if claimed {
            let events = [entered(&flow, StateName::Running, 2), entered(&flow, StateName::Failed, 3)];
            written(&*store, &events[..1]);
            assert_eq!(owner_of(&*store, &flow), Some(one.id));
            written(&*store, &events[1..]);
            assert!(done(store.claim(flow.id, other.id), "claim"), "{name}: nobody's again");
        }
    }
    let task = task_run(&flow_run(0), 0);
    written(&*store, &[created(&task)]);
    assert!(!done(store.claim(task.id, one.id), "claim"), "a task run was claimed");
    assert!(!done(store.claim(Uuid::from_u128(404), one.id), "claim"), "what is not there was claimed");
    assert_eq!(find(&*store, Kind::Flow, Uuid::from_u128(404)), None);
}

/// Of many who ask for a flow run at once one gets it.
///
/// # Panics
/// Panics if that does not hold.
pub fn claimed_by_many_a_run_has_one_owner(new_store: &NewStore) {
    const THREADS: u64 = 8;
    let store = new_store();
    for n in 0..10 {
        let flow = flow_run(n);
        written(&*store, &[created(&flow), entered(&flow, StateName::Crashed, 1)]);
        let barrier = Barrier::new(THREADS.try_into().unwrap_or(1));
        let won: Vec<Uuid> = std::thread::scope(|scope| {
            let ask = |own: u64| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let id = owner(own).id;
                    done(store.claim(flow_run(n).id, id), "claim").then_some(id)
                })
            };
            let asking: Vec<_> = (0..THREADS).map(|own| ask(own + 1)).collect();
            asking.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
        });
        assert_eq!(won.len(), 1, "{won:?} have claimed it");
        assert_eq!(owner_of(&*store, &flow), Some(won[0]));
    }
}
