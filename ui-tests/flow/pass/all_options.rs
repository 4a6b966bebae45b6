//! Every option of `#[flow]`.
#![deny(warnings)]

use millrun::prelude::*;

#[flow(
    name = "month",
    description = "Loads a month.",
    version = "2",
    tags = ["nightly"],
    flow_run_name = "etl {month} {force}",
    retries = 1,
    retry_delay = "10s",
    retry_jitter_factor = 0.1,
    retry_if = is_transient,
    timeout = "1h",
    persist_result,
    result_storage = ResultStore::memory(),
    result_serializer = json,
    task_runner = SequentialTaskRunner::new(),
    crate = ::millrun,
    on_running = nothing,
    on_completion = nothing,
    on_failure = [nothing, result],
    on_crashed = nothing_async,
    on_cancellation = nothing,
    on_state_change = change
)]
pub async fn etl(month: String, force: bool) -> Result<usize, FlowError> {
    let _ = force;
    Ok(month.len())
}

fn is_transient(_: &TaskError) -> bool {
    true
}

fn nothing(_: &FlowRunInfo, _: &State) {}

fn result(_: &FlowRunInfo, _: &State) -> Result<(), String> {
    Ok(())
}

async fn nothing_async(_: &FlowRunInfo, _: &State) {}

fn change(_: &FlowRunInfo, _: &State, new: State) -> State {
    new
}

fn main() {
    drop(etl("2013-01".into(), true));
}
