use millrun::prelude::*;


#[task(flow_run_name = "x")]
fn flow_run_name() {}

#[task(task_runner = ThreadPoolTaskRunner::new(8))]
fn task_runner() {}

fn main() {}
