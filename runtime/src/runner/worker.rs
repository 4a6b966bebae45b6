//! Threads at work: which places they hold, what goes next on them, and the lending of places by those who wait.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ReadyRun;
use super::place::Lane;
use super::pool;
use super::queue::Aside;
use crate::engine::wait;

/// A run that is to go next on a worker.
#[derive(Default)]
enum FollowUp {
    /// The thread is no worker: nothing goes next on it.
    #[default]
    Refused,
    Free,
    Kept(ReadyRun),
}

/// What a worker thread holds, and a run that is to go next on it.
#[derive(Default)]
struct Worker {
    lane: Option<Arc<Lane>>,
    /// What the frames beneath hold, of other lanes.
    beneath: Vec<Arc<Lane>>,
    follow_up: FollowUp,
    /// The thread stands in for a worker, on whose places it executes.
    seat: Option<Seat>,
}

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::default());
}

/// Whether this thread holds a place of the lane.
pub(super) fn holds(lane: &Arc<Lane>) -> bool {
    WORKER.with(|worker| worker.borrow().lane.as_ref().is_some_and(|held| Arc::ptr_eq(held, lane)))
}

/// Whether a run of that lane may go next on this thread: it holds a place of the lane, or both are lanes without a bound, where there
/// are no places; and nothing else goes next.
pub(super) fn goes_next(lane: &Arc<Lane>) -> bool {
    WORKER.with(|worker| {
        let worker = worker.borrow();
        let fits = |held: &Arc<Lane>| Arc::ptr_eq(held, lane) || (held.is_unbounded() && lane.is_unbounded());
        worker.lane.as_ref().is_some_and(fits) && matches!(worker.follow_up, FollowUp::Free)
    })
}

/// Has a run go next on this thread, if it has become ready by the end of the one before, or stand in line.
pub(super) fn submit(lane: &Arc<Lane>, run: ReadyRun) {
    if run.is_follow_up() && goes_next(lane) {
        keep_follow_up(run);
    } else {
        lane.submit(run);
    }
}

/// Keeps a run that has become ready by the end of the one before, to [go next](goes_next) on this thread.
pub(crate) fn keep_follow_up(run: ReadyRun) {
    WORKER.with(|worker| worker.borrow_mut().follow_up = FollowUp::Kept(run));
}

/// Whether this thread holds a place of another lane, where places are counted.
pub(super) fn holds_another(lane: &Arc<Lane>) -> bool {
    WORKER.with(|worker| {
        let worker = worker.borrow();
        worker.lane.as_ref().is_some_and(|held| !Arc::ptr_eq(held, lane) && !held.is_unbounded())
    })
}

/// A thread at work for a lane, until this is dropped.
pub(super) struct Working {
    /// What the thread was before.
    before: Worker,
    /// It holds a place of another lane beneath.
    hides: bool,
}

impl Working {
    pub(super) fn begin(lane: &Arc<Lane>) -> Self {
        put_off();
        WORKER.with(|worker| {
            let worker = &mut *worker.borrow_mut();
            let mine = Worker {
                lane: Some(lane.clone()),
                beneath: std::mem::take(&mut worker.beneath),
                follow_up: FollowUp::Free,
                seat: worker.seat.clone(),
            };
            let before = std::mem::replace(worker, mine);
            let other = before.lane.as_ref().filter(|held| !Arc::ptr_eq(held, lane) && !held.is_unbounded());
            let hides = other.is_some();
            worker.beneath.extend(other.cloned());
            Self { before, hides }
        })
    }
}

/// The run that is to go next on this thread.
pub(super) fn follow_up() -> Option<ReadyRun> {
    WORKER.with(|worker| {
        let kept = &mut worker.borrow_mut().follow_up;
        match std::mem::replace(kept, FollowUp::Free) {
            FollowUp::Kept(run) => Some(run),
            FollowUp::Free | FollowUp::Refused => None,
        }
    })
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut before = std::mem::take(&mut self.before);
        let after = WORKER.with(|worker| {
            let worker = &mut *worker.borrow_mut();
            before.beneath = std::mem::take(&mut worker.beneath);
            if self.hides {
                before.beneath.pop();
            }
            std::mem::replace(worker, before)
        });
        // What it holds may end runs.
        drop(after);
    }
}

/// Does `action` as a worker of the lane; gives the run that is to go next.
pub(super) fn as_worker<T>(lane: &Arc<Lane>, action: impl FnOnce() -> T) -> (T, Option<ReadyRun>) {
    let _working = Working::begin(lane);
    (action(), follow_up())
}

/// Has what was to go next on this thread stand in line, as the thread does something else first, which may wait for it.
fn put_off() {
    let kept = WORKER.try_with(|worker| {
        let worker = &mut *worker.borrow_mut();
        let lane = worker.lane.as_ref().filter(|_| matches!(worker.follow_up, FollowUp::Kept(_)))?.clone();
        Some((lane, std::mem::replace(&mut worker.follow_up, FollowUp::Free)))
    });
    if let Ok(Some((lane, FollowUp::Kept(run)))) = kept {
        lane.submit(run);
    }
}

/// The places that a waiting thread has lent; it waits for them again when this is dropped.
pub(crate) struct Lent {
    lane: Option<Arc<Lane>>,
    beneath: Vec<Arc<Lane>>,
    /// Those of the worker that the thread stands in for.
    passed: Vec<Arc<Lane>>,
    seat: Option<Seat>,
    _waiting: Option<pool::Waiting>,
    _aside: Option<Aside>,
}

/// Lends the places that this thread holds to those next in line.
pub(crate) fn lend() -> Option<Lent> {
    put_off();
    let (lane, beneath, seat) = WORKER
        .try_with(|worker| {
            let worker = &mut *worker.borrow_mut();
            (worker.take_lane(), std::mem::take(&mut worker.beneath), worker.seat.clone())
        })
        .ok()?;
    let passed = seat.as_ref().map(|seat| std::mem::take(&mut seat.inner().lanes)).unwrap_or_default();
    let waiting = pool::Waiting::begin();
    let aside = Aside::step();
    if lane.is_none() && beneath.is_empty() && passed.is_empty() && waiting.is_none() && aside.is_none() {
        return None;
    }
    for lane in lane.iter().chain(&beneath).chain(&passed) {
        lane.leave();
    }
    Some(Lent { lane, beneath, passed, seat, _waiting: waiting, _aside: aside })
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.seat.as_ref().is_some_and(|seat| seat.inner().is_over) {
            self.passed.clear();
        }
        come_back_to(self.lane.iter().chain(&self.beneath).chain(&self.passed));
        WORKER.with(|worker| {
            let worker = &mut *worker.borrow_mut();
            if self.lane.is_some() {
                worker.lane = self.lane.take();
            }
            worker.beneath = std::mem::take(&mut self.beneath);
        });
        if let Some(seat) = &self.seat {
            seat.take_back(std::mem::take(&mut self.passed));
        }
    }
}

/// The places of a worker while another thread executes in its stead: that thread may lend them.
#[derive(Clone, Default)]
pub(crate) struct Seat(Arc<Mutex<SeatInner>>);

#[derive(Default)]
struct SeatInner {
    lanes: Vec<Arc<Lane>>,
    /// The worker has its places back.
    is_over: bool,
}

impl Seat {
    fn inner(&self) -> MutexGuard<'_, SeatInner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, lanes: Vec<Arc<Lane>>) {
        let mut inner = self.inner();
        if !inner.is_over {
            inner.lanes = lanes;
            return;
        }
        drop(inner);
        lanes.iter().for_each(Lane::leave);
    }

    /// Does `action` on this thread, in the worker's stead.
    pub(crate) fn stand_in<T>(self, action: impl FnOnce() -> T) -> T {
        let mine = Worker { seat: Some(self), ..Worker::default() };
        let before = WORKER.with(|worker| std::mem::replace(&mut *worker.borrow_mut(), mine));
        let done = action();
        WORKER.with(|worker| *worker.borrow_mut() = before);
        done
    }
}

impl Worker {
    /// The place that this thread holds, where places are counted.
    fn take_lane(&mut self) -> Option<Arc<Lane>> {
        if self.lane.as_ref().is_some_and(|lane| lane.is_unbounded()) { None } else { self.lane.take() }
    }
}

/// Does `action` while another thread may execute on the places that this one holds.
pub(crate) fn passing_on<T>(action: impl FnOnce(Seat) -> T) -> T {
    put_off();
    let (lane, beneath) = WORKER.with(|worker| {
        let worker = &mut *worker.borrow_mut();
        (worker.take_lane(), std::mem::take(&mut worker.beneath))
    });
    let seat = Seat::default();
    seat.inner().lanes = lane.iter().chain(&beneath).cloned().collect();
    let done = action(seat.clone());
    let is_lent = {
        let mut inner = seat.inner();
        inner.is_over = true;
        inner.lanes.is_empty()
    };
    if is_lent {
        come_back_to(lane.iter().chain(&beneath));
    }
    WORKER.with(|worker| {
        let worker = &mut *worker.borrow_mut();
        if lane.is_some() {
            worker.lane = lane;
        }
        worker.beneath = beneath;
    });
    done
}

/// Waits for places again that were lent.
fn come_back_to<'l>(lanes: impl Iterator<Item = &'l Arc<Lane>>) {
    let mut lanes: Vec<&Arc<Lane>> = lanes.collect();
    // In one order on all threads, so that no two of them wait for each other.
    lanes.sort_by_key(|lane| Arc::as_ptr(lane));
    for lane in lanes {
        wait::block_on_future(lane.come_back());
    }
}
