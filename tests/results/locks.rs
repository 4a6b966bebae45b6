//! Locks: what every lock manager does alike. The time is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use millrun::Clock;
use millrun::lock::{FileLockManager, LockError, LockManager, LockRequest, MemoryLockManager};

use crate::folder::Folder;

/// Does `check` with each lock manager.
fn with_each(check: impl Fn(Arc<dyn LockManager>, Clock)) {
    let clock = Clock::manual();
    check(Arc::new(MemoryLockManager::with_clock(clock.clone())), clock);
    let (folder, clock) = (Folder::new(), Clock::manual());
    check(Arc::new(FileLockManager::with_clock(folder.path(), clock.clone()).unwrap()), clock);
    // What is not locked leaves nothing behind.
    if cfg!(unix) {
        assert_eq!(folder.files(), [""; 0]);
    }
}

fn by(owner: &str) -> LockRequest {
    LockRequest::by(owner)
}

fn try_by(owner: &str) -> LockRequest {
    by(owner).with_timeout("0s")
}

fn holder(locks: &dyn LockManager) -> Option<String> {
    locks.holder_blocking("k").unwrap()
}

fn timed_out(error: &LockError, owner: &str, seconds: &str, holder: &str) {
    assert!(error.is_timeout() && !error.is_held_by_another() && !error.is_not_held());
    assert_eq!(error.holder(), Some(holder));
    let expected =
        format!("`{owner}` did not get the lock on `k` within {seconds} seconds: `{holder}` holds it");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn one_owner_at_a_time() {
    with_each(|locks, _| {
        assert_eq!(holder(&locks), None);
        locks.acquire_blocking("k", &by("one")).unwrap();
        assert_eq!(holder(&locks).as_deref(), Some("one"));
        timed_out(&locks.acquire_blocking("k", &try_by("another")).unwrap_err(), "another", "0", "one");
        locks.acquire_blocking("another key", &by("another")).unwrap();
        locks.release_blocking("another key", "another").unwrap();
        locks.release_blocking("k", "one").unwrap();
        assert_eq!(holder(&locks), None);
        locks.acquire_blocking("k", &try_by("another")).unwrap();
        assert_eq!(holder(&locks).as_deref(), Some("another"));
        locks.release_blocking("k", "another").unwrap();
    });
}

#[test]
fn an_owner_takes_it_again_and_releases_it_as_often() {
    with_each(|locks, _| {
        for _ in 0..3 {
            locks.acquire_blocking("k", &try_by("one")).unwrap();
        }
        for _ in 0..2 {
            locks.release_blocking("k", "one").unwrap();
            assert!(locks.acquire_blocking("k", &try_by("another")).is_err());
        }
        locks.release_blocking("k", "one").unwrap();
        assert_eq!(holder(&locks), None);
    });
}

#[test]
fn waiting_times_out() {
    with_each(|locks, clock| {
        locks.acquire_blocking("k", &by("one")).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| locks.acquire_blocking("k", &by("another").with_timeout("10s")));
            clock.wait_for_timers(1);
            clock.advance(Duration::from_secs(9));
            assert!(!waiting.is_finished());
            clock.advance(Duration::from_secs(1));
            timed_out(&waiting.join().unwrap().unwrap_err(), "another", "10", "one");
        });
        assert_eq!(clock.pending_timers(), 0);
        // It waits no more.
        locks.release_blocking("k", "one").unwrap();
        assert_eq!(holder(&locks), None);
    });
}

#[test]
fn a_hold_times_out() {
    with_each(|locks, clock| {
        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        clock.advance(Duration::from_secs(59));
        assert_eq!(holder(&locks).as_deref(), Some("one"));
        clock.advance(Duration::from_secs(1));
        assert_eq!(holder(&locks), None);
        let error = locks.release_blocking("k", "one").unwrap_err();
        assert!(error.is_not_held());
        assert_eq!(
            error.to_string(),
            "`one` does not hold the lock on `k`: it has released it, or the time is over that it asked for"
        );

        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        let another = by("another");
        let mut waiting = locks.acquire("k", &another).map(Result::unwrap).boxed();
        assert_eq!((&mut waiting).now_or_never(), None);
        clock.advance(Duration::from_secs(60));
        futures::executor::block_on(waiting);
        assert_eq!(holder(&locks).as_deref(), Some("another"));
        assert!(locks.release_blocking("k", "one").unwrap_err().is_held_by_another());
        locks.release_blocking("k", "another").unwrap();
    });
}

#[test]
fn a_hold_is_prolonged_and_never_shortened() {
    with_each(|locks, clock| {
        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        clock.advance(Duration::from_secs(30));
        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        locks.acquire_blocking("k", &by("one").with_hold("1s")).unwrap();
        clock.advance(Duration::from_secs(59));
        assert_eq!(holder(&locks).as_deref(), Some("one"));
        clock.advance(Duration::from_secs(1));
        assert_eq!(holder(&locks), None);

        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        locks.acquire_blocking("k", &by("one")).unwrap();
        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        clock.advance(Duration::from_secs(100_000));
        assert_eq!(holder(&locks).as_deref(), Some("one"));
        for _ in 0..3 {
            locks.release_blocking("k", "one").unwrap();
        }
        assert_eq!((holder(&locks), clock.pending_timers()), (None, 0));
    });
}

#[test]
fn a_hold_that_was_released_ends_nobody_elses() {
    with_each(|locks, clock| {
        locks.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
        locks.release_blocking("k", "one").unwrap();
        locks.acquire_blocking("k", &by("one").with_hold("1h")).unwrap();
        clock.advance(Duration::from_secs(60));
        assert_eq!(holder(&locks).as_deref(), Some("one"));
        locks.release_blocking("k", "one").unwrap();
        assert_eq!(clock.pending_timers(), 0);
    });
}

#[test]
fn only_its_owner_releases_it() {
    with_each(|locks, _| {
        assert!(locks.release_blocking("k", "one").unwrap_err().is_not_held());
        locks.acquire_blocking("k", &by("one")).unwrap();
        let error = locks.release_blocking("k", "another").unwrap_err();
        assert!(error.is_held_by_another());
        assert_eq!((error.holder(), &*error.to_string()), (Some("one"), "`one` holds the lock on `k`"));
        locks.release_blocking("k", "one").unwrap();
        assert!(locks.release_blocking("k", "one").unwrap_err().is_not_held());
    });
}

#[tokio::test]
async fn who_waits_is_served_in_order() {
    let memory: Arc<dyn LockManager> = Arc::new(MemoryLockManager::new());
    let folder = Folder::new();
    let files: Arc<dyn LockManager> = Arc::new(FileLockManager::new(folder.path()).unwrap());
    for locks in [memory, files] {
        locks.acquire("k", &by("first")).await.unwrap();
        let requests: Vec<_> = (0..5).map(|n| by(&n.to_string())).collect();
        let mut waiting: Vec<_> = requests.iter().map(|request| locks.acquire("k", request)).collect();
        for waiter in &mut waiting {
            assert!(futures::poll!(waiter).is_pending());
        }
        // One gives up.
        drop(waiting.remove(2));
        locks.release("k", "first").await.unwrap();
        for (owner, waiter) in ["0", "1", "3", "4"].into_iter().zip(waiting) {
            waiter.await.unwrap();
            assert_eq!(locks.holder("k").await.unwrap().as_deref(), Some(owner));
            locks.release("k", owner).await.unwrap();
        }
        assert_eq!(locks.holder("k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_owner_that_waits_twice_gets_it_twice() {
    let locks = MemoryLockManager::new();
    locks.acquire("k", &by("first")).await.unwrap();
    let (a, b) = (by("a"), by("b"));
    let mut one = locks.acquire("k", &a);
    let mut between = locks.acquire("k", &b);
    let mut two = locks.acquire("k", &a);
    for waiter in [&mut one, &mut between, &mut two] {
        assert!(futures::poll!(waiter).is_pending());
    }
    locks.release("k", "first").await.unwrap();
    one.await.unwrap();
    two.await.unwrap();
    assert!(futures::poll!(&mut between).is_pending());
    locks.release("k", "a").await.unwrap();
    assert!(futures::poll!(&mut between).is_pending());
    locks.release("k", "a").await.unwrap();
    between.await.unwrap();
}

#[tokio::test]
async fn who_goes_when_it_is_its_turn_lets_the_next_come() {
    let locks = MemoryLockManager::new();
    let (a, b) = (by("a"), by("b"));
    // Granted, and dropped before it was polled again.
    locks.acquire("k", &by("first")).await.unwrap();
    let mut gone = locks.acquire("k", &a);
    let mut next = locks.acquire("k", &b);
    assert!(futures::poll!(&mut gone).is_pending() && futures::poll!(&mut next).is_pending());
    locks.release("k", "first").await.unwrap();
    drop(gone);
    next.await.unwrap();
    locks.release("k", "b").await.unwrap();

    // The same for one that would hold it again.
    locks.acquire("k", &by("first")).await.unwrap();
    let mut one = locks.acquire("k", &a);
    let mut again = locks.acquire("k", &a);
    assert!(futures::poll!(&mut one).is_pending() && futures::poll!(&mut again).is_pending());
    locks.release("k", "first").await.unwrap();
    one.await.unwrap();
    drop(again);
    locks.release("k", "a").await.unwrap();
    assert_eq!(locks.holder("k").await.unwrap(), None);
}

#[test]
fn threads_exclude_each_other() {
    with_each(|locks, _| {
        let (inside, count) = (std::sync::atomic::AtomicU32::new(0), std::sync::atomic::AtomicU32::new(0));
        std::thread::scope(|scope| {
            for n in 0..6 {
                let (locks, inside, count) = (&locks, &inside, &count);
                scope.spawn(move || {
                    let owner = n.to_string();
                    for _ in 0..30 {
                        locks.acquire_blocking("k", &by(&owner)).unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        locks.release_blocking("k", &owner).unwrap();
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 180);
        assert_eq!(holder(&locks), None);
    });
}

#[test]
fn any_text_is_a_key() {
    with_each(|locks, _| {
        for key in ["", "/", "../..", "a\0b", "größe", &"x".repeat(10_000)] {
            locks.acquire_blocking(key, &by("one")).unwrap();
            assert!(locks.acquire_blocking(key, &try_by("another")).is_err());
            locks.release_blocking(key, "one").unwrap();
        }
    });
}

#[test]
fn clones_are_one_manager() {
    let locks = MemoryLockManager::new();
    let other = locks.clone();
    locks.acquire_blocking("k", &by("one")).unwrap();
    assert_eq!(holder(&other).as_deref(), Some("one"));
    assert_eq!(holder(&MemoryLockManager::new()), None);
}
