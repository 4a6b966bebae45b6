use millrun::prelude::*;


#[task(retires = 3)]
fn near(x: u32) -> u32 {
    x
}

#[task(color = "red", name = "far")]
fn far(x: u32) -> u32 {
    x
}

fn main() {
    drop(near.submit(1));
    drop(far(1).result());
}
