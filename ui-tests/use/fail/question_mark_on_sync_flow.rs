use millrun::prelude::*;

#[flow]
fn inner() -> Result<u64, FlowError> {
    Ok(1)
}

#[flow]
fn outer() -> Result<u64, FlowError> {
    let one = inner()?;
    Ok(one)
}

fn main() {
    drop(outer());
}
