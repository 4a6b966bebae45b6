use millrun::prelude::*;

#[task(persist_result = false, cache_policy = Inputs, cache_expiration = "1d")]
fn kept_or_not() {}

fn main() {}
