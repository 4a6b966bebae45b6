//! Groups with keys: done once.

use millrun::lock::{LockManager, LockRequest, MemoryLockManager};
use millrun::prelude::*;
use millrun::result::Read;

use crate::{Diary, act, fails};

const KEY: &str = "publish/2020-01-02";

fn engine(store: &ResultStore) -> Engine {
    Engine::builder().results(store.clone()).build()
}

#[test]
fn a_record_under_the_key_commits_it_from_the_beginning() {
    let store = ResultStore::memory();
    engine(&store).enter(|| {
        let txn = transaction()
            .key(KEY)
            .run_blocking(|txn| {
                assert_eq!(txn.key().as_deref(), Some(KEY));
                assert_eq!(txn.state(), TransactionState::Active);
                assert!(!store.exists_blocking(KEY).unwrap());
                Ok::<_, TransactionError>(txn)
            })
            .unwrap();
        assert!(txn.is_committed() && store.exists_blocking(KEY).unwrap());
        let states = || {
            let inside = |txn: Transaction| Ok::<_, TransactionError>(txn.state());
            [
                transaction().key(KEY).run_blocking(inside),
                transaction().key(KEY).overwrite(true).run_blocking(inside),
            ]
            .map(Result::unwrap)
        };
        assert_eq!(states(), [TransactionState::Committed, TransactionState::Active]);
    });
}

#[tokio::test]
async fn async_ones_do_the_same() {
    let store = ResultStore::memory();
    for expected in [false, true] {
        let group = transaction().key(KEY).store(store.clone());
        let was = group.run(async |txn| Ok::<_, TransactionError>(txn.is_committed())).await.unwrap();
        assert_eq!(was, expected);
    }
}

#[test]
fn what_is_staged_is_what_the_record_holds() {
    let store = ResultStore::memory();
    let group = || transaction().key(KEY).store(store.clone()).overwrite(true);
    let read = || store.read_blocking::<Option<Vec<u32>>>(KEY).unwrap();
    group().run_blocking(|_| Ok::<_, TransactionError>(())).unwrap();
    let Read::Found(record) = read() else { panic!("it is there") };
    assert_eq!(record.value, None);
    group()
        .run_blocking(|txn| {
            txn.stage(&vec![1])?;
            txn.stage(&vec![1, 2])?;
            // Nothing is written before the commit.
            assert_eq!(read().into_value(), Some(None));
            txn.commit_blocking()?;
            assert_eq!(read().into_value(), Some(Some(vec![1, 2])));
            assert_eq!(
                txn.stage(&3).unwrap_err().to_string(),
                "failed to stage: the transaction was committed before"
            );
            Ok::<_, TransactionError>(())
        })
        .unwrap();
}

#[test]
fn without_a_key_there_is_nothing_to_stage_or_to_overwrite() {
    let error = transaction().run_blocking(|txn| txn.stage(&1)).unwrap_err();
    assert!(error.is_store() && error.to_string().contains("give it a key"), "{error}");
    for group in [transaction().overwrite(true), transaction().store(ResultStore::memory())] {
        let error = group.run_blocking(|_| Ok::<_, TransactionError>(())).unwrap_err();
        assert!(error.to_string().contains("give it a key"), "{error}");
    }
    #[task]
    fn own() -> Result<(), TransactionError> {
        current_transaction().unwrap().stage(&1)
    }
    assert!(own().result().unwrap_err().to_string().contains("give it a key"));
}

#[test]
fn a_group_that_fails_leaves_no_record() {
    let store = ResultStore::memory();
    let diary = Diary::new();
    engine(&store).enter(|| {
        let failed = transaction().key(KEY).run_blocking(|txn| {
            act("a", diary.clone()).result()?;
            txn.stage(&1)?;
            fails("no").result()?;
            Ok::<_, FlowError>(())
        });
        failed.unwrap_err();
        transaction().key(KEY).commit_mode(CommitMode::Off).run_blocking(|txn| txn.stage(&1)).unwrap();
    });
    assert_eq!(diary.read(), ["do a", "rollback a"]);
    assert!(!store.exists_blocking(KEY).unwrap());
}

#[test]
fn inside_of_one_that_was_committed_nothing_is_rolled_back() {
    let store = ResultStore::memory();
    store.write_blocking(KEY, &1).unwrap();
    let diary = Diary::new();
    engine(&store).enter(|| {
        let failed = transaction().key(KEY).run_blocking(|txn| {
            assert!(txn.is_committed());
            act("a", diary.clone()).result()?;
            transaction().run_blocking(|_| act("b", diary.clone()).result())?;
            fails("no").result()?;
            Ok::<_, FlowError>(())
        });
        failed.unwrap_err();
    });
    assert_eq!(diary.read(), ["do a", "commit a", "do b", "commit b"]);
    assert_eq!(store.read_blocking::<u32>(KEY).unwrap().into_value(), Some(1));
}

#[test]
fn the_records_of_several_are_written_together_or_not_at_all() {
    let locks = MemoryLockManager::new();
    let store = ResultStore::memory().with_lock_manager(locks.clone());
    let outer = |last: &str| {
        engine(&store).enter(|| {
            transaction().key("outer").run_blocking(|_| {
                transaction().key("first").run_blocking(|txn| txn.stage(&1))?;
                assert!(!store.exists_blocking("first").unwrap());
                transaction().key(last).run_blocking(|txn| txn.stage(&2))
            })
        })
    };
    locks.acquire_blocking("locked", &LockRequest::by("another")).unwrap();
    let error = outer("locked").unwrap_err();
    assert!(error.is_commit() && error.to_string().contains("`another` holds the lock"), "{error}");
    assert!(!["first", "locked", "outer"].iter().any(|key| store.exists_blocking(key).unwrap()));
    outer("last").unwrap();
    assert!(["first", "last", "outer"].iter().all(|key| store.exists_blocking(key).unwrap()));
}

#[tokio::test]
async fn of_two_serializable_ones_the_second_finds_the_firsts_record() {
    let locks = MemoryLockManager::new();
    let store = ResultStore::memory().with_lock_manager(locks.clone());
    let writer = |value: u32| {
        let group = transaction().key(KEY).store(store.clone()).isolation(IsolationLevel::Serializable);
        async move {
            group
                .run(async |txn| {
                    for _ in 0..100 {
                        tokio::task::yield_now().await;
                    }
                    if !txn.is_committed() {
                        txn.stage(&value)?;
                    }
                    Ok::<_, TransactionError>(txn.is_committed())
                })
                .await
                .unwrap()
        }
    };
    let (first, second) = tokio::join!(writer(1), writer(2));
    assert_eq!((first, second), (false, true));
    assert_eq!(store.read::<u32>(KEY).await.unwrap().into_value(), Some(1));
    assert_eq!(locks.holder(KEY).await.unwrap(), None);
}

#[test]
fn serializable_without_a_lock_manager_is_an_error() {
    let group = transaction().key(KEY).store(ResultStore::memory()).isolation(IsolationLevel::Serializable);
    let error = group.run_blocking(|_| Ok::<_, TransactionError>(())).unwrap_err();
    assert!(error.is_store(), "{error}");
    assert!(error.to_string().contains("isolation `serializable` needs a lock manager"), "{error}");
}

#[test]
fn a_key_that_cannot_be_one_is_an_error() {
    for key in ["", "a//b", "../up"] {
        let group = transaction().key(key).store(ResultStore::memory());
        let error = group.run_blocking(|_| Ok::<_, TransactionError>(())).unwrap_err();
        assert!(error.is_store() && error.to_string().contains("cannot be the key of a record"), "{error}");
    }
}

#[test]
fn the_lock_is_given_back_when_the_group_is_left() {
    let locks = MemoryLockManager::new();
    let store = ResultStore::memory().with_lock_manager(locks.clone());
    let group = || {
        transaction().key(KEY).store(store.clone()).overwrite(true).isolation(IsolationLevel::Serializable)
    };
    let is_free = || locks.holder_blocking(KEY).unwrap().is_none();
    let inside = |_| {
        assert!(!is_free());
        Ok::<_, TransactionError>(())
    };
    group().run_blocking(inside).unwrap();
    assert!(is_free());
    group().commit_mode(CommitMode::Off).run_blocking(inside).unwrap();
    assert!(is_free());
    group().run_blocking(|_| Err::<(), _>(FlowError::msg("no"))).unwrap_err();
    assert!(is_free());
    let panics = std::panic::AssertUnwindSafe(|| {
        group().run_blocking(|_| -> Result<(), TransactionError> { panic!("no") })
    });
    std::panic::catch_unwind(panics).unwrap_err();
    assert!(is_free());
    let mut dropped =
        Box::pin(group().run(async |_| std::future::pending::<Result<(), TransactionError>>().await));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(dropped.as_mut().poll(&mut context).is_pending() && !is_free());
    drop(dropped);
    assert!(is_free());
}
