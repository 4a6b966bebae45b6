//! When a run begins that is executed right after another: when that one has ended, which spares a look at the clock.

use std::cell::Cell;

use super::ready::is_in_body;
use crate::clock::{Clock, Nanos};

#[derive(Clone, Copy)]
enum Row {
    /// What comes between one run and the next may take any time.
    No,
    /// This thread executes runs one after another.
    Yes,
    /// One has just ended.
    Ended(Nanos),
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
    }
}

/// The time at which a run ends.
pub(super) fn of_end(clock: &Clock) -> Nanos {
    let now = clock.nanos();
    if !matches!(ROW.get(), Row::No) && !clock.is_manual() && !is_in_body() {
        ROW.set(Row::Ended(now));
    }
    now
}

/// The time at which a run begins.
pub(super) fn of_beginning(clock: &Clock) -> Nanos {
    match ROW.get() {
        Row::Ended(at) if !is_in_body() => {
            ROW.set(Row::Yes);
            at
        }
        _ => clock.nanos(),
    }
}

/// Something of the user's is done, which may take any time.
pub(crate) fn passes() {
    if matches!(ROW.get(), Row::Ended(_)) {
        ROW.set(Row::Yes);
    }
}
