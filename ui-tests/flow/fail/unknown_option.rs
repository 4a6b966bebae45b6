use millrun::prelude::*;


#[flow(retires = 3)]
fn near() {}

#[flow(color = "red")]
fn far() {}

#[flow(task_run_name = "x", trigger = all_finished, blocking)]
fn of_tasks() {}

#[flow(runner = SequentialTaskRunner::new(), schedule = "0 0 * * *")]
fn foreign() {}

fn main() {
    drop(near());
}
