//! What it costs to have a flow run shown while it runs: 2 % at most. `cargo bench --bench progress`.
//!
//! `cargo bench --bench progress -- submit shown` does one of these once, and nothing else, for those who count instructions:
//! `valgrind --tool=callgrind`. `submit` or `map`, `shown` or `hidden`.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use millrun::prelude::*;
use millrun::progress::Progress;
use millrun_benchmarks::{Row, in_turns, print_head};

#[task]
fn noop() -> u64 {
    black_box(1)
}

#[task]
fn step(x: u64) -> u64 {
    black_box(x) + 1
}

#[flow]
fn submit_all(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let futures: Vec<_> = (0..count).map(|_| noop.submit()).collect();
    let mut total = 0;
    for future in futures {
        total += future.result()?;
    }
    assert_eq!(total, count as u64);
    Ok(begun.elapsed())
}

#[flow]
fn map_all(count: usize) -> Result<Duration, FlowError> {
    let begun = Instant::now();
    let values = step.map(0..count as u64).result()?;
    assert_eq!(values.len(), count);
    Ok(begun.elapsed())
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

fn submit(count: usize, progress: Option<&Progress>) -> Duration {
    match progress {
        Some(progress) => submit_all(count).with_progress_on(progress).result().unwrap(),
        None => submit_all(count).result().unwrap(),
    }
}

fn map(count: usize, progress: Option<&Progress>) -> Duration {
    match progress {
        Some(progress) => map_all(count).with_progress_on(progress).result().unwrap(),
        None => map_all(count).result().unwrap(),
    }
}

fn main() {
    let progress = Progress::to(Nobody, 80, 24);
    let arguments: Vec<String> = std::env::args().collect();
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    if is("shown") || is("hidden") {
        let shown = Some(&progress).filter(|_| is("shown"));
        let took = if is("map") { map(100_000, shown) } else { submit(100_000, shown) };
        return println!("{took:?}");
    }
    println!("each beside the same without progress\n");
    print_head("ns");
    let row = |name, (ours, limit)| Row { name, ours, limit, target: 1.02 }.print();
    let submitted = in_turns(100_000, || submit(100_000, Some(&progress)), || submit(100_000, None));
    let mut met = row("sync submit of 100 000", submitted);
    let mapped = in_turns(1_000_000, || map(1_000_000, Some(&progress)), || map(1_000_000, None));
    met &= row("sync map of 1 000 000", mapped);
    println!("\n{}", if met { "all targets met" } else { "some targets are missed" });
}
