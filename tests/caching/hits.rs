//! What is found is not executed again.

use std::time::Duration;

use millrun::cache::{CacheOutcome, Miss};
use millrun::prelude::*;

use crate::{Calls, ended, engine, key};

#[task(cache_policy = Inputs - "calls")]
fn square(x: u64, calls: Calls) -> u64 {
    calls.note();
    x * x
}

#[task(cache_policy = Inputs - "calls")]
async fn square_later(x: u64, calls: Calls) -> u64 {
    tokio::task::yield_now().await;
    calls.note();
    x * x
}

#[test]
fn a_second_run_is_cached_and_not_executed() {
    #[flow]
    fn twice(calls: Calls) -> Result<u64, FlowError> {
        Ok(square(3, calls).result()?
            + square.submit(3, calls).result()?
            + square_later.submit(3, calls).result()?)
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let report = engine.enter(|| twice(calls).report_blocking());
    assert_eq!(report.result().unwrap(), &27);
    assert_eq!(ended(&report), [StateName::Completed, StateName::Cached, StateName::Completed]);
    assert_eq!(calls.count(), 2);
    let states = report.task_run("square-1").unwrap().states();
    let names: Vec<_> = states.iter().map(|state| state.name).collect();
    assert_eq!(names, [StateName::Pending, StateName::Cached]);
    assert_eq!(states[1].to_string(), "Cached(type=COMPLETED)");
}

#[tokio::test]
async fn async_calls_and_submits_find_each_other() {
    #[flow]
    async fn all(calls: Calls) -> Result<u64, FlowError> {
        let called = square_later(3, calls).await?;
        let submitted = square_later.submit(3, calls).await?;
        let mapped: Vec<u64> = square_later.map([3, 4, 3], unmapped(calls)).await?;
        Ok(called + submitted + mapped.iter().sum::<u64>() + square_later.submit(4, calls).await?)
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let sum = engine.run(all(calls)).await.unwrap();
    assert_eq!((sum, calls.count()), (9 + 9 + 9 + 16 + 9 + 16, 2));
}

#[test]
fn hooks_hear_of_a_hit_but_not_of_attempts() {
    #[task(cache_policy = Inputs - "calls")]
    fn loud(calls: Calls) -> u32 {
        calls.note()
    }
    let (engine, _, _) = engine();
    let (calls, running, completed) = (Calls::new(), Calls::new(), Calls::new());
    let told = loud.with_on_running(move |_, _| assert_eq!(running.note(), 1)).with_on_completion(
        move |_, state| {
            assert_eq!(state.name == StateName::Cached, completed.note() == 2);
        },
    );
    engine.enter(|| {
        assert_eq!(told.call(calls).result().unwrap(), 1);
        assert_eq!(told.submit(calls).result().unwrap(), 1);
    });
    assert_eq!((running.count(), completed.count()), (1, 2));
}

#[test]
fn nothing_and_none_are_values() {
    #[task(cache_policy = Inputs - "calls")]
    fn nothing(calls: Calls) {
        calls.note();
    }
    #[task(cache_policy = Inputs - "calls")]
    fn none(calls: Calls) -> Option<u32> {
        calls.note();
        None
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    engine.enter(|| {
        for _ in 0..3 {
            nothing.submit(calls).result().unwrap();
            assert_eq!(none(calls).result().unwrap(), None);
        }
    });
    assert_eq!(calls.count(), 2);
}

#[test]
fn what_has_expired_is_replaced() {
    #[task(cache_policy = Inputs - "calls", cache_expiration = "1h")]
    fn numbered(calls: Calls) -> u32 {
        calls.note()
    }
    #[flow]
    fn once(calls: Calls) -> Result<u32, FlowError> {
        Ok(numbered(calls).result()?)
    }
    let (engine, _, clock) = engine();
    let calls = Calls::new();
    let outcome = |expected: u32| {
        let report = engine.enter(|| once(calls).report_blocking());
        assert_eq!(report.result().unwrap(), &expected);
        report.task_run("numbered-0").unwrap().why().unwrap().outcome
    };
    assert_eq!(outcome(1), CacheOutcome::Miss(Miss::None));
    let written = clock.now();
    clock.advance(Duration::from_secs(3599));
    assert_eq!(outcome(1), CacheOutcome::Hit);
    clock.advance(Duration::from_secs(1));
    let expired = CacheOutcome::Miss(Miss::Expired(written + Duration::from_secs(3600)));
    assert_eq!(outcome(2), expired);
    assert_eq!(outcome(2), CacheOutcome::Hit);
}

#[test]
fn a_record_from_before_is_found_and_a_corrupt_one_replaced() {
    #[flow]
    fn once(calls: Calls) -> Result<u64, FlowError> {
        Ok(square(5, calls).result()?)
    }
    let folder = std::env::temp_dir().join(format!("millrun-hits-{}", std::process::id()));
    let store = ResultStore::directory(&folder).unwrap();
    let engine = Engine::builder().results(store.clone()).build();
    let calls = Calls::new();
    let run = || engine.enter(|| once(calls).report_blocking());
    let key = key(&run(), "square-0");
    assert_eq!(calls.count(), 1);

    store.write_blocking(&key, &7_u64).unwrap();
    assert_eq!(run().value(), Some(&7));
    assert_eq!(calls.count(), 1);

    std::fs::write(folder.join(&key), "damaged").unwrap();
    let report = run();
    assert_eq!((report.value(), calls.count()), (Some(&25), 2));
    let why = report.task_run("square-0").unwrap().why().unwrap();
    assert!(matches!(why.outcome, CacheOutcome::Miss(Miss::Corrupt(_))), "{why}");
    assert_eq!(run().task_runs()[0].state().name, StateName::Cached);

    store.delete_blocking(&key).unwrap();
    assert_eq!((run().value(), calls.count()), (Some(&25), 3));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_record_of_another_type_is_an_error_that_says_so() {
    #[flow]
    fn once(calls: Calls) -> Result<u64, FlowError> {
        Ok(square(5, calls).result()?)
    }
    let (engine, store, _) = engine();
    let calls = Calls::new();
    let run = || engine.enter(|| once(calls).report_blocking());
    let key = key(&run(), "square-0");
    store.write_blocking(&key, "text").unwrap();
    let error = run().result().unwrap_err().to_string();
    assert!(error.contains("cannot be read as `u64`; take another key, or delete the record"), "{error}");
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_failed_run_occupies_no_key() {
    #[task(cache_policy = Inputs - "calls", retries = 1)]
    fn second_time(x: u32, calls: Calls) -> Result<u32, String> {
        if calls.note() == 3 { Ok(x) } else { Err("not yet".into()) }
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    engine.enter(|| {
        second_time(1, calls).result().unwrap_err();
        assert_eq!(calls.count(), 2);
        assert_eq!(second_time(1, calls).result().unwrap(), 1);
        assert_eq!(second_time.submit(1, calls).result().unwrap(), 1);
    });
    assert_eq!(calls.count(), 3);
}

#[test]
fn a_key_is_looked_for_before_the_first_attempt_alone() {
    #[task(cache_policy = Inputs - "calls", retries = 2)]
    fn third_time(calls: Calls) -> Result<u32, String> {
        if calls.note() == 3 { Ok(3) } else { Err("not yet".into()) }
    }
    #[flow]
    fn once(calls: Calls) -> Result<u32, FlowError> {
        Ok(third_time.submit(calls).result()?)
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let report = engine.enter(|| once(calls).report_blocking());
    let run = report.task_run("third_time-0").unwrap();
    assert_eq!(run.why().unwrap().outcome, CacheOutcome::Miss(Miss::None));
    let names: Vec<_> = run.states().iter().map(|state| state.name).collect();
    use StateName::{Completed, Pending, Retrying, Running};
    assert_eq!(names, [Pending, Running, Retrying, Retrying, Completed]);
}

#[test]
fn a_report_says_what_was_found() {
    #[flow]
    fn twice(calls: Calls) -> Result<u64, FlowError> {
        Ok(square(3, calls).result()? + square(3, calls).result()?)
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| twice(Calls::new()).report_blocking());
    let key = key(&report, "square-0");
    assert!(key.starts_with("tasks/caching.hits.square/"), "{key}");
    let part = &report.task_runs()[0].why().unwrap().parts[0].1;
    // What was executed says for how long.
    let without_time = |line: &str| line.split(") in ").next().map(str::to_owned);
    let lines: Vec<_> = report.to_string().lines().skip(1).filter_map(without_time).collect();
    assert_eq!(
        lines,
        [
            "  square-0 - Completed(".to_owned(),
            format!("    cache miss (none): {key:?} = inputs {part}"),
            "  square-1 - Cached(type=COMPLETED)".to_owned(),
            format!("    cache hit: {key:?} = inputs {part}"),
        ]
    );
}
