//! A task that runs whatever became of the one before it, and a flow that fails nevertheless.
//!
//! `cargo run --example with_cleanup` prints
//!
//! ```text
//! 00:04:38.806 | INFO    | Flow run 'daring-badger-80' - Beginning flow run for flow 'with_cleanup'
//! 00:04:38.808 | INFO    | Task run 'create_instance-0' - Finished in state Completed()
//! 00:04:38.808 | ERROR   | Task run 'maybe_failed-0' - Finished in state Failed('Task run encountered an exception: Failed!!')
//! Clean Up!
//! 00:04:38.808 | INFO    | Task run 'cleanup-0' - Finished in state Completed()
//! 00:04:38.808 | ERROR   | Flow run 'daring-badger-80' - Finished in state Failed('Some reference tasks failed.')
//! Failed('Some reference tasks failed.')
//! ```

use millrun::prelude::*;

#[task]
fn create_instance() -> String {
    "ready".to_owned()
}

#[task]
fn maybe_failed(success: bool, _ready: &str) -> Result<String, String> {
    if success { Ok("finished".to_owned()) } else { Err("Failed!!".to_owned()) }
}

/// The trigger lets it run after a failure; the `Result` lets it take what there is.
#[task(trigger = all_finished)]
fn cleanup(_finished: Result<String, TaskError>) {
    println!("Clean Up!");
}

#[flow]
fn with_cleanup(success: bool) -> Result<(), FlowError> {
    let ready = create_instance.submit();
    let finished = maybe_failed.submit(success, ready);
    let cleaned = cleanup.submit(&finished);
    reference_tasks([&finished]); // without this, the flow would be as successful as its cleanup
    Ok(cleaned.result()?)
}

fn main() {
    millrun::logging::init();
    let run = with_cleanup(false).report_blocking();
    println!("{}", run.state());
}
