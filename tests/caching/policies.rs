//! Policies and their algebra.

use millrun::cache::{CacheContext, CacheOutcome, Policy};
use millrun::prelude::*;

use crate::{Calls, ended, engine, name_of};

use StateName::{Cached, Completed};

#[test]
fn by_default_a_record_is_for_its_flow_run() {
    #[task(persist_result)]
    fn kept(x: u32) -> u32 {
        x
    }
    #[flow]
    fn twice() -> Result<(), FlowError> {
        kept(1).result()?;
        kept(1).result()?;
        kept(2).result()?;
        Ok(())
    }
    let (engine, _, _) = engine();
    for _ in 0..2 {
        let report = engine.enter(|| twice().report_blocking());
        assert_eq!(ended(&report), [Completed, Cached, Completed]);
        let parts = report.task_runs()[0].why().unwrap().parts;
        let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["inputs", "task_source", "run_id"]);
        assert_eq!(parts[2].1, report.id().to_string());
    }
    // Outside of a flow nobody finds it.
    engine.enter(|| {
        assert_eq!(name_of(kept.submit(1)), Completed);
        assert_eq!(name_of(kept.submit(1)), Completed);
    });
}

#[test]
fn a_flow_that_is_retried_does_not_execute_again_what_is_kept() {
    #[task(persist_result, cache_policy = Inputs - "calls" + RunId)]
    fn kept(x: u32, calls: Calls) -> u32 {
        calls.note() + x
    }
    #[flow(retries = 1)]
    fn fails_once(calls: Calls) -> Result<u32, FlowError> {
        let sum = kept(0, calls).result()? + kept.submit(10, calls).result()?;
        if flow_run()?.run_count() == 1 { Err(FlowError::msg("not yet")) } else { Ok(sum) }
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let report = engine.enter(|| fails_once(calls).report_blocking());
    assert_eq!(report.result().unwrap(), &(1 + 12));
    assert_eq!(calls.count(), 2);
    assert_eq!(ended(&report), [Completed, Completed, Cached, Cached]);
}

#[test]
fn a_parameter_left_out_does_not_count() {
    #[task(cache_policy = Inputs.exclude("b") - "c")]
    fn of(a: u32, b: u32, c: u32) -> u32 {
        a + b + c
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        assert_eq!(of(1, 2, 3).result().unwrap(), 6);
        assert_eq!(of(1, 20, 30).result().unwrap(), 6);
        assert_eq!(of(10, 2, 3).result().unwrap(), 15);
        let all = of.with_cache_policy(Inputs - "c");
        assert_eq!(all.call(1, 2, 3).result().unwrap(), 6);
        assert_eq!(name_of(all.submit(1, 2, 4)), Cached);
        assert_eq!(name_of(all.submit(1, 3, 3)), Completed);
    });
}

#[test]
fn the_flows_parameters_count() {
    #[task(cache_policy = FlowParameters)]
    fn kept(x: u32) -> u32 {
        x
    }
    #[flow]
    fn once(month: String, x: u32) -> Result<u32, FlowError> {
        let _ = month;
        Ok(kept(x).result()?)
    }
    let (engine, _, _) = engine();
    let run = |month: &str, x| engine.run_blocking(once(month.into(), x)).unwrap();
    assert_eq!(run("may", 1), 1);
    assert_eq!(run("june", 1), 1);
    assert_eq!(run("june", 2), 2);
    let report = engine.enter(|| once("may".into(), 1).report_blocking());
    assert_eq!(ended(&report), [Cached]);
}

/// The parity of `x`.
struct Parity;

impl CachePolicy for Parity {
    fn name(&self) -> &'static str {
        "parity"
    }

    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, millrun::BoxError> {
        assert_eq!(context.task().name(), "odd");
        assert_eq!(context.flow_run().is_some(), context.task_run().parent_flow_run().is_some());
        let x = context.inputs().get("x").and_then(|x| x.as_i64()).ok_or("there is no x")?;
        assert!(x < 100, "too big");
        Ok((x >= 0).then(|| (x % 2).to_string()))
    }
}

#[task(cache_policy = Parity + TaskSource)]
fn odd(x: i64) -> i64 {
    x
}

#[flow]
fn odd_of(x: i64) -> Result<i64, FlowError> {
    Ok(odd(x).result()?)
}

#[test]
fn a_policy_of_ones_own() {
    let (engine, _, _) = engine();
    let run = |x| engine.enter(|| odd_of(x).report_blocking());
    assert_eq!(run(1).value(), Some(&1));
    assert_eq!(run(3).value(), Some(&1));
    assert_eq!(run(2).value(), Some(&2));
    let why = run(4).task_runs()[0].why().unwrap();
    assert_eq!(why.parts[0], ("parity".to_owned(), "0".to_owned()));
    assert!(why.is_hit());
}

#[test]
fn a_policy_without_a_key_has_the_run_executed() {
    let (engine, _, _) = engine();
    let bypassed = |x, reason: &str| {
        for _ in 0..2 {
            let report = engine.enter(|| odd_of(x).report_blocking());
            assert_eq!(report.value(), Some(&x));
            assert_eq!(ended(&report), [Completed]);
            let why = report.task_runs()[0].why().unwrap();
            assert_eq!(why.outcome, CacheOutcome::Bypass(reason.to_owned()));
            assert_eq!(why.key, None);
        }
    };
    bypassed(-1, "there is no key for it");
    bypassed(100, &format!("what makes it panicked: too big (at {}:108:9)", file!()));
    let leaving_out = odd.with_cache_policy(Policy::from(Parity) - "x");
    let logged = engine.enter(|| leaving_out.submit(1).result());
    assert_eq!(logged.unwrap(), 1);
}

#[test]
fn without_a_policy_a_result_is_kept_and_not_found() {
    #[task(persist_result, cache_policy = NoCache)]
    fn kept(x: u32) -> u32 {
        x
    }
    #[flow]
    fn twice() -> Result<String, FlowError> {
        let first = kept.submit(1);
        first.result()?;
        kept(1).result()?;
        Ok(first.id().to_string())
    }
    let (engine, store, _) = engine();
    let report = engine.enter(|| twice().report_blocking());
    assert_eq!(ended(&report), [Completed, Completed]);
    let key = format!("tasks/caching.policies.kept/runs/{}", report.value().unwrap());
    assert_eq!(store.read_blocking::<u32>(&key).unwrap().into_value(), Some(1));
    // It adds nothing to another one.
    let cached = kept.with_cache_policy(NoCache + Inputs);
    engine.enter(|| {
        assert_eq!(name_of(cached.submit(1)), Completed);
        assert_eq!(name_of(cached.submit(1)), Cached);
    });
}

#[test]
fn policies_show_as_they_are_written() {
    let policy = Inputs + (TaskSource + FlowParameters) + RunId - "x" - "y" - "x";
    assert_eq!(policy.to_string(), "inputs + task_source + flow_parameters + run_id - \"x\" - \"y\"");
    assert_eq!((NoCache + NoCache).to_string(), "no_cache");
    assert_eq!((NoCache + Parity).to_string(), "parity");
    assert_eq!(Policy::standard().to_string(), "inputs + task_source + run_id");
}
