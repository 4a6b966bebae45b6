//! A flow whose shape is known only while it runs: one task run for each element of a list of random length.
//!
//! `cargo run --example dynamic_flow` prints, for a list of six,
//!
//! ```text
//! 00:04:38.784 | INFO    | Flow run 'crisp-beaver-670' - Beginning flow run for flow 'dynamic_flow'
//! 00:04:38.785 | INFO    | Task run 'random_list-0' - Finished in state Completed()
//! 00:04:38.790 | INFO    | Task run 'squared[1]' - Finished in state Completed()
//! 00:04:38.790 | INFO    | Task run 'squared[2]' - Finished in state Completed()
//! 00:04:38.790 | INFO    | Task run 'squared[3]' - Finished in state Completed()
//! 00:04:38.794 | INFO    | Task run 'squared[4]' - Finished in state Completed()
//! 00:04:38.795 | INFO    | Task run 'squared[5]' - Finished in state Completed()
//! 00:04:38.795 | INFO    | Task run 'squared[0]' - Finished in state Completed()
//! Squared results: [0, 1, 4, 9, 16, 25]
//! Sum: 55
//! 00:04:38.799 | INFO    | Task run 'sum_up-0' - Finished in state Completed()
//! 00:04:38.799 | INFO    | Flow run 'crisp-beaver-670' - Finished in state Completed()
//! ```

use millrun::prelude::*;

#[task]
fn random_list() -> Vec<u64> {
    (0..fastrand::u64(1..=10)).collect()
}

#[task]
fn squared(x: u64) -> u64 {
    x * x
}

#[task]
fn sum_up(squares: &[u64]) {
    println!("Squared results: {squares:?}");
    println!("Sum: {}", squares.iter().sum::<u64>());
}

#[flow]
fn dynamic_flow() -> Result<(), FlowError> {
    let list = random_list.submit();
    let squares = squared.map(list);
    Ok(sum_up.submit(squares).result()?)
}

fn main() -> Result<(), FlowError> {
    millrun::logging::init();
    dynamic_flow().result()
}
