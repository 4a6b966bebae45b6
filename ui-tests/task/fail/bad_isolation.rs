use millrun::prelude::*;

#[task(isolation = serialisable)]
fn misspelt() {}

#[task(isolation = "serializable")]
fn quoted() {}

fn main() {}
