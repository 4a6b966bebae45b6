use millrun::prelude::*;


#[task(retry_delay = "10s")]
fn delay() {}

#[task(retry_if = worth_it)]
fn condition() {}

#[task(retry_delay = "10s", retry_jitter_factor = 0.5)]
fn delay_and_jitter() {}

#[task(retries = 2, retry_jitter_factor = 0.5)]
fn jitter_without_delay() {}

fn worth_it(_: &TaskError) -> bool {
    true
}

fn main() {
    drop(worth_it);
}
