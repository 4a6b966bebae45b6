//! Plans that were carried out wrongly once, each as small as it was made by hand.

use crate::carry_out::wrong_with;
use crate::plan::{Body, End, Flow, Kind, Look, Plan, Run, Runner, Step, Takes};

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
    holds(&Plan {
        runner: Runner::Sequential,
        workers: 1,
        runtime: 0,
        limit: 1,
        keep: false,
        cancel_after: None,
        flow: Flow {
            body: body(vec![failing, Step::Submit(taking), Step::Flow(child), look]),
            ..Flow::plain()
        },
    });
}
