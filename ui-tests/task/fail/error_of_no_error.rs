use millrun::prelude::*;


struct Broken;

#[task]
fn fetch() -> Result<u32, Broken> {
    Err(Broken)
}

fn main() {}
