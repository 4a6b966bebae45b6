//! Runs that know nothing of each other.

use std::hint::black_box;
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun_benchmarks::Bench;

use super::limits::{on_worker, scoped, spawned};
use super::tasks::{noop, submitted, submitted_sync};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "submit",
    about: "runs that know nothing of each other",
    cases: &[
        Case { name: "async", measure: in_async },
        Case { name: "sync", measure: in_sync },
        Case { name: "one by one", measure: one_by_one },
    ],
    is_long: false,
};

fn in_async(bench: &mut Bench) {
    let (n, runtime) = (bench.items(100_000), bench.handle());
    bench.row("async submit + await").of(n).beside("spawn + JoinHandle").within(1.5).in_turns(
        || runtime.block_on(async { submitted(n).await.unwrap() }),
        || on_worker(&runtime, spawned(n)),
    );
}

fn in_sync(bench: &mut Bench) {
    let n = bench.items(100_000);
    bench
        .row("sync submit + result")
        .of(n)
        .beside("rayon::scope spawn")
        .within(2.5)
        .in_turns(|| submitted_sync(n).result().unwrap(), || scoped(n));
}

#[flow]
async fn each_awaited(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(noop.submit().await?);
    }
    Ok(begun.elapsed())
}

fn one_by_one(bench: &mut Bench) {
    let (n, runtime) = (bench.items(10_000), bench.handle());
    bench.row("each awaited, from block_on").of(n).beside("from a worker").within(1.25).in_turns(
        || runtime.block_on(async { each_awaited(n).await.unwrap() }),
        || on_worker(&runtime, async move { each_awaited(n).await.unwrap() }),
    );
}
