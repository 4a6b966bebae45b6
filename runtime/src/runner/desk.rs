//! The desk of a worker: runs that it has taken from the line at once, or that have become ready by what it has executed. The workers
//! do not meet at the line for each run then, and what one of them has made does not go to another. A worker that has nothing to do takes
//! half of what is on another's desk; and in its turn what is left on the desk of one that is at one run for long.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ReadyRun;
use super::place::Lane;
use crate::engine::is_in_body;

/// So many runs are taken at once, at most; and after as many of one's own those in line come first.
pub(super) const HANDFUL: usize = 32;

/// What others have looked at so often without its worker is left by it: they look after each handful of runs, and a worker that makes
/// the runs of a map is not at its desk for some handfuls.
const LOOKS: usize = 32;

#[derive(Default)]
pub(super) struct Desk(Mutex<OnDesk>);

#[derive(Default)]
struct OnDesk {
    runs: VecDeque<ReadyRun>,
    /// How often others have looked at it since its worker has.
    looks: usize,
}

impl Desk {
    fn on_it(&self) -> MutexGuard<'_, OnDesk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next run, for its worker.
    pub(super) fn next(&self) -> Option<ReadyRun> {
        let mut on_it = self.on_it();
        on_it.looks = 0;
        on_it.runs.pop_front()
    }

    /// Adds runs that go first.
    pub(super) fn put_first(&self, runs: impl DoubleEndedIterator<Item = ReadyRun>) {
        let mut on_it = self.on_it();
        for run in runs.rev() {
            on_it.runs.push_front(run);
        }
    }

    /// Adds runs that go last.
    pub(super) fn put_last(&self, runs: VecDeque<ReadyRun>) {
        self.on_it().runs.extend(runs);
    }

    pub(super) fn clear(&self) -> VecDeque<ReadyRun> {
        std::mem::take(&mut self.on_it().runs)
    }

    /// Takes half of what is there: what its worker would come to last.
    fn half(&self) -> VecDeque<ReadyRun> {
        let runs = &mut self.on_it().runs;
        let stays = runs.len() / 2;
        runs.split_off(stays)
    }

    /// Takes half of what is there, the first of it, if its worker has taken nothing for long.
    fn half_if_left(&self) -> VecDeque<ReadyRun> {
        let on_it = &mut *self.on_it();
        on_it.looks += 1;
        if on_it.looks < LOOKS {
            return VecDeque::new();
        }
        let stays = on_it.runs.split_off(on_it.runs.len().div_ceil(2));
        std::mem::replace(&mut on_it.runs, stays)
    }
}

/// The desks of the workers who share a line.
#[derive(Default)]
pub(super) struct Desks {
    desks: Vec<Arc<Desk>>,
    /// The one that is looked at next.
    turn: usize,
}

impl Desks {
    pub(super) fn add(&mut self, desk: &Arc<Desk>) {
        self.desks.push(desk.clone());
    }

    pub(super) fn remove(&mut self, desk: &Arc<Desk>) {
        self.desks.retain(|known| !Arc::ptr_eq(known, desk));
    }

    /// What is on the next desk, but one's own, whose worker is at one run for long.
    pub(super) fn left(&mut self, own: Option<&Arc<Desk>>) -> VecDeque<ReadyRun> {
        self.turn = (self.turn + 1) % self.desks.len().max(1);
        self.others(own).next().map(|desk| desk.half_if_left()).unwrap_or_default()
    }

    /// What is on any desk but one's own.
    pub(super) fn any(&self, own: Option<&Arc<Desk>>) -> VecDeque<ReadyRun> {
        self.others(own).map(|desk| desk.half()).find(|taken| !taken.is_empty()).unwrap_or_default()
    }

    fn others(&self, own: Option<&Arc<Desk>>) -> impl Iterator<Item = &Arc<Desk>> {
        let (before, after) = self.desks.split_at(self.turn.min(self.desks.len()));
        after.iter().chain(before).filter(move |desk| !own.is_some_and(|own| Arc::ptr_eq(own, desk)))
    }

    /// Takes all there is on them.
    pub(super) fn clear(&self) -> VecDeque<ReadyRun> {
        self.desks.iter().flat_map(|desk| desk.clear()).collect()
    }
}

/// A worker at its desk.
struct Sitter {
    lane: Arc<Lane>,
    /// Made when it is first needed.
    desk: Option<Arc<Desk>>,
    /// How many it has taken from it since it has looked at the line.
    in_a_row: usize,
}

impl Sitter {
    fn is_of(&self, lane: &Lane) -> bool {
        std::ptr::eq(&raw const *self.lane, lane)
    }
}

thread_local! {
    static SITTER: RefCell<Option<Sitter>> = const { RefCell::new(None) };
}

/// A worker of the lane sits at its desk, until this is dropped: what is left there stands in line again.
pub(super) struct Sitting(Option<Sitter>);

impl Sitting {
    pub(super) fn begin(lane: &Arc<Lane>) -> Self {
        // Where there is one worker, first come is first served.
        let sitter = (lane.width() > 1).then(|| Sitter { lane: lane.clone(), desk: None, in_a_row: 0 });
        Self(SITTER.replace(sitter))
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        let sitter = SITTER.replace(self.0.take());
        if let Some(Sitter { lane, desk: Some(desk), .. }) = sitter {
            lane.clear(&desk);
        }
    }
}

/// The desk of this thread, if it has one of the lane.
pub(super) fn own(lane: &Lane) -> Option<Arc<Desk>> {
    SITTER.with_borrow(|sitter| sitter.as_ref().filter(|sitter| sitter.is_of(lane))?.desk.clone())
}

/// The desk of this thread, if that is between two runs of the lane; `tell` is called with one that was not there before.
pub(super) fn here(lane: &Lane, tell: impl FnOnce(&Arc<Desk>)) -> Option<Arc<Desk>> {
    if is_in_body() {
        return None;
    }
    SITTER.with_borrow_mut(|sitter| {
        let sitter = sitter.as_mut().filter(|sitter| sitter.is_of(lane))?;
        let make = || {
            let desk = Arc::default();
            tell(&desk);
            desk
        };
        Some(sitter.desk.get_or_insert_with(make).clone())
    })
}

/// The next run on the desk of this thread, if it is one of the lane, unless it is to look at the line first.
pub(super) fn next(lane: &Lane) -> Option<ReadyRun> {
    SITTER.with_borrow_mut(|sitter| {
        let sitter = sitter.as_mut().filter(|sitter| sitter.is_of(lane))?;
        let desk = sitter.desk.as_ref()?;
        if sitter.in_a_row >= HANDFUL || sitter.lane.is_awaited() {
            sitter.in_a_row = 0;
            return None;
        }
        sitter.in_a_row += 1;
        desk.next()
    })
}
