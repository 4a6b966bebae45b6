//! Expansions stand the strictest lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, future_incompatible, nonstandard_style, rust_2018_idioms, let_underscore)]
#![deny(
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    missing_debug_implementations,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use millrun::prelude::*;

/// Adds.
#[task]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

/// Counts.
#[task(name = "count", task_run_name = "count {words:?}", retries = 1)]
fn count(words: &[String], _ignored: u8) -> usize {
    words.len()
}

/// Waits for nothing.
#[task]
async fn idle() {}

/// Adds up.
#[flow]
async fn total(n: u32) -> Result<u32, FlowError> {
    idle().await?;
    let sum = add(n, 1).await?;
    Ok(sum + u32::from(count(&[], 0).await? == 0))
}

fn main() {
    drop(total(1));
}
