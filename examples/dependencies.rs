//! One task after another, though nothing flows between them.
//!
//! `cargo run --example dependencies` prints
//!
//! ```text
//! 00:04:38.649 | INFO    | Flow run 'swift-egret-922' - Beginning flow run for flow 'dependencies'
//! hello
//! 00:04:38.654 | INFO    | Task run 'task1-0' - Finished in state Completed()
//! world
//! 00:04:38.654 | INFO    | Task run 'task2-0' - Finished in state Completed()
//! 00:04:38.655 | INFO    | Flow run 'swift-egret-922' - Finished in state Completed()
//! ```

use millrun::prelude::*;

#[task]
fn task1() {
    println!("hello");
}

#[task]
fn task2() {
    println!("world");
}

#[flow]
fn dependencies() -> Result<(), FlowError> {
    let first = task1.submit();
    Ok(task2.wait_for(first).submit().result()?)
}

fn main() -> Result<(), FlowError> {
    millrun::logging::init();
    dependencies().result()
}
