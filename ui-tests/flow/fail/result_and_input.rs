use std::rc::Rc;

use millrun::prelude::*;

#[flow]
fn share(number: Rc<u32>) -> u32 {
    *number
}

#[flow]
fn shared() -> Rc<u32> {
    Rc::new(1)
}

struct Broken;

#[flow]
async fn breaks() -> Result<(), Broken> {
    Err(Broken)
}

type Fallible<T> = Result<T, FlowError>;

#[flow]
fn aliased() -> Fallible<()> {
    Ok(())
}

fn main() {
    drop(shared());
    drop(breaks());
}
