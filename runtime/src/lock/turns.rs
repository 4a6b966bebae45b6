//! Whose turn it is at a key, within this process: owners in the order in which they came, without polling.
//!
//! `B` is what stands behind a lock that is held, and is dropped when it is free: a lock on a file, or nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{LockError, LockRequest};
use crate::clock::{Clock, Nanos, TimerKey};
use crate::engine::awaited;

pub(super) struct Turns<B>(Arc<Inner<B>>);

impl<B> Clone for Turns<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<B> {
    clock: Clock,
    state: Mutex<State<B>>,
}

struct State<B> {
    locks: HashMap<Arc<str>, Lock<B>>,
    /// Those who hold their lock again, and do not know it yet.
    again: HashSet<u64>,
    next: u64,
}

/// Of a key that somebody holds.
struct Lock<B> {
    holder: Holder<B>,
    queue: VecDeque<Waiter>,
}

struct Holder<B> {
    owner: Arc<str>,
    /// The number of the waiter that this was.
    number: u64,
    /// None while it is about to take what stands behind the lock.
    held: Option<Held<B>>,
}

struct Held<B> {
    /// Dropped when the lock is free.
    _behind: B,
    times: u32,
    until: Option<Nanos>,
    /// Ends the hold then.
    timer: Option<TimerKey>,
}

struct Waiter {
    number: u64,
    owner: Arc<str>,
    hold: Option<Duration>,
    waker: Waker,
}

impl<B: Send + 'static> Turns<B> {
    pub(super) fn new(clock: Clock) -> Self {
        let state = State { locks: HashMap::new(), again: HashSet::new(), next: 0 };
        Self(Arc::new(Inner { clock, state: Mutex::new(state) }))
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the owner's turn at the key.
    pub(super) fn turn(&self, key: &str, request: &LockRequest) -> Turn<B> {
        Turn {
            turns: self.clone(),
            key: key.into(),
            owner: request.owner.clone(),
            hold: request.hold,
            number: None,
        }
    }

    /// Who holds the lock on the key.
    pub(super) fn holder(&self, key: &str) -> Option<Arc<str>> {
        let state = self.state();
        let holder = &state.locks.get(key)?.holder;
        holder.held.as_ref().map(|_| holder.owner.clone())
    }

    /// Gives back what the owner has taken once; none if nobody here holds the lock.
    pub(super) fn release(&self, key: &str, owner: &str) -> Option<Result<(), LockError>> {
        let mut state = self.state();
        let holder = &mut state.locks.get_mut(key)?.holder;
        let held = holder.held.as_mut()?;
        if *holder.owner != *owner {
            return Some(Err(LockError::held(key, &holder.owner)));
        }
        held.times -= 1;
        if held.times == 0 {
            let number = holder.number;
            self.free(state, key, number);
        }
        Some(Ok(()))
    }

    /// Frees the lock if it is still that holder's.
    fn free(&self, mut state: MutexGuard<'_, State<B>>, key: &str, number: u64) {
        let Some(lock) = state.locks.get_mut(key).filter(|lock| lock.holder.number == number) else { return };
        // What stands behind it has to go before the next comes.
        let timer = lock.holder.held.take().and_then(|held| held.timer);
        let next = lock.queue.pop_front();
        let next = if let Some(Waiter { number, owner, waker, .. }) = next {
            lock.holder = Holder { owner, number, held: None };
            Some(waker)
        } else {
            state.locks.remove(key);
            None
        };
        drop(state);
        if let Some(timer) = timer {
            self.0.clock.cancel(timer);
        }
        if let Some(next) = next {
            next.wake();
        }
    }

    /// Has the hold end after `hold`, unless it is prolonged until then.
    fn timer(&self, key: &Arc<str>, number: u64, hold: Option<Duration>) -> Option<TimerKey> {
        let (key, inner) = (key.clone(), Arc::downgrade(&self.0));
        Some(self.0.clock.after(hold?, move || {
            if let Some(inner) = inner.upgrade() {
                Self(inner).expire(&key, number);
            }
        }))
    }

    fn expire(&self, key: &str, number: u64) {
        let now = self.0.clock.monotonic();
        let state = self.state();
        let over = |held: &Held<B>| held.until.is_some_and(|until| until <= now);
        if state.locks.get(key).is_some_and(|lock| lock.holder.held.as_ref().is_some_and(over)) {
            self.free(state, key, number);
        }
    }

    fn until(&self, hold: Option<Duration>) -> Option<Nanos> {
        let hold = u64::try_from(hold?.as_nanos()).unwrap_or(u64::MAX);
        Some(self.0.clock.monotonic().saturating_add(hold))
    }

    /// The owner takes what it holds once more, and holds it until the later of the two times.
    fn hold_again(&self, key: &Arc<str>, number: u64, held: &mut Held<B>, time: Option<Duration>) {
        held.times += 1;
        match (held.until, self.until(time)) {
            (Some(one), Some(other)) if one >= other => {}
            (Some(_), until) => {
                if let Some(before) = held.timer.take() {
                    self.0.clock.cancel(before);
                }
                held.until = until;
                held.timer = self.timer(key, number, time);
            }
            (None, _) => {}
        }
    }
}

/// What waiting has led to.
pub(super) enum Turned<B: Send + 'static> {
    /// The owner held the lock already, and does so once more.
    Again,
    /// It is the owner's turn to take what stands behind the lock.
    First(Taking<B>),
}

/// Waits for its turn; dropped before, it leaves the queue.
pub(super) struct Turn<B: Send + 'static> {
    turns: Turns<B>,
    key: Arc<str>,
    owner: Arc<str>,
    hold: Option<Duration>,
    /// Where it stands in the queue.
    number: Option<u64>,
}

impl<B: Send + 'static> Turn<B> {
    fn taking(&self, number: u64) -> Turned<B> {
        let taking = Taking { turns: self.turns.clone(), key: self.key.clone(), number, taken: false };
        Turned::First(taking)
    }
}

impl<B: Send + 'static> Future for Turn<B> {
    type Output = Turned<B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turned<B>> {
        let this = self.get_mut();
        let turns = this.turns.clone();
        let mut guard = turns.state();
        let state = &mut *guard;
        let Some(number) = this.number else {
            let number = state.next;
            state.next += 1;
            let Some(lock) = state.locks.get_mut(&this.key) else {
                let holder = Holder { owner: this.owner.clone(), number, held: None };
                state.locks.insert(this.key.clone(), Lock { holder, queue: VecDeque::new() });
                return Poll::Ready(this.taking(number));
            };
            if let Holder { owner, number, held: Some(held) } = &mut lock.holder
                && *owner == this.owner
            {
                turns.hold_again(&this.key, *number, held, this.hold);
                return Poll::Ready(Turned::Again);
            }
            let waiter =
                Waiter { number, owner: this.owner.clone(), hold: this.hold, waker: cx.waker().clone() };
            lock.queue.push_back(waiter);
            this.number = Some(number);
            return Poll::Pending;
        };
        if state.again.remove(&number) {
            this.number = None;
            return Poll::Ready(Turned::Again);
        }
        let Some(lock) = state.locks.get_mut(&this.key) else { return Poll::Pending };
        if lock.holder.number == number {
            this.number = None;
            return Poll::Ready(this.taking(number));
        }
        if let Some(waiter) = lock.queue.iter_mut().find(|waiter| waiter.number == number) {
            waiter.waker.clone_from(cx.waker());
        }
        Poll::Pending
    }
}

impl<B: Send + 'static> Drop for Turn<B> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.turns.state();
        if state.again.remove(&number) {
            drop(state);
            let _ = self.turns.release(&self.key, &self.owner);
            return;
        }
        let Some(lock) = state.locks.get_mut(&self.key) else { return };
        if lock.holder.number == number {
            self.turns.free(state, &self.key, number);
        } else {
            lock.queue.retain(|waiter| waiter.number != number);
        }
    }
}

/// It is its turn, and it is about to take what stands behind the lock; dropped before, it is the next one's turn.
pub(super) struct Taking<B: Send + 'static> {
    turns: Turns<B>,
    key: Arc<str>,
    number: u64,
    taken: bool,
}

impl<B: Send + 'static> Taking<B> {
    /// The lock is held from now on.
    pub(super) fn take(mut self, behind: B, time: Option<Duration>) {
        self.taken = true;
        let turns = &self.turns;
        let mut wakers = Vec::new();
        let mut guard = turns.state();
        let state = &mut *guard;
        let Some(lock) = state.locks.get_mut(&self.key).filter(|lock| lock.holder.number == self.number)
        else {
            return;
        };
        let mut held = Held { _behind: behind, times: 1, until: turns.until(time), timer: None };
        held.timer = turns.timer(&self.key, self.number, time);
        // Who of the same owner waits need not any more.
        let mut n = 0;
        while n < lock.queue.len() {
            if lock.queue[n].owner == lock.holder.owner {
                if let Some(waiter) = lock.queue.remove(n) {
                    turns.hold_again(&self.key, self.number, &mut held, waiter.hold);
                    state.again.insert(waiter.number);
                    wakers.push(waiter.waker);
                }
            } else {
                n += 1;
            }
        }
        lock.holder.held = Some(held);
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<B: Send + 'static> Drop for Taking<B> {
    fn drop(&mut self) {
        if !self.taken {
            self.turns.free(self.turns.state(), &self.key, self.number);
        }
    }
}

/// A timer that wakes whoever waits.
struct Alarm {
    over: AtomicBool,
    waker: Mutex<Waker>,
}

/// What the future gives, unless the time is over before. With no time at all it is asked once.
pub(super) async fn within<F: Future>(
    clock: &Clock,
    timeout: Option<Duration>,
    future: F,
) -> Option<F::Output> {
    /// Takes the timer back.
    struct Set<'a>(&'a Clock, TimerKey, Arc<Alarm>);

    impl Drop for Set<'_> {
        fn drop(&mut self) {
            self.0.cancel(self.1);
        }
    }

    let mut future = pin!(future);
    let mut set: Option<Set<'_>> = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        match (timeout, &set) {
            (Some(Duration::ZERO), _) => return Poll::Ready(None),
            (Some(timeout), None) => {
                let alarm =
                    Arc::new(Alarm { over: AtomicBool::new(false), waker: Mutex::new(cx.waker().clone()) });
                let rings = alarm.clone();
                let timer = clock.after(timeout, move || {
                    rings.over.store(true, Ordering::SeqCst);
                    let waker = rings.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    waker.wake();
                });
                set = Some(Set(clock, timer, alarm));
            }
            (Some(_), Some(Set(_, _, alarm))) => {
                alarm.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
                if alarm.over.load(Ordering::SeqCst) {
                    return Poll::Ready(None);
                }
            }
            (None, _) => {}
        }
        awaited::note_other();
        Poll::Pending
    })
    .await
}
