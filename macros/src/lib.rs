//! The attribute macros of millrun, `#[task]` and `#[flow]`.
//!
//! Use them through `millrun`, which re-exports both; their expansions name nothing else.
//!
//! Tokens in, tokens out: an attribute's options are parsed (`args`, `value`) and so is the signature (`item`), both are
//! checked together (`check`) into a model in which nothing is left to fail (`model`), and that is expanded (`expand`).
//! Mistakes are collected on the way and reported all at once (`diagnostics`), beside something that stands in for the
//! function (`fallback`).

mod args;
mod check;
mod diagnostics;
mod expand;
mod fallback;
mod item;
mod model;
mod source;
#[cfg(test)]
mod tests;
mod value;

use proc_macro::TokenStream;

use crate::args::Macro;
use crate::diagnostics::Diagnostics;

/// Makes a task of a function.
///
/// The function stays a function: it keeps its name, its visibility and its parameters. A call of it gives a lazy `TaskCall`,
/// to be awaited, asked for its `result`, or submitted; and it has the methods of the prelude: `submit`, `map`, `wait_for`
/// and one `with_…` for each option.
///
/// # Example
///
/// ```rust,ignore
/// use millrun::prelude::*;
///
/// /// Fetches a page.
/// #[task(retries = 2, retry_delay = "500ms", timeout = "30s", tags = ["io"], task_run_name = "fetch {url}")]
/// async fn fetch(url: String) -> Result<String, reqwest::Error> {
///     reqwest::get(&url).await?.text().await
/// }
///
/// #[task]
/// fn count_words(text: &str) -> usize {
///     text.split_whitespace().count()
/// }
///
/// #[flow]
/// async fn words(url: String) -> Result<usize, FlowError> {
///     let page = fetch.submit(url);
///     Ok(count_words.submit(&page).await?)
/// }
/// ```
///
/// # Grammar
///
/// ```text
/// #[task]
/// #[task(option, option, ..)]
///
/// option   = name | name = value
/// duration = "500ms" | "10s" | "1m 30s" | "1.5h" | ..      units: w, d, h, m, s, ms, us, ns
/// delay    = duration | [duration, duration, ..] | exponential(duration) | exponential(duration, max = duration)
/// template = a format string over the parameters: "fetch {url} {n:>4}"
/// trigger  = word | some_failed(amounts) | some_successful(amounts) | path
/// amounts  = 1..=3 | 2.. | 0.5.. | ..                      integers count runs, floats are shares of them
/// hooks    = path | [path, path, ..]
/// policy   = policy + policy | policy - "parameter" | Inputs | TaskSource | RunId | FlowParameters | NoCache | expression
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "fetch page"` | the name to show; by default the function's |
/// | `description = "Fetches a page."` | what it does; by default the doc comment |
/// | `version = "2"` | a version of your own, recorded with each run |
/// | `tags = ["io", "nightly"]` | tags of each run; limits of the same name apply |
/// | `task_run_name = "fetch {url}"` | a format string over the parameters that names each run; by default `fetch-0`, `fetch-1`, … |
/// | `retries = 3` | how many further attempts a failed run gets |
/// | `retry_delay = "10s"` | the wait before each further attempt: a duration, a list of 1 to 50 (the last repeats), or `exponential("10s", max = "10m")`; by default none |
/// | `retry_jitter_factor = 0.5` | varies each delay by up to this share of it, from 0 to 1 |
/// | `retry_if = is_transient` | a `fn(&TaskError) -> bool` that says whether a failure is worth a further attempt |
/// | `timeout = "30s"` | how long one attempt may take |
/// | `trigger = all_finished` | when to run, given how the upstream runs ended: `all_successful` (default), `all_failed`, `any_successful`, `any_failed`, `all_finished`, `always_run`, `not_all_skipped`, `some_failed(1..=3)`, `some_successful(0.5..)`, or a `fn(&[Upstream]) -> Decision` |
/// | `skip_on_upstream_skip = false` | whether a skipped upstream run makes this one skipped; by default `true` |
/// | `persist_result` | keeps the result: of a task so that a run with the same key need not be executed, of a flow, so that a further attempt of the flow that it is called in does not execute it again, with those of the task runs inside that say nothing themselves; by default where another option about results is given; `persist_result = false` whatever the settings say |
/// | `cache_policy = Inputs + TaskSource` | what the key of the result is made of: `Inputs`, `TaskSource`, `RunId`, `FlowParameters`, `NoCache`, or a `CachePolicy` of your own, joined with `+`; `- "x"` leaves a parameter out; by default `Inputs + TaskSource + RunId` |
/// | `cache_key = "rows/{url}"` | the key of the result itself, which other tasks may say as well: a template over the parameters and `{date:%Y-%m-%d}`, `{today}`, `{today_nodash}`, `{flow_name}`, `{flow_run_id}`, `{task_name}`, `{map_index}`, or a `fn(&P1, ..) -> Option<String>` of the parameters |
/// | `cache_expiration = "1d"` | how long a result is found again; by default for ever |
/// | `refresh_cache` | looks for no result, and replaces the one that is there |
/// | `isolation = serializable` | whether a run waits for another one with the same key and finds its result (`serializable`, which needs a lock manager), or both are executed (`read_committed`); by default as the transaction around says, and `read_committed` |
/// | `result_storage = ResultStore::directory("results")` | where the result is kept, made once; by default where the engine keeps results |
/// | `result_storage_key = "{date:%Y-%m-%d}/{task_name}.json"` | where in the store the result is kept and looked for, a template as for `cache_key` |
/// | `result_serializer = msgpack` | how the result is written: `json`, `msgpack`, `json_zstd`, `msgpack_zstd`; by default as the store does |
/// | `plan_value = vec![1, 2]` | what stands for the result where a flow is only planned, made anew for each run |
/// | `blocking` | for sync code that blocks on I/O: runs on the blocking pool instead of the compute pool |
/// | `crate = my_library::millrun` | the path of millrun, where it is not `::millrun` |
/// | `on_running = notify` | hooks for the start of each attempt |
/// | `on_completion = notify` | hooks for a run that completed |
/// | `on_failure = [notify, clean_up]` | hooks for a run that failed, once no attempt remains |
/// | `on_crashed = notify` | hooks for a run that crashed |
/// | `on_cancellation = notify` | hooks for a run that was cancelled |
/// | `on_commit = announce` | hooks for when what the run did is committed, each a `fn(&Transaction)` |
/// | `on_rollback = undo` | hooks for when what the run did is rolled back, each a `fn(&Transaction)` |
/// | `on_state_change = watch` | functions that see each change of state and may alter it |
///
/// # Requirements
///
/// - A free or associated function, without `self`, not called `main`, and not `const`, `unsafe` or `extern`; `async` or not.
/// - At most 12 parameters, each with a name of its own (`_x` where it is ignored; `wait_for` and `return_state` are
///   reserved). A parameter is owned, or a shared reference to something owned: `&str`, `&[T]`, `&T`. Arguments are
///   `Send + 'static`; with `retries`, those that are owned are `Clone`.
/// - The result is owned, `Send + Sync + 'static`. A function can fail if the last name of its return type is `Result`; its
///   error is then anything that `?` makes a `Box<dyn Error + Send + Sync>` of.
/// - With options about results, the result is `Serialize` and `DeserializeOwned`, and so are, as `Serialize`, the parameters that
///   the key is made of; such a task is not generic.
/// - The future of an `async` body is `Send`.
/// - A task may be generic over types and constants; `impl Trait` has no name that could be recorded.
/// - `on_running` and its like are `fn(&TaskRun, &State)`, sync or async, and may return a `Result`; `on_state_change` is
///   a `fn(&TaskRun, &State, State) -> State`.
///
/// # Expansion
///
/// The body moves, unchanged, into a function within the function, together with a static that holds the options and a
/// hidden type that runs the body on owned arguments. Documentation, `#[cfg]`, `#[deprecated]`, `#[must_use]` and lints stay
/// on the outer function (and so cover the body), other attributes go with the body.
///
/// ```rust,ignore
/// fn count_words<'a>(text: &'a str) -> TaskCall<'a, impl Task<Args = (Ref<'a, str>,), Output = usize>> {
///     fn body(text: &str) -> usize {
///         text.split_whitespace().count()
///     }
///     static SPEC: TaskSpec = TaskSpec::task(Kind::Sync, "count_words", ..).parameters(&["text"]);
///     struct CountWords<'a>(..);
///     impl<'a> Task for CountWords<'a> { .. }
///     TaskCall::<CountWords<'a>>::new((Ref::borrowed(text),))
/// }
/// ```
#[proc_macro_attribute]
pub fn task(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_attribute(Macro::Task, args.into(), item.into()).into()
}

/// Makes a flow of a function.
///
/// The function stays a function. A call of it gives a lazy `FlowCall`: awaited, or asked for its `result`, it runs the
/// body, records the run, and waits for every task run that the body has begun.
///
/// # Example
///
/// ```rust,ignore
/// use millrun::prelude::*;
///
/// #[task]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
///
/// #[task]
/// fn sum(xs: &[u64]) -> u64 {
///     xs.iter().sum()
/// }
///
/// /// Adds up the first squares.
/// #[flow(flow_run_name = "squares to {n}", timeout = "1m")]
/// fn sum_of_squares(n: u64) -> Result<u64, FlowError> {
///     Ok(sum.submit(square.map(0..n)).result()?)
/// }
///
/// fn main() -> Result<(), FlowError> {
///     println!("{}", sum_of_squares(6).result()?);
///     Ok(())
/// }
/// ```
///
/// # Grammar
///
/// ```text
/// #[flow]
/// #[flow(option, option, ..)]
///
/// option   = name = value
/// duration = "500ms" | "10s" | "1m 30s" | "1.5h" | ..      units: w, d, h, m, s, ms, us, ns
/// delay    = duration | [duration, duration, ..] | exponential(duration) | exponential(duration, max = duration)
/// template = a format string over the parameters: "etl {month}"
/// hooks    = path | [path, path, ..]
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "fetch page"` | the name to show; by default the function's |
/// | `description = "Fetches a page."` | what it does; by default the doc comment |
/// | `version = "2"` | a version of your own, recorded with each run |
/// | `tags = ["io", "nightly"]` | tags of each run; limits of the same name apply |
/// | `flow_run_name = "etl {month}"` | a format string over the parameters that names each run; by default a readable random name |
/// | `retries = 3` | how many further attempts a failed run gets |
/// | `retry_delay = "10s"` | the wait before each further attempt: a duration, a list of 1 to 50 (the last repeats), or `exponential("10s", max = "10m")`; by default none |
/// | `retry_jitter_factor = 0.5` | varies each delay by up to this share of it, from 0 to 1 |
/// | `retry_if = is_transient` | a `fn(&TaskError) -> bool` that says whether a failure is worth a further attempt |
/// | `timeout = "30s"` | how long one attempt may take |
/// | `persist_result` | keeps the result: of a task so that a run with the same key need not be executed, of a flow, so that a further attempt of the flow that it is called in does not execute it again, with those of the task runs inside that say nothing themselves; by default where another option about results is given; `persist_result = false` whatever the settings say |
/// | `result_storage = ResultStore::directory("results")` | where the result is kept, made once; by default where the engine keeps results |
/// | `result_serializer = msgpack` | how the result is written: `json`, `msgpack`, `json_zstd`, `msgpack_zstd`; by default as the store does |
/// | `task_runner = ThreadPoolTaskRunner::new(8)` | the runner of the flow's task runs, made once for each flow run; by default the engine's |
/// | `crate = my_library::millrun` | the path of millrun, where it is not `::millrun` |
/// | `on_running = notify` | hooks for the start of each attempt |
/// | `on_completion = notify` | hooks for a run that completed |
/// | `on_failure = [notify, clean_up]` | hooks for a run that failed, once no attempt remains |
/// | `on_crashed = notify` | hooks for a run that crashed |
/// | `on_cancellation = notify` | hooks for a run that was cancelled |
/// | `on_state_change = watch` | functions that see each change of state and may alter it |
///
/// # Requirements
///
/// - A free or associated function, without `self`, not called `main`, and not `const`, `unsafe` or `extern`; `async` or not.
/// - At most 12 parameters, each with a name of its own (`_x` where it is ignored; `wait_for` and `return_state` are
///   reserved). Parameters are owned and `Send + 'static`; with `retries` they are `Clone`.
/// - The result is owned, `Send + Sync + 'static`. A function can fail if the last name of its return type is `Result`; its
///   error is then anything that `?` makes a `Box<dyn Error + Send + Sync>` of.
/// - The future of an `async` body is `Send`.
/// - A flow is not generic: it is found by its name when it is resumed.
/// - `on_running` and its like are `fn(&FlowRunInfo, &State)`, sync or async, and may return a `Result`; `on_state_change`
///   is a `fn(&FlowRunInfo, &State, State) -> State`.
///
/// # Expansion
///
/// That of [`macro@task`], except that the outer function gives a `FlowCall` of its result.
///
/// ```rust,ignore
/// fn sum_of_squares(n: u64) -> FlowCall<u64> {
///     fn body(n: u64) -> Result<u64, FlowError> {
///         Ok(sum.submit(square.map(0..n)).result()?)
///     }
///     static SPEC: FlowSpec = FlowSpec::flow(Kind::Sync, "sum_of_squares", ..).parameters(&["n"]);
///     struct SumOfSquares;
///     impl Task for SumOfSquares { .. }
///     FlowCall::new::<SumOfSquares>((n,))
/// }
/// ```
#[proc_macro_attribute]
pub fn flow(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_attribute(Macro::Flow, args.into(), item.into()).into()
}

/// Parses, checks and expands.
fn expand_attribute(
    attribute: Macro,
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let mut diagnostics = Diagnostics::default();
    let args = args::parse_args(attribute, args, &mut diagnostics);
    let function = diagnostics.take(syn::parse2(item.clone()));
    let expansion = function.and_then(|function| match attribute {
        Macro::Task => {
            check::check_task(args, function, &mut diagnostics).map(|task| expand::expand_task(&task))
        }
        Macro::Flow => {
            check::check_flow(args, function, &mut diagnostics).map(|flow| expand::expand_flow(&flow))
        }
    });
    fallback::emit(diagnostics, expansion, item)
}
