//! Flows: sync and async, with every option.

use millrun::prelude::*;

use crate::hooks;
use crate::tasks::{answer, count, fetch, idle, ignore, outcome, parse, show, small};

/// Every option.
#[flow(
    name = "total",
    description = "Adds up.",
    version = "2",
    tags = ["nightly"],
    flow_run_name = "total {month} {n}",
    retries = 1,
    retry_delay = "10s",
    retry_jitter_factor = 0.1,
    retry_if = hooks::is_transient,
    timeout = "1h",
    task_runner = SequentialTaskRunner::new(),
    crate = ::millrun,
    on_running = hooks::note_flow,
    on_completion = [hooks::note_flow, hooks::tell_flow],
    on_failure = hooks::tell_flow,
    on_crashed = hooks::note_flow,
    on_cancellation = hooks::note_flow,
    on_state_change = hooks::watch_flow
)]
pub async fn total(month: String, n: u64) -> Result<u64, FlowError> {
    let page = fetch.submit(&month, 8_usize);
    let shown = show::<u64>(&n).await?;
    let parsed = parse.with_retries(1).with_name("number").wait_for(&page).submit(shown);
    idle(1).await?;
    let ended = outcome.submit(&parsed);
    let all = small.submit(true, 'x', 1.0, (1, 1), None::<u8>);
    ignore("nothing".to_owned(), &[n], std::path::Path::new("x")).await?;
    wait((&ended, &all), None).await;
    Ok(parsed.await? + answer().await?)
}

/// Sync, without parameters or a result.
#[flow]
pub fn tidy() {
    let counted = count(vec!["a".to_owned()], std::collections::BTreeMap::new()).submit();
    counted.wait();
}
