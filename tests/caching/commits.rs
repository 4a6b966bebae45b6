//! A record is written when its transaction is committed, and only then.

use std::sync::{Arc, Mutex};

use millrun::lock::{LockRequest, MemoryLockManager};
use millrun::prelude::*;

use crate::{engine, key, name_of};

#[task(cache_policy = Inputs)]
fn kept(x: u32) -> u32 {
    x
}

#[task(cache_policy = Inputs)]
async fn kept_later(x: u32) -> u32 {
    x
}

/// The key of `kept(1)`, `kept_later(1)`.
fn keys() -> [String; 2] {
    #[flow]
    fn both() -> Result<(), FlowError> {
        kept(1).result()?;
        kept_later(1).result()?;
        Ok(())
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| both().report_blocking());
    ["kept-0", "kept_later-0"].map(|run| key(&report, run))
}

#[test]
fn a_record_is_there_after_the_commit_and_not_before() {
    let (engine, store, _) = engine();
    let [one, other] = keys();
    let are_there = || [&one, &other].map(|key| store.exists_blocking(key).unwrap());
    let committed = engine.enter(|| {
        transaction().run_blocking(|_| {
            kept(1).result()?;
            kept_later.submit(1).result()?;
            assert_eq!(are_there(), [false; 2]);
            // Others do not find it either: not even those inside.
            assert_eq!(name_of(kept.submit(1)), StateName::Completed);
            Ok::<_, TaskError>(())
        })
    });
    committed.unwrap();
    assert_eq!(are_there(), [true; 2]);
}

#[tokio::test]
async fn after_a_rollback_there_is_none() {
    let (engine, store, _) = engine();
    let [one, other] = std::thread::spawn(keys).join().unwrap();
    let rolled_back = engine.scope(async {
        transaction()
            .run(async |_| {
                kept(1).await?;
                kept_later.submit(1).await?;
                Err::<(), _>(TaskError::msg("no"))
            })
            .await
    });
    rolled_back.await.unwrap_err();
    assert!(!store.exists(&one).await.unwrap() && !store.exists(&other).await.unwrap());
    // What is committed at once is not taken back.
    let eager = engine.scope(async {
        transaction()
            .run(async |_| {
                transaction()
                    .commit_mode(CommitMode::Eager)
                    .run(async |_| Ok::<_, TaskError>(kept_later(1).await?))
                    .await?;
                Err::<(), _>(TaskError::msg("no"))
            })
            .await
    });
    eager.await.unwrap_err();
    assert!(store.exists(&other).await.unwrap());
}

#[test]
fn what_a_failed_commit_has_written_is_deleted() {
    #[task(cache_policy = Inputs, on_commit = refuse)]
    fn refused(x: u32) -> u32 {
        x
    }
    fn refuse(_txn: &Transaction) -> Result<(), String> {
        Err("no".into())
    }
    let (engine, store, _) = engine();
    let [one, other] = keys();
    engine.enter(|| {
        let error = refused(1).result().unwrap_err();
        assert!(error.to_string().contains("`on_commit` of 'refused-0' failed: no"), "{error}");
        // It is not there: the next one is executed, and refused as well.
        assert!(refused.submit(1).result().is_err());
        let error = transaction().run_blocking(|_| {
            kept(1).result()?;
            kept_later(1).result()?;
            refused(2).result()?;
            Ok::<_, FlowError>(())
        });
        assert!(error.unwrap_err().to_string().contains("failed to commit"));
    });
    assert!(!store.exists_blocking(&one).unwrap() && !store.exists_blocking(&other).unwrap());
}

#[test]
fn a_record_that_cannot_be_written_fails_the_commit() {
    let locks = MemoryLockManager::new();
    let store = ResultStore::memory().with_lock_manager(locks.clone());
    let engine = Engine::builder().results(store.clone()).build();
    let [one, other] = keys();
    millrun::LockManager::acquire_blocking(&locks, &other, &LockRequest::by("another")).unwrap();
    let undone = Arc::new(Mutex::new(Vec::new()));
    let undo = |name: &'static str| {
        let undone = undone.clone();
        move |_: &Transaction| undone.lock().unwrap().push(name)
    };
    engine.enter(|| {
        let error = transaction().run_blocking(|_| {
            kept.with_on_rollback(undo("one")).call(1).result()?;
            kept_later.with_on_rollback(undo("other")).call(1).result()?;
            Ok::<_, TaskError>(())
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the writing of the result of 'kept_later-0' failed"), "{error}");
        assert!(error.contains("`another` holds the lock"), "{error}");
        // By itself, the run fails.
        assert_eq!(name_of(kept_later.submit(1)), StateName::Failed);
    });
    assert_eq!(*undone.lock().unwrap(), ["other", "one"]);
    assert!(!store.exists_blocking(&one).unwrap());
}

#[test]
fn a_result_that_its_serializer_refuses_fails_the_run() {
    use std::collections::HashMap;
    #[task(persist_result)]
    fn keyed_by_lists() -> HashMap<Vec<u32>, u32> {
        [(vec![1], 1)].into()
    }
    let (engine, _, _) = engine();
    let error = engine.enter(|| keyed_by_lists().result().unwrap_err().to_string());
    assert!(error.contains("cannot be written as json: key must be a string"), "{error}");
}

#[test]
fn a_hit_has_nothing_to_roll_back() {
    let (engine, store, _) = engine();
    let [one, _] = keys();
    engine.enter(|| {
        kept(1).result().unwrap();
        let error = transaction().run_blocking(|_| {
            let hit = kept.with_on_rollback(|_| assert_eq!("nothing", "was done")).submit(1);
            assert_eq!(name_of(hit), StateName::Cached);
            Err::<(), _>(TaskError::msg("no"))
        });
        assert_eq!(error.unwrap_err().to_string(), "no");
    });
    assert!(store.exists_blocking(&one).unwrap());
}

#[test]
fn a_result_that_json_cannot_hold_is_an_error_of_the_run_and_leaves_no_record() {
    #[task(cache_policy = Inputs)]
    fn ratio(a: u32, b: u32) -> Option<f64> {
        Some(f64::from(a) / f64::from(b))
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        for _ in 0..2 {
            let said = ratio.submit(0, 0).result().unwrap_err().to_string();
            assert!(said.contains("cannot be written as json: JSON has no floats"), "{said}");
        }
        assert_eq!(name_of(ratio.submit(1, 2)), StateName::Completed);
        assert_eq!(name_of(ratio.submit(1, 2)), StateName::Cached);
        let packed = ratio.with_result_serializer(millrun::result::MessagePack);
        assert!(packed.submit(0, 0).result().unwrap().is_some_and(f64::is_nan));
        let found = packed.submit(0, 0);
        assert!(found.result().unwrap().is_some_and(f64::is_nan));
        assert_eq!(found.state().name, StateName::Cached);
    });
}
