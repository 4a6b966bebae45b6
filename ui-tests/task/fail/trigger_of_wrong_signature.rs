use millrun::prelude::*;


fn undecided(_: &[Upstream]) -> bool {
    true
}

#[task(trigger = undecided)]
fn decide() {}

fn main() {}
