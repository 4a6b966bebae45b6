use millrun::prelude::*;


#[task]
fn conditional(a: u32, #[cfg(all())] b: u32) -> u32 {
    a + b
}

fn main() {
    drop(conditional(1, 2));
}
