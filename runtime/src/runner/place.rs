//! Places on a runner: how many runs it executes at once, and who stands in line.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::ReadyRun;
use super::pool::{self, Pool};
use super::queue;
use super::stint::Stint;
use super::worker::{Working, as_worker, follow_up, holds, holds_another};
use crate::clock;
use crate::context::Scope;
use crate::engine::awaited::Awaited;
use crate::engine::moment::{self, InARow};
use crate::engine::shrink;
use crate::spec::Kind;
use crate::sync::Apart;

/// So many runs, and those in line behind them, first come, first served.
pub(crate) struct Lane {
    max: usize,
    /// Who is next, for those who have a place: they do not hold up those who submit. Locked before the state.
    head: Apart<Mutex<Head>>,
    state: Apart<Mutex<State>>,
    /// Where sync runs execute; without one, on threads of our own.
    pool: Option<Pool>,
}

/// Who is next.
#[derive(Default)]
struct Head {
    /// Those that lent their place and want it back, by number; they go first. Whoever stands here no more has it.
    returning: VecDeque<(u64, Waker)>,
    /// The number of the next one that comes back.
    number: u64,
    line: VecDeque<ReadyRun>,
}

impl Head {
    fn find(&self, number: u64) -> Option<usize> {
        self.returning.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    /// The line behind it goes on here, where all that stood here have gone.
    fn go_on_with(&mut self, state: &mut State) {
        shrink(&mut self.line);
        std::mem::swap(&mut self.line, &mut state.line);
    }
}

#[derive(Default)]
struct State {
    busy: usize,
    /// The line behind its head. Nobody stands in either while a place is free.
    line: VecDeque<ReadyRun>,
    closed: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lane(max: {})", self.max)
    }
}

impl Lane {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Self::with(max.max(1), None)
    }

    /// As many as a pool has threads.
    pub(super) fn on_rayon(threads: usize) -> Arc<Self> {
        Self::with(threads, Some(Pool::new(threads)))
    }

    fn with(max: usize, pool: Option<Pool>) -> Arc<Self> {
        let (head, state) = Default::default();
        Arc::new(Self { max, head, state, pool })
    }

    pub(super) fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_unbounded(&self) -> bool {
        self.max == usize::MAX
    }

    /// Takes a run: a worker begins with it, or it stands in line.
    pub(super) fn submit(self: &Arc<Self>, run: ReadyRun) {
        if self.is_unbounded() {
            return queue::submit(self, run);
        }
        let mut state = self.state();
        if state.closed {
            drop(state);
            drop(run);
            return;
        }
        if state.busy < self.max {
            state.busy += 1;
            drop(state);
            self.start(run);
        } else {
            state.line.push_back(run);
        }
    }

    /// Takes runs of one runtime, in this order.
    pub(super) fn submit_all(self: &Arc<Self>, mut runs: Vec<ReadyRun>) {
        if self.is_unbounded() {
            return queue::submit_all(self, runs);
        }
        let mut state = self.state();
        if state.closed {
            drop(state);
            drop(runs);
            return;
        }
        let free = (self.max - state.busy).min(runs.len());
        state.busy += free;
        state.line.extend(runs.drain(free..));
        drop(state);
        for run in runs {
            self.start(run);
        }
    }

    /// Has a run executed by a worker, which has a place for it.
    fn start(self: &Arc<Self>, run: ReadyRun) {
        match self.pool() {
            _ if run.kind() == Kind::Async => {
                let handle = run.handle().clone();
                handle.spawn(drive(Place::held(self), run));
            }
            Some(pool) => pool.start(self, run),
            None => start_on_thread(self, run),
        }
    }

    /// Takes a place for this thread, if one is free.
    pub(super) fn try_enter(&self) -> bool {
        let mut state = self.state();
        let free = state.busy < self.max;
        state.busy += usize::from(free);
        free
    }

    /// The next in line, for a thread that keeps its place: a sync run of that scope.
    fn next_of(&self, scope: &Arc<Scope>) -> Option<ReadyRun> {
        let mut head = self.head();
        if head.line.is_empty() {
            head.go_on_with(&mut self.state());
        }
        let first = head.line.front()?;
        let goes_here = first.kind() != Kind::Async && Arc::ptr_eq(first.scope(), scope);
        if goes_here && head.returning.is_empty() { head.line.pop_front() } else { None }
    }

    /// What the holder of a place is to execute next; without anything the place is free.
    pub(super) fn next(&self) -> Option<ReadyRun> {
        if self.is_unbounded() {
            return None;
        }
        let mut head = self.head();
        if let Some((_, waker)) = head.returning.pop_front() {
            drop(head);
            waker.wake();
            return None;
        }
        if head.line.is_empty() {
            let mut state = self.state();
            head.go_on_with(&mut state);
            state.busy -= usize::from(head.line.is_empty());
        }
        head.line.pop_front()
    }

    /// Gives a place up; whoever is next in line has it.
    pub(super) fn leave(self: &Arc<Self>) {
        if let Some(run) = self.next() {
            self.start(run);
        }
    }

    /// Waits for a place again, after having lent it.
    pub(super) fn come_back(self: &Arc<Self>) -> Returning {
        Returning { lane: self.clone(), number: None }
    }

    pub(super) fn close(self: &Arc<Self>) {
        let mut head = self.head();
        let mut state = self.state();
        state.closed = true;
        let line = (std::mem::take(&mut head.line), std::mem::take(&mut state.line));
        drop(state);
        drop(head);
        drop(line);
        // Those that have a place, and have not begun.
        for run in self.pool().map(Pool::clear).unwrap_or_default() {
            drop(run);
            self.leave();
        }
    }

    pub(super) fn open(&self) {
        self.state().closed = false;
    }
}

/// Waits for a place.
pub(super) struct Returning {
    lane: Arc<Lane>,
    /// What it stands in line with.
    number: Option<u64>,
}

impl Future for Returning {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut head = this.lane.head();
        if let Some(number) = this.number {
            let Some(at) = head.find(number) else {
                this.number = None;
                return Poll::Ready(());
            };
            head.returning[at].1.clone_from(cx.waker());
            return Poll::Pending;
        }
        if this.lane.try_enter() {
            return Poll::Ready(());
        }
        head.number += 1;
        let number = head.number;
        head.returning.push_back((number, cx.waker().clone()));
        this.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut head = self.lane.head();
        let left = head.find(number).and_then(|at| head.returning.remove(at));
        drop(head);
        if left.is_none() {
            self.lane.leave();
        }
    }
}

/// A place that a worker holds; given up when this is dropped.
struct Place {
    lane: Arc<Lane>,
    held: bool,
}

impl Place {
    fn held(lane: &Arc<Lane>) -> Self {
        Self { lane: lane.clone(), held: true }
    }

    /// What to execute next on it; without anything it has been given up.
    fn next(&mut self) -> Option<ReadyRun> {
        let next = self.lane.next();
        self.held = next.is_some();
        next
    }

    fn lend(&mut self) -> Returning {
        self.held = false;
        self.lane.leave();
        self.lane.come_back()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.held {
            self.lane.leave();
        }
    }
}

/// Executes runs on this thread, which holds a place, until there is nothing for it to do.
pub(super) fn work(lane: &Arc<Lane>, first: ReadyRun) {
    let mut place = Place::held(lane);
    let mut next = Some(first);
    while let Some(first) = next.take() {
        if first.kind() == Kind::Async {
            place.held = false;
            return lane.start(first);
        }
        next = work_in_a_row(&mut place, first);
    }
}

/// Executes sync runs of one runtime, in its context, entered once; gives the first of another.
fn work_in_a_row(place: &mut Place, mut run: ReadyRun) -> Option<ReadyRun> {
    let handle = run.handle().clone();
    let _entered = handle.enter();
    let _working = Working::begin(&place.lane);
    let _row = InARow::begin();
    loop {
        run.execute_blocking();
        let next = follow_up().or_else(|| {
            moment::goes_to_line();
            place.next()
        });
        match next {
            Some(next) if next.kind() != Kind::Async && next.handle().id() == handle.id() => run = next,
            next => return next,
        }
    }
}

/// Executes one run on this thread, which holds a place and waits for that run.
pub(super) fn work_once(lane: &Arc<Lane>, run: ReadyRun) {
    let ((), follow_up) = as_worker(lane, || run.execute_blocking());
    if let Some(run) = follow_up {
        lane.submit(run);
    }
}

/// Executes runs on this thread, which holds a place and submits them, and those of the same scope that come to stand behind them.
pub(super) fn work_in_place(lane: &Arc<Lane>, runs: Vec<ReadyRun>) {
    let mut runs = runs.into_iter();
    let Some(first) = runs.next() else { return };
    let scope = first.scope().clone();
    lane.submit_all(runs.collect());
    let mut next = Some(first);
    while let Some(run) = next {
        work_once(lane, run);
        next = lane.next_of(&scope);
    }
}

/// Executes a run on this thread, which waits for it: on the place that the thread holds, or, where it holds none, on a free
/// one.
pub(super) fn execute_here(lane: &Arc<Lane>, run: ReadyRun) -> bool {
    // What is executed on the thread of the clock may wait for a time.
    if run.kind() == Kind::Async || clock::is_firing() {
        return false;
    }
    // A thread that waits gives its place up, rather than to hold two; and what belongs on a pool executes there.
    if holds_another(lane) || (lane.pool.is_some() && !holds(lane) && !pool::is_member(lane)) {
        return false;
    }
    if holds(lane) {
        work_once(lane, run);
        return true;
    }
    if !lane.try_enter() {
        return false;
    }
    let place = Place::held(lane);
    work_once(lane, run);
    drop(place);
    true
}

/// Executes runs on this task, which holds a place, until there is nothing for it to do.
async fn drive(mut place: Place, first: ReadyRun) {
    let lane = place.lane.clone();
    let mut next = Some(first);
    let mut stint = Stint::default();
    while let Some(run) = next {
        if run.kind() != Kind::Async {
            place.held = false;
            return lane.start(run);
        }
        let mut execution = std::pin::pin!(run.execute());
        let mut awaited = Awaited::default();
        let mut lent: Option<Returning> = None;
        let mut follow_up = None;
        std::future::poll_fn(|cx| {
            if let Some(returning) = &mut lent {
                if Pin::new(returning).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                lent = None;
                place.held = true;
            }
            let (polled, follows) = awaited.during(|| as_worker(&lane, || execution.as_mut().poll(cx)));
            if polled.is_ready() {
                follow_up = follows;
            } else {
                if let Some(run) = follows {
                    lane.submit(run);
                }
                if awaited.is_open() {
                    // It waits for another run: its place goes to others until it is woken.
                    lent = Some(place.lend());
                }
            }
            polled
        })
        .await;
        next = follow_up.take().or_else(|| place.next());
        if stint.is_over() && next.is_some() {
            tokio::task::yield_now().await;
            stint = Stint::default();
        }
    }
}

/// Begins a worker on a thread of our own.
pub(super) fn start_on_thread(lane: &Arc<Lane>, run: ReadyRun) {
    let lane = lane.clone();
    super::threads::spawn(move || work(&lane, run));
}
