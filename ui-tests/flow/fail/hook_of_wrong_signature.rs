use millrun::prelude::*;


fn of_a_task(_: &TaskRun, _: &State) {}

#[flow(on_failure = of_a_task)]
fn etl() {}

fn main() {}
