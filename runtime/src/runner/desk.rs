//! The desk of a worker, or of a server of async runs: what it has taken from the line at once, and, of sync runs, those that have become
//! ready by what it has executed. The workers do not meet at the line for each run then, and what one of them has made does not go to
//! another. A worker that has nothing to do takes half of what is on another's desk.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ReadyRun;
use super::place::Lane;
use crate::engine::is_in_body;

/// So many runs are taken at once, at most; and after as many of one's own those in line come first.
pub(super) const HANDFUL: usize = 32;

#[derive(Default)]
pub(super) struct Desk(Mutex<VecDeque<ReadyRun>>);

impl Desk {
    pub(super) fn runs(&self) -> MutexGuard<'_, VecDeque<ReadyRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the later half of what is there.
    pub(super) fn half(&self) -> VecDeque<ReadyRun> {
        let mut runs = self.runs();
        let stays = runs.len() / 2;
        runs.split_off(stays)
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
        desk.runs().pop_front()
    })
}
