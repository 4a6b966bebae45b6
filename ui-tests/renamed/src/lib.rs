//! Nothing here is called `millrun`, and the edition is 2021.

pub use mr as engine;
use mr::prelude::*;

/// Adds.
#[mr::task(crate = ::mr)]
pub fn add(a: u64, b: u64) -> u64 {
    a + b
}

/// Measures a text.
#[task(crate = mr, retries = 1, timeout = "1s", task_run_name = "length of {text:?}", on_failure = alert)]
pub async fn length(text: &str, _unused: Option<u8>) -> Result<usize, String> {
    std::future::ready(Ok(text.len())).await
}

/// Names millrun as this crate re-exports it.
#[task(crate = crate::engine)]
pub fn double<T: Clone + Send + Sync + 'static>(value: &T) -> (T, T) {
    (value.clone(), value.clone())
}

async fn alert(_run: &TaskRun, _state: &State) {}

/// Runs all of these.
#[mr::flow(crate = crate::engine, flow_run_name = "{n}", retries = 1)]
pub async fn run(n: u64) -> Result<u64, FlowError> {
    let (left, right) = double::<u64>.submit(n).await?;
    let sum = add.submit(left, right);
    Ok(sum.await? + length("x", None).await? as u64)
}
