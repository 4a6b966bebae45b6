use millrun::prelude::*;


#[task]
fn numbers() -> impl Iterator<Item = u32> {
    0..3
}

#[task]
fn forever() -> ! {
    loop {}
}

fn main() {}
