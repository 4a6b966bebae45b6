use millrun::prelude::*;


#[task]
fn pair((a, b): (u32, u32)) -> u32 {
    a + b
}

#[task]
fn ignored(_: u32) -> u32 {
    1
}

fn main() {
    drop(pair.submit((1, 2)));
    drop(ignored(1));
}
