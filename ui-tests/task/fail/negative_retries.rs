use millrun::prelude::*;


#[task(retries = -1)]
fn negative() {}

#[task(retries = 4294967296)]
fn too_many() {}

#[task(retries = 1.5)]
fn fraction() {}

fn main() {}
