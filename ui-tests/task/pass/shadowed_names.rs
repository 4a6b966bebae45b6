//! What the user calls `Result`, `Ok`, `Vec`, … is the user's business.
#![allow(dead_code, non_camel_case_types, non_snake_case, unused_macros)]

use millrun::{flow, task};

mod core {}
mod std {}
struct Result;
struct Option;
struct String;
struct Vec;
struct Box;
struct Some;
struct Ok;
struct Duration;
struct TaskCall;
struct TaskSpec;
trait Clone {}
trait Send {}
trait Sized {}
trait Task {}
trait Future {}
macro_rules! format { () => {}; }
macro_rules! assert { () => {}; }
macro_rules! line { () => {}; }

#[task(retries = 1, timeout = "1s", task_run_name = "{a} {b}", trigger = some_failed(1..=3))]
pub fn add(a: &u32, b: u32) -> u32 {
    a + b
}

#[task(retry_delay = exponential("1s", max = "1m"), retries = 1)]
pub async fn idle(a: u8) -> u8 {
    a
}

#[flow(timeout = "1s", flow_run_name = "{a}")]
pub fn run(a: u8) {
    let _ = a;
}

fn main() {}
