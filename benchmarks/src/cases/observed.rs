//! Runs that are watched.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun::progress::Progress;
use millrun_benchmarks::Bench;
use tracing::{Instrument, Level, info, info_span};
use tracing_subscriber::fmt;

use super::graphs::uneven::compute;
use super::limits::{on_worker, plain, spawned};
use super::tasks::{mapped_sync, submitted, submitted_sync};
use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "observed",
    about: "runs that are watched: by a `tracing` subscriber, in a terminal",
    cases: &[
        Case { name: "warnings", measure: warnings },
        Case { name: "lines", measure: lines },
        Case { name: "progress", measure: progress },
    ],
    is_long: false,
};

/// Each case has a process of its own, so that the subscriber is nobody else's.
fn subscribe(level: Level) {
    fmt().with_max_level(level).with_writer(io::sink).init();
}

fn warnings(bench: &mut Bench) {
    subscribe(Level::WARN);
    let (n, runtime) = (bench.items(100_000), bench.handle());
    bench.row("a subscriber for warnings").of(n).beside("spawn + JoinHandle").within(1.5).in_turns(
        || runtime.block_on(async { submitted(n).await.unwrap() }),
        || on_worker(&runtime, spawned(n)),
    );
}

/// One span and one line each, as Millrun has them.
async fn spawned_in_spans(count: usize) -> Duration {
    let begun = Instant::now();
    let handles: Vec<_> = (0..count)
        .map(|number| {
            let span = info_span!("task_run", id = number, name = format!("noop-{number}"), task = "noop");
            let body = async move {
                let value = plain().await;
                info!("Task run 'noop-{number}' - Finished in state Completed()");
                value
            };
            tokio::spawn(body.instrument(span))
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    begun.elapsed()
}

fn lines(bench: &mut Bench) {
    subscribe(Level::INFO);
    let (n, runtime) = (bench.items(100_000), bench.handle());
    bench.row("a subscriber for lines").of(n).beside("the same by hand").in_turns(
        || runtime.block_on(async { submitted(n).await.unwrap() }),
        || on_worker(&runtime, spawned_in_spans(n)),
    );
}

/// A terminal that nobody looks at.
struct Nobody;

impl Write for Nobody {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        Ok(black_box(text).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[task]
fn ten_microseconds(x: u64) -> u64 {
    compute(x, 10)
}

/// A map over so many elements, each of which takes ten microseconds: little for what anybody watches.
#[flow]
fn worked(count: u64) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    black_box(ten_microseconds.map(0..count).result()?);
    Ok(begun.elapsed())
}

fn progress(bench: &mut Bench) {
    let progress = Progress::to(Nobody, 80, 24);
    let n = bench.items(100_000);
    bench.row("sync submit, progress shown").of(n).beside("without").within(1.02).in_turns(
        || submitted_sync(n).with_progress_on(&progress).result().unwrap(),
        || submitted_sync(n).result().unwrap(),
    );
    let n = bench.items(1_000_000);
    bench.row("sync map, progress shown").of(n).beside("without").within(1.02).in_turns(
        || mapped_sync(n, 1).with_progress_on(&progress).result().unwrap(),
        || mapped_sync(n, 1).result().unwrap(),
    );
    let n = bench.items(50_000);
    bench.row("sync map of 10 µs each, progress shown").of(n).beside("without").within(1.02).in_turns(
        || worked(n as u64).with_progress_on(&progress).result().unwrap(),
        || worked(n as u64).result().unwrap(),
    );
}
