use millrun::prelude::*;


fn by_value(_: TaskError) -> bool {
    true
}

fn without_answer(_: &TaskError) {}

#[task(retries = 1, retry_if = by_value)]
fn value() {}

#[task(retries = 1, retry_if = without_answer)]
fn answer() {}

fn main() {}
