use millrun::prelude::*;


fn square(x: u64) -> u64 {
    x * x
}

fn main() {
    drop(square.submit(3));
}
