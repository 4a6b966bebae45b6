use millrun::prelude::*;

#[task(result_storage = "s3://bucket/folder")]
fn kept() {}

#[task(cache_expiration = "0s")]
fn never() {}

fn main() {}
