use millrun::prelude::*;


#[task(retries = "3")]
fn retries() {}

#[task(name = fetch)]
fn name() {}

#[task(timeout = 30)]
fn timeout() {}

#[task(tags = "io")]
fn tags() {}

#[task(tags = ["io", nightly, "io", ""])]
fn tag() {}

#[task(retries = 1, retry_delay = 10)]
fn retry_delay() {}

#[task(retries = 1, retry_delay = exponential("10s", "10m"))]
fn exponential() {}

#[task(retries = 1, retry_if = |error| true)]
fn retry_if() {}

#[task(skip_on_upstream_skip = "no")]
fn skip_on_upstream_skip() {}

#[task(on_failure = "alert")]
fn on_failure() {}

#[task(on_failure = [])]
fn no_hook() {}

#[task(crate = "millrun")]
fn crate_path() {}

#[task(trigger = "all_finished")]
fn trigger() {}

fn main() {}
