//! A run: one execution of a task or a flow, from its creation to its final state, compact enough to have millions.
//!
//! What it is and how it ended is read here; only the [`engine`](crate::engine) changes it.

mod cell;
mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::Span;

use crate::body::{BoxBody, Erased, Outcome};
use crate::clock::Nanos;
use crate::context::{Scope, Tree};
use crate::error::{ErrorKind, TaskError};
use crate::id;
use crate::limit::Limit;
use crate::map::MapGroup;
use crate::options::Options;
use crate::panic::drop_caught;
use crate::spec::Spec;
use crate::state::{State, StateName};
use crate::transaction::Transaction;
use crate::trigger::Trigger;

use cell::Readers;
pub(crate) use cell::{By, Cancelling, Slot, Stage, Stop, Waiter};
pub(crate) use log::{Extra, Log, Recorded};

/// Who counts its upstreams down.
#[derive(Clone)]
pub(crate) enum Downstream {
    Run(Arc<Run>),
    Map(Arc<MapGroup>),
}

type Cell = cell::Cell<BoxBody, Erased, TaskError, Downstream, Log>;
/// What is under a run's lock.
pub(crate) type RunInner = cell::Inner<BoxBody, Erased, TaskError, Downstream, Log>;
pub(crate) type RunWaiter = Waiter<Downstream>;
pub(crate) type Waiters = cell::Waiters<Downstream>;
pub(crate) type RunSlot = Slot<BoxBody, Erased, TaskError>;

pub(crate) struct Run {
    pub(crate) spec: &'static Spec,
    pub(crate) scope: Arc<Scope>,
    /// Counts the task runs of a flow run; makes the id.
    pub(crate) number: AtomicU32,
    /// Counts the runs, or the maps, of one task in a flow run; makes the name. Its highest bits are flags.
    ordinal: u32,
    readers: Readers,
    /// Where the scope keeps it while it is open; and [whether](IS_GOVERNED) there is a transaction of it.
    place: AtomicU32,
    pub(crate) cell: Cell,
}

/// The index of a run that is not of a map.
pub(crate) const NO_INDEX: u32 = u32::MAX;

pub(crate) struct NewRun {
    pub(crate) spec: &'static Spec,
    pub(crate) scope: Arc<Scope>,
    pub(crate) created: Nanos,
    pub(crate) number: u32,
    pub(crate) ordinal: u32,
    pub(crate) index: u32,
    pub(crate) readers: u32,
    pub(crate) options: Option<Arc<Options>>,
    /// Whether there is something that it waits for.
    pub(crate) waits: bool,
    /// Whether it is executed after the one before it in its map.
    pub(crate) follows: bool,
    /// Who waits for it from the beginning.
    pub(crate) waiter: Option<RunWaiter>,
    /// The span that its attempts' spans are in, where that is not its scope's.
    pub(crate) span: Option<Span>,
}

/// The run has options of its own.
const HAS_OPTIONS: u32 = 1 << 31;
/// The run is [plain](Run::is_plain).
const IS_PLAIN: u32 = 1 << 30;
/// It is of a map.
const IS_OF_MAP: u32 = 1 << 29;
/// There was something that it waited for.
const HAS_WAITED: u32 = 1 << 28;
/// It is executed after the one before it in its map.
const FOLLOWS: u32 = 1 << 27;
const ORDINAL: u32 = FOLLOWS - 1;
/// A transaction governs the run.
const IS_GOVERNED: u32 = 1 << 31;

impl Run {
    /// A run that is to be begun, or, without a body, one that its caller executes.
    pub(crate) fn new(new: NewRun, body: Option<BoxBody>) -> Arc<Self> {
        Self::begun(new, body, |_, _| {})
    }

    /// As [`new`](Self::new); one that its caller executes is left as it is by `begin`, which is told whether the run is
    /// [plain](Self::is_plain).
    pub(crate) fn begun(
        new: NewRun,
        body: Option<BoxBody>,
        begin: impl FnOnce(&mut RunInner, bool),
    ) -> Arc<Self> {
        let mut ordinal = new.ordinal & ORDINAL;
        if new.options.is_some() {
            ordinal |= HAS_OPTIONS;
        } else if new.spec.is_plain
            && new.scope.engine.is_plain()
            && new.scope.transaction.is_none()
            && new.scope.tree.results.is_none()
            && new.scope.tree.slice.is_none()
        {
            ordinal |= IS_PLAIN;
        }
        if new.index != NO_INDEX {
            ordinal |= IS_OF_MAP;
        }
        if new.waits {
            ordinal |= HAS_WAITED;
        }
        if new.follows {
            ordinal |= FOLLOWS;
        }
        let is_plain = ordinal & IS_PLAIN != 0;
        let begins_ready = !new.waits && is_plain && is_unconditional(new.spec);
        let stage = if begins_ready { Stage::Ready } else { Stage::Open };
        let log = Log::new(new.created, new.options, new.span);
        Arc::new(Self {
            spec: new.spec,
            scope: new.scope,
            number: AtomicU32::new(new.number),
            ordinal,
            readers: Readers::new(new.readers),
            place: AtomicU32::new(0),
            cell: match body {
                Some(body) => Cell::new(body, stage, new.index, new.waiter, log),
                None => Cell::claimed(new.index, log, |inner| begin(inner, is_plain)),
            },
        })
    }

    // What it is.

    pub(crate) fn id(&self) -> u128 {
        if let Some(id) = self.cell.lock().log.flow_id() {
            return id;
        }
        id::numbered(self.scope.tree.prefix(), self.number.load(Ordering::Relaxed))
    }

    pub(crate) fn name(&self) -> String {
        let index = {
            let inner = self.cell.lock();
            if let Some(name) = inner.log.name() {
                return name.to_string();
            }
            inner.index
        };
        let mut name = self.stem();
        if index != NO_INDEX {
            name.push('[');
            push_number(&mut name, index);
            name.push(']');
        }
        name
    }

    /// Its number, or that of its map, among those of its task in the flow run.
    pub(crate) fn ordinal(&self) -> u32 {
        self.ordinal & ORDINAL
    }

    /// The name of the map that it is of.
    pub(crate) fn map_name(&self) -> Option<String> {
        self.is_of_map().then(|| self.stem())
    }

    /// Its name, but for its place in a map.
    fn stem(&self) -> String {
        // Without a format: every run that is recorded needs its name.
        let mut stem = String::with_capacity(self.spec.name.len() + 24);
        self.with_options(|options| {
            stem.push_str(options.and_then(|options| options.name.as_deref()).unwrap_or(self.spec.name));
        });
        let ordinal = self.ordinal();
        if !self.is_of_map() || ordinal > 0 {
            stem.push('-');
            push_number(&mut stem, ordinal);
        }
        stem
    }

    /// The name of the task or flow, which its options may have changed.
    pub(crate) fn task_name(&self) -> String {
        self.with_options(|options| options.and_then(|options| options.name.as_deref().map(str::to_owned)))
            .unwrap_or_else(|| self.spec.name.to_owned())
    }

    /// Its parameters by name, as JSON, where they are written down.
    pub(crate) fn parameters(&self) -> Option<Map<String, Value>> {
        let parameters = self.cell.lock().log.extra.as_ref().and_then(|extra| extra.parameters.clone())?;
        let value = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        Some(parameters.iter().map(|(name, given)| ((*name).to_owned(), value(given))).collect())
    }

    #[inline]
    pub(crate) fn has_options(&self) -> bool {
        self.ordinal & HAS_OPTIONS != 0
    }

    #[inline]
    pub(crate) fn options(&self) -> Option<Arc<Options>> {
        if !self.has_options() {
            return None;
        }
        self.cell.lock().log.extra.as_ref().and_then(|extra| extra.options.clone())
    }

    pub(crate) fn with_options<T>(&self, read: impl FnOnce(Option<&Options>) -> T) -> T {
        let options = self.options();
        read(options.as_deref())
    }

    /// Whether nothing has to be looked up while it runs: no options, retries, timeout, hooks, limits.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.ordinal & IS_PLAIN != 0
    }

    /// Whether it was [ready](Stage::Ready) from the beginning, if there was nothing that it waited for.
    #[inline]
    pub(crate) fn begins_ready(&self) -> bool {
        self.is_plain() && is_unconditional(self.spec)
    }

    /// Whether there was something that it waited for.
    #[inline]
    pub(crate) fn has_waited(&self) -> bool {
        self.ordinal & HAS_WAITED != 0
    }

    /// Whether it is executed after the one before it in its map, in a chunk.
    #[inline]
    pub(crate) fn follows(&self) -> bool {
        self.ordinal & FOLLOWS != 0
    }

    #[inline]
    pub(crate) fn is_of_map(&self) -> bool {
        self.ordinal & IS_OF_MAP != 0
    }

    #[inline]
    pub(crate) fn place(&self) -> u32 {
        self.place.load(Ordering::Relaxed) & !IS_GOVERNED
    }

    /// Only before anybody else knows the run.
    #[inline]
    pub(crate) fn set_place(&self, place: u32) {
        self.place.store(place & !IS_GOVERNED, Ordering::Relaxed);
    }

    /// Whether there is a transaction of its own.
    #[inline]
    pub(crate) fn is_governed(&self) -> bool {
        self.place.load(Ordering::Acquire) & IS_GOVERNED != 0
    }

    /// Its own transaction, until it has ended.
    pub(crate) fn transaction(&self) -> Option<Transaction> {
        if !self.is_governed() {
            return None;
        }
        self.cell.lock().log.extra.as_ref().and_then(|extra| extra.transaction.clone())
    }

    /// Its own transaction, made if there is none.
    pub(crate) fn govern(&self, begin: impl FnOnce() -> Transaction) -> Transaction {
        let mut inner = self.cell.lock();
        let transaction = inner.log.extra().transaction.get_or_insert_with(begin).clone();
        self.place.fetch_or(IS_GOVERNED, Ordering::Release);
        transaction
    }

    // How it is.

    pub(crate) fn has_ended(&self) -> bool {
        self.cell.has_ended()
    }

    pub(crate) fn states(&self) -> Vec<State> {
        let id = self.id();
        let inner = self.cell.lock();
        inner.states(id, self.message(&inner.slot).as_deref())
    }

    pub(crate) fn ended_at(&self) -> Option<SystemTime> {
        let inner = self.cell.lock();
        inner.log.ended_at(inner.state)
    }

    pub(crate) fn state(&self) -> State {
        let id = self.id();
        let inner = self.cell.lock();
        inner.current(id, self.message(&inner.slot).as_deref())
    }

    fn message(&self, slot: &RunSlot) -> Option<String> {
        match slot {
            Slot::Error(error) => Some(state_message(self.spec, error)),
            _ => None,
        }
    }

    pub(crate) fn error(&self) -> Option<TaskError> {
        match &self.cell.lock().slot {
            Slot::Error(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_cancelling(&self) -> bool {
        self.cell.lock().stop != Stop::No
    }

    /// The scope of what the run has submitted.
    pub(crate) fn children(&self) -> Option<Arc<Scope>> {
        let children = self.cell.lock().log.extra.as_ref().and_then(|extra| extra.children.clone());
        children.and_then(|children| children.upgrade())
    }

    /// What a flow run's runs share.
    pub(crate) fn tree_inside(&self) -> Option<Arc<Tree>> {
        self.cell.lock().log.extra.as_ref().and_then(|extra| extra.flow.clone())
    }

    /// Whether the body should stop: cancelled, or given up on.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.cell.lock().is_to_stop()
    }

    pub(crate) fn mark_seen(&self) {
        self.cell.lock().seen = true;
    }

    pub(crate) fn is_seen(&self) -> bool {
        self.cell.lock().seen
    }

    // The limits that those below it share.

    pub(crate) fn add_shared(&self, limit: &Arc<Limit>) {
        self.cell.lock().log.limited_mut().shared.push(limit.clone());
    }

    pub(crate) fn remove_shared(&self, limit: &Arc<Limit>) {
        let mut inner = self.cell.lock();
        let shared = &mut inner.log.limited_mut().shared;
        if let Some(place) = shared.iter().position(|shared| Arc::ptr_eq(shared, limit)) {
            shared.swap_remove(place);
        }
    }

    /// Whether it holds a slot of the limit because of its tags.
    pub(crate) fn holds_by_tag(&self, limit: &str) -> bool {
        let inner = self.cell.lock();
        let limited = inner.log.limited();
        limited.is_some_and(|limited| limited.permits.iter().any(|permit| permit.name() == Some(limit)))
    }

    /// Whether its body holds a permit of the limit.
    pub(crate) fn holds_in_body(&self, limit: &str) -> bool {
        let inner = self.cell.lock();
        let limited = inner.log.limited();
        limited.is_some_and(|limited| limited.shared.iter().any(|shared| *shared.name == *limit))
    }

    // Its result.

    /// What a run gave, which counts as seen from now on.
    pub(crate) fn see(&self) -> Option<Outcome> {
        let mut inner = self.cell.lock();
        inner.seen = true;
        Self::outcome_of(&inner.slot)
    }

    /// What a run gave that has ended, which counts as seen from now on.
    pub(crate) fn see_ended(&self) -> Option<Outcome> {
        let mut inner = self.cell.lock();
        if inner.stage != Stage::Ended {
            return None;
        }
        inner.seen = true;
        Self::outcome_of(&inner.slot)
    }

    /// What a run gave; `None` while that is not settled.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        Self::outcome_of(&self.cell.lock().slot)
    }

    fn outcome_of(slot: &RunSlot) -> Option<Outcome> {
        match slot {
            Slot::Value(value) => Some(Ok(value.clone())),
            Slot::Error(error) => Some(Err(error.clone())),
            Slot::Freed => Some(Err(freed())),
            Slot::Body(_) | Slot::Claimed(_) => None,
        }
    }

    /// Its result, without looking at it: it does not count as seen.
    pub(crate) fn peek(&self) -> Option<Erased> {
        match &self.cell.lock().slot {
            Slot::Value(value) => Some(value.clone()),
            _ => None,
        }
    }

    pub(crate) fn add_reader(&self) {
        self.readers.add();
    }

    pub(crate) fn remove_reader(&self) {
        if let Some(value) = self.leave() {
            drop_caught(value);
        }
    }

    /// One reader less; gives the result that nobody can read any more.
    pub(crate) fn leave(&self) -> Option<Erased> {
        self.readers.remove(&self.cell)
    }

    /// The outcome of an ended run, for its caller, who sees it: moved out if nobody else reads it.
    pub(crate) fn give(&self) -> Option<Outcome> {
        let is_alone = self.readers.is_one();
        let mut inner = self.cell.lock();
        if inner.stage != Stage::Ended {
            return None;
        }
        inner.seen = true;
        match &mut inner.slot {
            slot @ Slot::Value(_) if is_alone => match std::mem::replace(slot, Slot::Freed) {
                Slot::Value(value) => Some(Ok(value)),
                _ => None,
            },
            slot => Self::outcome_of(slot),
        }
    }

    /// The result, for one who is a reader: moved out if there is no other.
    pub(crate) fn take_outcome(&self) -> Option<Outcome> {
        match self.readers.take(&self.cell) {
            Some(value) => Some(Ok(value)),
            None => self.outcome(),
        }
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.readers.any()
    }

    pub(crate) fn subscribe_waker(&self, waker: &Waker) -> bool {
        self.cell.subscribe_waker(waker)
    }
}

/// Whether runs are executed where there is nothing before them, whatever is asked for.
fn is_unconditional(spec: &Spec) -> bool {
    matches!(spec.trigger, Trigger::AllSuccessful)
}

fn freed() -> TaskError {
    TaskError::new(ErrorKind::Crashed, "the result is gone: this is a bug in millrun")
}

/// What a final state says of an error.
pub(crate) fn state_message(spec: &Spec, error: &TaskError) -> String {
    match error.kind() {
        ErrorKind::Failed if !error.is_verdict() => {
            let what = if spec.is_flow { "Flow" } else { "Task" };
            format!("{what} run encountered an exception: {}", error.chain())
        }
        _ => error.message().to_owned(),
    }
}

/// The final state that an error leads to.
pub(crate) fn state_of(error: &TaskError) -> StateName {
    match error.kind() {
        ErrorKind::Failed | ErrorKind::Planning => StateName::Failed,
        ErrorKind::TimedOut => StateName::TimedOut,
        ErrorKind::Crashed => StateName::Crashed,
        ErrorKind::Cancelled => StateName::Cancelled,
        ErrorKind::TriggerFailed => StateName::TriggerFailed,
        ErrorKind::Skipped => StateName::Skipped,
    }
}

/// The error that leads to a final state of that [name](state_of) and message.
pub(crate) fn error_in(name: StateName, message: String) -> TaskError {
    let kind = match name {
        StateName::TriggerFailed => return TaskError::trigger_failed(message, None),
        StateName::TimedOut => ErrorKind::TimedOut,
        StateName::Crashed => ErrorKind::Crashed,
        StateName::Cancelled => ErrorKind::Cancelled,
        StateName::Skipped => ErrorKind::Skipped,
        _ => return TaskError::verdict(message, None),
    };
    TaskError::new(kind, message)
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name(), self.state())
    }
}

/// Appends a number, without a format.
fn push_number(text: &mut String, number: u32) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push(char::from_digit(number % 10, 10).unwrap_or('0'));
}
