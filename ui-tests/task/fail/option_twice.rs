use millrun::prelude::*;


#[task(retries = 3, name = "once", retries = 4)]
fn twice() {}

fn main() {}
