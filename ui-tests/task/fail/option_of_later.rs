use millrun::prelude::*;


#[task(isolation = serializable)]
fn transactions() {}

#[task(cache_policy = Inputs + TaskSource, cache_expiration = "1d")]
fn cache() {}

fn main() {}
