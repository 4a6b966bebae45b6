//! What a run costs among ten and among a million: the same.

use std::time::Duration;

use millrun_benchmarks::{Bench, Heap, Unit};

use super::limits::{on_worker, scoped, spawned, spawned_in_turn};
use super::tasks::{chained, mapped, mapped_sync, submitted, submitted_sync};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "growth",
    about: "what a run costs among ten and among a million",
    cases: &[
        Case { name: "submit", measure: submit },
        Case { name: "sync submit", measure: submit_sync },
        Case { name: "map", measure: map },
        Case { name: "sync map", measure: map_sync },
        Case { name: "chain", measure: chain },
    ],
    is_long: false,
};

const COUNTS: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
/// A round has at least so many items: of few, more than once.
const FEWEST: usize = 10_000;
/// Time and memory for each run may grow by so much from 10 000 to 1 000 000.
const GROWTH: f64 = 1.25;

fn submit(bench: &mut Bench) {
    let runtime = &bench.handle();
    measure(
        bench,
        ("async submit", "spawn + JoinHandle"),
        |n| runtime.block_on(async { submitted(n).await.unwrap() }),
        |n| on_worker(runtime, spawned(n)),
    );
}

fn submit_sync(bench: &mut Bench) {
    measure(bench, ("sync submit", "rayon::scope spawn"), |n| submitted_sync(n).result().unwrap(), scoped);
}

fn map(bench: &mut Bench) {
    let runtime = &bench.handle();
    measure(
        bench,
        ("async map", "spawn + JoinHandle"),
        |n| runtime.block_on(async { mapped(n, 1).await.unwrap() }),
        |n| on_worker(runtime, spawned(n)),
    );
}

fn map_sync(bench: &mut Bench) {
    measure(bench, ("sync map", "rayon::scope spawn"), |n| mapped_sync(n, 1).result().unwrap(), scoped);
}

fn chain(bench: &mut Bench) {
    let runtime = &bench.handle();
    measure(
        bench,
        ("async chain", "spawns awaited in turn"),
        |n| runtime.block_on(async { chained(n).await.unwrap() }),
        |n| on_worker(runtime, spawned_in_turn(n)),
    );
}

fn measure(
    bench: &mut Bench,
    (name, limit): (&str, &str),
    mut ours: impl FnMut(usize) -> Duration,
    mut by_hand: impl FnMut(usize) -> Duration,
) {
    let mut counts = COUNTS.map(|count| bench.items(count)).to_vec();
    counts.dedup();
    let fewest = bench.items(FEWEST);
    for n in &counts {
        let repeated = (fewest / n).max(1);
        let each = |once: &mut dyn FnMut(usize) -> Duration| {
            (0..repeated).map(|_| once(*n)).sum::<Duration>() / repeated as u32
        };
        bench.row(name).of(*n).beside(limit).rounds(5).in_turns(|| each(&mut ours), || each(&mut by_hand));
    }
    let memory = format!("{name}, most memory at once");
    for n in &counts {
        let figures = (0..bench.rounds().min(5)).map(|_| {
            let heap = Heap::count();
            ours(*n);
            heap.peak() as f64 / *n as f64
        });
        let figures = figures.collect();
        bench.row(&memory).of(*n).unit(Unit::Bytes).figures(figures);
    }
    let (many, few) = (counts[counts.len() - 1], counts[counts.len() - 3]);
    for (name, of, unit) in
        [(name, "time of a run", Unit::Nanoseconds), (memory.as_str(), "memory of a run", Unit::Bytes)]
    {
        let rounds = |n| bench.measured(name).find(|row| row.n == n).map(|row| row.ours.rounds.clone());
        let (Some(ours), Some(limit)) = (rounds(many), rounds(few)) else { continue };
        let name = name.split(',').next().unwrap_or(name);
        bench
            .row(format!("{name}: {of} among many"))
            .of(many)
            .unit(unit)
            .beside(format!("among {few}"))
            .within(GROWTH)
            .both(ours, limit);
    }
}
