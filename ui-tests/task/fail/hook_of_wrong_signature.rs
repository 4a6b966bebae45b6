use millrun::prelude::*;


fn without_arguments() {}

fn of_a_flow(_: &FlowRunInfo, _: &State) {}

fn by_value(_: TaskRun, _: &State) {}

fn returning(_: &TaskRun, _: &State) -> u32 {
    1
}

#[task(on_failure = without_arguments)]
fn arguments() {}

#[task(on_failure = of_a_flow)]
fn kind() {}

#[task(on_failure = by_value)]
fn value() {}

#[task(on_failure = returning)]
fn result() {}

#[task(on_failure = missing)]
fn no_such_function() {}

#[task(on_state_change = without_arguments)]
fn change() {}

fn main() {}
