use millrun::prelude::*;

#[task]
fn square(x: u64) -> u64 {
    x * x
}


fn main() {
    drop(square.submit());
}
