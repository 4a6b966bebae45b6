//! Graphs of several shapes, beside the same by hand. Those of the peers' programs are the same: `benchmarks/README.md`.

mod by_hand;
mod ours;
pub(super) mod uneven;

use std::time::Duration;

use millrun::prelude::*;
use millrun_benchmarks::Bench;

use super::limits::on_worker;
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "graphs",
    about: "graphs of several shapes",
    cases: &[
        Case { name: "fan-out", measure: fan_out },
        Case { name: "fan-in", measure: fan_in },
        Case { name: "diamond", measure: diamond },
        Case { name: "tree", measure: tree },
        Case { name: "uneven", measure: uneven },
    ],
    is_long: false,
};

/// The row of an async graph, whose runs may cost what submitted runs may.
fn row<O, H>(
    bench: &mut Bench,
    (name, shape, n): (&str, &str, usize),
    ours: impl Fn(usize) -> O,
    by_hand: impl Fn(usize) -> H,
) where
    O: IntoFuture<Output = Result<Duration, FlowError>>,
    H: Future<Output = Duration> + Send + 'static,
{
    let runtime = bench.handle();
    bench
        .row(name)
        .of(n)
        .beside("tokio by hand")
        .within(1.5)
        .shape(shape)
        .in_turns(|| runtime.block_on(async { ours(n).await.unwrap() }), || on_worker(&runtime, by_hand(n)));
}

fn fan_out(bench: &mut Bench) {
    for wanted in [100, 10_000] {
        let n = bench.items(wanted);
        row(bench, ("async fan-out", "fan_out", n), ours::fan_out, by_hand::fan_out);
    }
}

/// One run, whose result many take, whose results one takes.
fn fan_in(bench: &mut Bench) {
    let n = bench.items(10_000);
    row(bench, ("async 1 to n to 1", "fan_in", n), ours::fan_in, by_hand::fan_in);
    bench
        .row("sync 1 to n to 1")
        .of(n)
        .beside("rayon::scope spawn")
        .within(2.5)
        .in_turns(|| ours::fan_in_sync(n).result().unwrap(), || by_hand::fan_in_sync(n));
}

fn diamond(bench: &mut Bench) {
    let n = bench.items(9_999) / 3 * 3;
    row(bench, ("async diamonds in a row", "diamond", n), ours::diamond, by_hand::diamond);
    bench
        .row("sync diamonds in a row")
        .of(n)
        .beside("rayon::join")
        .in_turns(|| ours::diamond_sync(n).result().unwrap(), || by_hand::diamond_sync(n));
}

/// Leaves, added up by two.
fn tree(bench: &mut Bench) {
    let leaves: usize = if bench.is_quick() { 64 } else { 8192 };
    let n = 2 * leaves - 1;
    row(bench, ("async tree, added up by two", "tree", n), ours::tree, by_hand::tree);
    bench
        .row("sync tree, added up by two")
        .of(n)
        .beside("rayon::join")
        .in_turns(|| ours::tree_sync(n).result().unwrap(), || by_hand::tree_sync(n));
}

fn uneven(bench: &mut Bench) {
    let n = bench.items(10_000);
    row(bench, ("async tree of uneven work", "uneven", n), ours::uneven, by_hand::uneven);
    bench
        .row("sync tree of uneven work")
        .of(n)
        .beside("rayon::scope spawn")
        .within(2.5)
        .in_turns(|| ours::uneven_sync(n).result().unwrap(), || by_hand::uneven_sync(n));
}
