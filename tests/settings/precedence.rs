//! The builder goes before variables, and variables before the file.

use millrun::prelude::*;

use crate::alone::alone;
use crate::variables::{attempts, failing};

const FILE: &str = r#"
task_runner = "sequential"
strict_limits = true
[tasks]
default_retries = 1
default_retry_delay = "10s"
[rate_limits]
x = { permits = 1, per = "1h" }
[concurrency_limits]
y = 1
z = 1
"#;

#[test]
fn variables_go_before_the_file() {
    let both = alone!()
        .with_file(FILE)
        .with("MILLRUN_TASKS_DEFAULT_RETRIES", "2")
        .with("MILLRUN_TASKS_DEFAULT_RETRY_DELAY", "0s");
    both.with("MILLRUN_TASK_RUNNER", "concurrent").with("MILLRUN_STRICT_LIMITS", "false").check(|| {
        assert_eq!(attempts(|| failing.submit()), 3);
        let engine = Engine::builder().build();
        assert!(format!("{engine:?}").contains("\"concurrent\""));
        assert!(engine.enter(|| concurrency("unknown").acquire_blocking()).is_ok());
    });
}

#[test]
fn the_builder_goes_before_both() {
    let both =
        alone!().with_file(FILE).with("MILLRUN_TASKS_DEFAULT_RETRIES", "2").with("MILLRUN_MAX_WORKERS", "1");
    both.with("MILLRUN_TASK_RUNNER", "concurrent").check(|| {
        let builder = Engine::builder().default_retries(3).default_retry_delay("0s");
        let engine = builder.task_runner(ThreadPoolTaskRunner::new(2)).build();
        assert!(format!("{engine:?}").contains("\"thread_pool\""));
        engine.enter(|| assert_eq!(attempts(|| failing.submit()), 4));
        // What nobody else says is the file's.
        assert!(engine.enter(|| concurrency("unknown").acquire_blocking()).is_err());
    });
}

#[test]
fn a_limit_of_the_builder_replaces_that_of_the_file_whatever_its_kind() {
    alone!().with_file(FILE).check(|| {
        let clock = Clock::manual();
        let builder =
            Engine::builder().clock(clock.clone()).concurrency_limit("x", 2).rate_limit("y", 1, "1s");
        let engine = builder.build();
        engine.enter(|| {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut asks = |name| std::pin::Pin::new(&mut concurrency(name)).poll(&mut cx);
            // Slots, and not a rate: they come back.
            for _ in 0..3 {
                let (one, two) = (asks("x"), asks("x"));
                assert!(one.is_ready() && two.is_ready() && asks("x").is_pending());
            }
            // A rate, and not slots: dropping it gives nothing back.
            assert!(asks("y").is_ready() && asks("y").is_pending());
            // The file's.
            assert!(asks("z").is_ready() && asks("z").is_ready());
            let held = asks("z");
            assert!(asks("z").is_pending());
            drop(held);
        });
    });
}
