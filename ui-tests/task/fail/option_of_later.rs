use millrun::prelude::*;


#[task(isolation = serializable)]
fn transactions() {}

#[task(cache_validator = all_inputs, cache_for = "1d")]
fn cache(url: &str) {}

fn main() {}
