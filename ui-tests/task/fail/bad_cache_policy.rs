use millrun::prelude::*;

#[task(cache_policy = Inputs - "vebrose")]
fn misspelt(verbose: bool) {
    let _ = verbose;
}

#[task(cache_policy = Inputs.exclude("log"))]
fn without_parameters() {}

#[task(cache_policy = INPUTS + TaskSource)]
fn of_prefect() {}

#[task(cache_policy = "inputs")]
fn of_text() {}

#[task(cache_policy = Inputs - log)]
fn without_quotes(log: bool) {
    let _ = log;
}

#[task(cache_policy = Inputs + u32::MAX)]
fn of_numbers() {}

fn main() {}
