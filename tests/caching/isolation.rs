//! Isolation: runs with the same key, one after another.

use std::sync::Mutex;

use millrun::lock::{LockFuture, LockManager, LockRequest, MemoryLockManager};
use millrun::prelude::*;

use crate::{Calls, engine, name_of};

/// An engine with locks, and these.
fn locking() -> (Engine, MemoryLockManager, ResultStore) {
    let (locks, store) = (MemoryLockManager::new(), ResultStore::memory());
    let engine = Engine::builder().results(store.clone()).lock_manager(locks.clone()).build();
    (engine, locks, store)
}

/// Lets all others go on.
async fn step_aside() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[task(cache_key = "slow", isolation = serializable)]
async fn slow(calls: Calls) -> u32 {
    let number = calls.note();
    step_aside().await;
    number
}

#[task(cache_key = "slow", isolation = read_committed)]
async fn twice(calls: Calls) -> u32 {
    let number = calls.note();
    step_aside().await;
    number
}

#[tokio::test]
async fn of_two_runs_at_once_one_is_executed() {
    let (engine, locks, _) = locking();
    let calls = Calls::new();
    let run = engine.scope(async {
        let both = [slow.submit(calls), slow.submit(calls)];
        let called = slow(calls).await.unwrap();
        for future in &both {
            assert_eq!(future.clone().await.unwrap(), called);
        }
        both.map(|future| future.state().name)
    });
    let mut names = run.await.map(|name| name.to_string());
    names.sort();
    assert_eq!(calls.count(), 1);
    assert!(names[0] == "Cached", "{names:?}");
    assert_eq!(locks.holder("slow").await.unwrap(), None);
}

#[tokio::test]
async fn without_isolation_both_are() {
    let (engine, _, _) = locking();
    let calls = Calls::new();
    let run = engine.scope(async {
        let one = twice.submit(calls);
        let other = twice.submit(calls);
        (one.await.unwrap(), other.await.unwrap())
    });
    let (one, other) = run.await;
    assert_eq!((one + other, calls.count()), (3, 2));
    // As its handle says.
    let serial = twice.with_isolation(IsolationLevel::Serializable).with_cache_key("other");
    let run = engine.scope(async {
        let one = serial.submit(calls);
        let other = serial.submit(calls);
        (one.await.unwrap(), other.await.unwrap())
    });
    assert_eq!(run.await, (3, 3));
}

#[test]
fn sync_runs_on_several_threads_are_executed_once() {
    #[task(cache_key = "sync", isolation = serializable)]
    fn number(calls: Calls) -> u32 {
        calls.note()
    }
    let (engine, locks, _) = locking();
    let calls = Calls::new();
    engine.enter(|| {
        let all: Vec<_> = (0..16).map(|_| number.submit(calls)).collect();
        assert_eq!(number(calls).result().unwrap(), 1);
        assert!(all.into_iter().all(|future| future.result().unwrap() == 1));
    });
    assert_eq!(calls.count(), 1);
    assert_eq!(locks.holder_blocking("sync").unwrap(), None);
}

#[test]
fn without_a_lock_manager_it_is_an_error() {
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let error = engine.enter(|| slow.submit(calls).result().unwrap_err().to_string());
    assert!(error.contains("isolation `serializable` needs a lock manager"), "{error}");
    assert!(error.contains("place: memory://"), "{error}");
    assert_eq!(calls.count(), 0);
    // That of the store will do.
    let store = ResultStore::memory().with_lock_manager(MemoryLockManager::new());
    engine.enter(|| slow.with_result_storage(store).submit(calls).result().unwrap());
}

#[test]
fn the_lock_is_given_back_on_every_way_out() {
    #[task(cache_key = "{how}", isolation = serializable)]
    fn ends(how: &str, locks: &MemoryLockManager) -> Result<u32, String> {
        assert!(locks.holder_blocking(how).unwrap().is_some(), "it is locked meanwhile");
        match how {
            "panics" => panic!("no"),
            "fails" => Err("no".into()),
            _ => Ok(1),
        }
    }
    let (engine, locks, _) = locking();
    let is_free = |key: &str| locks.holder_blocking(key).unwrap().is_none();
    engine.enter(|| {
        for how in ["fails", "panics", "completes", "completes"] {
            let _ = ends(how, &locks).result();
            assert!(is_free(how), "{how}");
            let _ = ends.submit(how, locks.clone()).result();
            assert!(is_free(how), "{how}");
        }
        let rolled_back = transaction().run_blocking(|_| {
            ends("rolled back", &locks).result()?;
            assert!(!is_free("rolled back"), "the group decides");
            // The same transaction has it already.
            assert_eq!(name_of(ends.submit("rolled back", locks.clone())), StateName::Completed);
            Err::<(), _>(TaskError::msg("no"))
        });
        rolled_back.unwrap_err();
        assert!(is_free("rolled back"));
        let _ = ends.with_on_commit(|_| Err::<(), _>("no")).submit("refused", locks.clone()).result();
        assert!(is_free("refused"));
    });
}

#[tokio::test]
async fn a_run_that_waits_for_a_lock_can_be_cancelled() {
    use millrun::lock::LockRequest;
    let (engine, locks, _) = locking();
    locks.acquire("slow", &LockRequest::by("another")).await.unwrap();
    let calls = Calls::new();
    let cancelled = engine.scope(async {
        let waiting = slow.submit(calls);
        step_aside().await;
        assert_eq!(waiting.state().name, StateName::Pending);
        waiting.cancel();
        waiting.await.unwrap_err().kind()
    });
    assert_eq!(cancelled.await, ErrorKind::Cancelled);
    locks.release("slow", "another").await.unwrap();
    let done = engine.scope(async { slow(calls).await.unwrap() });
    assert_eq!(done.await, 1);
}

#[test]
fn runs_inside_are_isolated_as_their_group_is() {
    #[task(cache_key = "inner")]
    fn kept() -> u32 {
        1
    }
    let (engine, locks, store) = locking();
    engine.enter(|| {
        for level in [IsolationLevel::ReadCommitted, IsolationLevel::Serializable] {
            let done = transaction().isolation(level).run_blocking(|txn| {
                assert_eq!(txn.isolation(), level);
                kept.with_refresh_cache(true).call().result()?;
                let is_locked = locks.holder_blocking("inner").unwrap().is_some();
                assert_eq!(is_locked, level == IsolationLevel::Serializable);
                Ok::<_, TaskError>(())
            });
            done.unwrap();
        }
    });
    assert!(store.exists_blocking("inner").unwrap());
}

#[test]
fn what_another_has_locked_is_not_written() {
    use millrun::lock::LockRequest;
    #[task(cache_key = "inner")]
    fn kept() -> u32 {
        1
    }
    let (engine, locks, store) = locking();
    locks.acquire_blocking("inner", &LockRequest::by("another")).unwrap();
    let error = engine.enter(|| kept().result().unwrap_err().to_string());
    assert!(error.contains("`another` holds the lock"), "{error}");
    assert!(!store.exists_blocking("inner").unwrap());
}

/// Locks that cancel a run before they give one, and wait for what follows that run.
struct Meddling(MemoryLockManager, Mutex<Option<[TaskFuture<()>; 2]>>);

impl LockManager for Meddling {
    fn acquire<'a>(&'a self, key: &'a str, request: &'a LockRequest) -> LockFuture<'a, ()> {
        Box::pin(async move {
            // The run that asks has a task of its own from now on.
            step_aside().await;
            let meddled = self.1.lock().unwrap().take();
            if let Some([cancelled, follows]) = meddled {
                cancelled.cancel();
                follows.finished().await;
            }
            self.0.acquire(key, request).await
        })
    }

    fn release<'a>(&'a self, key: &'a str, owner: &'a str) -> LockFuture<'a, ()> {
        self.0.release(key, owner)
    }

    fn holder<'a>(&'a self, key: &'a str) -> LockFuture<'a, Option<String>> {
        self.0.holder(key)
    }
}

#[task]
async fn never() {
    std::future::pending().await
}

#[task(trigger = all_finished)]
async fn after() {}

#[tokio::test]
async fn locks_may_wait_for_what_follows_from_what_they_do() {
    let endless = never.submit();
    let waits = after.wait_for(&endless).submit();
    let follows = after.wait_for(&waits).submit();
    let locks = Meddling(MemoryLockManager::new(), Mutex::new(Some([waits, follows])));
    let engine = Engine::builder().results(ResultStore::memory()).lock_manager(locks).build();
    let calls = Calls::new();
    assert_eq!(engine.scope(async { slow.submit(calls).await }).await.unwrap(), 1);
}
