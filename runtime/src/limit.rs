//! Limits: how many may do something at once, and how often. Permits go to waiters first come, first served, at once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::{Clock, Nanos};
use crate::context::current_run;
use crate::engine::{awaited, wait};
use crate::error::{ErrorKind, TaskError};
use crate::run::Run;

/// The limits of an engine, by name.
pub(crate) struct Limits {
    by_name: HashMap<Arc<str>, Arc<Limit>>,
    /// Nothing is said of a limit that there is not.
    silent: bool,
    strict: bool,
    warned: Mutex<Vec<String>>,
}

impl Limits {
    pub(crate) fn new(clock: &Clock, rules: impl IntoIterator<Item = (String, Rule)>, strict: bool) -> Self {
        let limit = |(name, rule): (String, Rule)| {
            let name: Arc<str> = name.into();
            (name.clone(), Arc::new(Limit::new(name, rule, clock.clone())))
        };
        Self {
            by_name: rules.into_iter().map(limit).collect(),
            silent: false,
            strict,
            warned: Mutex::default(),
        }
    }

    /// None, whatever is asked for.
    pub(crate) fn ignored() -> Self {
        Self { by_name: HashMap::new(), silent: true, strict: false, warned: Mutex::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Limit>> {
        self.by_name.get(name)
    }

    /// The limit of that name; without one there is nothing to wait for, or, where limits are strict, an error.
    fn find(&self, name: &str) -> Result<Option<Arc<Limit>>, TaskError> {
        if let Some(limit) = self.by_name.get(name) {
            return Ok(Some(limit.clone()));
        }
        if self.silent {
            return Ok(None);
        }
        if self.strict {
            return Err(TaskError::new(
                ErrorKind::Failed,
                format!(
                    "there is no concurrency limit or rate limit named `{name}`; set one with \
                     `Engine::builder().concurrency_limit(\"{name}\", n)`, or leave out `strict_limits()`"
                ),
            ));
        }
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !warned.iter().any(|known| known == name) {
            log!(
                warn,
                "there is no concurrency limit or rate limit named `{name}`: nothing is limited by it"
            );
            warned.push(name.to_owned());
        }
        Ok(None)
    }
}

/// What a limit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// So many at once.
    Slots(usize),
    /// So many in any period.
    Rate { permits: u32, period: Duration },
}

/// One limit.
pub(crate) struct Limit {
    pub(crate) name: Arc<str>,
    rule: Rule,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Slots taken, or permits used of the last refill.
    taken: usize,
    /// When the permits that are used now come back, for rates.
    used: VecDeque<Nanos>,
    queue: VecDeque<(u64, Ticket)>,
    next: u64,
    timer_set: bool,
}

enum Ticket {
    Waiting(Waker),
    Granted,
}

impl Limit {
    fn new(name: Arc<str>, rule: Rule, clock: Clock) -> Self {
        Self { name, rule, clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, state: &mut State) -> bool {
        match self.rule {
            Rule::Slots(slots) if state.taken < slots => {
                state.taken += 1;
                true
            }
            Rule::Slots(_) => false,
            Rule::Rate { permits, period } => {
                let now = self.clock.monotonic();
                while state.used.front().is_some_and(|back| *back <= now) {
                    state.used.pop_front();
                }
                let free = state.used.len() < permits as usize;
                if free {
                    // Permits come back one by one, each a period after its use.
                    state
                        .used
                        .push_back(now.saturating_add(u64::try_from(period.as_nanos()).unwrap_or(u64::MAX)));
                }
                free
            }
        }
    }

    /// Gives what is free to those who wait, in order.
    fn serve(self: &Arc<Self>) {
        let mut wakers = Vec::new();
        let mut state = self.state();
        let mut n = 0;
        while n < state.queue.len() {
            if matches!(state.queue[n].1, Ticket::Waiting(_)) {
                if !self.take(&mut state) {
                    break;
                }
                if let Ticket::Waiting(waker) = std::mem::replace(&mut state.queue[n].1, Ticket::Granted) {
                    wakers.push(waker);
                }
            }
            n += 1;
        }
        let waits = state.queue.iter().any(|(_, ticket)| matches!(ticket, Ticket::Waiting(_)));
        if let (true, false, Some(back)) = (waits, state.timer_set, state.used.front().copied()) {
            state.timer_set = true;
            drop(state);
            let limit = self.clone();
            let delay = Duration::from_nanos(back.saturating_sub(self.clock.monotonic()));
            self.clock.after(delay, move || {
                limit.state().timer_set = false;
                limit.serve();
            });
        } else {
            drop(state);
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn release(self: &Arc<Self>) {
        if matches!(self.rule, Rule::Slots(_)) {
            self.state().taken -= 1;
            self.serve();
        }
    }

    pub(crate) fn acquire(self: &Arc<Self>) -> Acquire {
        Acquire { limit: self.clone(), ticket: None }
    }
}

/// Waits for its turn at a limit; dropped before, it leaves the queue.
pub(crate) struct Acquire {
    limit: Arc<Limit>,
    ticket: Option<u64>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let this = self.get_mut();
        let mut state = this.limit.state();
        match this.ticket {
            None => {
                if state.queue.is_empty() && this.limit.take(&mut state) {
                    return Poll::Ready(Permit::of(&this.limit));
                }
                let number = state.next;
                state.next += 1;
                state.queue.push_back((number, Ticket::Waiting(cx.waker().clone())));
                this.ticket = Some(number);
                drop(state);
                // A rate limit's waiters are woken by a timer, which the first of them sets.
                this.limit.serve();
                Poll::Pending
            }
            Some(number) => {
                let Some(place) = state.queue.iter().position(|(known, _)| *known == number) else {
                    return Poll::Pending;
                };
                if matches!(state.queue[place].1, Ticket::Granted) {
                    state.queue.remove(place);
                    this.ticket = None;
                    return Poll::Ready(Permit::of(&this.limit));
                }
                state.queue[place].1 = Ticket::Waiting(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(number) = self.ticket else { return };
        let mut state = self.limit.state();
        let place = state.queue.iter().position(|(known, _)| *known == number);
        let left = place.and_then(|place| state.queue.remove(place));
        drop(state);
        match left {
            Some((_, Ticket::Granted)) => self.limit.release(),
            _ => self.limit.serve(),
        }
    }
}

/// Waits for its turn at several limits, one after another; whoever has it may have it given up, too.
pub(crate) struct AcquireAll(Mutex<Waits>);

enum Waits {
    /// For the last of `left`; those before it are held.
    For { left: Vec<Acquire>, held: Vec<Permit> },
    /// Somebody polls it.
    Polled,
    /// It has given its permits, or was given up.
    Over,
}

impl AcquireAll {
    /// Of these, in this order.
    pub(crate) fn of(limits: &[Arc<Limit>]) -> Self {
        let left = limits.iter().rev().map(Limit::acquire).collect();
        Self(Mutex::new(Waits::For { left, held: Vec::new() }))
    }

    fn replace(&self, waits: Waits) -> Waits {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), waits)
    }

    /// One thread at a time. No lock is held while others are woken on the way.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Permit>> {
        let Waits::For { mut left, mut held } = self.replace(Waits::Polled) else {
            self.give_up();
            return Poll::Pending;
        };
        while let Some(next) = left.last_mut() {
            match Pin::new(next).poll(cx) {
                Poll::Ready(permit) => {
                    held.push(permit);
                    left.pop();
                }
                Poll::Pending => {
                    let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if matches!(*waits, Waits::Polled) {
                        *waits = Waits::For { left, held };
                    }
                    return Poll::Pending;
                }
            }
        }
        let _ = self.replace(Waits::Over);
        Poll::Ready(held)
    }

    /// Leaves all queues, and lets go of what is held.
    pub(crate) fn give_up(&self) {
        drop(self.replace(Waits::Over));
    }
}

/// A slot of a concurrency limit, free again when this is dropped; of a rate limit, the proof of having waited.
#[must_use = "the slot is free again as soon as the permit is dropped"]
pub struct Permit {
    limit: Option<Arc<Limit>>,
    /// The run whose body has asked for it: those below it share the permit.
    holder: Option<Arc<Run>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(limit) = self.limit.take() else { return };
        if let Some(holder) = self.holder.take() {
            holder.remove_shared(&limit);
        }
        limit.release();
    }
}

impl Permit {
    /// Of no limit.
    const NONE: Self = Self { limit: None, holder: None };

    fn of(limit: &Arc<Limit>) -> Self {
        Self { limit: Some(limit.clone()), holder: None }
    }

    /// The same, shared by what `run` submits as long as it is there.
    fn held_by(mut self, run: Option<Arc<Run>>) -> Self {
        if let (Some(limit), Some(run)) = (&self.limit, run) {
            run.add_shared(limit);
            self.holder = Some(run);
        }
        self
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.limit.as_ref().map(|limit| &*limit.name)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.name()).finish()
    }
}

/// A wait for a limit; made by [`concurrency`].
#[must_use = "nothing is waited for until this is awaited, or `acquire_blocking()` is called"]
pub struct Concurrency {
    found: Result<Option<Acquire>, TaskError>,
    /// The run whose body asks.
    holder: Option<Arc<Run>>,
}

/// A permit of the concurrency limit or rate limit `name` of the engine that is in charge here.
///
/// Awaited, or with [`acquire_blocking`](Concurrency::acquire_blocking) in sync code, it gives a [`Permit`]. Permits go to
/// waiters first come, first served. What the run here submits while it holds the permit shares it, at any depth: it does not
/// wait for another permit of the same limit, be it with `concurrency` or because of a tag. A name that is no limit is warned
/// about once, and limits nothing; with `strict_limits()` it is an error. Cancel safe: dropped before its turn, it leaves the
/// queue.
///
/// ```
/// use millrun::prelude::*;
///
/// let engine = Engine::builder().concurrency_limit("db", 4).build();
///
/// #[flow]
/// fn query() -> Result<(), FlowError> {
///     let _permit = concurrency("db").acquire_blocking()?;
///     Ok(())
/// }
///
/// engine.run_blocking(query()).unwrap();
/// ```
pub fn concurrency(name: &str) -> Concurrency {
    let engine = crate::engine::Engine::ambient();
    let shared = crate::engine::ancestors_hold(name);
    let found = engine.limits().find(name);
    Concurrency {
        found: found.map(|limit| limit.filter(|_| !shared).map(|limit| limit.acquire())),
        holder: current_run(),
    }
}

impl Concurrency {
    /// Blocks for the permit.
    ///
    /// # Errors
    /// An unknown limit, where limits are strict.
    pub fn acquire_blocking(self) -> Result<Permit, TaskError> {
        wait::block_on_future(self)
    }
}

impl Future for Concurrency {
    type Output = Result<Permit, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &mut this.found {
            Ok(Some(acquire)) => {
                let polled = Pin::new(acquire).poll(cx);
                if polled.is_pending() {
                    awaited::note_other();
                }
                polled.map(|permit| Ok(permit.held_by(this.holder.take())))
            }
            Ok(None) => Poll::Ready(Ok(Permit::NONE)),
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl fmt::Debug for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Concurrency")
    }
}
