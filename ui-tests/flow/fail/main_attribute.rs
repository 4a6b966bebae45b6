use millrun::prelude::*;


#[flow]
#[tokio::main]
async fn main() {}
