use millrun::prelude::*;


#[flow(task_runner = 8)]
fn etl() {}

fn main() {}
