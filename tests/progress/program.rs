//! What the tests of progress run in a terminal: a flow that logs, prints and fails in part. It goes on once it may read a line.

use std::io::{self, BufRead as _};
use std::sync::atomic::{AtomicBool, Ordering};

use millrun::prelude::*;

static IS_LOGGED: AtomicBool = AtomicBool::new(false);

#[task]
fn square(n: u64) -> u64 {
    if n == 50 && !IS_LOGGED.swap(true, Ordering::SeqCst) {
        millrun::progress::suspend(|| eprintln!("printed by a task"));
    }
    n * n
}

#[task]
fn fragile(n: u64) -> u64 {
    assert!(n != 3, "a task panics");
    n
}

#[task(blocking)]
fn ask() -> String {
    io::stdin().lock().lines().next().and_then(Result::ok).unwrap_or_default()
}

#[flow(flow_run_name = "shown")]
fn shown() -> Result<u64, FlowError> {
    let squares = square.map(0..100).result()?;
    let _ = fragile.map(0..10).outcomes_blocking();
    ask.submit().result()?;
    Ok(squares.iter().sum())
}

fn main() -> Result<(), FlowError> {
    if std::env::args().nth(1).as_deref() == Some("logs") {
        millrun::logging::init();
    }
    Engine::builder().handle_signals(true).build().install().map_err(FlowError::other)?;
    println!("{}", shown().with_progress().result()?);
    Ok(())
}
