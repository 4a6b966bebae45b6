use millrun::prelude::*;


#[task(viz_return_value = 3)]
fn planned() {}

#[task(cache_validator = all_inputs, cache_for = "1d")]
fn cache() {}

fn main() {}
