//! The end of a run: its final state, its hooks, and whoever waits for it.

use std::sync::{Arc, Weak};

use tracing::Level;

use super::attempt::cancelled;
use super::cache::{self, Io};
use super::cancel::{cancel_scope, explained};
use super::ready::{ReadyBecause, notify};
use super::settling::Settling;
use super::state_log::log_state;
use super::{hook, moment, record, signal, slice, slots, span, submit, transaction, unlist, watch};
use crate::body::Outcome;
use crate::context::{Failure, Scope};
use crate::error::{ErrorKind, TaskError};
use crate::input::EdgeList;
use crate::options::Options;
use crate::panic::drop_caught;
use crate::run::{Downstream, Extra, Run, RunWaiter, Slot, Stop, Waiter, Waiters, state_of};
use crate::runner::runtime::RuntimeHandle;
use crate::spec::{Kind, Spec};
use crate::state::{StateName, StateType};
use crate::transaction::Transaction;

/// Ends a run, unless it has ended. `causes` are the failures because of which it was not executed.
pub(super) fn finish(run: &Arc<Run>, outcome: Outcome, causes: Vec<Arc<Run>>) {
    finish_as(run, outcome, None, causes);
}

/// As [`finish`], with a message for the state of a run that completed.
pub(super) fn finish_as(run: &Arc<Run>, outcome: Outcome, said: Option<&'static str>, causes: Vec<Arc<Run>>) {
    let outcome = if ends_at_once(run) {
        match end_plain(run, outcome) {
            Ok(end) => return release(run, end, causes),
            Err(outcome) => outcome,
        }
    } else {
        outcome
    };
    let Some(stop) = run.cell.begin_to_settle() else { return drop_caught(outcome) };
    let outcome = unless_stopped(run, stop, outcome);
    if run.is_governed() {
        let leaving = Leaving { run: run.clone(), stop, causes, otherwise: shut_down, is_left: false };
        transaction::now_or_on(&hook::runtime_of(run), leaving.leave(outcome));
    } else {
        settle(run, stop, asked(run, outcome), said, causes);
    }
}

/// As [`finish`], for a governed run that its caller executes, who awaits what there is to await as its transaction is left.
/// Dropped before its end, it cancels the run.
pub(super) async fn leave_call(run: &Arc<Run>, outcome: Outcome) {
    let Some(stop) = run.cell.begin_to_settle() else { return drop_caught(outcome) };
    let outcome = unless_stopped(run, stop, outcome);
    let run = run.clone();
    Leaving { run, stop, causes: Vec::new(), otherwise: call_dropped, is_left: false }.leave(outcome).await;
}

/// What a run ends with that is about to end with `outcome`, if it was not asked to stop.
fn unless_stopped(run: &Run, stop: Stop, outcome: Outcome) -> Outcome {
    if let Some(error) = slice::is_left_by(run, stop) {
        return instead(outcome, error);
    }
    match stop {
        Stop::Crash => instead(outcome, signal::crashed()),
        // Cancelled between its verdict and now; it may be in CANCELLING.
        Stop::Cancel(_) if run.spec.is_flow && !is_crash(&outcome) => {
            let answer = run.cell.lock().log.extra.as_mut().and_then(|extra| extra.answer.take());
            instead(outcome, answer.unwrap_or_else(cancelled))
        }
        // What it gives now is not to be committed.
        Stop::Cancel(_) if run.is_governed() && outcome.is_ok() => instead(outcome, cancelled()),
        _ => outcome,
    }
}

/// What a run ends with, which says by what it was cancelled, once `on_state_change` was asked.
fn asked(run: &Arc<Run>, outcome: Outcome) -> Outcome {
    if outcome.is_err() && slice::left(run).is_some() {
        return outcome;
    }
    let outcome = outcome.map_err(|error| explained(run, error));
    let name = name_of(&outcome, cache::name_of_success(run));
    match hook::propose(run, name, outcome.as_ref().err()) {
        Ok(()) => outcome,
        Err(answer) => instead(outcome, answer),
    }
}

/// What a run ends with whose driver is dropped.
pub(super) fn shut_down() -> TaskError {
    TaskError::new(ErrorKind::Crashed, "the tokio runtime was shut down while the run was executing")
}

/// What a run ends with whose call is dropped.
pub(super) fn call_dropped() -> TaskError {
    TaskError::new(ErrorKind::Cancelled, "the run was cancelled, as its call was dropped")
}

/// A run that is being settled, whose transaction is left first. Dropped before that is done, what is inside is rolled back, and
/// the run ends with `otherwise`.
struct Leaving {
    run: Arc<Run>,
    stop: Stop,
    causes: Vec<Arc<Run>>,
    otherwise: fn() -> TaskError,
    is_left: bool,
}

impl Leaving {
    async fn leave(mut self, outcome: Outcome) {
        // A sync run is left on the thread that has executed it.
        let io = if self.run.spec.kind == Kind::Async { Io::Async } else { Io::Blocking };
        let was_well = outcome.is_ok();
        let outcome = transaction::leave(&self.run, outcome, io).await;
        self.is_left = true;
        // About one that ended well was asked before it was staged.
        let outcome = if was_well && outcome.is_ok() { outcome } else { asked(&self.run, outcome) };
        settle(&self.run, self.stop, outcome, None, std::mem::take(&mut self.causes));
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        let (run, stop, causes) = (self.run.clone(), self.stop, std::mem::take(&mut self.causes));
        let outcome = Err((self.otherwise)());
        transaction::now_or_on(&RuntimeHandle::own(), async move {
            if let Some(own) = run.transaction() {
                transaction::roll_back_inside(&own).await;
            }
            settle(&run, stop, asked(&run, outcome), None, causes);
        });
    }
}

/// Settles how a run ends, calls its hooks, and ends it.
fn settle(run: &Arc<Run>, stop: Stop, outcome: Outcome, said: Option<&'static str>, causes: Vec<Arc<Run>>) {
    let success = cache::name_of_success(run);
    let outcome = outcome.map_err(|error| error.of_run(run.id(), || run.name()));
    let slice = slice::of(run);
    if let Some(slice) = &slice {
        slice.ends(run, &outcome);
    }
    let is_told = slice.is_none() || slice::left(run).is_none();
    let (run, outcome) = (run.clone(), Some(outcome));
    record::settle(Settling { settled: None, run, outcome, said, causes, success, stop, is_told });
}

/// How a run has ended in an earlier process.
pub(super) struct EndedBefore {
    outcome: Outcome,
    name: StateName,
    causes: Vec<Arc<Run>>,
    /// It is the same run that has ended, as the ledger knows.
    is_recorded: bool,
}

impl EndedBefore {
    /// As the ledger says.
    pub(super) fn recorded(outcome: Outcome, name: StateName) -> Self {
        Self { outcome, name, causes: Vec::new(), is_recorded: true }
    }

    /// As a snapshot says, and because of which failures it was not executed.
    pub(super) fn of_slice(
        outcome: Outcome,
        name: StateName,
        causes: Vec<Arc<Run>>,
        is_recorded: bool,
    ) -> Self {
        Self { outcome, name, causes, is_recorded }
    }
}

/// Ends a run as it ended in an earlier process: nobody is asked or told about it again.
pub(super) fn finish_as_before(run: &Arc<Run>, before: EndedBefore) {
    let EndedBefore { outcome, name, causes, is_recorded } = before;
    let Some(stop) = run.cell.begin_to_settle() else { return drop_caught(outcome) };
    let outcome = outcome.map_err(|error| error.of_run(run.id(), || run.name()));
    if !is_recorded {
        let outcome = Some(outcome);
        let said = Some("It has ended in an earlier slice");
        let (run, success) = (run.clone(), name);
        let settling = Settling { settled: None, run, outcome, said, causes, success, stop, is_told: false };
        return record::settle(settling);
    }
    let now = run.scope.engine.clock().nanos();
    let before = run.cell.settle(|inner| {
        inner.enter(name, now, None, None);
        match outcome {
            Ok(value) => Slot::Value(value),
            Err(error) => Slot::Error(error),
        }
    });
    drop_caught(before);
    span::ended_unattempted(run, name);
    if !run.has_readers() {
        drop_caught(run.cell.free());
    }
    log!(info, "{} - Ended in an earlier process: it is not executed again", run.label());
    end(run, causes);
}

/// A run is settled: its slots are given back, its hooks are called, and then it ends.
pub(super) fn end_settled(run: &Arc<Run>, name: StateName, causes: Vec<Arc<Run>>, is_told: bool) {
    slots::release(run);
    let is_logged = match name.state_type() {
        StateType::Failed | StateType::Crashed => tracing::enabled!(Level::ERROR),
        _ => tracing::enabled!(Level::INFO),
    };
    let log = is_logged.then(|| run.state().message);
    span::ended_unattempted(run, name);
    if !run.has_readers() {
        drop_caught(run.cell.free());
    }
    if let Some(message) = log {
        log_state(run, name, message.as_deref());
    }
    let hooks = hook::moment_of(name).filter(|_| is_told).and_then(|moment| hook::call(run, moment));
    if let Some(own) = run.transaction().filter(Transaction::is_rolled_back) {
        // By another, who may have come before it had completed.
        transaction::enter_rolled_back(run, &own);
    }
    if let Some(slice) = slice::of(run).filter(|_| is_told) {
        slice.ended(run);
    }
    match hooks {
        None => end(run, causes),
        Some(hooks) => {
            let ending = Ending { run: run.clone(), causes };
            hook::runtime_of(run).spawn(async move {
                hooks.await;
                drop(ending);
            });
        }
    }
}

/// As [`finish`], for a run that its caller has executed, who sees what it gave: told here where it has ended at once, and its
/// value is nobody else's.
pub(super) fn finish_call(run: &Arc<Run>, outcome: Outcome) -> Option<Outcome> {
    let outcome = if ends_at_once(run) {
        match end_call(run, outcome) {
            Ok((end, given)) => {
                release(run, end, Vec::new());
                return Some(given);
            }
            Err(outcome) => outcome,
        }
    } else {
        outcome
    };
    finish(run, outcome, Vec::new());
    None
}

/// Whether nobody is asked or told about the end of a run.
fn ends_at_once(run: &Run) -> bool {
    run.is_plain() && !run.is_governed() && !tracing::enabled!(Level::INFO)
}

pub(super) fn name_of(outcome: &Outcome, success: StateName) -> StateName {
    outcome.as_ref().err().map_or(success, state_of)
}

/// What a run ends with in place of `outcome`.
fn instead(outcome: Outcome, error: TaskError) -> Outcome {
    drop_caught(outcome);
    Err(error)
}

/// A settled run whose async hooks are under way: it ends when this is dropped, after them or with their runtime.
struct Ending {
    run: Arc<Run>,
    causes: Vec<Arc<Run>>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        end(&self.run, std::mem::take(&mut self.causes));
    }
}

/// What a run leaves behind that has ended.
struct End {
    name: StateName,
    stop: Stop,
    waiters: Waiters,
    trimmed: Option<Box<Extra>>,
}

/// Ends a run in one step about whose end nobody is asked or told; gives the outcome back if it was asked to stop.
fn end_plain(run: &Run, outcome: Outcome) -> Result<End, Outcome> {
    let name = name_of(&outcome, StateName::Completed);
    let mut left = Some(outcome.map_err(|error| explained(run, error).of_run(run.id(), || run.name())));
    let now = moment::of_end(run.scope.engine.clock());
    let is_read = run.has_readers();
    let mut trimmed = None;
    let ended = run.cell.settle_and_end(|inner| {
        inner.enter(name, now, None, None);
        trimmed = inner.log.trim();
        match left.take() {
            Some(Ok(value)) if is_read => Slot::Value(value),
            Some(Err(error)) => Slot::Error(error),
            unread => {
                left = unread;
                Slot::Freed
            }
        }
    });
    let Some((before, waiters)) = ended else { return Err(left.unwrap_or_else(|| Err(cancelled()))) };
    if left.is_some() {
        drop_caught(left);
    }
    if !matches!(before, Slot::Claimed(None)) {
        drop_caught(before);
    }
    if is_read && !run.has_readers() {
        // The last one has gone meanwhile.
        drop_caught(run.cell.free());
    }
    Ok(End { name, stop: Stop::No, waiters, trimmed })
}

/// As [`end_plain`], for a run whose caller alone reads what it gave.
fn end_call(run: &Run, outcome: Outcome) -> Result<(End, Outcome), Outcome> {
    let name = name_of(&outcome, StateName::Completed);
    let outcome = outcome.map_err(|error| explained(run, error).of_run(run.id(), || run.name()));
    let now = run.scope.engine.clock().nanos();
    let mut trimmed = None;
    let ended = run.cell.settle_and_end(|inner| {
        inner.enter(name, now, None, None);
        inner.seen = true;
        trimmed = inner.log.trim();
        match &outcome {
            Ok(_) => Slot::Freed,
            Err(error) => Slot::Error(error.clone()),
        }
    });
    let Some((before, waiters)) = ended else { return Err(outcome) };
    drop_caught(before);
    Ok((End { name, stop: Stop::No, waiters, trimmed }, outcome))
}

/// Ends a settled run.
fn end(run: &Arc<Run>, causes: Vec<Arc<Run>>) {
    let mut trimmed = None;
    let outermost = run.scope.parent.is_none();
    if run.spec.is_flow {
        watch::flow_ends(run);
    }
    let (name, waiters, stop) = run.cell.end(outermost, |log| trimmed = log.trim());
    release(run, End { name, stop, waiters, trimmed }, causes);
}

/// Tells whoever has to do with a run that it has ended.
fn release(run: &Arc<Run>, end: End, causes: Vec<Arc<Run>>) {
    let End { name, stop, waiters, trimmed } = end;
    watch::ended(run, name);
    if let Some(extra) = &trimmed {
        if let Some(timer) = extra.timer {
            run.scope.engine.clock().cancel(timer);
        }
        if let Some(children) = extra.children.as_ref().and_then(Weak::upgrade) {
            disown(run, &children);
        }
    }
    if let Some(transaction) =
        run.scope.transaction.as_ref().filter(|_| name.state_type() != StateType::Completed)
    {
        transaction.failed(&Failure { run: run.clone(), causes: causes.clone() });
    }
    if matches!(name.state_type(), StateType::Failed | StateType::Crashed) {
        run.scope.tree.failed(Failure { run: run.clone(), causes });
    }
    let is_of_map = run.is_of_map();
    if !is_of_map {
        unlist::unlist(run, name);
    }
    let because = ReadyBecause::end();
    if trimmed.is_some() {
        drop_caught(trimmed);
    }
    let has_value = name.state_type() == StateType::Completed && name != StateName::Skipped;
    waiters.for_each(|waiter| wake(waiter, Some(Ended { run, has_value })));
    if !is_of_map {
        run.scope.tree.closed();
    }
    drop(because);
    if stop == Stop::Crash {
        signal::ended();
    }
}

/// What the run has submitted and not waited for is its scope's to answer for from now on.
fn disown(run: &Run, children: &Arc<Scope>) {
    run.scope.adopt(children);
    if run.scope.is_cancelled() {
        cancel_scope(children);
    }
}

/// A run that has ended, as those are told who wait for it.
#[derive(Clone, Copy)]
pub(crate) struct Ended<'r> {
    pub(crate) run: &'r Arc<Run>,
    /// It has not failed, nor was it skipped.
    pub(crate) has_value: bool,
}

/// Tells one who waits that what it waits for has ended: a run, or something else.
pub(crate) fn wake(waiter: RunWaiter, ended: Option<Ended<'_>>) {
    match waiter {
        Waiter::Downstream(Downstream::Run(run)) => {
            submit::upstream_ended(&run, ended.is_some_and(|ended| ended.has_value));
        }
        Waiter::Downstream(Downstream::Map(group)) => notify(&group, ended),
        Waiter::Waker(waker) => waker.wake(),
    }
}

/// A run that never was: it stands for what could not be begun.
pub(crate) fn ended_run(
    spec: &'static Spec,
    scope: &Arc<Scope>,
    options: Option<Arc<Options>>,
    error: TaskError,
    causes: Vec<Arc<Run>>,
) -> Arc<Run> {
    let run = submit::new_run(spec, scope.clone(), options, None);
    // It has no place among those that are counted.
    run.cell.lock().log.extra().slug = Some("".into());
    scope.register(&run);
    scope.tree.record(&run, &[]);
    record::created(&run, &EdgeList::new());
    finish(&run, Err(error), causes);
    run
}

fn is_crash(outcome: &Outcome) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Crashed)
}

/// Whether an error is a skip, which is no failure.
pub(super) fn is_skip(error: &TaskError) -> bool {
    error.kind() == ErrorKind::Skipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::root_scope;
    use crate::engine::{Engine, attempt};
    use crate::hook::{AnyTransactionHook, HookReturn};
    use crate::spec::SpecBuilder;
    use crate::state::StateName::{Completed, Pending, RolledBack, Running};

    static SPEC: Spec =
        SpecBuilder::task(Kind::Blocking, "staged", module_path!(), file!(), line!(), None, 0).0;

    #[test]
    fn a_run_that_is_rolled_back_after_it_was_staged_and_before_it_has_completed_shows_that() {
        let engine = Engine::builder().build();
        let group = Transaction::begin(None, None, None, true);
        let scope = root_scope(&engine).in_transaction(group.clone());
        let hook = AnyTransactionHook::Given(Arc::new(|_| HookReturn::Done(Err("the disk is full".into()))));
        let options = Options { on_rollback: Some(vec![hook]), ..Options::default() };
        let run = submit::new_run(&SPEC, scope.clone(), Some(Arc::new(options)), None);
        scope.register(&run);
        assert!(attempt::begin(&run).is_ok());

        let stop = run.cell.begin_to_settle().unwrap();
        let left = transaction::block_on(transaction::leave(&run, Ok(Arc::new(1)), Io::Blocking));
        std::thread::spawn(move || group.rollback_blocking()).join().unwrap().unwrap_err();
        settle(&run, stop, left, None, Vec::new());

        let names: Vec<_> = run.states().iter().map(|state| state.name).collect();
        assert_eq!(names, [Pending, Running, Completed, RolledBack]);
        let said = run.state().message.unwrap();
        assert_eq!(
            said,
            format!("It may not be undone: `on_rollback` of '{}' failed: the disk is full", run.name())
        );
    }
}
