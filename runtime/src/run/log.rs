//! The history of a run, and what few runs have: kept in a box beside the cell.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::Span;

use super::cell::Inner;
use crate::body::Parameters;
use crate::cache::Why;
use crate::clock::{Nanos, TimerKey};
use crate::context::{Scope, Tree};
use crate::error::TaskError;
use crate::id;
use crate::limit::{AcquireAll, Limit, Permit};
use crate::options::Options;
use crate::state::{State, StateDetails, StateName, StateType};
use crate::transaction::Transaction;

/// The states that a run has been in. The usual three, Pending, Running and a final one, are times alone; a run that does
/// anything else, or takes longer than four seconds, keeps a list.
pub(crate) struct Log {
    pending: Nanos,
    /// Nanoseconds from `pending` to Running; 0: it was never running.
    running: u32,
    /// Nanoseconds from the state before to the final one; 0: it has not ended.
    ended: u32,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few runs have.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) options: Option<Arc<Options>>,
    pub(crate) name: Option<Arc<str>>,
    /// Attempts begun, where there was more than one.
    pub(crate) attempts: u32,
    pub(crate) timer: Option<TimerKey>,
    pub(crate) limited: Option<Box<Limited>>,
    /// The scope of what the run has submitted.
    pub(crate) children: Option<Weak<Scope>>,
    pub(crate) parameters: Option<Arc<Parameters>>,
    pub(crate) flow: Option<Arc<Tree>>,
    /// The run's own transaction.
    pub(crate) transaction: Option<Transaction>,
    /// What a cancelled flow run is to end with, where it was not to be CANCELLING.
    pub(crate) answer: Option<TaskError>,
    /// Whether its result was found, where it is kept.
    pub(crate) why: Option<Arc<Why>>,
    /// The span that its attempts' spans are in, where that is not its scope's.
    pub(crate) span: Option<Span>,
    /// What it is recognised by when its flow run is resumed.
    pub(crate) identity: Option<u128>,
    pub(crate) recorded: Recorded,
    /// What it is called in the snapshot of its flow run, where that is executed in slices; empty for one that is in none.
    pub(crate) slug: Option<Arc<str>>,
    history: Vec<Entry>,
}

/// What the ledger knows of a run, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// All that it does.
    #[default]
    All,
    /// All but what it gave.
    ButResult,
    /// Nothing yet: it may turn out to be one of an earlier process.
    Later,
    /// Nothing more: it ended in an earlier process, or is somebody else's.
    Elsewhere,
}

/// What a run has of limits.
#[derive(Default)]
pub(crate) struct Limited {
    /// The slots that an attempt holds because of its tags.
    pub(crate) permits: Vec<Permit>,
    /// The slots that it waits for.
    pub(crate) acquiring: Option<Arc<AcquireAll>>,
    /// The limits of the permits that the body holds.
    pub(crate) shared: Vec<Arc<Limit>>,
}

#[derive(Clone)]
struct Entry {
    name: StateName,
    at: Nanos,
    message: Option<Arc<str>>,
    scheduled: Option<Nanos>,
}

fn time(nanos: Nanos) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

impl Log {
    #[inline]
    pub(crate) fn new(now: Nanos, options: Option<Arc<Options>>, span: Option<Span>) -> Self {
        let is_plain = options.is_none() && span.is_none();
        let extra = (!is_plain).then(|| Box::new(Extra { options, span, ..Extra::default() }));
        Self { pending: now, running: 0, ended: 0, extra }
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn recorded(&self) -> Recorded {
        self.extra.as_ref().map(|extra| extra.recorded).unwrap_or_default()
    }

    pub(crate) fn limited(&self) -> Option<&Limited> {
        self.extra.as_ref().and_then(|extra| extra.limited.as_deref())
    }

    pub(crate) fn limited_mut(&mut self) -> &mut Limited {
        self.extra().limited.get_or_insert_default()
    }

    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.extra.as_ref().and_then(|extra| extra.name.as_ref())
    }

    pub(crate) fn flow_id(&self) -> Option<u128> {
        self.extra.as_ref().and_then(|extra| extra.flow.as_ref()).map(|tree| tree.prefix())
    }

    pub(crate) fn attempts(&self) -> u32 {
        match &self.extra {
            Some(extra) if extra.attempts > 0 => extra.attempts,
            _ => u32::from(
                self.running > 0 || self.history().iter().any(|entry| entry.name == StateName::Running),
            ),
        }
    }

    /// When the run was made.
    pub(crate) fn created(&self) -> Nanos {
        self.pending
    }

    /// Has a run that was just made be made after a time at which something is recorded of it. When that is.
    pub(crate) fn begin_after(&mut self, since: Nanos) -> Nanos {
        self.pending = self.pending.max(since + 1);
        self.pending
    }

    #[inline]
    fn history(&self) -> &[Entry] {
        self.extra.as_ref().map_or(&[], |extra| &extra.history)
    }

    /// Appends a state to those up to `state`, at a later time than that of the last.
    #[inline]
    fn push(
        &mut self,
        state: StateName,
        name: StateName,
        now: Nanos,
        message: Option<&str>,
        scheduled: Option<Nanos>,
    ) {
        let before = self.last_time();
        let at = now.max(before + 1);
        let delta = u32::try_from(at - before).ok();
        let usual = self.history().is_empty() && message.is_none() && scheduled.is_none();
        match (name, delta) {
            (StateName::Running, Some(delta)) if usual && self.running == 0 => self.running = delta,
            (_, Some(delta)) if usual && name.state_type().is_final() && self.ended == 0 => {
                self.ended = delta;
            }
            _ => {
                self.unfold(state);
                let message = message.map(Arc::from);
                self.extra().history.push(Entry { name, at, message, scheduled });
            }
        }
    }

    /// Makes a list of the usual states.
    fn unfold(&mut self, state: StateName) {
        if self.history().is_empty() {
            let entries = self.usual(state);
            self.extra().history = entries;
        }
    }

    fn usual(&self, state: StateName) -> Vec<Entry> {
        let entry = |name, at| Entry { name, at, message: None, scheduled: None };
        let mut entries = vec![entry(StateName::Pending, self.pending)];
        let running = self.pending + Nanos::from(self.running);
        if self.running > 0 {
            entries.push(entry(StateName::Running, running));
        }
        if self.ended > 0 {
            entries.push(entry(state, running + Nanos::from(self.ended)));
        }
        entries
    }

    #[inline]
    pub(crate) fn last_time(&self) -> Nanos {
        match self.history().last() {
            Some(last) => last.at,
            None => self.pending + Nanos::from(self.running) + Nanos::from(self.ended),
        }
    }

    fn entries(&self, state: StateName) -> Vec<Entry> {
        if self.history().is_empty() { self.usual(state) } else { self.history().to_vec() }
    }

    /// All states; `message` is that of a final state which has none of its own.
    fn states(&self, state: StateName, run: u128, message: Option<&str>) -> Vec<State> {
        let entries = self.entries(state);
        let last = entries.len() - 1;
        entries
            .into_iter()
            .enumerate()
            .map(|(n, entry)| State {
                id: id::of_state(run, n),
                state_type: entry.name.state_type(),
                name: entry.name,
                message: entry.message.map(|message| message.to_string()).or_else(|| {
                    message.filter(|_| n == last && entry.name.state_type().is_final()).map(str::to_owned)
                }),
                timestamp: time(entry.at),
                details: StateDetails {
                    run_id: Some(uuid::Uuid::from_u128(run)),
                    scheduled_time: entry.scheduled.map(time),
                },
            })
            .collect()
    }

    pub(crate) fn started_at(&self) -> Option<SystemTime> {
        self.entries(StateName::Pending)
            .into_iter()
            .find(|entry| entry.name == StateName::Running)
            .map(|entry| time(entry.at))
    }

    pub(crate) fn ended_at(&self, state: StateName) -> Option<SystemTime> {
        state.state_type().is_final().then(|| time(self.last_time()))
    }

    /// How long the attempts took, without the waits between them.
    pub(crate) fn run_time(&self, state: StateName, now: Nanos) -> Duration {
        let entries = self.entries(state);
        let mut total = 0;
        for (n, entry) in entries.iter().enumerate() {
            if entry.name.state_type() == StateType::Running {
                let until = entries.get(n + 1).map_or(now, |next| next.at);
                total += until.saturating_sub(entry.at);
            }
        }
        Duration::from_nanos(total)
    }

    /// Lets go of what only a run that has not ended needs.
    #[inline]
    pub(crate) fn trim(&mut self) -> Option<Box<Extra>> {
        let extra = self.extra.as_mut()?;
        let is_kept = extra.options.is_some()
            || extra.name.is_some()
            || extra.attempts > 0
            || extra.parameters.is_some()
            || extra.flow.is_some()
            || extra.why.is_some()
            || extra.identity.is_some()
            || extra.recorded != Recorded::All
            || extra.slug.is_some()
            || !extra.history.is_empty();
        if !is_kept {
            return self.extra.take();
        }
        let is_let_go_of = extra.timer.is_some()
            || extra.limited.is_some()
            || extra.children.is_some()
            || extra.transaction.is_some()
            || extra.answer.is_some()
            || extra.span.is_some();
        if !is_let_go_of {
            return None;
        }
        let keep = Extra {
            options: extra.options.take(),
            name: extra.name.take(),
            attempts: extra.attempts,
            parameters: extra.parameters.take(),
            flow: extra.flow.take(),
            why: extra.why.take(),
            identity: extra.identity,
            recorded: extra.recorded,
            slug: extra.slug.take(),
            history: std::mem::take(&mut extra.history),
            ..Extra::default()
        };
        self.extra.replace(Box::new(keep))
    }
}

impl<B, V, E, D> Inner<B, V, E, D, Log> {
    /// Enters a state. Its time is later than that of the one before, whatever the clock says.
    pub(crate) fn enter(
        &mut self,
        name: StateName,
        now: Nanos,
        message: Option<&str>,
        scheduled: Option<Nanos>,
    ) {
        debug_assert!(self.state.may_become(name), "a run cannot go from {} to {name}", self.state);
        self.log.push(self.state, name, now, message, scheduled);
        self.state = name;
    }

    /// All states; `message` is that of a final state which has none of its own.
    pub(crate) fn states(&self, run: u128, message: Option<&str>) -> Vec<State> {
        self.log.states(self.state, run, message)
    }

    /// The state it is in.
    pub(crate) fn current(&self, run: u128, message: Option<&str>) -> State {
        self.states(run, message).pop().unwrap_or_else(|| State::unplaced(self.state, None))
    }
}
