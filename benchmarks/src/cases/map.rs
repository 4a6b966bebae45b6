//! Maps: one run for each element, and several a turn.

use millrun_benchmarks::Bench;

use super::limits::{on_worker, scoped, spawned};
use super::tasks::{mapped, mapped_sync};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "map",
    about: "one run for each element, and several a turn",
    cases: &[
        Case { name: "async", measure: in_async },
        Case { name: "sync", measure: in_sync },
        Case { name: "chunked async", measure: chunked },
        Case { name: "chunked sync", measure: chunked_sync },
    ],
    is_long: false,
};

const CHUNK: usize = 1000;

fn asynchronous(bench: &mut Bench, name: &str, wanted: usize, chunk: usize, target: f64) {
    let (n, runtime) = (bench.items(wanted), bench.handle());
    bench.row(name).of(n).beside("spawn + JoinHandle").within(target).rounds(5).in_turns(
        || runtime.block_on(async { mapped(n, chunk).await.unwrap() }),
        || on_worker(&runtime, spawned(n)),
    );
}

fn synchronous(bench: &mut Bench, name: &str, wanted: usize, chunk: usize, target: f64) {
    let n = bench.items(wanted);
    bench
        .row(name)
        .of(n)
        .beside("rayon::scope spawn")
        .within(target)
        .rounds(5)
        .in_turns(|| mapped_sync(n, chunk).result().unwrap(), || scoped(n));
}

fn in_async(bench: &mut Bench) {
    for n in [100_000, 1_000_000] {
        asynchronous(bench, "async map", n, 1, 1.2);
    }
}

fn in_sync(bench: &mut Bench) {
    for n in [100_000, 1_000_000] {
        synchronous(bench, "sync map", n, 1, 1.2);
    }
}

fn chunked(bench: &mut Bench) {
    asynchronous(bench, "async map, chunked(1000)", 1_000_000, CHUNK, 0.5);
}

fn chunked_sync(bench: &mut Bench) {
    synchronous(bench, "sync map, chunked(1000)", 1_000_000, CHUNK, 0.5);
}
