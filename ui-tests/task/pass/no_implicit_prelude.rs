//! Expansions name nothing that a prelude brings into scope.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

/// Adds.
#[::millrun::task]
pub fn add(a: u32, b: u32) -> u32 {
    a + b
}

/// Says how long a text is, or that it is empty.
#[::millrun::task(
    retries = 2,
    retry_delay = ["1s", "2s"],
    retry_jitter_factor = 0.5,
    retry_if = worth_it,
    timeout = "1m",
    tags = ["a"],
    task_run_name = "{text:?}",
    on_failure = alert
)]
pub async fn length(text: &str) -> ::std::result::Result<usize, ::std::string::String> {
    if text.is_empty() {
        return ::std::result::Result::Err(::std::string::String::new());
    }
    ::std::result::Result::Ok(text.len())
}

fn worth_it(_: &::millrun::TaskError) -> bool {
    true
}

fn alert(_: &::millrun::TaskRun, _: &::millrun::State) {}

/// Does nothing.
#[::millrun::flow(retries = 1, flow_run_name = "{month}")]
pub fn etl(month: ::std::string::String) {
    ::std::mem::drop(month);
}

fn main() {}
