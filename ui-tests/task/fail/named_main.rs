use millrun::prelude::*;

#[task]
async fn main() {}
