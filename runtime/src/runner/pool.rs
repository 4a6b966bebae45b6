//! A rayon pool that executes runs: each on one of its threads, so that `par_iter` inside of it goes to the same pool.
//!
//! A thread of the pool that waits for a run stands still: rayon would have it execute anything, the runs that wait for what
//! is beneath on its stack too. So it is counted who executes and who waits, a run is given to the pool only while one of its
//! threads is free for it, and otherwise to a spare: a pool of one thread, made for the purpose and kept for the next time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::place::{Lane, work};
use super::{ReadyRun, threads};

/// How many spares are kept while there is nothing for them to do.
const SPARES: usize = 16;

/// The pool of a lane, made when it is first needed.
pub(super) struct Pool {
    size: usize,
    threads: OnceLock<Option<ThreadPool>>,
    state: Mutex<State>,
    /// How deep the stack of a thread is where it begins with what one, or all, of them are called for.
    floors: [AtomicUsize; 2],
    /// Whether that is known for one.
    measured: (Mutex<bool>, Condvar),
    spares: Mutex<Vec<Arc<ThreadPool>>>,
}

#[derive(Default)]
struct State {
    /// Given to the pool; none of its threads has begun with them.
    handed: VecDeque<ReadyRun>,
    /// So many of these no thread is called for any more: they go to whoever has executed another.
    uncalled: usize,
    /// Threads that execute what was handed to the pool.
    executing: usize,
    /// Those of them that wait for a run.
    parked: usize,
    /// Threads that wait for a run without executing one: they have come by a part of somebody's `par_iter`.
    waiting: usize,
}

impl State {
    fn take(&mut self) -> Option<ReadyRun> {
        let run = self.handed.pop_front();
        self.uncalled = self.uncalled.min(self.handed.len());
        run
    }
}

thread_local! {
    /// The lane that this thread of a pool is there for.
    static MEMBER: RefCell<Weak<Lane>> = const { RefCell::new(Weak::new()) };
    /// Where its stack begins, more or less.
    static BOTTOM: Cell<usize> = const { Cell::new(0) };
    /// It executes a run that was handed to the pool.
    static EXECUTES: Cell<bool> = const { Cell::new(false) };
}

/// Where the stack is now. An address says so, and nothing is done with it but comparing.
#[inline(never)]
fn stack_here() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Who is called.
#[derive(Clone, Copy)]
enum Call {
    One,
    All,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            threads: OnceLock::new(),
            state: Mutex::default(),
            floors: [const { AtomicUsize::new(usize::MAX) }; 2],
            measured: (Mutex::new(false), Condvar::new()),
            spares: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self, lane: &Arc<Lane>) -> Option<&ThreadPool> {
        let build = || {
            let member = Arc::downgrade(lane);
            let builder = ThreadPoolBuilder::new()
                .num_threads(self.size)
                .thread_name(|n| format!("millrun-rayon-{n}"))
                .start_handler(move |_| {
                    threads::mark_ours();
                    BOTTOM.set(stack_here());
                    MEMBER.with(|lane| lane.borrow_mut().clone_from(&member));
                });
            let threads = builder
                .build()
                .inspect_err(|error| log!(error, "failed to start a rayon pool: {error}"))
                .ok()?;
            // Nothing else is in the pool yet: this is how deep stacks are where a thread begins with something new.
            call_one(&threads, lane);
            call_all(&threads, lane);
            let mut measured = self.measured.0.lock().unwrap_or_else(PoisonError::into_inner);
            while !*measured {
                measured = self.measured.1.wait(measured).unwrap_or_else(PoisonError::into_inner);
            }
            drop(measured);
            Some(threads)
        };
        self.threads.get_or_init(build).as_ref()
    }

    /// Has a run executed that holds a place of the lane.
    pub(super) fn start(&self, lane: &Arc<Lane>, run: ReadyRun) {
        let Some(threads) = self.threads(lane) else { return self.start_spare(lane, run) };
        let mut state = self.state();
        if state.handed.len() + state.executing + state.waiting < self.size {
            state.handed.push_back(run);
            drop(state);
            call_one(threads, lane);
        } else if state.parked + state.waiting == 0 {
            // There are as many places as threads: one of them has given its place up, and is about to look for more.
            state.handed.push_back(run);
        } else {
            drop(state);
            self.start_spare(lane, run);
        }
    }

    /// Executes what was handed to the pool, on one of its threads.
    fn serve(&self, lane: &Arc<Lane>, call: Call) {
        let depth = BOTTOM.get().abs_diff(stack_here());
        let floor = self.floors[call as usize].fetch_min(depth, Ordering::Relaxed);
        if floor == usize::MAX && matches!(call, Call::One) {
            *self.measured.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.measured.1.notify_all();
        }
        let mut state = self.state();
        if depth > floor {
            return self.refuse(state, lane, call);
        }
        let Some(mut run) = state.take() else { return };
        state.executing += 1;
        drop(state);
        EXECUTES.set(true);
        loop {
            work(lane, run);
            let mut state = self.state();
            let Some(next) = state.take() else {
                state.executing -= 1;
                break;
            };
            run = next;
        }
        EXECUTES.set(false);
    }

    /// Rayon has called a thread that waits in `join`. Executed there, a run could wait for what is beneath.
    fn refuse(&self, mut state: MutexGuard<'_, State>, lane: &Arc<Lane>, call: Call) {
        if state.handed.len() <= state.uncalled || matches!(call, Call::All) {
            return;
        }
        if state.parked + state.waiting > 0 {
            if let Some(run) = state.take() {
                drop(state);
                self.start_spare(lane, run);
            }
            return;
        }
        state.uncalled += 1;
        drop(state);
        if let Some(threads) = self.threads(lane) {
            call_all(threads, lane);
        }
    }

    /// Has a run executed beside the pool.
    fn start_spare(&self, lane: &Arc<Lane>, run: ReadyRun) {
        let kept = self.spares().pop();
        let Some(spare) = kept.or_else(spare) else {
            return super::place::start_on_thread(lane, run);
        };
        let (lane, of) = (lane.clone(), spare.clone());
        spare.spawn(move || {
            work(&lane, run);
            if let Some(pool) = lane.pool() {
                let mut spares = pool.spares();
                if spares.len() < SPARES {
                    spares.push(of);
                }
            }
        });
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Arc<ThreadPool>>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what no thread has begun with.
    pub(super) fn clear(&self) -> VecDeque<ReadyRun> {
        let mut state = self.state();
        state.uncalled = 0;
        std::mem::take(&mut state.handed)
    }

    /// A thread begins to wait. What was left to the threads that there are goes to spares, where it could wait for ever.
    fn begin_waiting(&self, lane: &Arc<Lane>, executes: bool) {
        let mut state = self.state();
        if executes {
            state.parked += 1;
        } else {
            state.waiting += 1;
        }
        let free = self.size.saturating_sub(state.executing + state.waiting);
        let called = (state.handed.len() - state.uncalled).min(free);
        let left_over = state.handed.split_off(called);
        state.uncalled = 0;
        drop(state);
        for run in left_over {
            self.start_spare(lane, run);
        }
    }

    fn end_waiting(&self, executes: bool) {
        let mut state = self.state();
        if executes {
            state.parked -= 1;
        } else {
            state.waiting -= 1;
        }
    }
}

fn serve(lane: &Arc<Lane>, call: Call) {
    if let Some(pool) = lane.pool() {
        pool.serve(lane, call);
    }
}

/// Calls a thread that has nothing to do, for a run that was handed to the pool.
#[inline(never)]
fn call_one(threads: &ThreadPool, lane: &Arc<Lane>) {
    let lane = lane.clone();
    threads.spawn(move || serve(&lane, Call::One));
}

/// Calls all threads, as soon as each has nothing else to do.
#[inline(never)]
fn call_all(threads: &ThreadPool, lane: &Arc<Lane>) {
    let lane = lane.clone();
    threads.spawn_broadcast(move |_| serve(&lane, Call::All));
}

fn spare() -> Option<Arc<ThreadPool>> {
    let builder = ThreadPoolBuilder::new()
        .num_threads(1)
        .thread_name(|_| "millrun-rayon-spare".to_owned())
        .start_handler(|_| threads::mark_ours());
    builder
        .build()
        .inspect_err(|error| log!(error, "failed to start a spare thread: {error}"))
        .ok()
        .map(Arc::new)
}

/// Whether this thread is of the lane's pool.
pub(super) fn is_member(lane: &Arc<Lane>) -> bool {
    MEMBER.with(|member| member.borrow().as_ptr() == Arc::as_ptr(lane))
}

/// A thread of a pool that waits for a run, until this is dropped.
pub(super) struct Waiting {
    lane: Arc<Lane>,
    executes: bool,
}

impl Waiting {
    /// Begins to wait on this thread, if it is such a thread.
    pub(super) fn begin() -> Option<Self> {
        let lane = MEMBER.try_with(|member| member.borrow().upgrade()).ok().flatten()?;
        let executes = EXECUTES.get();
        lane.pool()?.begin_waiting(&lane, executes);
        Some(Self { lane, executes })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(pool) = self.lane.pool() {
            pool.end_waiting(self.executes);
        }
    }
}
