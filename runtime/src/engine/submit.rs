//! The beginning of a run: created, told to those upstream, or ready at once.

use std::sync::Arc;

use super::ready::{ReadyBecause, hand_over, ready};
use super::span::span_here;
use super::{cancel, plan, record, watch};
use crate::body::{BoxBody, Upstreams};
use crate::context::{Scope, scope_here};
use crate::input::{EdgeList, Node};
use crate::map;
use crate::mock;
use crate::options::Options;
use crate::run::{By, Downstream, NO_INDEX, NewRun, Run, RunInner, Slot, Stage};
use crate::spec::Spec;

/// Submits a run here; it counts one reader, which is the caller's.
pub(crate) fn submit(
    mut spec: &'static Spec,
    options: Option<Arc<Options>>,
    mut edges: EdgeList,
    mut body: BoxBody,
) -> Arc<Run> {
    let scope = scope_here();
    let mut options = scope.in_branch(options);
    if let Some(stand_in) = mock::of(&scope, spec, || body.output()) {
        spec = stand_in.spec();
        options = stand_in.options(options);
        body = stand_in.body(body);
    }
    if let Some(options) = &options {
        edges.extend(options.wait_for.iter().cloned());
    }
    let waits = !edges.is_empty();
    if waits {
        body.upstreams().begin(edges.len());
    }
    let run = new_run(spec, scope, options, Some((body, waits)));
    let because = ReadyBecause::submitted();
    begin(run.clone(), edges, 0);
    drop(because);
    record::throttle(&run.scope.engine);
    run
}

/// A run of its own, of no map; with its body it is told whether it waits for something.
pub(super) fn new_run(
    spec: &'static Spec,
    scope: Arc<Scope>,
    options: Option<Arc<Options>>,
    body: Option<(BoxBody, bool)>,
) -> Arc<Run> {
    let (body, waits) = body.map_or((None, false), |(body, waits)| (Some(body), waits));
    Run::new(describe(spec, scope, options, waits), body)
}

/// A run of its own, which its caller executes: left as it is by `begin`, which is told whether the run is plain.
pub(super) fn new_call(
    spec: &'static Spec,
    scope: Arc<Scope>,
    options: Option<Arc<Options>>,
    begin: impl FnOnce(&mut RunInner, bool),
) -> Arc<Run> {
    Run::begun(describe(spec, scope, options, false), None, begin)
}

fn describe(spec: &'static Spec, scope: Arc<Scope>, options: Option<Arc<Options>>, waits: bool) -> NewRun {
    let (number, ordinal) = scope.tree.enroll(spec);
    watch::made(&scope.tree, spec, options.as_deref(), 1);
    let created = scope.engine.clock().nanos();
    let span = span_here(&scope);
    NewRun {
        spec,
        scope,
        created,
        number,
        ordinal,
        index: NO_INDEX,
        readers: 1,
        options,
        waits,
        follows: false,
        waiter: None,
        span,
    }
}

/// Begins a run that has been made: it waits for its upstreams, and, in a chunk of a map, for the run that it
/// [follows](Run::follows), of which its map tells it; its body [knows](Upstreams::begin) how many these are. Of those that it knows
/// of, so many have `ended`, beside those that are found here to have.
pub(crate) fn begin(run: Arc<Run>, edges: EdgeList, mut ended: u32) {
    if run.scope.tree.plan.is_some() {
        let value = match &run.cell.lock().slot {
            Slot::Body(body) => body.plan_value(),
            _ => None,
        };
        return plan::begin(&run, &edges, value);
    }
    enlist(&run, &edges);
    if run.scope.is_cancelled() {
        return cancel(&run, By::Outer);
    }
    if edges.is_empty() && !run.follows() {
        let begin = if run.begins_ready() { hand_over } else { ready };
        return begin(run);
    }
    let mut in_doubt = false;
    for edge in &edges {
        let has_ended = map::subscribe(&edge.node, Downstream::Run(run.clone())).is_err();
        ended += u32::from(has_ended);
        in_doubt |= has_ended;
    }
    count_down(&run, ended + 1, !in_doubt, |upstreams| upstreams.edges = edges);
}

/// Notes a run that has been made, and that is cancelled before it begins.
pub(crate) fn begin_cancelled(run: &Arc<Run>, by: By) {
    enlist(run, &EdgeList::new());
    cancel(run, by);
}

/// Lists a run as open, which has its slug then. A map answers for its runs.
fn enlist(run: &Arc<Run>, edges: &EdgeList) {
    run.scope.tree.record(run, edges);
    if !run.is_of_map() {
        run.scope.register(run);
        run.scope.note_begun(|| Node::Run(run.clone()));
    }
    record::created(run, edges);
}

/// The run that one [follows](Run::follows) has ended, however it did.
pub(crate) fn may_follow(run: &Arc<Run>) {
    count_down(run, 1, true, |_| ());
}

/// One of a run's upstreams has ended; with a value, as far as is known.
pub(super) fn upstream_ended(run: &Arc<Run>, has_value: bool) {
    count_down(run, 1, has_value, |_| ());
}

/// So many of a run's upstreams have ended. The last one makes it ready.
fn count_down(run: &Arc<Run>, ended: u32, have_values: bool, note: impl FnOnce(&mut Upstreams)) {
    let at_once = {
        let mut inner = run.cell.lock();
        // It was cancelled meanwhile.
        let Slot::Body(body) = &mut inner.slot else { return };
        let upstreams = body.upstreams();
        note(upstreams);
        upstreams.in_doubt |= !have_values;
        upstreams.remaining -= ended;
        if upstreams.remaining > 0 {
            return;
        }
        // There is nothing to decide.
        let at_once = !upstreams.in_doubt && run.begins_ready() && !run.scope.is_cancelled();
        let edges = at_once.then(|| std::mem::take(&mut upstreams.edges));
        if at_once {
            inner.stage = Stage::Ready;
        }
        edges
    };
    match at_once {
        Some(edges) => {
            drop(edges);
            hand_over(run.clone());
        }
        None => ready(run.clone()),
    }
}
