//! Locks across processes: between managers of one directory, and with processes that are killed.

use std::time::Duration;

use futures::FutureExt;
use millrun::Clock;
use millrun::lock::{FileLockManager, LockManager, LockRequest};
use millrun::result::ResultStore;

use crate::folder::Folder;
use crate::processes::Keeper;

fn manager(folder: &Folder) -> FileLockManager {
    FileLockManager::new(folder.path()).unwrap()
}

fn by(owner: &str) -> LockRequest {
    LockRequest::by(owner)
}

#[test]
fn another_process_that_holds_it_is_named() {
    let folder = Folder::new();
    let locks = manager(&folder);
    let mut other = Keeper::start(&["hold", folder.text(), "k", "other"]);
    assert_eq!(other.line(), "held");
    assert_eq!(locks.holder_blocking("k").unwrap().as_deref(), Some("other"));
    let error = locks.acquire_blocking("k", &by("one").with_timeout("0s")).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.holder(), Some("other"));
    let error = locks.release_blocking("k", "one").unwrap_err();
    assert!(error.is_held_by_another());
    assert_eq!(error.to_string(), "`other` holds the lock on `k`");

    let store = ResultStore::directory(folder.path()).unwrap().with_lock_manager(locks.clone());
    assert_eq!(store.write_blocking("k", &1).unwrap_err().holder(), Some("other"));

    other.go_on();
    assert_eq!(other.line(), "released");
    locks.acquire_blocking("k", &by("one").with_timeout("0s")).unwrap();
    locks.release_blocking("k", "one").unwrap();
}

#[test]
fn a_lock_of_the_dead_is_free() {
    let folder = Folder::new();
    let locks = manager(&folder);
    for round in 0..10 {
        let mut other = Keeper::start(&["hold", folder.text(), "k", "other"]);
        assert_eq!(other.line(), "held");
        let request = by("one");
        let mut waiting = locks.acquire("k", &request).map(Result::unwrap).boxed();
        if round % 2 == 0 {
            // It waits already when the other dies.
            assert_eq!((&mut waiting).now_or_never(), None);
        }
        drop(other.kill());
        futures::executor::block_on(waiting);
        assert_eq!(locks.holder_blocking("k").unwrap().as_deref(), Some("one"));
        locks.release_blocking("k", "one").unwrap();
        assert_eq!(locks.holder_blocking("k").unwrap(), None);
    }
}

#[test]
fn a_lock_of_the_dead_has_no_holder() {
    let folder = Folder::new();
    let mut other = Keeper::start(&["hold", folder.text(), "k", "other"]);
    assert_eq!(other.line(), "held");
    drop(other.kill());
    assert_eq!(manager(&folder).holder_blocking("k").unwrap(), None);
    assert!(manager(&folder).release_blocking("k", "other").unwrap_err().is_not_held());
    manager(&folder).acquire_blocking("k", &by("one").with_timeout("0s")).unwrap();
}

#[test]
fn waiting_for_another_process_times_out_and_may_begin_again() {
    let folder = Folder::new();
    let clock = Clock::manual();
    let locks = FileLockManager::with_clock(folder.path(), clock.clone()).unwrap();
    let mut other = Keeper::start(&["hold", folder.text(), "k", "other"]);
    assert_eq!(other.line(), "held");
    for _ in 0..5 {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| locks.acquire_blocking("k", &by("one").with_timeout("10s")));
            clock.wait_for_timers(1);
            clock.advance(Duration::from_secs(10));
            let error = waiting.join().unwrap().unwrap_err();
            assert_eq!((error.is_timeout(), error.holder()), (true, Some("other")));
        });
    }
    let (one, two) = (by("one"), by("two"));
    let mut first = locks.acquire("k", &one).map(Result::unwrap).boxed();
    let mut second = locks.acquire("k", &two).map(Result::unwrap).boxed();
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    other.go_on();
    futures::executor::block_on(first);
    assert!((&mut second).now_or_never().is_none());
    locks.release_blocking("k", "one").unwrap();
    futures::executor::block_on(second);
    locks.release_blocking("k", "two").unwrap();
}

#[test]
fn managers_of_one_directory_exclude_each_other() {
    let folder = Folder::new();
    let (one, two) = (manager(&folder), manager(&folder));
    one.acquire_blocking("k", &by("one")).unwrap();
    assert_eq!(two.holder_blocking("k").unwrap().as_deref(), Some("one"));
    let request = by("two");
    let mut waiting = two.acquire("k", &request).map(Result::unwrap).boxed();
    assert_eq!((&mut waiting).now_or_never(), None);
    // With its last handle go its locks.
    drop(one);
    futures::executor::block_on(waiting);
}

#[test]
fn a_hold_that_is_over_is_over_for_all() {
    let folder = Folder::new();
    let clock = Clock::manual();
    let one = FileLockManager::with_clock(folder.path(), clock.clone()).unwrap();
    let two = manager(&folder);
    one.acquire_blocking("k", &by("one").with_hold("1m")).unwrap();
    let request = by("two");
    let mut waiting = two.acquire("k", &request).map(Result::unwrap).boxed();
    assert_eq!((&mut waiting).now_or_never(), None);
    clock.advance(Duration::from_secs(60));
    futures::executor::block_on(waiting);
    assert_eq!(one.holder_blocking("k").unwrap().as_deref(), Some("two"));
}

#[test]
fn processes_exclude_each_other() {
    let folder = Folder::new();
    let mut counters: Vec<_> =
        (0..4).map(|n| Keeper::start(&["count", folder.text(), &format!("counter-{n}"), "50"])).collect();
    for counter in &mut counters {
        assert_eq!(counter.line(), "counted");
    }
    let store = ResultStore::directory(folder.path()).unwrap();
    assert_eq!(store.read_blocking::<u32>("n").unwrap().into_value(), Some(200));
    if cfg!(unix) {
        assert_eq!(folder.files(), ["n"]);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let error = FileLockManager::new(&file).unwrap_err();
    assert!(error.to_string().starts_with("failed to make the directory `"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
