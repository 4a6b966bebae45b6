use millrun::prelude::*;

#[task(result_serializer = jsn)]
fn misspelt() {}

#[task(result_serializer = "json")]
fn quoted() {}

#[task(result_serializer = json_zstd)]
fn without_its_feature() {}

fn main() {}
