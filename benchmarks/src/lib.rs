//! What the benchmarks share: ratios of medians, measured in turns so that a noisy machine disturbs both sides alike.

use std::time::{Duration, Instant};

/// How often each side is measured.
pub const ROUNDS: usize = 7;

/// One row: what was measured beside its limit.
pub struct Row {
    /// What is measured.
    pub name: &'static str,
    /// Our time and the limit's, each for one item.
    pub ours: f64,
    /// The limit's.
    pub limit: f64,
    /// The ratio that is to be kept.
    pub target: f64,
}

impl Row {
    /// Prints the row; says whether the target is met.
    pub fn print(&self) -> bool {
        let ratio = self.ours / self.limit;
        let met = ratio <= self.target;
        println!(
            "{:<44} {:>10.0} {:>10.0} {:>8.2} {:>8.2}  {}",
            self.name,
            self.ours,
            self.limit,
            ratio,
            self.target,
            if met { "met" } else { "MISSED" }
        );
        met
    }
}

/// Prints the head of a table of rows.
pub fn print_head(unit: &str) {
    println!(
        "{:<44} {:>10} {:>10} {:>8} {:>8}",
        format!("{unit} per item"),
        "millrun",
        "limit",
        "ratio",
        "target"
    );
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures two sides in turns: the medians of nanoseconds per item.
pub fn in_turns(
    items: usize,
    mut ours: impl FnMut() -> Duration,
    mut limit: impl FnMut() -> Duration,
) -> (f64, f64) {
    let per_item = |time: Duration| time.as_nanos() as f64 / items as f64;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    // The first round of each warms up.
    ours();
    limit();
    for _ in 0..ROUNDS {
        one.push(per_item(ours()));
        other.push(per_item(limit()));
    }
    (median(one), median(other))
}

/// How long `action` takes.
pub fn time<T>(action: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = action();
    (begun.elapsed(), done)
}
