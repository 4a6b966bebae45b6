use millrun::prelude::*;

fn number() -> u64 {
    2
}

#[flow]
fn debug() -> u64 {
    number()
}

fn main() {
    drop(debug().mock_state(number, State::failed("no")).result());
}
