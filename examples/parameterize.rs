//! A flow with a parameter, which is the parameter of an ordinary function.
//!
//! `cargo run --example parameterize` prints
//!
//! ```text
//! 00:04:38.640 | INFO    | Flow run 'gentle-kestrel-935' - Beginning flow run for flow 'hello_world'
//! 00:04:38.641 | INFO    | Task run 'get_name-0' - Finished in state Completed()
//! hello, koji!
//! 00:04:38.645 | INFO    | Task run 'hello-0' - Finished in state Completed()
//! 00:04:38.645 | INFO    | Flow run 'gentle-kestrel-935' - Finished in state Completed()
//! ```

use millrun::prelude::*;

#[task]
fn get_name(name: String) -> String {
    name
}

#[task]
fn hello(who: &str) {
    println!("hello, {who}!");
}

#[flow]
fn hello_world(name: String) -> Result<(), FlowError> {
    let who = get_name.submit(name);
    Ok(hello.submit(who).result()?)
}

fn main() -> Result<(), FlowError> {
    millrun::logging::init();
    hello_world("koji".to_owned()).result()
}
