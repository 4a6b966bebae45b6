//! Settings from `millrun.toml`.

use std::time::Duration;

use millrun::prelude::*;

use crate::alone::alone;
use crate::variables::{attempts, failing};

const ALL: &str = r#"
task_runner = "concurrent"
max_workers = 2
handle_signals = false
strict_limits = true

[tasks]
default_retries = 2
default_retry_delay = "10s"
record_parameters = true

[concurrency_limits]
db = 1

[rate_limits]
api = { permits = 1, per = "1m" }
"#;

#[task]
fn telling(x: u32) -> String {
    task_run().unwrap().parameters()["x"].to_string() + &x.to_string()
}

#[test]
fn every_setting_has_its_key() {
    alone!().with_file(ALL).check(|| {
        let clock = Clock::manual();
        let engine = Engine::builder().clock(clock.clone()).build();
        assert!(format!("{engine:?}").contains("task_runner: \"concurrent\""));
        engine.enter(|| {
            assert!(concurrency("unknown").acquire_blocking().is_err());
            assert_eq!(telling.submit(1).result().unwrap(), "11");
            let future = failing.submit();
            clock.wait_for_timers(1);
            clock.advance(Duration::from_secs(10));
            clock.wait_for_timers(1);
            clock.advance(Duration::from_secs(10));
            future.wait();
            assert_eq!(future.states().len(), 7);

            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut asks = |name| std::pin::Pin::new(&mut concurrency(name)).poll(&mut cx).is_ready();
            let permit = concurrency("db").acquire_blocking().unwrap();
            assert!(!asks("db"));
            drop(permit);
            assert!(asks("db"));
            assert!(asks("api") && !asks("api"));
            clock.advance(Duration::from_secs(60));
            assert!(asks("api"));
        });
    });
}

#[test]
fn it_may_stand_elsewhere() {
    let files = alone!()
        .with_file("[tasks]\ndefault_retries = 1")
        .with_file_named("other.toml", "[tasks]\ndefault_retries = 4");
    files.with("MILLRUN_CONFIG", "other.toml").check(|| {
        assert_eq!(attempts(|| failing.submit()), 5);
    });
}

#[test]
fn one_that_is_named_has_to_be_there() {
    alone!().with("MILLRUN_CONFIG", "not-there.toml").check_error("failed to read `not-there.toml`: ");
}

/// Prints the error, with another file for each case.
macro_rules! check_errors {
    ($(($text:expr, [$($says:expr),+])),+ $(,)?) => {
        $(
            let output = alone!().with_file($text).output(|| {
                println!("{}", Engine::builder().try_build().unwrap_err());
                std::process::exit(0);
            });
            let printed = String::from_utf8(output.unwrap().stdout).unwrap();
            for says in ["failed to read `millrun.toml`: ", $($says),+] {
                assert!(printed.contains(says), "{printed}\ndoes not say\n{says}");
            }
        )+
    };
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_file_and_the_key() {
    check_errors![
        ("task_runner", ["line 1"]),
        ("task_runer = \"sequential\"", ["unknown field `task_runer`", "`task_runner`"]),
        ("[task]\ndefault_retries = 1", ["unknown field `task`", "`tasks`"]),
        ("task_runner = \"dask\"", ["unknown variant `dask`", "`sequential`, `concurrent`, `thread_pool`"]),
        ("max_workers = 0", ["`max_workers`: `0` is not a whole number, 1 or more"]),
        ("handle_signals = \"yes\"", ["handle_signals", "expected a boolean"]),
        ("[tasks]\ndefault_retries = -1", ["default_retries", "-1"]),
        (
            "[tasks]\ndefault_retry_delay = \"soon\"",
            ["`tasks.default_retry_delay`: `soon` is not a duration", "\"1m 30s\""]
        ),
        ("[concurrency_limits]\ndb = 0", ["`concurrency_limits.db`: `0` is not a whole number, 1 or more"]),
        (
            "[rate_limits]\napi = { permits = 0, per = \"1s\" }",
            ["`rate_limits.api.permits`: `0` is not a whole number, 1 or more"]
        ),
        (
            "[rate_limits]\napi = { permits = 1, per = \"1 second\" }",
            ["`rate_limits.api.per`: `1 second` is not a duration"]
        ),
        ("[rate_limits]\napi = { permits = 1 }", ["missing field `per`"]),
        (
            "[concurrency_limits]\nx = 1\n[rate_limits]\nx = { permits = 1, per = \"1s\" }",
            ["`rate_limits.x`: there is a concurrency limit of that name; a limit is one or the other"]
        ),
    ];
}
