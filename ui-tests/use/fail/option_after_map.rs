use millrun::prelude::*;

#[task]
fn double(x: u32) -> u32 {
    2 * x
}

fn main() {
    let first = double.submit(1);
    double.map([1, 2]).wait_for([first]);
}
