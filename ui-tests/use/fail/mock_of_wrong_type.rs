use millrun::prelude::*;

#[task]
fn number() -> u64 {
    2
}

#[flow]
fn debug() -> Result<u64, FlowError> {
    Ok(number.submit().result()?)
}

fn main() {
    drop(debug().mock(number, "ten").result());
}
