//! Two tasks, the second of which takes what the first returns.
//!
//! `cargo run --example hello_world` prints
//!
//! ```text
//! 00:04:38.630 | INFO    | Flow run 'clever-quail-921' - Beginning flow run for flow 'hello_world'
//! 00:04:38.631 | INFO    | Task run 'get_name-0' - Finished in state Completed()
//! hello, world!
//! 00:04:38.632 | INFO    | Task run 'hello-0' - Finished in state Completed()
//! 00:04:38.632 | INFO    | Flow run 'clever-quail-921' - Finished in state Completed()
//! ```

use millrun::prelude::*;

#[task]
fn get_name() -> String {
    "world".to_owned()
}

#[task]
fn hello(who: &str) {
    println!("hello, {who}!");
}

#[flow]
fn hello_world() -> Result<(), FlowError> {
    let who = get_name.submit();
    Ok(hello.submit(who).result()?)
}

fn main() -> Result<(), FlowError> {
    millrun::logging::init();
    hello_world().result()
}
