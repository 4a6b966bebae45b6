use millrun::prelude::*;


#[task(isolation = serializable)]
fn transactions() {}

#[task(cache_key = "rows/{url}", cache_expiration = "1d")]
fn cache(url: &str) {}

fn main() {}
