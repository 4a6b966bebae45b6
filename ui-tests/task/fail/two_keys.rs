use millrun::prelude::*;

#[task(cache_policy = Inputs, cache_key = "rows/{url}", result_storage_key = "{url}.json")]
fn fetch(url: &str) {}

#[task(persist_result = false, cache_key = "rows/{url}")]
fn not_kept(url: &str) {}

fn main() {}
