//! Each snapshot holds the input above the output.

use super::expand;

fn check(name: &str, input: &str) {
    let expansion = format!("{}\n\n// expands to\n\n{}", input.trim(), expand(input));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, expansion);
    });
}

#[test]
fn sync_task() {
    check(
        "sync_task",
        r"
#[task]
pub fn add(a: u64, b: u64) -> u64 {
    a + b
}",
    );
}

#[test]
fn async_task() {
    check(
        "async_task",
        r"
/// Fetches a page.
///
/// Slowly.
#[task(retries = 2)]
#[allow(dead_code)]
#[tracing::instrument]
pub(crate) async fn fetch(url: String, mut n: u32) -> Result<usize, FetchError> {
    n += 1;
    get(url).await
}",
    );
}

#[test]
fn borrowing_task() {
    check(
        "borrowing_task",
        r#"
#[task(task_run_name = "find {needle:?} {width:>width$}")]
fn find<'a>(haystack: &'a [String], needle: &str, label: Cow<'a, str>, width: &usize, fixed: &'static str) -> Option<usize> {
    haystack.iter().position(|text| text == needle)
}"#,
    );
}

#[test]
fn generic_task() {
    check(
        "generic_task",
        r"
#[task(retries = 1)]
fn parse<'a, Row: FromStr, const N: usize>(text: &'a str, rows: [Row; N]) -> Result<Row, Row::Err>
where
    Row: Send + Sync + 'static + Near<'a>,
{
    text.parse()
}",
    );
}

#[test]
fn task_with_all_options() {
    check(
        "task_with_all_options",
        r#"
#[task(
    name = "fetch page",
    description = "Fetches a page.",
    version = "2",
    tags = ["io", "nightly"],
    task_run_name = "fetch {url}",
    retries = 3,
    retry_delay = exponential("10s", max = "10m"),
    retry_jitter_factor = 0.5,
    retry_if = is_transient,
    timeout = "1m 30s",
    trigger = some_failed(1..=0.5),
    skip_on_upstream_skip = false,
    persist_result,
    cache_policy = Inputs + (TaskSource + Month) - "log",
    cache_expiration = "1d",
    refresh_cache,
    isolation = serializable,
    result_storage = ResultStore::memory(),
    result_serializer = msgpack,
    plan_value = String::new(),
    blocking,
    crate = crate::facade,
    on_running = notify,
    on_completion = notify,
    on_failure = [notify, clean_up],
    on_crashed = notify,
    on_cancellation = notify,
    on_state_change = watch,
)]
fn fetch(url: String, log: Log) -> std::io::Result<String> {
    read(url)
}"#,
    );
}

#[test]
fn task_with_key() {
    check(
        "task_with_key",
        r#"
#[task(task_run_name = "fetch {url}", cache_key = "{date:%Y}/{task_name:>8}/{url}-{parameters[n]:0width$}{{}}")]
fn fetch(url: &str, n: u32, width: usize) -> u32 {
    n
}"#,
    );
}

#[test]
fn task_with_key_function() {
    check(
        "task_with_key_function",
        r"
#[task(cache_key = key_of)]
fn fetch(url: &str, n: u32) -> u32 {
    n
}",
    );
}

#[test]
fn flow_with_all_options() {
    check(
        "flow_with_all_options",
        r#"
/// Loads a month.
#[flow(
    name = "month",
    version = "2",
    tags = ["nightly"],
    flow_run_name = "etl {month}",
    retries = 1,
    retry_delay = ["1s", "1m"],
    retry_jitter_factor = 1,
    retry_if = is_transient,
    timeout = "1h",
    task_runner = ThreadPoolTaskRunner::new(8),
    persist_result,
    result_storage = ResultStore::memory(),
    result_serializer = msgpack,
    on_failure = notify,
    on_state_change = watch
)]
pub async fn etl(month: String) -> Result<u64, FlowError> {
    load(month).await
}"#,
    );
}

#[test]
fn sync_flow_without_result() {
    check(
        "sync_flow_without_result",
        r"
#[flow]
fn tidy() {
    sweep();
}",
    );
}

#[test]
fn mistaken_option() {
    check(
        "mistaken_option",
        r"
#[task(retires = 3)]
fn add(a: u64) -> u64 {
    a
}",
    );
}

#[test]
fn mistaken_signature() {
    check(
        "mistaken_signature",
        r"
#[task]
fn push(values: &mut Vec<u64>, (a, b): (u64, u64), more: impl Iterator<Item = u64>) -> &u64 {
    values.extend(more);
    &values[0]
}",
    );
}

#[test]
fn hopeless_signature() {
    check(
        "hopeless_signature",
        r"
#[task]
fn fetch(&self) -> u64 {
    self.0
}",
    );
}
