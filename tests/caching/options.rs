//! The options about results: of attributes, of handles, and of the engine.

use millrun::cache::{CacheOutcome, Miss};
use millrun::prelude::*;
use millrun::result::{MessagePack, Read};

use crate::{Calls, engine, key, name_of};

use StateName::{Cached, Completed};

#[test]
fn a_refreshed_result_replaces_the_one_that_is_there() {
    #[task(cache_policy = Inputs - "calls")]
    fn numbered(calls: Calls) -> u32 {
        calls.note()
    }
    #[task(cache_policy = Inputs - "calls", refresh_cache)]
    fn always(calls: Calls) -> u32 {
        calls.note()
    }
    let (engine, store, _) = engine();
    let calls = Calls::new();
    engine.enter(|| {
        assert_eq!(numbered(calls).result().unwrap(), 1);
        assert_eq!(numbered.with_refresh_cache(true).call(calls).result().unwrap(), 2);
        assert_eq!(numbered(calls).result().unwrap(), 2);
        assert_eq!(always(calls).result().unwrap(), 3);
        assert_eq!(always(calls).result().unwrap(), 4);
        assert_eq!(always.with_refresh_cache(false).call(calls).result().unwrap(), 4);
    });
    let refreshing = Engine::builder().results(store).refresh_cache(true).build();
    refreshing.enter(|| {
        assert_eq!(numbered(calls).result().unwrap(), 5);
        assert_eq!(numbered.with_refresh_cache(false).call(calls).result().unwrap(), 5);
    });
    #[flow]
    fn once(calls: Calls) -> Result<u32, FlowError> {
        Ok(numbered(calls).result()?)
    }
    let report = refreshing.enter(|| once(calls).report_blocking());
    let why = report.task_runs()[0].why().unwrap();
    assert_eq!(why.outcome, CacheOutcome::Miss(Miss::Refreshed));
    assert!(why.key.is_some());
}

static OWN: std::sync::LazyLock<ResultStore> = std::sync::LazyLock::new(ResultStore::memory);

#[test]
fn a_task_keeps_its_results_where_and_how_it_says() {
    #[task(cache_policy = Inputs, result_storage = OWN.clone(), result_serializer = msgpack, version = "3", cache_expiration = "1d")]
    fn elsewhere(x: u32) -> u32 {
        x
    }
    #[flow]
    fn once() -> Result<u32, FlowError> {
        Ok(elsewhere(1).result()?)
    }
    let (engine, engines, clock) = engine();
    let report = engine.enter(|| once().report_blocking());
    let key = key(&report, "elsewhere-0");
    assert!(!engines.exists_blocking(&key).unwrap());
    let store = OWN.clone().with_clock(clock.clone());
    let Read::Found(record) = store.read_blocking::<u32>(&key).unwrap() else { panic!("{key}") };
    assert_eq!((record.value, record.info.serializer.as_str()), (1, "msgpack"));
    assert_eq!(record.info.task.as_deref(), Some("caching::options::elsewhere"));
    assert_eq!(record.info.task_version.as_deref(), Some("3"));
    assert_eq!(record.info.created, clock.now());
    assert_eq!(record.info.expires, Some(clock.now() + std::time::Duration::from_secs(86400)));

    let handle = ResultStore::memory();
    let configured = elsewhere
        .with_result_storage(handle.clone())
        .with_result_serializer(MessagePack)
        .with_cache_expiration("1h");
    engine.enter(|| {
        assert_eq!(name_of(configured.submit(1)), Completed);
        assert_eq!(name_of(configured.submit(1)), Cached);
        assert_eq!(name_of(elsewhere.submit(1)), Cached);
    });
    let handle = handle.with_clock(clock.clone());
    let Read::Found(record) = handle.read_blocking::<u32>(&key).unwrap() else { panic!("{key}") };
    assert_eq!(record.info.expires, Some(clock.now() + std::time::Duration::from_secs(3600)));
}

#[test]
fn a_store_that_cannot_be_made_fails_the_run() {
    #[task(persist_result, result_storage = ResultStore::url("ftp://example.org"))]
    fn nowhere() -> u32 {
        1
    }
    let (engine, _, _) = engine();
    let error = engine.enter(|| nowhere().result().unwrap_err().to_string());
    assert!(error.contains("ftp"), "{error}");
}

#[test]
fn each_serializer_keeps_what_a_task_gives() {
    type Kept = (Option<String>, Vec<f64>);
    #[task(cache_policy = Inputs, result_serializer = json)]
    fn json(x: f64) -> Kept {
        (Some("x".into()), vec![x])
    }
    #[task(cache_policy = Inputs, result_serializer = msgpack)]
    fn msgpack(x: f64) -> Kept {
        (Some("x".into()), vec![x])
    }
    #[task(cache_policy = Inputs, result_serializer = json_zstd)]
    fn json_zstd(x: f64) -> Kept {
        (Some("x".into()), vec![x])
    }
    #[task(cache_policy = Inputs, result_serializer = msgpack_zstd)]
    fn msgpack_zstd(x: f64) -> Kept {
        (Some("x".into()), vec![x])
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        for state in [Completed, Cached] {
            let futures =
                [json.submit(0.1), msgpack.submit(0.1), json_zstd.submit(0.1), msgpack_zstd.submit(0.1)];
            for future in futures {
                assert_eq!(future.result().unwrap(), (Some("x".into()), vec![0.1]));
                assert_eq!(future.state().name, state);
            }
        }
    });
}

#[test]
fn a_task_without_options_keeps_nothing_unless_its_handle_says_so() {
    #[task]
    fn plain(x: u32) -> u32 {
        x
    }
    #[flow]
    fn once() -> Result<u32, FlowError> {
        Ok(plain(1).result()?)
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| once().report_blocking());
    assert_eq!(report.task_runs()[0].why(), None);
    engine.enter(|| {
        let kept = plain.with_persist_result(true).with_cache_policy(Inputs);
        assert_eq!(name_of(kept.submit(1)), Completed);
        assert_eq!(name_of(kept.submit(1)), Cached);
        assert_eq!(name_of(kept.with_persist_result(false).submit(1)), Completed);
    });
}

#[test]
fn a_handle_cannot_keep_what_cannot_be_serialised() {
    #[derive(Clone)]
    struct Secret;
    #[task]
    fn secret() -> Secret {
        Secret
    }
    let (engine, _, _) = engine();
    let error = engine.enter(|| secret.with_persist_result(true).submit().shared_result().err().unwrap());
    assert!(error.to_string().contains("the result of 'secret-0' cannot be kept"), "{error}");
}

#[test]
fn by_the_settings_all_results_are_kept_that_can_be() {
    struct Secret;
    #[task]
    fn secret() -> Secret {
        Secret
    }
    #[task]
    fn of_secret(secret: &Secret) -> u32 {
        let _ = secret;
        1
    }
    #[task(persist_result = false)]
    fn not_this(x: u32) -> u32 {
        x
    }
    #[task]
    fn this(x: u32) -> u32 {
        x
    }
    #[flow]
    fn all() -> Result<(), FlowError> {
        let secret = secret.submit();
        of_secret.submit(&secret).result()?;
        not_this(1).result()?;
        this(1).result()?;
        this.submit(1).result()?;
        Ok(())
    }
    let engine = Engine::builder().results(ResultStore::memory()).persist_results_by_default(true).build();
    let report = engine.enter(|| all().report_blocking());
    report.result().unwrap();
    let why = |run: &str| report.task_run(run).unwrap().why();
    assert_eq!(why("secret-0"), None);
    let reason = "parameter `secret` has a type that cannot be serialised";
    assert_eq!(why("of_secret-0").unwrap().outcome, CacheOutcome::Bypass(reason.into()));
    assert_eq!(why("not_this-0"), None);
    assert_eq!(why("this-0").unwrap().outcome, CacheOutcome::Miss(Miss::None));
    assert_eq!(why("this-1").unwrap().outcome, CacheOutcome::Hit);
}
