//! Every option of `#[task]`.
#![deny(warnings)]

use millrun::prelude::*;

#[task(
    name = "fetch page",
    description = "Fetches a page.",
    version = "2",
    tags = ["io", "nightly"],
    task_run_name = "fetch {url:?} {{x}} {width:>width$}",
    retries = 3,
    retry_delay = exponential("10s", max = "10m"),
    retry_jitter_factor = 0.5,
    retry_if = is_transient,
    timeout = "1m 30s",
    trigger = some_failed(1..=3),
    skip_on_upstream_skip = false,
    persist_result,
    cache_policy = Inputs + (Fixed + TaskSource) + millrun::cache::RunId - "width",
    cache_expiration = "1d",
    refresh_cache,
    isolation = serializable,
    result_storage = ResultStore::memory(),
    result_serializer = msgpack,
    plan_value = 3 + usize::from(true),
    crate = ::millrun,
    on_running = hooks::nothing,
    on_completion = [hooks::nothing, hooks::result],
    on_failure = hooks::nothing_async,
    on_crashed = hooks::result_async,
    on_cancellation = hooks::nothing,
    on_state_change = change,
)]
pub async fn fetch(url: &str, width: usize) -> Result<usize, std::num::ParseIntError> {
    url.parse::<usize>().map(|number| number + width)
}

#[task(blocking, retries = 0)]
pub fn read(path: std::path::PathBuf) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[task(retries = 2, retry_delay = ["1s", "10s", "1m"], retry_jitter_factor = 1)]
pub fn several_delays() {}

#[task(retries = 2, retry_delay = exponential("10s"))]
pub fn without_max() {}

#[task(persist_result = false)]
pub fn not_kept() {}

#[task(result_storage = ResultStore::directory("results"), cache_policy = Inputs.exclude("url"))]
pub fn without_url(url: &str, more: Option<std::borrow::Cow<'static, str>>) {
    let _ = (url, more);
}

#[task(cache_key = "{today}/{url:?}/{width:>width$}/{map_index:03}", refresh_cache)]
pub fn keyed(url: &str, width: usize) {}

#[task(result_storage_key = "{date:%Y-%m-%d}/{flow_name}/{flow_run_id}/{task_name}-{today_nodash}{parameters[url]:>8}.json")]
pub fn placed(url: &str) {}

#[task(cache_key = self::key_of)]
pub fn keyed_by_function(url: String, width: &usize) {}

fn key_of(url: &str, width: &usize) -> Option<String> {
    (*width > 0).then(|| url.to_owned())
}

struct Fixed;

impl CachePolicy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn part(&self, _: &millrun::cache::CacheContext<'_>) -> Result<Option<String>, millrun::BoxError> {
        Ok(Some("x".into()))
    }
}

fn is_transient(_: &TaskError) -> bool {
    true
}

fn change(_: &TaskRun, _: &State, new: State) -> State {
    new
}

mod hooks {
    use millrun::prelude::*;

    pub(crate) fn nothing(_: &TaskRun, _: &State) {}

    pub(crate) fn result(_: &TaskRun, _: &State) -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) async fn nothing_async(_: &TaskRun, _: &State) {}

    pub(crate) async fn result_async(_: &TaskRun, _: &State) -> Result<(), TaskError> {
        Ok(())
    }
}

fn main() {
    drop(fetch("1", 2));
    drop(read("x".into()));
}
