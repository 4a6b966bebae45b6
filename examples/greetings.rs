//! One flow on each of the task runners: one greeting at a time, or all of them as they come.
//!
//! `cargo run --example greetings` prints, beside the log on standard error,
//!
//! ```text
//! sequentially
//! hello arthur
//! goodbye arthur
//! hello trillian
//! goodbye trillian
//! hello ford
//! goodbye ford
//! hello marvin
//! goodbye marvin
//! concurrently
//! goodbye arthur
//! hello arthur
//! goodbye marvin
//! hello marvin
//! goodbye ford
//! hello ford
//! goodbye trillian
//! hello trillian
//! in parallel
//! hello arthur
//! goodbye arthur
//! hello ford
//! goodbye ford
//! hello marvin
//! goodbye marvin
//! hello trillian
//! goodbye trillian
//! ```

use millrun::prelude::*;

#[task]
fn say_hello(name: &str) {
    println!("hello {name}");
}

#[task]
fn say_goodbye(name: &str) {
    println!("goodbye {name}");
}

#[flow]
fn greetings(names: Vec<String>) {
    for name in &names {
        drop(say_hello.submit(name)); // cancels nothing: the flow waits for all that it has begun
        drop(say_goodbye.submit(name));
    }
}

fn main() -> Result<(), FlowError> {
    millrun::logging::init();
    let names = ["arthur", "trillian", "ford", "marvin"].map(str::to_owned);
    println!("sequentially");
    greetings(names.to_vec()).with_task_runner(SequentialTaskRunner::new()).result()?;
    println!("concurrently");
    greetings(names.to_vec()).with_task_runner(ConcurrentTaskRunner::new()).result()?;
    println!("in parallel");
    greetings(names.to_vec()).with_task_runner(ThreadPoolTaskRunner::new(4)).result()
}
