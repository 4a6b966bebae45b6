//! Settings from `MILLRUN_*` variables.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millrun::prelude::*;

use crate::alone::alone;

static CALLS: AtomicU32 = AtomicU32::new(0);

#[task]
pub(crate) fn failing() -> Result<(), String> {
    CALLS.fetch_add(1, Ordering::SeqCst);
    Err("no luck".into())
}

/// How many attempts there are.
pub(crate) fn attempts(submit: impl FnOnce() -> TaskFuture<()>) -> u32 {
    CALLS.store(0, Ordering::SeqCst);
    submit().result().unwrap_err();
    CALLS.load(Ordering::SeqCst)
}

#[test]
fn without_any_the_defaults_hold() {
    alone!().check(|| {
        assert_eq!(attempts(|| failing.submit()), 1);
        let engine = Engine::builder().build();
        assert!(format!("{engine:?}").contains("task_runner: \"thread_pool\""));
    });
}

#[test]
fn the_default_number_of_retries() {
    alone!().with("MILLRUN_TASKS_DEFAULT_RETRIES", "1").check(|| {
        assert_eq!(attempts(|| failing.submit()), 2);
        assert_eq!(attempts(|| failing.with_retries(0).submit()), 1);
        assert_eq!(attempts(|| failing.with_retries(3).submit()), 4);
    });
}

#[test]
fn the_default_retry_delay() {
    let variables = alone!()
        .with("MILLRUN_TASKS_DEFAULT_RETRIES", "1")
        .with("MILLRUN_TASKS_DEFAULT_RETRY_DELAY", "1m 30s");
    variables.check(|| {
        let clock = Clock::manual();
        let engine = Engine::builder().clock(clock.clone()).build();
        let future = engine.enter(|| failing.submit());
        clock.wait_for_timers(1);
        clock.advance(Duration::from_secs(89));
        assert_eq!(future.state().name, StateName::AwaitingRetry);
        clock.advance(Duration::from_secs(1));
        future.wait();
        assert!(future.state().is_failed());
    });
}

#[task]
fn adding(x: u32, y: u32) -> u32 {
    x + y
}

#[flow]
fn adds() -> Result<u32, FlowError> {
    Ok(adding.submit(1, 2).result()?)
}

#[test]
fn whether_parameters_are_recorded() {
    alone!().with("MILLRUN_TASKS_RECORD_PARAMETERS", "true").check(|| {
        assert_eq!(adds().report_blocking().task_runs()[0].parameters()["y"], 2);
    });
}

#[test]
fn the_task_runner() {
    for name in ["sequential", "concurrent", "thread_pool"] {
        alone!().with("MILLRUN_TASK_RUNNER", name).check(|| {
            let name = std::env::var("MILLRUN_TASK_RUNNER").unwrap();
            let engine = Engine::builder().build();
            assert!(format!("{engine:?}").contains(&format!("task_runner: \"{name}\"")), "{engine:?}");
            assert_eq!(engine.run_blocking(adds()).unwrap(), 3);
        });
    }
}

#[task]
fn waiting(gate: std::sync::Arc<std::sync::Barrier>) {
    gate.wait();
}

#[test]
fn the_number_of_workers() {
    for name in ["concurrent", "thread_pool"] {
        let variables = alone!().with("MILLRUN_TASK_RUNNER", name).with("MILLRUN_MAX_WORKERS", "1");
        variables.check(|| {
            let gate = std::sync::Arc::new(std::sync::Barrier::new(2));
            let first = waiting.submit(gate.clone());
            while !first.state().is_running() {
                std::thread::yield_now();
            }
            let second = adding.submit(1, 2);
            assert!(second.state().is_pending());
            gate.wait();
            assert_eq!(second.result().unwrap(), 3);
            first.result().unwrap();
        });
    }
}

#[test]
fn whether_limits_are_strict() {
    alone!().with("MILLRUN_STRICT_LIMITS", "true").check(|| {
        assert!(concurrency("unknown").acquire_blocking().is_err());
    });
}

#[cfg(unix)]
#[test]
fn whether_signals_are_handled() {
    use std::os::unix::process::ExitStatusExt;

    #[task(on_crashed = print)]
    async fn hanging() {
        let this = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &this]).status().unwrap().success());
        std::future::pending::<()>().await;
    }

    fn print(_: &TaskRun, state: &State) {
        println!("{state}");
    }

    let output = alone!().with("MILLRUN_HANDLE_SIGNALS", "true").output(|| hanging.submit().wait());
    if let Some(output) = output {
        assert_eq!(output.status.signal(), Some(15));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("Crashed('the process was stopped by SIGTERM')"), "{printed}");
    }
}

#[test]
fn one_that_is_empty_is_as_good_as_not_set() {
    let names =
        ["TASKS_DEFAULT_RETRIES", "TASKS_DEFAULT_RETRY_DELAY", "TASK_RUNNER", "MAX_WORKERS", "STRICT_LIMITS"];
    let variables = names.iter().fold(alone!(), |alone, name| alone.with(&format!("MILLRUN_{name}"), ""));
    variables.check(|| {
        assert!(Engine::builder().try_build().is_ok());
        assert_eq!(attempts(|| failing.submit()), 1);
    });
}

#[test]
fn one_that_cannot_be_read_is_an_error_that_names_it_and_what_is_accepted() {
    for (name, value, says) in [
        ("TASKS_DEFAULT_RETRIES", "-1", "`-1` is not a whole number, 0 or more"),
        ("TASKS_DEFAULT_RETRY_DELAY", "10", "`10` is not a duration; write it as \"500ms\", \"10s\", "),
        ("TASKS_RECORD_PARAMETERS", "yes", "`yes` is not `true` or `false`"),
        (
            "TASK_RUNNER",
            "dask",
            "`dask` is not a task runner: write `sequential`, `concurrent` or `thread_pool`",
        ),
        ("MAX_WORKERS", "0", "`0` is not a whole number, 1 or more"),
        ("HANDLE_SIGNALS", "1", "`1` is not `true` or `false`"),
        ("STRICT_LIMITS", "TRUE", "`TRUE` is not `true` or `false`"),
    ] {
        let name = format!("MILLRUN_{name}");
        alone!().with(&name, value).check_error_of_variable(&name, says);
    }
}

impl crate::alone::Alone {
    fn check_error_of_variable(&self, name: &str, says: &str) {
        // In the process of its own the loop begins with its first case, whatever this one is.
        if let Some(output) = self.output(|| {
            println!("{}", Engine::builder().try_build().unwrap_err());
            std::process::exit(0);
        }) {
            let printed = String::from_utf8(output.stdout).unwrap();
            assert!(printed.contains(&format!("failed to read the variable {name}: {says}")), "{printed}");
        }
    }
}

#[test]
fn the_engine_that_nobody_built_logs_the_error_and_takes_the_defaults() {
    let output = alone!().with("MILLRUN_TASKS_DEFAULT_RETRIES", "many").output(|| {
        millrun::logging::init();
        assert_eq!(attempts(|| failing.submit()), 1);
    });
    if let Some(output) = output {
        assert!(output.status.success());
        let logged = String::from_utf8(output.stderr).unwrap();
        let says = "failed to read the variable MILLRUN_TASKS_DEFAULT_RETRIES: `many` is not a whole number, 0 or more; \
                    the defaults are used";
        assert!(logged.contains(says), "{logged}");
    }
}

#[test]
#[should_panic(expected = "failed to read the variable MILLRUN_MAX_WORKERS")]
fn build_panics_with_the_error() {
    let output = alone!().with("MILLRUN_MAX_WORKERS", "many").output(|| drop(Engine::builder().build()));
    let output = output.unwrap();
    panic!("{}", String::from_utf8_lossy(&output.stderr));
}
