//! Async runs without a bound: a queue for each runtime, served by as many tasks as the runtime has workers.
//!
//! A task of the runtime costs more than most of what a run does. So a run is polled by whoever takes it from the queue, and
//! gets a task of its own only if it has to wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::place::Lane;
use super::runtime::RuntimeHandle;
use super::stint::Stint;
use super::worker::{Working, follow_up};
use super::{Execution, ReadyRun};
use crate::engine::moment::{self, InARow};
use crate::engine::shrink;

#[derive(Default)]
pub(crate) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    line: VecDeque<ReadyRun>,
    /// How many serve it.
    servers: usize,
    /// Those that have found nothing in line, by number: the next run wakes one, which costs less than another one.
    idle: Vec<(u64, Waker)>,
    /// The number of the next one that has nothing to do.
    number: u64,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next run; without one, the server that asks serves no more, and is woken for the next one if there is a number for it.
    fn next(&self, waker: &Waker, most: usize) -> Result<ReadyRun, Option<u64>> {
        let mut state = self.state();
        if let Some(next) = state.line.pop_front() {
            shrink(&mut state.line);
            return Ok(next);
        }
        state.servers -= 1;
        if state.idle.len() >= most {
            return Err(None);
        }
        state.number += 1;
        let number = state.number;
        state.idle.push((number, waker.clone()));
        Err(Some(number))
    }

    /// The server of that number is idle no more: whether it was woken for a run, and is counted since. Else it is counted now, if it
    /// `serves`.
    fn end_idling(&self, number: u64, serves: bool) -> bool {
        let mut state = self.state();
        let Some(place) = state.idle.iter().position(|(idle, _)| *idle == number) else { return true };
        let left = state.idle.swap_remove(place);
        state.servers += usize::from(serves);
        drop(state);
        drop(left);
        false
    }
}

/// Puts a run in line.
pub(super) fn submit(lane: &Arc<Lane>, run: ReadyRun) {
    let handle = run.handle().clone();
    line_up(lane, &handle, |line| line.push_back(run));
}

/// Puts runs of one runtime in line.
pub(super) fn submit_all(lane: &Arc<Lane>, runs: Vec<ReadyRun>) {
    let Some(handle) = runs.first().map(|run| run.handle().clone()) else { return };
    line_up(lane, &handle, |line| line.extend(runs));
}

/// Adds to the line, and has it served by more, where there are more who could.
fn line_up(lane: &Arc<Lane>, handle: &RuntimeHandle, add: impl FnOnce(&mut VecDeque<ReadyRun>)) {
    let mut state = handle.queue().state();
    add(&mut state.line);
    if state.servers > 0 && state.servers >= state.line.len() {
        return;
    }
    let runtime = handle.get();
    let wanted = runtime.metrics().num_workers().min(state.line.len());
    let more = wanted.saturating_sub(state.servers);
    if more == 0 {
        return;
    }
    state.servers += more;
    let rested = state.idle.len().saturating_sub(more);
    let woken = state.idle.split_off(rested);
    drop(state);
    let spawned = more - woken.len();
    for (_, waker) in woken {
        waker.wake();
    }
    if spawned > 0 {
        let queue = handle.queue().clone();
        let at = Arc::new(Counter { lane: lane.clone(), queue, runtime: runtime.clone() });
        for _ in 0..spawned {
            runtime.spawn(Server::new(&at));
        }
    }
}

/// Where servers stand.
struct Counter {
    lane: Arc<Lane>,
    queue: Arc<Queue>,
    runtime: Handle,
}

impl Counter {
    /// Has another server serve the queue, if there is anything in it.
    fn relieve(self: &Arc<Self>) {
        let mut state = self.queue.state();
        if state.line.is_empty() {
            return;
        }
        state.servers += 1;
        drop(state);
        self.runtime.spawn(Server::new(self));
    }
}

thread_local! {
    /// Where the server stands that this thread polls.
    static SERVING: RefCell<Option<Arc<Counter>>> = const { RefCell::new(None) };
}

/// A server whose thread blocks, until this is dropped: others are not held up by it.
pub(super) struct Aside(Arc<Counter>);

impl Aside {
    /// Steps aside, if this thread is a server's.
    pub(super) fn step() -> Option<Self> {
        let counter = SERVING.try_with(|serving| serving.borrow_mut().take()).ok().flatten()?;
        counter.queue.state().servers -= 1;
        counter.relieve();
        Some(Self(counter))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.queue.state().servers += 1;
        SERVING.set(Some(self.0.clone()));
    }
}

/// Executes runs: those of the queue, or only one and what follows it.
struct Server {
    at: Arc<Counter>,
    serves: bool,
    /// Its number while it is idle, and until it is polled again.
    idle: Option<u64>,
    current: Option<Execution>,
    follow_up: Option<ReadyRun>,
}

impl Server {
    /// One that serves, as is counted.
    fn new(at: &Arc<Counter>) -> Self {
        Self { at: at.clone(), serves: true, idle: None, current: None, follow_up: None }
    }

    /// One for what has to wait.
    fn of(at: &Arc<Counter>, execution: Execution) -> Self {
        Self { at: at.clone(), serves: false, idle: None, current: Some(execution), follow_up: None }
    }

    /// The run that goes next, or the first in line.
    fn next(&mut self, cx: &mut Context<'_>) -> Option<ReadyRun> {
        if self.follow_up.is_some() {
            return self.follow_up.take();
        }
        moment::goes_to_line();
        if !self.serves {
            return None;
        }
        let next = self.at.queue.next(cx.waker(), self.at.runtime.metrics().num_workers());
        next.map_err(|number| (self.serves, self.idle) = (false, number)).ok()
    }

    fn poll_in_a_row(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _working = Working::begin(&self.at.lane);
        let _row = InARow::begin();
        let mut stint = Stint::default();
        while !stint.is_over() {
            let left = if let Some(mut execution) = self.current.take() {
                Pin::new(&mut execution).poll(cx).is_pending().then_some(execution)
            } else if let Some(run) = self.next(cx) {
                run.execute_here(cx)
            } else {
                return if self.idle.is_some() { Poll::Pending } else { Poll::Ready(()) };
            };
            self.follow_up = follow_up();
            let Some(execution) = left else { continue };
            if !self.serves {
                self.current = Some(execution);
                if let Some(run) = self.follow_up.take() {
                    submit(&self.at.lane, run);
                }
                return Poll::Pending;
            }
            // It has to wait: a task of its own polls it from now on, at once for the first time.
            self.at.runtime.spawn(Server::of(&self.at, execution));
        }
        if let Some(run) = follow_up() {
            submit(&self.at.lane, run);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Server {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some(number) = this.idle.take() {
            this.at.queue.end_idling(number, true);
            this.serves = true;
        }
        let serving = this.serves.then(|| this.at.clone());
        let before = SERVING.replace(serving);
        let polled = this.poll_in_a_row(cx);
        SERVING.replace(before);
        polled
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let serves = self.idle.map_or(self.serves, |number| self.at.queue.end_idling(number, false));
        // The runtime has been shut down. Those in line would wait for ever.
        if serves {
            let mut state = self.at.queue.state();
            state.servers -= 1;
            let line = std::mem::take(&mut state.line);
            drop(state);
            drop(line);
        }
    }
}
