//! Chains: each run takes the result of the one before.

use millrun_benchmarks::Bench;

use super::limits::{on_worker, scoped_in_turn, spawned_in_turn};
use super::tasks::{chained, chained_sync};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "chain",
    about: "each run takes the result of the one before",
    cases: &[Case { name: "async", measure: in_async }, Case { name: "sync", measure: in_sync }],
    is_long: false,
};

fn in_async(bench: &mut Bench) {
    let runtime = bench.handle();
    for wanted in [10_000, 100_000] {
        let n = bench.items(wanted);
        bench.row("async chain").of(n).beside("spawns awaited in turn").within(1.0).shape("chain").in_turns(
            || runtime.block_on(async { chained(n).await.unwrap() }),
            || on_worker(&runtime, spawned_in_turn(n)),
        );
    }
}

fn in_sync(bench: &mut Bench) {
    let n = bench.items(100_000);
    bench
        .row("sync chain")
        .of(n)
        .beside("rayon spawns in turn")
        .within(2.5)
        .in_turns(|| chained_sync(n).result().unwrap(), || scoped_in_turn(n));
}
