//! The cell that a run lives in: one lock over its stage, its body or result, and whoever waits for it.
//!
//! It knows nothing of tasks, so that loom can check it: a run is claimed once and ends once, whoever races; a waiter that
//! subscribed before the end is woken, one that came later is told so; a result is freed when its last reader has gone.

#[cfg(all(test, loom))]
mod loom_tests;

use std::task::Waker;

use crate::state::StateName;
use crate::sync::{AtomicU32, Mutex, MutexGuard, Ordering};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Waits for upstreams, a retry delay, or slots.
    Open,
    /// May be executed by whoever claims it first.
    Ready,
    /// Somebody executes it, or is about to end it.
    Claimed,
    /// Somebody settles how it ends, or has settled it.
    Settling,
    /// It has a final state.
    Ended,
}

/// What a run holds: its body until it is claimed, its outcome when it has ended.
pub(crate) enum Slot<B, V, E> {
    Body(B),
    /// Being executed; the waker is that of the driver of an async body.
    Claimed(Option<Waker>),
    Value(V),
    Error(E),
    /// Nobody could read the value any more.
    Freed,
}

/// Who is to be told of the end of a run.
pub(crate) enum Waiter<D> {
    /// A run, a map or the like that counts its upstreams.
    Downstream(D),
    /// A task or a thread that waits.
    Waker(Waker),
}

pub(crate) enum Waiters<D> {
    One(Waiter<D>),
    /// Boxed twice: next to nobody has many, and everybody has the room for it.
    #[expect(clippy::box_collection, reason = "a thin pointer keeps the cell small")]
    Many(Option<Box<Vec<Waiter<D>>>>),
}

impl<D> Waiters<D> {
    const NONE: Self = Self::Many(None);

    fn push(&mut self, waiter: Waiter<D>) {
        match std::mem::replace(self, Self::NONE) {
            Self::Many(None) => *self = Self::One(waiter),
            Self::One(first) => *self = Self::Many(Some(Box::new(vec![first, waiter]))),
            Self::Many(Some(mut all)) => {
                all.push(waiter);
                *self = Self::Many(Some(all));
            }
        }
    }

    pub(crate) fn for_each(self, mut act: impl FnMut(Waiter<D>)) {
        match self {
            Self::One(waiter) => act(waiter),
            Self::Many(all) => all.into_iter().flat_map(|all| *all).for_each(act),
        }
    }
}

/// The state of a cell, under its lock; `log` is what its owner keeps beside it.
pub(crate) struct Inner<B, V, E, D, L> {
    pub(crate) stage: Stage,
    pub(crate) stop: Stop,
    pub(crate) seen: bool,
    pub(crate) state: StateName,
    /// The place in a map; beside the flags, where there is room for it.
    pub(crate) index: u32,
    pub(crate) slot: Slot<B, V, E>,
    waiters: Waiters<D>,
    pub(crate) log: L,
}

pub(crate) struct Cell<B, V, E, D, L>(Mutex<Inner<B, V, E, D, L>>);

impl<B, V, E, D, L> Inner<B, V, E, D, L> {
    fn take_body(&mut self) -> Option<B> {
        self.stage = Stage::Claimed;
        match std::mem::replace(&mut self.slot, Slot::Claimed(None)) {
            Slot::Body(body) => Some(body),
            other => {
                self.slot = other;
                None
            }
        }
    }

    /// Whether it is settled how the run ends.
    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self.slot, Slot::Body(_) | Slot::Claimed(_))
    }

    /// Whether nothing of it is to go on.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.stop != Stop::No || self.stage >= Stage::Settling
    }
}

/// Whether a run was asked to stop. A byte: there is no room for more beside the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// It was cancelled.
    Cancel(By),
    /// It ends with its process, whatever else it was about to end with.
    Crash,
}

const _: () = assert!(size_of::<Stop>() == 1);

/// By what a run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum By {
    /// A `cancel()` of its future, or of those of its map.
    User,
    /// Its last future was dropped.
    Drop,
    /// The timeout of what had begun it.
    Timeout,
    /// What else became of what had begun it.
    Outer,
}

/// The run has ended, and is what it is.
pub(crate) struct AlreadyEnded;

/// What a request to cancel met with.
#[derive(Debug)]
pub(crate) enum Cancelling<B> {
    /// It had not begun: it is claimed now by the canceller, who ends it.
    Unstarted(B),
    /// It is being executed: its driver, where it is async.
    Executing(Option<Waker>),
    /// It was being cancelled, or had ended.
    TooLate,
}

impl<B, V, E, D, L> Cell<B, V, E, D, L> {
    pub(crate) fn new(body: B, stage: Stage, index: u32, waiter: Option<Waiter<D>>, log: L) -> Self {
        Self(Mutex::new(Inner {
            stage,
            stop: Stop::No,
            seen: false,
            state: StateName::Pending,
            index,
            slot: Slot::Body(body),
            waiters: waiter.map_or(Waiters::NONE, Waiters::One),
            log,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner<B, V, E, D, L>> {
        self.0.lock()
    }

    /// A cell whose body its caller executes itself, as `begin` leaves it: nobody else knows it yet.
    pub(crate) fn claimed(index: u32, log: L, begin: impl FnOnce(&mut Inner<B, V, E, D, L>)) -> Self {
        let mut inner = Inner {
            stage: Stage::Claimed,
            stop: Stop::No,
            seen: false,
            state: StateName::Pending,
            index,
            slot: Slot::Claimed(None),
            waiters: Waiters::NONE,
            log,
        };
        begin(&mut inner);
        Self(Mutex::new(inner))
    }

    /// Lets the body be claimed; `false` if the run has been cancelled.
    pub(crate) fn make_ready(&self) -> bool {
        let mut inner = self.lock();
        let open = inner.stage == Stage::Open;
        if open {
            inner.stage = Stage::Ready;
        }
        open
    }

    /// Takes the body, if it may be executed and nobody has taken it.
    pub(crate) fn claim(&self) -> Option<B> {
        self.claim_and(|_, _| ())
    }

    /// As [`claim`](Self::claim), and does what goes with it, under the same lock.
    pub(crate) fn claim_and(&self, act: impl FnOnce(&mut Inner<B, V, E, D, L>, &B)) -> Option<B> {
        let mut inner = self.lock();
        if inner.stage != Stage::Ready {
            return None;
        }
        let body = inner.take_body()?;
        act(&mut inner, &body);
        Some(body)
    }

    /// Gives the body back that was [claimed](Self::claim), to be claimed again; `Err` if the run is to stop.
    pub(crate) fn unclaim(&self, body: B) -> Result<(), B> {
        self.return_as(Stage::Ready, body)
    }

    /// Takes the body of a run that is never to be executed.
    pub(crate) fn withdraw(&self) -> Option<B> {
        let mut inner = self.lock();
        if inner.stage > Stage::Ready {
            return None;
        }
        inner.take_body()
    }

    /// Gives the body back for a further attempt; `Err` if the run is to stop.
    pub(crate) fn give_back(&self, body: B) -> Result<(), B> {
        self.return_as(Stage::Open, body)
    }

    fn return_as(&self, stage: Stage, body: B) -> Result<(), B> {
        let mut inner = self.lock();
        if inner.is_to_stop() {
            return Err(body);
        }
        inner.stage = stage;
        inner.slot = Slot::Body(body);
        Ok(())
    }

    /// Adds a waiter; gives it back if there is nothing left to wait for.
    pub(crate) fn subscribe(&self, waiter: Waiter<D>) -> Result<(), Waiter<D>> {
        let mut inner = self.lock();
        if inner.stage == Stage::Ended {
            return Err(waiter);
        }
        inner.waiters.push(waiter);
        Ok(())
    }

    /// Adds a waker, unless the same is there; `false` if there is nothing left to wait for.
    pub(crate) fn subscribe_waker(&self, waker: &Waker) -> bool {
        let mut inner = self.lock();
        if inner.stage == Stage::Ended {
            return false;
        }
        let known = |waiter: &Waiter<D>| matches!(waiter, Waiter::Waker(known) if known.will_wake(waker));
        let is_known = match &inner.waiters {
            Waiters::One(waiter) => known(waiter),
            Waiters::Many(all) => all.as_ref().is_some_and(|all| all.last().is_some_and(known)),
        };
        if !is_known {
            inner.waiters.push(Waiter::Waker(waker.clone()));
        }
        true
    }

    /// Notes the waker of whoever drives the body; `false` if the run is to stop.
    pub(crate) fn drive(&self, waker: &Waker) -> bool {
        let mut inner = self.lock();
        if inner.is_to_stop() {
            return false;
        }
        if let Slot::Claimed(driver) = &mut inner.slot
            && !driver.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *driver = Some(waker.clone());
        }
        true
    }

    /// Whoever drove the body does so no more.
    pub(crate) fn no_driver(&self) {
        if let Slot::Claimed(driver) = &mut self.lock().slot {
            *driver = None;
        }
    }

    /// Whether the caller is to settle how the run ends, as nobody else does; and why it was stopped, if it was.
    pub(crate) fn begin_to_settle(&self) -> Option<Stop> {
        let mut inner = self.lock();
        if inner.stage >= Stage::Settling {
            return None;
        }
        inner.stage = Stage::Settling;
        Some(inner.stop)
    }

    /// Settles how the run ends: what the slot holds from now on. It has not ended yet. Gives what the slot has held, to be
    /// dropped by the caller, outside of the lock.
    pub(crate) fn settle(
        &self,
        settle: impl FnOnce(&mut Inner<B, V, E, D, L>) -> Slot<B, V, E>,
    ) -> Slot<B, V, E> {
        let mut inner = self.lock();
        let slot = settle(&mut inner);
        std::mem::replace(&mut inner.slot, slot)
    }

    /// [Settles](Self::settle) how the run ends, and ends it, where there is nothing to do in between. `None` if it was asked
    /// to stop, or somebody else settles it.
    pub(crate) fn settle_and_end(
        &self,
        settle: impl FnOnce(&mut Inner<B, V, E, D, L>) -> Slot<B, V, E>,
    ) -> Option<(Slot<B, V, E>, Waiters<D>)> {
        let mut inner = self.lock();
        if inner.is_to_stop() {
            return None;
        }
        let slot = settle(&mut inner);
        inner.stage = Stage::Ended;
        let before = std::mem::replace(&mut inner.slot, slot);
        Some((before, std::mem::replace(&mut inner.waiters, Waiters::NONE)))
    }

    /// Ends a settled run; gives its state, who waits for it, and why it was stopped, if it was.
    ///
    /// One that ends with its process, and is `outermost`, does not end for those who wait for it.
    pub(crate) fn end(&self, outermost: bool, trim: impl FnOnce(&mut L)) -> (StateName, Waiters<D>, Stop) {
        let mut inner = self.lock();
        trim(&mut inner.log);
        if inner.stop == Stop::Crash && outermost {
            return (inner.state, Waiters::NONE, Stop::Crash);
        }
        inner.stage = Stage::Ended;
        (inner.state, std::mem::replace(&mut inner.waiters, Waiters::NONE), inner.stop)
    }

    /// Asks the run to stop.
    pub(crate) fn cancel(&self, by: By) -> Cancelling<B> {
        let mut inner = self.lock();
        if inner.is_to_stop() {
            return Cancelling::TooLate;
        }
        inner.stop = Stop::Cancel(by);
        if inner.stage <= Stage::Ready
            && let Some(body) = inner.take_body()
        {
            return Cancelling::Unstarted(body);
        }
        match &mut inner.slot {
            Slot::Claimed(driver) => Cancelling::Executing(driver.take()),
            _ => Cancelling::TooLate,
        }
    }

    /// Has the run end with the process, unless it has ended; gives the driver of an async body.
    pub(crate) fn crash(&self) -> Result<Option<Waker>, AlreadyEnded> {
        let mut inner = self.lock();
        if inner.stage == Stage::Ended {
            return Err(AlreadyEnded);
        }
        inner.stop = Stop::Crash;
        match &mut inner.slot {
            Slot::Claimed(driver) => Ok(driver.take()),
            _ => Ok(None),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().stage == Stage::Ended
    }

    /// Frees the value of an ended run; what is freed is dropped by the caller, outside of the lock.
    pub(crate) fn free(&self) -> Option<V> {
        let mut inner = self.lock();
        match &inner.slot {
            Slot::Value(_) => match std::mem::replace(&mut inner.slot, Slot::Freed) {
                Slot::Value(value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// How many handles can still read the result of a cell: with the last one goes the result.
pub(crate) struct Readers(AtomicU32);

impl Readers {
    /// Whether there is one alone.
    pub(crate) fn is_one(&self) -> bool {
        self.0.load(Ordering::Acquire) == 1
    }

    pub(crate) fn new(count: u32) -> Self {
        Self(AtomicU32::new(count))
    }

    /// One more; only one who is a reader may add another.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; gives the value that nobody can read any more.
    pub(crate) fn remove<B, V, E, D, L>(&self, cell: &Cell<B, V, E, D, L>) -> Option<V> {
        if self.0.fetch_sub(1, Ordering::AcqRel) == 1 { cell.free() } else { None }
    }

    /// As often as anybody could count, and more: the value has been [taken](Self::take), and there is nothing to free.
    const TAKEN: u32 = 1 << 31;

    /// Whether there is any. Asked after the value was put into the cell: either a reader is found here, or the last one finds
    /// the value as it goes.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// The value, for one who is a reader, if there is no other.
    pub(crate) fn take<B, V, E, D, L>(&self, cell: &Cell<B, V, E, D, L>) -> Option<V> {
        if !self.is_one() {
            return None;
        }
        let value = cell.free()?;
        // Nobody else counts: another reader could only be made of this one.
        self.0.fetch_add(Self::TAKEN, Ordering::Relaxed);
        Some(value)
    }
}
