use millrun::prelude::*;


#[task(retries = 3, retry_delay = [
    "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s",
    "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s",
    "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s",
    "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s",
    "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s",
    "2s",
])]
fn fifty_one() {}

#[task(retries = 3, retry_delay = [])]
fn none() {}

fn main() {}
