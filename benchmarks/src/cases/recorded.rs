//! Runs that are recorded, beside their rows inserted by hand; and what reading a store with a million runs takes.

mod by_hand;
mod discarding;
mod engine;
mod events;
pub(crate) mod peak;
mod read;
mod rows;
mod server;

use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "recorded",
    about: "runs that are recorded in SQLite and PostgreSQL",
    cases: &[
        Case { name: "rows", measure: rows::measure },
        Case { name: "map", measure: engine::map },
        Case { name: "fan-out", measure: engine::fan_out },
        Case { name: "chain", measure: engine::chain },
        Case { name: "discarded", measure: engine::discarded },
        Case { name: "PostgreSQL rows", measure: server::rows },
        Case { name: "PostgreSQL fan-out", measure: server::fan_out },
        Case { name: "peak", measure: peak::measure },
        Case { name: "read", measure: read::measure },
    ],
    is_long: false,
};

const RUNS: usize = 100_000;
/// Runs of a batch by hand.
const BATCH: u32 = 1000;
/// At least 0.7 × as many a second as by hand.
const RECORDED: f64 = 1.0 / 0.7;
/// Nanoseconds for each run: 60 000 a second.
const FASTEST: f64 = 1e9 / 60_000.0;
