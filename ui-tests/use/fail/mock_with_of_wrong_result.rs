use millrun::prelude::*;

#[task]
fn number(of: String) -> u64 {
    of.len() as u64
}

#[flow]
fn debug() -> Result<u64, FlowError> {
    Ok(number.submit("two").result()?)
}

fn main() {
    drop(debug().mock_with(number, |(of,)| format!("{of}{of}")).result());
}
