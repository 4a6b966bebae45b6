//! Batches of events in SQLite, without an engine.

use millrun::store::{Durability, SqliteRunStore};
use millrun_benchmarks::{Bench, time};

use super::events::{events, write};
use super::{BATCH, FASTEST, RECORDED, RUNS, by_hand};

pub(super) fn measure(bench: &mut Bench) {
    let n = bench.items(RUNS);
    let events = events(0..n as u32);
    for (durability, synchronous) in [(Durability::Relaxed, "NORMAL"), (Durability::Strict, "FULL")] {
        let (ours, theirs) = (bench.path("db"), bench.path("db"));
        let mut row = bench
            .row(format!("runs of three states, {synchronous}"))
            .of(n)
            .beside("their rows by hand")
            .within(RECORDED)
            .durability(synchronous);
        if durability == Durability::Relaxed {
            row = row.at_most(FASTEST);
        }
        row.in_turns(
            || {
                let store = SqliteRunStore::open_blocking(&ours).unwrap();
                let (took, ()) = time(|| write(&store, &events, durability));
                drop(store);
                std::fs::remove_file(&ours).unwrap();
                took
            },
            || by_hand::in_sqlite(&theirs, synchronous, n as u32, BATCH),
        );
    }
}
