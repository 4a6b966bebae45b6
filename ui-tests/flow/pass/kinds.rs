//! Sync and async flows, with and without results, of tasks and of flows.
#![deny(warnings)]

use millrun::prelude::*;

#[task]
fn square(x: u64) -> u64 {
    x * x
}

#[task]
fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

#[flow]
fn sum_of_squares(n: u64) -> Result<u64, FlowError> {
    Ok(sum.submit(square.map(0..n)).result()?)
}

#[flow]
async fn outer(label: &'static str) -> u64 {
    let _ = label;
    sum_of_squares(3).await.unwrap_or_default()
}

#[flow]
fn quiet() {}

#[flow]
async fn quiet_async() {}

fn main() {
    drop(outer("x"));
    drop(quiet());
    drop(quiet_async());
}
