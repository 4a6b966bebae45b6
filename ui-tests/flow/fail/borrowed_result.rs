use millrun::prelude::*;


#[flow]
fn first(texts: Vec<String>) -> Result<&str, FlowError> {
    drop(texts);
    Ok("x")
}

fn main() {
    drop(first(vec![]));
}
