use millrun::prelude::*;


#[task(
    name = fetch,
    retires = 3,
    retry_delay = "10 sec",
    retry_jitter_factor = 2,
    timeout = 30,
    tags = ["io", "io"],
    task_run_name = "fetch {ulr}",
    trigger = all_finshed,
    blocking,
    blocking,
    max_retries = 3,
    on_failure = "alert"
)]
async fn fetch(url: &mut String, (a, b): (u32, u32), wait_for: Option<&str>) -> &str {
    let _ = (a, b, wait_for);
    url
}

fn main() {
    drop(fetch(&mut "x".into(), (1, 2), None));
}
