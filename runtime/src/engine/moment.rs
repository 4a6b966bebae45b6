//! When a run begins that is executed right after another: when that one has ended, which spares a look at the clock.

use std::cell::Cell;

use super::ready::is_in_body;
use super::unlist;
use crate::clock::{Clock, Nanos};

#[derive(Clone, Copy)]
enum Row {
    /// What comes between one run and the next may take any time.
    No,
    /// This thread executes runs one after another.
    Yes,
    /// One has just ended, and has made the next one ready.
    Ended(Nanos),
    /// One has just ended, and the next one has stood in line.
    EndedBefore(Nanos),
}

thread_local! {
    static ROW: Cell<Row> = const { Cell::new(Row::No) };
}

/// A thread that executes runs one after another, and does nothing in between, until this is dropped.
pub(crate) struct InARow(Row);

impl InARow {
    pub(crate) fn begin() -> Self {
        Self(ROW.replace(Row::Yes))
    }
}

impl Drop for InARow {
    fn drop(&mut self) {
        ROW.set(self.0);
        unlist::flush();
    }
}

/// Whether this thread executes runs one after another, and none of their bodies now.
#[inline]
pub(super) fn is_in_a_row() -> bool {
    !matches!(ROW.get(), Row::No) && !is_in_body()
}

/// The time at which a run ends.
#[inline]
pub(super) fn of_end(clock: &Clock) -> Nanos {
    let now = clock.nanos();
    if !clock.is_manual() && is_in_a_row() {
        ROW.set(Row::Ended(now));
    }
    now
}

/// The time at which a run begins, which has `waited` for others, or not.
#[inline]
pub(super) fn of_beginning(clock: &Clock, waited: bool) -> Nanos {
    let row = ROW.get();
    if matches!(row, Row::No) || is_in_body() {
        return clock.nanos();
    }
    ROW.set(Row::Yes);
    match row {
        Row::Ended(at) => at,
        // What one that has waited has waited for may have ended since, on another thread.
        Row::EndedBefore(at) if !waited => at,
        _ => clock.nanos(),
    }
}

/// The next run is one that has stood in line.
#[inline]
pub(crate) fn goes_to_line() {
    if let Row::Ended(at) = ROW.get() {
        ROW.set(Row::EndedBefore(at));
    }
}

/// Something of the user's is done, which may take any time.
#[inline]
pub(crate) fn passes() {
    if matches!(ROW.get(), Row::Ended(_) | Row::EndedBefore(_)) {
        ROW.set(Row::Yes);
    }
}
