//! What an async body waits for: while a run that it waits for is open, it need not keep its place on the runner.
//!
//! Not each poll of a body polls everything that it waits for: a join of many polls those alone that were woken. So the runs
//! are remembered from one poll to the next.

use std::cell::Cell;
use std::sync::{Arc, Weak};

use crate::map::MapGroup;
use crate::run::Run;

/// How many runs are told apart. A body that waits for more gives its place up whenever it waits for anything.
const REMEMBERED: usize = 8;

/// What a body has waited for in its polls so far.
#[derive(Default)]
pub(crate) struct Awaited {
    open: Vec<Open>,
    more: bool,
    /// Something else was waited for in the last poll: a permit.
    other: bool,
}

enum Open {
    Run(Weak<Run>),
    Map(Weak<MapGroup>),
}

impl Open {
    fn is_open(&self) -> bool {
        match self {
            Self::Run(run) => run.upgrade().is_some_and(|run| !run.has_ended()),
            Self::Map(map) => map.upgrade().is_some_and(|map| !map.is_done()),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run(one), Self::Run(other)) => one.ptr_eq(other),
            (Self::Map(one), Self::Map(other)) => one.ptr_eq(other),
            _ => false,
        }
    }
}

thread_local! {
    /// Of the body that is being polled here, where anybody wants to know.
    static AWAITED: Cell<Option<Awaited>> = const { Cell::new(None) };
}

impl Awaited {
    /// Does `poll`, and notes what it waits for.
    pub(crate) fn during<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        self.other = false;
        let before = AWAITED.replace(Some(std::mem::take(self)));
        let polled = poll();
        *self = AWAITED.replace(before).unwrap_or_default();
        polled
    }

    /// Whether anything of it is still to come.
    pub(crate) fn is_open(&mut self) -> bool {
        while self.open.last().is_some_and(|last| !last.is_open()) {
            self.open.pop();
        }
        self.more || self.other || !self.open.is_empty()
    }

    fn add(&mut self, open: Open) {
        if self.more || self.open.iter().any(|known| known.is(&open)) {
            return;
        }
        if self.open.len() == REMEMBERED {
            self.open.retain(Open::is_open);
        }
        if self.open.len() < REMEMBERED {
            self.open.push(open);
        } else {
            self.more = true;
        }
    }
}

/// Notes for whoever polls the body that is being polled here; nobody listens outside of a runner that counts places.
fn note(add: impl FnOnce(&mut Awaited)) {
    if let Some(mut awaited) = AWAITED.take() {
        add(&mut awaited);
        AWAITED.set(Some(awaited));
    }
}

/// Notes that the body being polled waits for a run.
pub(crate) fn note_run(run: &Arc<Run>) {
    note(|awaited| awaited.add(Open::Run(Arc::downgrade(run))));
}

/// Notes that the body being polled waits for a map.
pub(crate) fn note_map(map: &Arc<MapGroup>) {
    note(|awaited| awaited.add(Open::Map(Arc::downgrade(map))));
}

/// Notes that the body being polled waits for something else that runs hold.
pub(crate) fn note_other() {
    note(|awaited| awaited.other = true);
}

/// Does what is no part of the poll of the body that is being polled here: the thread blocks in it.
pub(crate) fn aside<T>(action: impl FnOnce() -> T) -> T {
    let before = AWAITED.take();
    let done = action();
    AWAITED.set(before);
    done
}
