use millrun::prelude::*;


#[task]
fn square(x: u64) -> Result<u64, TaskError> {
    Ok(x * x)
}

#[flow]
async fn etl() -> Result<u64, FlowError> {
    let nine = square(3)?;
    Ok(nine)
}

fn main() {
    drop(etl());
}
