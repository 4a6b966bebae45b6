use millrun::prelude::*;


#[task]
#[flow]
fn both(x: u32) -> u32 {
    x
}

#[task]
#[test]
fn tested() {}

fn main() {
    drop(both(1));
}
