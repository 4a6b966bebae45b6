//! What the engine has recorded, where it has somebody who records.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::Engine;
use super::flow_run::asked_for;
use super::hook::runtime_of;
use super::settling::Settling;
use super::wait;
use crate::body::Erased;
use crate::clock::{self, Nanos};
#[cfg(feature = "logging")]
use crate::context::with_current_run;
use crate::error::{BoxError, ErrorKind, TaskError};
use crate::input::{Edge, EdgeList, Node};
use crate::mock;
use crate::panic;
use crate::recorder::{Entered, Item, Large, Recorder};
use crate::result::WriteOptions;
use crate::run::{Recorded, Run, RunInner};
use crate::state::StateName;
#[cfg(feature = "logging")]
use crate::store::LogRecord;
use crate::store::{Durability, Outcome};

/// The longest result that stands in the ledger itself; a longer one lies in the result store.
pub(super) const INLINE: usize = 64 * 1024;
/// The most that the parameters of a run may take as JSON.
const PARAMETERS: usize = 512 * 1024;

fn recorder(run: &Run) -> Option<&Arc<Recorder>> {
    run.scope.engine.recorder()
}

/// A run was made, which waits for these.
pub(super) fn created(run: &Arc<Run>, edges: &EdgeList) {
    let Some(recorder) = recorder(run) else { return };
    let is_asked_for = run.spec.is_flow && asked_for(run).is_some();
    // A child flow run is recorded with what it is recognised by, or not at all: else it might be begun anew.
    let is_child = run.spec.is_flow && run.scope.tree.is_flow();
    // What waits for nothing is told of at once, with what it is recognised by.
    let is_ready = !run.spec.is_flow && run.scope.tree.is_flow() && edges.is_empty();
    // It may be one of an earlier process.
    let is_known = run.scope.tree.priors().is_some();
    if is_asked_for || is_child || is_ready || is_known {
        run.cell.lock().log.extra().recorded = Recorded::Later;
        return;
    }
    recorder.push(Item::Created(run.clone(), edges.clone()));
}

/// A run was made that its caller executes.
pub(super) fn called(run: &Arc<Run>) {
    if recorder(run).is_none() {
        return;
    }
    let waits_for = run.with_options(|options| options.map(|options| options.wait_for.clone()));
    created(run, &waits_for.unwrap_or_default());
    throttle(&run.scope.engine);
}

/// A run is none of an earlier process, and what it has waited for has ended: maps have told what they are made of. `identity` is
/// what it will be recognised by.
pub(super) fn announce(run: &Arc<Run>, edges: &[Edge], identity: Option<u128>) {
    let Some(recorder) = recorder(run) else { return };
    let is_new = {
        let mut inner = run.cell.lock();
        let extra = inner.log.extra.as_mut();
        extra.is_some_and(|extra| std::mem::take(&mut extra.recorded) == Recorded::Later)
    };
    if is_new {
        recorder.push(Item::Created(run.clone(), edges.iter().cloned().collect()));
    }
    for edge in edges.iter().filter(|edge| matches!(edge.node, Node::Map(_))) {
        recorder.push(Item::Upstream(run.clone(), edge.clone()));
    }
    if let Some(identity) = identity.filter(|_| !is_new) {
        recorder.push(Item::Identified(run.clone(), identity));
    }
}

/// A flow run goes on that was begun by an earlier process: it is PENDING again, later than it was anything else.
pub(super) fn goes_on(run: &Arc<Run>, since: Nanos) {
    let Some(recorder) = recorder(run) else { return };
    let at = {
        let mut inner = run.cell.lock();
        inner.log.extra().recorded = Recorded::All;
        inner.log.begin_after(since)
    };
    recorder.push(Item::Began(run.clone(), StateName::Pending, at, 0));
}

/// Holds up whoever makes runs faster than they can be recorded. Not to be called while anything is locked.
pub(crate) fn throttle(engine: &Engine) {
    // On the clock's thread every delay would wait, that before the next attempt to write among them.
    if let Some(recorder) = engine.recorder().filter(|recorder| recorder.is_full())
        && !clock::is_firing()
    {
        wait::beside_runtime(|| recorder.throttle());
    }
}

/// A run has got its name, and its parameters where they are written down.
///
/// # Errors
/// The parameters are too long to be recorded.
pub(super) fn prepared(run: &Arc<Run>) -> Result<(), TaskError> {
    let Some(recorder) = recorder(run) else { return Ok(()) };
    let (has_name, parameters) = {
        let inner = run.cell.lock();
        let parameters = inner.log.extra.as_ref().and_then(|extra| extra.parameters.clone());
        (inner.log.name().is_some(), parameters)
    };
    if !has_name && parameters.is_none() {
        return Ok(());
    }
    let length = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
    let lengths = || parameters.iter().flat_map(|all| all.iter()).map(|(name, value)| (length(value), name));
    let total: usize = lengths().map(|(length, _)| length).sum();
    if total > PARAMETERS
        && let Some((most, name)) = lengths().max()
    {
        return Err(TaskError::new(
            ErrorKind::Failed,
            format!(
                "the parameters take {total} bytes as JSON, {most} of them `{name}`, and {PARAMETERS} are the most that is recorded: \
                 pass where it lies, a path or a key"
            ),
        ));
    }
    recorder.push(Item::Prepared(run.clone()));
    Ok(())
}

/// Whether what is logged here is recorded.
#[cfg(feature = "logging")]
pub(crate) fn records_logs() -> bool {
    with_current_run(|run| recorder(run).is_some()).unwrap_or(false)
}

/// User code has logged something in the run that executes here.
#[cfg(feature = "logging")]
pub(crate) fn logged(level: &str, target: &str, message: String) {
    let _ = with_current_run(|run| {
        let Some(recorder) = recorder(run) else { return };
        let tree = &run.scope.tree;
        let flow_run = if run.spec.is_flow { Some(run.id()) } else { tree.is_flow().then(|| tree.prefix()) };
        recorder.push(Item::Logged(Box::new(LogRecord {
            run: Uuid::from_u128(run.id()),
            flow_run: flow_run.map(Uuid::from_u128),
            at: run.scope.engine.clock().now(),
            level: level.to_owned(),
            target: target.to_owned(),
            message,
        })));
    });
}

impl Run {
    /// Enters a state, under the run's lock, and has that recorded. The only place where a run's state changes.
    pub(super) fn enter(
        self: &Arc<Self>,
        inner: &mut RunInner,
        name: StateName,
        now: Nanos,
        message: Option<&str>,
        scheduled: Option<Nanos>,
    ) {
        inner.enter(name, now, message, scheduled);
        if let Some(recorder) = recorder(self)
            && matches!(inner.log.recorded(), Recorded::All | Recorded::ButResult)
        {
            let (at, run_count) = (inner.log.last_time(), inner.log.attempts());
            recorder.push(match (message, scheduled) {
                (None, None) => Item::Began(self.clone(), name, at, run_count),
                _ => Item::Entered(Box::new(Entered {
                    message: message.map(Arc::from),
                    scheduled,
                    ..Entered::new(self.clone(), name, at, run_count)
                })),
            });
        }
    }
}

/// Records how a run ends, then settles it: at once, or, where that is asked for, once the record is written.
pub(super) fn settle(mut settling: Settling) {
    let Some(recorder) = recorder(&settling.run).cloned() else { return settling.settle() };
    let run = settling.run.clone();
    let known = run.cell.lock().log.recorded();
    match known {
        Recorded::All | Recorded::ButResult => {}
        // It is not executed, and nobody has asked what it was before.
        Recorded::Later => announce(&run, &[], None),
        Recorded::Elsewhere => return settling.settle(),
    }
    let (outcome, large) = match settling.value() {
        Some(value) => outcome_of(&run, value).unwrap_or_else(|| {
            run.cell.lock().log.extra().recorded = Recorded::ButResult;
            (None, None)
        }),
        None => (None, None),
    };
    let (error, name) = (settling.error().cloned(), settling.name());
    let message = settling.said().map(Arc::from);
    let now = run.scope.engine.clock().nanos();
    let position = {
        // Under the lock, so that no other state comes between.
        let inner = run.cell.lock();
        let at = now.max(inner.log.last_time() + 1);
        settling.at(at);
        let entered = Entered::new(run.clone(), name, at, inner.log.attempts());
        recorder.push(Item::Entered(Box::new(Entered { message, error, outcome, large, ..entered })))
    };
    let is_strict = recorder.durability() == Durability::Strict;
    if !is_strict && !is_outermost_flow_run(&run) {
        return settling.settle();
    }
    let written = recorder.written(position);
    runtime_of(&run).spawn(async move {
        if let Err(error) = written.await
            && is_strict
        {
            settling.instead(TaskError::new(
                ErrorKind::Crashed,
                format!("how the run ended could not be recorded: {error}"),
            ));
        }
        settling.settle();
    });
}

/// Whoever has called one finds it in the ledger.
fn is_outermost_flow_run(run: &Run) -> bool {
    run.spec.is_flow && run.scope.parent.is_none()
}

/// What is kept of a result, so that the run need not be executed again when its flow run is resumed; `None` if it cannot be kept.
fn outcome_of(run: &Run, value: &Erased) -> Option<(Option<Outcome>, Option<Box<Large>>)> {
    let is_inside = run.spec.is_flow || run.scope.tree.is_flow();
    if !is_inside || mock::is_near(run) {
        return Some((None, None));
    }
    let result = run.spec.cache.result?;
    let written = panic::catch(|| {
        let bytes = result.to_json(&**value)?;
        if bytes.len() <= INLINE {
            return Ok((Some(Outcome::Inline(bytes)), None));
        }
        let store = run.scope.engine.results()?;
        let root = run.scope.tree.root().unwrap_or(run.id());
        let key = format!("runs/{}/{}", Uuid::from_u128(root), Uuid::from_u128(run.id()));
        let options = WriteOptions::new().of_task(run.spec.key(), run.spec.version);
        let draft = store.draft_erased(&key, &**value, result, &options)?;
        Ok((None, Some(Box::new(Large { store, draft }))))
    });
    let problem: BoxError = match written {
        Ok(Ok(written)) => return Some(written),
        Ok(Err(error)) => error,
        Err(panic) => format!("writing it panicked: {}", panic.message).into(),
    };
    log!(
        warn,
        "{} - it is executed again if its flow run is resumed, as its result cannot be recorded: {problem}",
        run.label()
    );
    None
}
