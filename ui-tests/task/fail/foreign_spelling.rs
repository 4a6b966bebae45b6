use millrun::prelude::*;


// Prefect's, and what others call the same.

#[task(max_retries = 3)]
fn max_retries() {}

#[task(retries = 3, retry_delay_seconds = 10)]
fn retry_delay_seconds() {}

#[task(retries = 3, exponential_backoff = true)]
fn exponential_backoff() {}

#[task(retry_condition_fn = |_| true)]
fn retry_condition_fn() {}

#[task(timeout_seconds = 30)]
fn timeout_seconds() {}

#[task(log_prints = true)]
fn log_prints() {}

#[task(cache_key_fn = task_input_hash)]
fn cache_key_fn() {}

#[task(checkpoint)]
fn persist_result() {}

#[task(state_handlers = [alert])]
fn state_handlers() {}

#[task(on_success = alert)]
fn on_success() {}

#[task(run_name = "x")]
fn run_name() {}

fn main() {}
