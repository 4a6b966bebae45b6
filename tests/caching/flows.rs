//! What a flow says about results holds for the task runs inside.

use millrun::cache::{CacheOutcome, Miss};
use millrun::prelude::*;
use millrun::result::{Json, Read};

use crate::{Calls, ended, engine, key};

use StateName::{Cached, Completed};

#[task]
fn plain(x: u32) -> u32 {
    x
}

#[task(persist_result = false)]
fn not_this(x: u32) -> u32 {
    x
}

struct Secret;

#[task]
fn secret() -> Secret {
    Secret
}

#[flow(version = "2", persist_result, result_serializer = msgpack)]
fn keeping() -> Result<u32, FlowError> {
    not_this(1).result()?;
    secret().result()?;
    plain(1).result()?;
    Ok(plain(1).result()?)
}

#[test]
fn a_flow_keeps_its_result_and_those_inside() {
    let (engine, store, _) = engine();
    let report = engine.enter(|| keeping().report_blocking());
    assert_eq!(ended(&report), [Completed, Completed, Completed, Cached]);
    let why = |run: &str| report.task_run(run).unwrap().why();
    assert_eq!(why("not_this-0"), None);
    assert_eq!(why("secret-0"), None);
    assert_eq!(why("plain-0").unwrap().outcome, CacheOutcome::Miss(Miss::None));
    let keys = [format!("flows/caching.flows.keeping/{}", report.id()), key(&report, "plain-0")];
    for (key, version) in keys.iter().zip([Some("2"), None]) {
        let Read::Found(record) = store.read_blocking::<u32>(key).unwrap() else { panic!("{key}") };
        assert_eq!((record.value, record.info.serializer.as_str()), (1, "msgpack"));
        assert_eq!(record.info.task_version.as_deref(), version);
    }
}

#[test]
fn a_flow_that_fails_keeps_nothing_of_its_own() {
    #[flow(persist_result)]
    fn fails() -> Result<u32, FlowError> {
        let _ = plain.submit(1);
        Err(FlowError::msg("no"))
    }
    let (engine, store, _) = engine();
    let report = engine.enter(|| fails().report_blocking());
    assert!(!store.exists_blocking(&format!("flows/caching.flows.fails/{}", report.id())).unwrap());
    assert!(store.exists_blocking(&key(&report, "plain-0")).unwrap());
}

static OWN: std::sync::LazyLock<ResultStore> = std::sync::LazyLock::new(ResultStore::memory);

#[tokio::test]
async fn it_holds_for_flows_inside_unless_they_say_otherwise() {
    #[flow]
    async fn inner() -> Result<u32, FlowError> {
        Ok(plain(2).await?)
    }
    #[flow(persist_result = false)]
    async fn quiet() -> Result<u32, FlowError> {
        Ok(plain(3).await?)
    }
    #[flow(result_storage = OWN.clone())]
    async fn outer() -> Result<u32, FlowError> {
        let kept = inner().report().await;
        assert_eq!(kept.task_runs()[0].why().unwrap().outcome, CacheOutcome::Miss(Miss::None));
        assert!(OWN.exists(&key(&kept, "plain-0")).await.unwrap());
        assert_eq!(quiet().report().await.task_runs()[0].why(), None);
        let elsewhere = ResultStore::memory();
        let report =
            inner.with_result_storage(elsewhere.clone()).with_result_serializer(Json).call().report().await;
        assert!(elsewhere.exists(&key(&report, "plain-0")).await.unwrap());
        Ok(1)
    }
    let (engine, store, _) = engine();
    let report = engine.scope(outer().report()).await;
    assert_eq!(report.result().unwrap(), &1);
    let own = format!("flows/caching.flows.outer/{}", report.id());
    assert!(OWN.exists(&own).await.unwrap() && !store.exists(&own).await.unwrap());
}

#[test]
fn a_handle_may_say_so() {
    #[flow]
    fn once() -> Result<u32, FlowError> {
        Ok(plain(1).result()?)
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| once().with_persist_result(true).report_blocking());
    assert!(report.task_runs()[0].why().is_some());
    let report = engine.enter(|| once().report_blocking());
    assert_eq!(report.task_runs()[0].why(), None);
}

#[test]
fn a_result_that_cannot_be_written_fails_the_flow() {
    use std::collections::HashMap;
    #[flow(persist_result)]
    fn keyed_by_lists() -> HashMap<Vec<u32>, u32> {
        [(vec![1], 1)].into()
    }
    let (engine, _, _) = engine();
    let error = engine.run_blocking(keyed_by_lists()).unwrap_err().to_string();
    assert!(error.contains("cannot be written as json"), "{error}");
}

#[test]
fn what_a_flow_keeps_its_next_attempt_finds() {
    #[task]
    fn counted(calls: Calls) -> u32 {
        calls.note()
    }
    #[flow(persist_result, retries = 2)]
    fn third_time(calls: Calls) -> Result<u32, FlowError> {
        let number = counted.submit(calls).result()?;
        if flow_run()?.run_count() < 3 { Err(FlowError::msg("not yet")) } else { Ok(number) }
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    assert_eq!(engine.run_blocking(third_time(calls)).unwrap(), 1);
    assert_eq!(calls.count(), 1);
}

#[flow(persist_result)]
async fn child(n: u32, calls: Calls) -> Result<u32, FlowError> {
    let number = calls.note();
    // The second call of the first attempt fails.
    if n == 1 && number == 2 { Err(FlowError::msg("not yet")) } else { Ok(n + 10 * number) }
}

#[flow(retries = 2)]
async fn parent(calls: Calls) -> Result<(u32, u32, u32), FlowError> {
    let first = child(1, calls).await?;
    let second = child(1, calls).await?;
    let third = child(2, calls).start().await?;
    if flow_run()?.run_count() < 3 { Err(FlowError::msg("not yet")) } else { Ok((first, second, third)) }
}

#[test]
fn a_child_flow_whose_result_is_kept_is_not_executed_again_by_a_further_attempt() {
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let report = engine.enter(|| parent(calls).report_blocking());
    // Two calls in the first attempt, two more that had not completed in the second, none in the third.
    assert_eq!(report.result().unwrap(), &(11, 31, 42));
    assert_eq!(calls.count(), 4);
    let ends: Vec<_> = report.child_flow_runs().iter().map(|run| run.state().name).collect();
    let failed = StateName::Failed;
    assert_eq!(ends, [Completed, failed, Cached, Completed, Completed, Cached, Cached, Cached]);

    // Without a result that is kept they are executed each time.
    let calls = Calls::new();
    #[flow(retries = 1)]
    async fn other(calls: Calls) -> Result<u32, FlowError> {
        let number = child(2, calls).with_persist_result(false).await?;
        if flow_run()?.run_count() < 2 { Err(FlowError::msg("not yet")) } else { Ok(number) }
    }
    assert_eq!(engine.run_blocking(other(calls)).unwrap(), 22);
}
