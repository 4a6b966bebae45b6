//! Plans that were carried out wrongly once, each as small as it was made by hand.

use crate::carry_out::wrong_with;
use crate::plan::{Body, End, Flow, Kind, Look, Plan, Rule, Run, Runner, Step, Takes};

/// Carries it out many times: each needed two threads to meet.
fn holds(plan: &Plan) {
    for _ in 0..50 {
        let wrong = wrong_with(plan);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn body(steps: Vec<Step>) -> Body {
    Body { steps, end: End::Ok }
}

/// The flow on a sequential runner, with one slot.
fn in_turn(flow: Flow) -> Plan {
    Plan {
        runner: Runner::Sequential,
        workers: 1,
        runtime: 0,
        limit: 1,
        keep: false,
        cancel_after: None,
        flow,
    }
}

#[test]
fn a_run_lines_up_for_a_slot_as_it_becomes_free() {
    let limited = || Step::Submit(Run { kind: Kind::Blocking, limited: true, ..Run::plain() });
    let wait = Step::Look { at: 1, how: Look::WaitAlone, propagate: false };
    holds(&Plan {
        runner: Runner::ThreadPool,
        workers: 2,
        runtime: 0,
        limit: 1,
        keep: true,
        cancel_after: None,
        flow: Flow {
            is_async: false,
            body: body(vec![limited(), limited(), limited(), wait]),
            ..Flow::plain()
        },
    });
}

#[test]
fn a_child_flow_run_is_dropped_as_its_argument_fails() {
    let failing = Step::Submit(Run { body: Body { steps: Vec::new(), end: End::Err }, ..Run::plain() });
    let taking = Run { takes: Takes::Value { of: 0, given: false }, ..Run::plain() };
    let child = Flow { is_async: false, takes: Some(1), ..Flow::plain() };
    let look = Step::Look { at: 1, how: Look::Share, propagate: false };
    holds(&in_turn(Flow {
        body: body(vec![failing, Step::Submit(taking), Step::Flow(child), look]),
        ..Flow::plain()
    }));
}

#[test]
fn what_goes_next_on_a_thread_is_not_held_up_by_what_the_thread_does_before() {
    let look = |at| Step::Look { at, how: Look::Timed, propagate: false };
    // It has the slot, and goes next where the first run ends.
    let next = Run {
        takes: Takes::Borrowed(0),
        trigger: Rule::Even,
        limited: true,
        body: body(vec![look(0)]),
        ..Run::plain()
    };
    let in_want_of_the_slot = Run {
        kind: Kind::Blocking,
        takes: Takes::Outcome(0),
        trigger: Rule::AlwaysRun,
        limited: true,
        ..Run::plain()
    };
    let before = Run {
        kind: Kind::Sync,
        takes: Takes::Value { of: 0, given: false },
        trigger: Rule::AlwaysRun,
        body: body(vec![Step::Submit(in_want_of_the_slot), look(215)]),
        ..Run::plain()
    };
    holds(&in_turn(Flow {
        is_async: false,
        body: body(vec![Step::Submit(Run::plain()), Step::Submit(next), Step::Submit(before)]),
        ..Flow::plain()
    }));
}
