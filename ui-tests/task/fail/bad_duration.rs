use millrun::prelude::*;


#[task(timeout = "30")]
fn without_unit() {}

#[task(timeout = "30 seconds")]
fn spelled_out() {}

#[task(timeout = "1m 30x")]
fn unknown_unit() {}

#[task(timeout = "soon")]
fn no_number() {}

#[task(timeout = "-1s")]
fn negative() {}

#[task(timeout = "0s")]
fn zero() {}

#[task(timeout = "30s 1m")]
fn order() {}

#[task(retries = 3, retry_delay = ["1s", "10", "1y"])]
fn in_a_list() {}

#[task(retries = 3, retry_delay = exponential("10m", max = "10s"))]
fn max_below_first() {}

fn main() {}
