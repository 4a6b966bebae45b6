use millrun::prelude::*;


#[task(retries)]
fn bare() {}

#[task(timeout = , name = "x")]
fn missing() {}

#[task(name = )]
fn missing_at_the_end() {}

#[task(retries(3))]
fn in_parentheses() {}

#[task(blocking = true)]
fn too_much() {}

#[task("name")]
fn only_a_value() {}

#[task(retries = 3 timeout = "1s")]
fn without_comma() {}

#[task(retries == 3, retry_delay = "1s" +, name = "x")]
fn no_expression() {}

fn main() {}
