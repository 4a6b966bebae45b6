//! What a run costs that its caller executes, over the plain call.

use std::hint::black_box;
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun_benchmarks::{Bench, Unit, time};

use super::limits::{on_worker, plain};
use super::tasks::{noop, step, sync_noop};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "call",
    about: "a run that its caller executes, over the plain call",
    cases: &[
        Case { name: "async", measure: in_async },
        Case { name: "sync", measure: in_sync },
        Case { name: "plan", measure: plan },
    ],
    is_long: false,
};

#[flow]
async fn calls(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(noop().await?);
    }
    Ok(begun.elapsed())
}

#[flow]
fn calls_sync(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(sync_noop().result()?);
    }
    Ok(begun.elapsed())
}

async fn plain_calls(count: usize) -> Duration {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(plain().await);
    }
    begun.elapsed()
}

fn in_async(bench: &mut Bench) {
    let (n, runtime) = (bench.items(100_000), bench.handle());
    bench
        .row("an async call over the plain call")
        .of(n)
        .at_most(250.0)
        .over(|| runtime.block_on(async { calls(n).await.unwrap() }), || on_worker(&runtime, plain_calls(n)));
}

fn in_sync(bench: &mut Bench) {
    let n = bench.items(100_000);
    bench.row("a sync call over the plain call").of(n).at_most(250.0).over(
        || calls_sync(n).result().unwrap(),
        || time(|| (0..n).for_each(|_| _ = black_box(black_box(1_u64)))).0,
    );
}

/// A hundred runs that take the results of others.
#[flow]
async fn hundred() {
    let mut last = step.submit(0);
    for n in 1..100 {
        last = if n % 3 == 0 { step.submit(&last) } else { step.wait_for(&last).submit(n) };
    }
}

fn plan(bench: &mut Bench) {
    let runtime = bench.handle();
    bench.row("a plan of 100 runs").unit(Unit::Milliseconds).at_most(0.5).alone(|| {
        let (took, plan) = time(|| runtime.block_on(async { hundred().plan().await.unwrap() }));
        assert_eq!(plan.graph().nodes.len(), 100);
        took
    });
}
