//! What every place does alike.

use std::sync::Arc;
use std::time::Duration;

use millrun::Clock;
use millrun::result::{MessagePack, Missing, Read, ResultStore, WriteOptions};

use crate::folder::Folder;

/// Does `check` with a store in each kind of place.
pub(crate) fn everywhere(check: impl Fn(ResultStore)) {
    check(ResultStore::memory());
    let folder = Folder::new();
    check(ResultStore::directory(folder.path().join("storage")).unwrap());
    let folder = Folder::new();
    check(ResultStore::directory(folder.path()).unwrap().with_synced_writes(true));
    let objects = Arc::new(object_store::memory::InMemory::new());
    check(ResultStore::objects(objects.clone(), "").unwrap());
    check(ResultStore::objects(objects, "some/folder").unwrap());
}

/// The same, with the time in hand.
fn in_time(check: impl Fn(ResultStore, Clock)) {
    everywhere(|store| {
        let clock = Clock::manual();
        check(store.with_clock(clock.clone()), clock);
    });
}

#[test]
fn what_was_written_is_read() {
    everywhere(|store| {
        store.write_blocking("a/b", &vec![1, 2, 3]).unwrap();
        let Read::Found(record) = store.read_blocking::<Vec<u32>>("a/b").unwrap() else {
            panic!("{store:?}")
        };
        assert_eq!(record.value, [1, 2, 3]);
        assert_eq!((&*record.info.key, &*record.info.serializer), ("a/b", "json"));
        assert_eq!((record.info.length, record.info.expires), (7, None));
        assert!(store.exists_blocking("a/b").unwrap());
    });
}

#[tokio::test]
async fn what_was_written_is_read_async() {
    let folder = Folder::new();
    let objects = Arc::new(object_store::memory::InMemory::new());
    for store in [
        ResultStore::memory(),
        ResultStore::directory(folder.path()).unwrap(),
        ResultStore::objects(objects, "").unwrap(),
    ] {
        assert_eq!(store.read::<String>("k").await.unwrap().missing(), Some(&Missing::None));
        assert!(!store.exists("k").await.unwrap());
        assert!(!store.delete("k").await.unwrap());
        store.write("k", "text").await.unwrap();
        assert!(store.exists("k").await.unwrap());
        assert_eq!(store.read::<String>("k").await.unwrap().into_value().unwrap(), "text");
        // Blocking on a runtime of one thread needs nothing of that thread.
        assert_eq!(store.read_blocking::<String>("k").unwrap().into_value().unwrap(), "text");
        assert!(store.delete("k").await.unwrap());
        assert!(!store.exists("k").await.unwrap());
    }
}

#[test]
fn futures_need_no_runtime() {
    everywhere(|store| {
        futures::executor::block_on(async {
            store.write("k", &1).await.unwrap();
            assert!(store.exists("k").await.unwrap());
            assert_eq!(store.read::<u8>("k").await.unwrap().into_value(), Some(1));
            assert!(store.delete("k").await.unwrap());
        });
    });
}

#[test]
fn blocking_tasks_may_all_write_at_once() {
    // Each has a thread of the pool whose threads read and write files for async code: they must not wait for another one.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .build()
        .unwrap();
    everywhere(|store| {
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let store = store.clone();
                runtime.spawn_blocking(move || {
                    store.write_blocking("k", &n).unwrap();
                    assert!(store.read_blocking::<u32>("k").unwrap().into_value().is_some());
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn a_write_replaces_what_is_there() {
    everywhere(|store| {
        store.write_blocking("k", "a long text that is there first").unwrap();
        store.write_blocking("k", "short").unwrap();
        assert_eq!(store.read_blocking::<String>("k").unwrap().into_value().unwrap(), "short");
    });
}

#[test]
fn what_was_deleted_is_gone() {
    everywhere(|store| {
        store.write_blocking("k", &1).unwrap();
        assert!(store.delete_blocking("k").unwrap());
        assert!(!store.delete_blocking("k").unwrap());
        assert_eq!(store.read_blocking::<u8>("k").unwrap().missing(), Some(&Missing::None));
    });
}

#[test]
fn nothing_and_the_empty_are_values() {
    everywhere(|store| {
        for store in [store.clone(), store.with_serializer(MessagePack)] {
            store.write_blocking("unit", &()).unwrap();
            assert_eq!(store.read_blocking("unit").unwrap().into_value(), Some(()));
            store.write_blocking("none", &None::<u32>).unwrap();
            assert_eq!(store.read_blocking::<Option<u32>>("none").unwrap().into_value(), Some(None));
            store.write_blocking("empty", "").unwrap();
            assert_eq!(store.read_blocking::<String>("empty").unwrap().into_value().unwrap(), "");
        }
    });
}

#[test]
fn a_record_expires() {
    in_time(|store, clock| {
        let options = WriteOptions::new().expires_in("1h");
        store.write_with_blocking("k", &1, &options).unwrap();
        let ends = clock.now() + Duration::from_secs(3600);
        clock.advance(Duration::from_secs(3599));
        let Read::Found(record) = store.read_blocking::<u8>("k").unwrap() else {
            panic!("it has not expired")
        };
        assert_eq!(record.info.expires, Some(ends));
        assert!(store.exists_blocking("k").unwrap());

        clock.advance(Duration::from_secs(1));
        assert_eq!(store.read_blocking::<u8>("k").unwrap().missing(), Some(&Missing::Expired(ends)));
        assert!(!store.exists_blocking("k").unwrap());

        store.write_blocking("k", &2).unwrap();
        clock.advance(Duration::from_secs(1_000_000));
        assert_eq!(store.read_blocking::<u8>("k").unwrap().into_value(), Some(2));
    });
}

#[test]
fn an_expiry_beyond_all_time_is_none() {
    in_time(|store, clock| {
        store.write_with_blocking("k", &1, &WriteOptions::new().expires_in(Duration::MAX)).unwrap();
        clock.advance(Duration::from_secs(1_000_000_000));
        let Read::Found(record) = store.read_blocking::<u8>("k").unwrap() else {
            panic!("it has not expired")
        };
        assert_eq!(record.info.expires, None);
    });
}

#[test]
fn an_expiry_of_no_time_has_come() {
    in_time(|store, _| {
        store.write_with_blocking("k", &1, &WriteOptions::new().expires_in("0s")).unwrap();
        assert!(!store.exists_blocking("k").unwrap());
    });
}

#[test]
fn a_record_says_whose_result_it_is() {
    in_time(|store, clock| {
        let options = WriteOptions::new().of_task("etl::fetch", Some("2"));
        store.write_with_blocking("k", &1, &options).unwrap();
        let Read::Found(record) = store.read_blocking::<u8>("k").unwrap() else { panic!("it is there") };
        assert_eq!(record.info.task.as_deref(), Some("etl::fetch"));
        assert_eq!(record.info.task_version.as_deref(), Some("2"));
        assert_eq!(record.info.created, clock.now());
    });
}

#[test]
fn another_type_than_asked_for_is_an_error() {
    everywhere(|store| {
        store.write_blocking("k", &vec!["a"]).unwrap();
        let error = store.read_blocking::<u32>("k").unwrap_err();
        assert!(error.is_wrong_type(), "{error}");
        let said = error.to_string();
        assert!(
            said.starts_with("the record `k` holds a `alloc::vec::Vec<&str>`, which cannot be read as `u32`"),
            "{said}"
        );
        assert!(said.contains("take another key, or delete the record"), "{said}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(store.read_blocking::<Vec<String>>("k").unwrap().into_value().unwrap(), ["a"]);
    });
}

#[test]
fn clones_are_one_store() {
    let store = ResultStore::memory();
    let other = store.clone();
    store.write_blocking("k", &1).unwrap();
    assert!(other.exists_blocking("k").unwrap());
    // Another serializer, the same records.
    let other = other.with_serializer(MessagePack);
    other.write_blocking("m", &1).unwrap();
    assert!(store.exists_blocking("m").unwrap());
    assert!(!ResultStore::memory().exists_blocking("k").unwrap());
}

#[test]
fn large_values_come_back() {
    everywhere(|store| {
        let text = "x".repeat(5_000_000);
        store.write_blocking("large", &text).unwrap();
        assert!(store.exists_blocking("large").unwrap());
        assert!(store.read_blocking::<String>("large").unwrap().into_value().unwrap() == text);
    });
}
