use millrun::prelude::*;

#[task]
fn square(x: u64) -> u64 {
    x * x
}


fn main() {
    drop(square.wait_for(3).submit(2));
}
