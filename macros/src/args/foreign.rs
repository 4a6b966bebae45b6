//! Spellings from elsewhere, each with its own answer.
//!
//! Most come from Prefect 1, 2 and 3; the rest are what other libraries, or other tenses, call the same thing.

use super::Macro;

const KEY: &str =
    r#"write `cache_key = key_of`, the path of a function of the parameters, or `cache_key = "rows/{url}"`"#;
const STORAGE_KEY: &str = r#"write `result_storage_key = "{date:%Y-%m-%d}/{task_name}.json"`"#;
const NO_TRANSACTION_OF_A_FLOW: &str = "a flow has no transaction of its own, only its tasks have";
const NO_SCHEDULE: &str = "a flow starts when it is called; there are no schedules in this version";
const EXPONENTIAL: &str = r#"write `retry_delay = exponential("10s", max = "10m")`"#;

/// What to do instead, where `name` is a known spelling of something else.
pub(super) fn answer(attribute: Macro, name: &str) -> Option<&'static str> {
    let answer = match name {
        "max_retries" | "retry" | "max_attempts" | "attempts" => "write `retries = 3`",
        "retry_delay_seconds" | "retry_delays" => r#"write `retry_delay = "10s"`, a duration with its unit"#,
        "backoff" | "retry_backoff" | "exponential_backoff" | "exponential" => EXPONENTIAL,
        "jitter" | "retry_jitter" => "write `retry_jitter_factor = 0.5`",
        "retry_condition_fn" | "retry_condition" | "retry_when" | "retry_on" => {
            "write `retry_if = is_transient`, the path of a `fn(&TaskError) -> bool`"
        }
        "timeout_seconds" | "timeout_secs" => r#"write `timeout = "30s"`, a duration with its unit"#,
        "run_name" => match attribute {
            Macro::Task => r#"write `task_run_name = "…"`"#,
            Macro::Flow => r#"write `flow_run_name = "…"`"#,
        },
        "log_prints" => "output is not captured; log with `tracing` in the body",
        "validate_parameters" => "the compiler checks the arguments already",
        "state_handlers" | "on_state_transition" => "write `on_state_change = watch`",
        "on_start" | "on_started" | "on_run" => "write `on_running = notify`",
        "on_success" | "on_successful" | "on_complete" | "on_completed" => "write `on_completion = notify`",
        "on_error" | "on_failed" | "on_fail" => "write `on_failure = notify`",
        "on_cancel" | "on_cancelled" | "on_canceled" => "write `on_cancellation = notify`",
        "on_crash" => "write `on_crashed = notify`",
        "executor" | "runner" if attribute == Macro::Flow => {
            "write `task_runner = ThreadPoolTaskRunner::new(8)`"
        }
        "schedule" | "cron" | "interval" if attribute == Macro::Flow => NO_SCHEDULE,
        "on_commit" | "on_rollback" if attribute == Macro::Flow => NO_TRANSACTION_OF_A_FLOW,
        "isolation_level" => "write `isolation = serializable`",
        "cache_key_fn" => KEY,
        "cache_validator" => "write `cache_policy = Inputs + FlowParameters`, or the like",
        "cache_for" => r#"write `cache_expiration = "1d"`"#,
        "result" => r#"write `result_storage = ResultStore::directory("results")`"#,
        "checkpoint" if attribute == Macro::Task => "write `persist_result`",
        "target" if attribute == Macro::Task => STORAGE_KEY,
        "viz_return_value" => "write `plan_value = vec![1, 2]`",
        _ => return None,
    };
    Some(answer)
}
