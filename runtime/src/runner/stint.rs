//! How long a task of the runtime executes runs before it lets others go.

use std::time::Duration;

use crate::clock::{Clock, Nanos};

/// So many runs are executed before anybody looks at the time.
const RUNS: u32 = 64;
/// What tokio advises for the time from one `.await` to the next, at most. To let others go more often costs more than short runs do:
/// a worker that has nothing to do is woken each time.
const LONG: Duration = Duration::from_micros(100);

/// Runs executed one after another.
#[derive(Default)]
pub(super) struct Stint {
    runs: u32,
    since: Option<Nanos>,
}

impl Stint {
    /// Counts one more; whether others are to go now.
    pub(super) fn is_over(&mut self) -> bool {
        self.runs += 1;
        if !self.runs.is_multiple_of(RUNS) {
            return false;
        }
        // A thread is at it as long as it is, whatever an engine's clock says.
        let now = Clock::system().monotonic();
        let since = *self.since.get_or_insert(now);
        Duration::from_nanos(now - since) >= LONG
    }
}
