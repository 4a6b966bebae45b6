use millrun::prelude::*;

#[flow(
    flow_run_name = "etl {mont}",
    retries = -1,
    retry_jitter_factor = 2,
    timeout = "1 hour",
    tags = "nightly",
    trigger = all_finished,
    task_runer = SequentialTaskRunner::new(),
    on_commit = announce,
    on_failure = [],
)]
async fn etl<T: Send>(month: &str, (a, b): (u32, u32), wait_for: T) -> &str {
    let _ = (a, b, wait_for);
    month
}

fn main() {
    drop(etl("2013-01", (1, 2), 3));
}
