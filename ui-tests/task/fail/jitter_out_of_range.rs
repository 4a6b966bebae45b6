use millrun::prelude::*;


#[task(retries = 3, retry_delay = "1s", retry_jitter_factor = 1.5)]
fn above() {}

#[task(retries = 3, retry_delay = "1s", retry_jitter_factor = -0.5)]
fn below() {}

#[task(retries = 3, retry_delay = "1s", retry_jitter_factor = "half")]
fn words() {}

fn main() {}
