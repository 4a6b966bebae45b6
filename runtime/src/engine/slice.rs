//! Slices of flow runs: which runs are taken from a snapshot, how many begin, and what is left for the next slice.
//!
//! A run is met once what it waits for has ended: it ends as the snapshot says, is left as the slice is stopped, or goes on. Before its
//! first attempt it asks whether it may begin. Whatever is left, those that it is in are left with it.

mod drawn;
mod given;
mod slugs;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::finish::EndedBefore;
use super::{admission, cancel, resume};
use crate::body::{Body, Outcome};
use crate::clock::TimerKey;
use crate::context::{Scope, TaskRun};
use crate::error::{ErrorKind, TaskError};
use crate::input::{Edge, Node};
use crate::map::MapGroup;
use crate::panic;
use crate::run::{By, Run, Stop};
use crate::runner::runtime::RuntimeHandle;
use crate::snapshot::{Saved, SliceOptions, Snapshot};
use crate::state::StateName;
use crate::sync::Mutex;
use slugs::{Slugs, is_internal};

pub(crate) use drawn::snapshot;

/// What all runs share of a flow run that is executed in slices.
pub(crate) struct Slice {
    options: SliceOptions,
    /// The runs of the snapshot by their slugs.
    given: HashMap<Arc<str>, usize>,
    flow_run: OnceLock<Weak<Run>>,
    timer: Mutex<Option<TimerKey>>,
    /// Why nothing begins any more.
    stopped: OnceLock<String>,
    /// How many task runs may begin.
    room: AtomicUsize,
    slugs: Mutex<Slugs>,
    met: Mutex<HashMap<Arc<str>, Met>>,
    /// The snapshot is not one of this flow run.
    is_refused: OnceLock<()>,
}

/// What is known of a run.
#[derive(Default)]
struct Met {
    has_begun: bool,
    /// It is left for the next slice, or something inside of it is.
    is_left: bool,
    /// It is what the snapshot says.
    is_taken: bool,
    /// What it is recognised by, once it was met: a hash of its slug and of what it takes. The same, if all that it takes is in it.
    identity: Option<u128>,
    inputs: Option<u128>,
    saved: Saved,
}

/// What a run is in which others are executed in slices, or which is one of them.
pub(super) fn of(run: &Run) -> Option<Arc<Slice>> {
    if let Some(slice) = &run.scope.tree.slice {
        return Some(slice.clone());
    }
    if !run.spec.is_flow {
        return None;
    }
    run.tree_inside().and_then(|tree| tree.slice.clone())
}

/// What a run ends with that is left, or in which something is.
pub(super) fn left(run: &Run) -> Option<TaskError> {
    let slice = of(run)?;
    slice.is_left(run).then(|| slice.error(run.scope.tree.slice.is_none()))
}

/// A run whose upstreams have ended is met: how it ended before, if it did. Calls user code. `Err` is what it ends with, being left.
#[inline]
pub(super) fn meet<'a>(
    run: &Arc<Run>,
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
) -> Result<Option<EndedBefore>, TaskError> {
    let Some(slice) = &run.scope.tree.slice else { return Ok(None) };
    let before = slice.taken(run, body, edges).map(|(outcome, name)| {
        let is_recorded = resume::identify(run, body, edges, name);
        admission::see(edges);
        let causes = match outcome.as_ref().map_err(TaskError::kind) {
            Err(ErrorKind::TriggerFailed) => admission::failed(edges.iter().map(|edge| &edge.node)),
            _ => Vec::new(),
        };
        EndedBefore::of_slice(outcome, name, causes, is_recorded)
    });
    if before.is_some() {
        return Ok(before);
    }
    if !slice.is_stopped() || is_internal(run.spec) && !slice.is_any_left(edges.iter().map(|edge| &edge.node))
    {
        return Ok(None);
    }
    slice.leave(run);
    Err(slice.error(false))
}

/// Whether an earlier slice has begun the run and left it, or something inside of it: that its result may be found elsewhere does not
/// count then.
pub(super) fn begins_again(run: &Run) -> bool {
    let Some(slice) = of(run) else { return false };
    let slug = slug_of(run);
    given::has_begun(&slice, &slug)
        && given::entry(&slice, &slug).is_some_and(|entry| !entry.state.is_final())
}

fn slug_of(run: &Run) -> Arc<str> {
    let slug = run.cell.lock().log.extra.as_ref().and_then(|extra| extra.slug.clone());
    slug.unwrap_or_default()
}

impl Slice {
    pub(super) fn new(options: &SliceOptions) -> Arc<Self> {
        let runs = options.snapshot.iter().flat_map(|snapshot| &snapshot.runs);
        let given = runs.enumerate().map(|(n, entry)| (entry.slug.clone(), n)).collect();
        Arc::new(Self {
            room: AtomicUsize::new(options.after.unwrap_or(usize::MAX)),
            options: options.clone(),
            given,
            flow_run: OnceLock::new(),
            timer: Mutex::default(),
            stopped: OnceLock::new(),
            slugs: Mutex::default(),
            met: Mutex::default(),
            is_refused: OnceLock::new(),
        })
    }

    /// The flow run begins, with a snapshot of its own, or with none.
    ///
    /// # Errors
    /// It is one of something else.
    pub(super) fn begin(
        self: &Arc<Self>,
        run: &Arc<Run>,
        body: &(dyn Body<'static> + 'static),
    ) -> Result<(), TaskError> {
        if run.scope.tree.is_flow() {
            return Err(TaskError::new(
                ErrorKind::Failed,
                "`with_snapshot` and `stop_after`: only an outermost flow run is executed in slices, and what is inside of it with it",
            ));
        }
        let _ = self.flow_run.set(Arc::downgrade(run));
        given::check(self, run, body).inspect_err(|_| {
            let _ = self.is_refused.set(());
        })?;
        if self.options.after == Some(0) {
            self.stop(self.after());
        }
        if let Some(time) = self.options.time {
            let weak = Arc::downgrade(self);
            let timer = run.scope.engine.clock().after(time, move || {
                if let Some(slice) = weak.upgrade() {
                    // From now on; what waits is ended elsewhere, as that takes a while.
                    let _ = slice.stopped.set(format!("after {} second(s)", time.as_secs_f64()));
                    RuntimeHandle::own().spawn(async move { slice.leave_waiting() });
                }
            });
            *self.timer.lock() = Some(timer);
        }
        Ok(())
    }

    /// The body of the flow run, and all that it has begun, has ended: what the flow run ends with.
    ///
    /// # Errors
    /// That of the body; or the snapshot names what was never begun, and was written by somebody who may have mistaken that.
    pub(super) fn end<T>(&self, run: &Run, ended: Result<T, TaskError>) -> Result<T, TaskError> {
        if let Some(timer) = self.timer.lock().take() {
            run.scope.engine.clock().cancel(timer);
        }
        if ended.is_ok() && !self.is_left(run) {
            given::check_met(self, run)?;
        }
        ended
    }

    /// Gives a run its slug.
    pub(crate) fn call(&self, run: &Arc<Run>) {
        if run.cell.lock().log.extra.as_ref().is_some_and(|extra| extra.slug.is_some()) {
            return;
        }
        let parent = run.scope.parent.as_ref().map(|parent| slug_of(parent)).unwrap_or_default();
        let slug = self.slugs.lock().of(run, &parent);
        run.cell.lock().log.extra().slug = Some(slug);
    }

    pub(crate) fn call_map(&self, map: &MapGroup) {
        let parent = map.scope.parent.as_ref().map(|parent| slug_of(parent)).unwrap_or_default();
        self.slugs.lock().add_map(map, &parent);
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.options.snapshot.as_deref()
    }

    fn with_met<T>(&self, run: &Run, action: impl FnOnce(&mut Met) -> T) -> T {
        action(self.met.lock().entry(slug_of(run)).or_default())
    }

    /// How the snapshot says that a run has ended, if it does.
    fn taken<'a>(
        &self,
        run: &Arc<Run>,
        body: &(dyn Body<'a> + 'a),
        edges: &[Edge],
    ) -> Option<(Outcome, StateName)> {
        let identity = given::identity_of(self, run, body, edges);
        let taken = given::find(self, run, identity);
        // At once: who looks for what has not begun takes one for that which is known and not taken.
        self.with_met(run, |met| {
            met.identity = Some(identity.0);
            met.inputs = identity.1.then_some(identity.0);
            met.is_taken = taken.is_some();
        });
        taken
    }

    /// A task run is about to begin its first attempt.
    ///
    /// # Errors
    /// It is left for the next slice.
    pub(super) fn may_begin(self: &Arc<Self>, run: &Arc<Run>) -> Result<(), TaskError> {
        if is_internal(run.spec) {
            return Ok(());
        }
        let is_counted = !given::has_begun(self, &slug_of(run));
        let (may_begin, is_last) = self.with_met(run, |met| {
            // Under the lock, as is who looks for what has not begun once it is stopped.
            let may_begin = !met.is_left && !self.is_stopped();
            met.has_begun |= may_begin;
            let is_last = may_begin && is_counted && self.room.fetch_sub(1, Ordering::SeqCst) == 1;
            (may_begin, is_last && self.stopped.set(self.after()).is_ok())
        });
        if is_last {
            self.leave_waiting();
        }
        if may_begin {
            return Ok(());
        }
        self.leave(run);
        Err(self.error(false))
    }

    /// A run has ended with this, which is kept for the snapshot. Calls user code.
    pub(super) fn ends(&self, run: &Arc<Run>, outcome: &Outcome) {
        let Ok(value) = outcome else { return };
        if run.scope.tree.slice.is_none() || self.with_met(run, |met| met.is_left || met.is_taken) {
            return;
        }
        let saved = drawn::save(run, value);
        self.with_met(run, |met| met.saved = saved);
    }

    /// A run is in its final state, and those that wait for it do not know yet.
    pub(super) fn ended(&self, run: &Arc<Run>) {
        let Some(ask) = self.options.when.as_ref().filter(|_| !run.spec.is_flow) else { return };
        let was_executed = self.with_met(run, |met| met.has_begun && !met.is_left);
        if !was_executed || self.is_stopped() {
            return;
        }
        let stops = panic::catch(|| ask(&TaskRun(run.clone()))).unwrap_or_else(|panic| {
            log!(error, "{} - `stop_when` panicked, which counts as yes: {}", run.label(), panic.message);
            true
        });
        if stops {
            self.stop(format!("after '{}'", run.name()));
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    fn after(&self) -> String {
        match self.options.after {
            Some(1) => "after 1 task run".to_owned(),
            Some(count) => format!("after {count} task runs"),
            None => "on request".to_owned(),
        }
    }

    /// From now on nothing begins.
    fn stop(&self, why: String) {
        if self.stopped.set(why).is_ok() {
            self.leave_waiting();
        }
    }

    /// What a run ends with that is left; the flow run itself where it is `outermost`.
    pub(super) fn error(&self, is_outermost: bool) -> TaskError {
        let why = self.stopped.get().map_or("on request", String::as_str);
        let message = if is_outermost {
            format!("the slice was stopped {why}: what is left is for the next one")
        } else {
            format!("the run is left for the next slice, as this one was stopped {why}")
        };
        TaskError::new(ErrorKind::Cancelled, message)
    }

    fn is_left(&self, run: &Run) -> bool {
        self.with_met(run, |met| met.is_left)
    }

    fn is_any_left<'n>(&self, nodes: impl IntoIterator<Item = &'n Node>) -> bool {
        nodes.into_iter().flat_map(Node::runs).any(|run| self.is_left(&run))
    }

    /// Leaves a run for the next slice, with those that it is in, and with the transactions around these.
    pub(crate) fn leave(&self, run: &Arc<Run>) {
        let mut here = Some(run.clone());
        while let Some(run) = here {
            if let Some(transaction) = &run.scope.transaction {
                transaction.halt();
            }
            let was_left = self.with_met(&run, |met| std::mem::replace(&mut met.is_left, true));
            // Those around it have been left with it, unless it is one of many that stand for what could not be begun. What is around
            // the flow run is none of it.
            let goes_on = run.scope.tree.slice.is_some() && (!was_left || slug_of(&run).is_empty());
            here = run.scope.parent.clone().filter(|_| goes_on);
        }
    }

    /// Ends what waits and has not begun; what is executing goes on.
    fn leave_waiting(&self) {
        let Some(flow_run) = self.flow_run.get().and_then(Weak::upgrade) else { return };
        let mut scopes: Vec<Arc<Scope>> = flow_run.children().into_iter().collect();
        let mut waiting = Vec::new();
        while let Some(scope) = scopes.pop() {
            let open = scope.open();
            scopes.extend(open.scopes);
            for run in open.runs.into_iter().chain(open.maps.iter().flat_map(|map| map.open_runs())) {
                if self.is_waiting(&run) {
                    waiting.push(run);
                } else {
                    scopes.extend(run.children());
                }
            }
        }
        // All are known to be left before the first ends, so that none fails because of another.
        for run in &waiting {
            self.leave(run);
        }
        for run in &waiting {
            cancel(run, By::Outer);
        }
    }

    /// Whether a run has not begun, and does not from now on. Not one that is yet to be taken from the snapshot.
    fn is_waiting(&self, run: &Arc<Run>) -> bool {
        if is_internal(run.spec) {
            return false;
        }
        if run.is_of_map() {
            // Its map knows it before it is begun.
            self.call(run);
        }
        let has_ended = given::entry(self, &slug_of(run)).is_some_and(|entry| entry.state.is_final());
        self.with_met(run, |met| !met.has_begun && !met.is_taken && (met.identity.is_some() || !has_ended))
    }

    /// A flow run inside begins its body.
    pub(super) fn goes_in(&self, run: &Run) {
        self.with_met(run, |met| met.has_begun = true);
    }
}

/// Whether a run that was asked to stop is left all the same: not one that the user has cancelled.
pub(super) fn is_left_by(run: &Run, stop: Stop) -> Option<TaskError> {
    match stop {
        Stop::Crash | Stop::Cancel(By::User | By::Drop) => None,
        Stop::No | Stop::Cancel(_) => left(run),
    }
}

/// Whether a list that was to be mapped over is not there as it was left.
pub(crate) fn left_list(scope: &Scope, nodes: &[Node]) -> Option<TaskError> {
    let slice = scope.tree.slice.as_ref().filter(|slice| slice.is_stopped())?;
    slice.is_any_left(nodes).then(|| slice.error(false))
}
