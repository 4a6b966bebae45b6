//! Threads that write and read one record, and writes that another has locked.

use std::sync::Arc;

use millrun::lock::{FileLockManager, LockManager, LockRequest, MemoryLockManager};
use millrun::result::{Read, ResultStore, WriteOptions};

use crate::folder::Folder;
use crate::operations::everywhere;

#[test]
fn readers_see_one_write_or_another() {
    everywhere(|store| {
        let value = |n: u32| vec![n; 5_000];
        store.write_blocking("k", &value(0)).unwrap();
        std::thread::scope(|scope| {
            for n in 1..4 {
                let store = store.clone();
                scope.spawn(move || (0..20).for_each(|_| store.write_blocking("k", &value(n)).unwrap()));
            }
            for _ in 0..20 {
                let read: Vec<u32> = store.read_blocking("k").unwrap().into_value().unwrap();
                assert!(read.len() == 5_000 && read.iter().all(|n| *n == read[0]));
            }
        });
    });
}

#[test]
fn what_another_has_locked_is_not_written() {
    let folder = Folder::new();
    let managers: [Arc<dyn LockManager>; 2] =
        [Arc::new(MemoryLockManager::new()), Arc::new(FileLockManager::new(folder.path()).unwrap())];
    for locks in managers {
        everywhere(|store| {
            let store = store.with_lock_manager(locks.clone());
            assert!(store.lock_manager().is_some());
            locks.acquire_blocking("k", &LockRequest::by("one")).unwrap();
            let (one, other) = (WriteOptions::new().by_owner("one"), WriteOptions::new().by_owner("another"));

            let refused = [
                store.write_blocking("k", &1).unwrap_err(),
                store.write_with_blocking("k", &1, &other).unwrap_err(),
                futures::executor::block_on(store.write_with("k", &1, &other)).unwrap_err(),
                store.delete_blocking("k").unwrap_err(),
                futures::executor::block_on(store.delete_by("k", Some("another"))).unwrap_err(),
            ];
            for error in refused {
                assert!(error.is_locked());
                assert_eq!(error.holder(), Some("one"));
                assert_eq!(error.to_string(), "failed to change `k`: `one` holds the lock on `k`");
            }
            assert!(store.read_blocking::<u8>("k").unwrap().missing().is_some());

            store.write_with_blocking("k", &1, &one).unwrap();
            store.write_blocking("another", &2).unwrap();
            // Anybody may read.
            assert_eq!(store.read_blocking::<u8>("k").unwrap().into_value(), Some(1));
            assert!(store.delete_by_blocking("k", Some("one")).unwrap());

            locks.release_blocking("k", "one").unwrap();
            store.write_with_blocking("k", &3, &other).unwrap();
            assert!(store.delete_blocking("k").unwrap());
        });
    }
}

#[test]
fn the_second_writer_of_one_key_finds_what_the_first_has_written() {
    let store = ResultStore::memory();
    let locks = MemoryLockManager::new();
    let computed = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (store, locks, computed) = (&store, &locks, &computed);
            scope.spawn(move || {
                let owner = format!("writer-{n}");
                locks.acquire_blocking("k", &LockRequest::by(owner.as_str())).unwrap();
                if let Read::Missing(_) = store.read_blocking::<u32>("k").unwrap() {
                    computed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    store
                        .write_with_blocking("k", &n, &WriteOptions::new().by_owner(owner.as_str()))
                        .unwrap();
                }
                locks.release_blocking("k", &owner).unwrap();
            });
        }
    });
    assert_eq!(computed.into_inner(), 1);
}

#[test]
fn a_store_has_no_lock_manager_unless_it_is_given_one() {
    everywhere(|store| assert!(store.lock_manager().is_none()));
}
