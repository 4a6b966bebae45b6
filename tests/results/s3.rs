//! S3, on a real server. Left out where there is none: the README says how to have one.

#[cfg(feature = "s3")]
#[test]
fn a_bucket_is_a_place_like_any_other() {
    use millrun::result::{MessagePack, Missing, Read, ResultStore, WriteOptions};

    let Ok(url) = std::env::var("MILLRUN_TEST_S3") else {
        eprintln!("left out: MILLRUN_TEST_S3 is not set");
        return;
    };
    let store = ResultStore::url(&url).unwrap();
    let key = |key: &str| format!("{}-{key}", std::process::id());

    assert_eq!(store.read_blocking::<u8>(&key("none")).unwrap().missing(), Some(&Missing::None));
    assert!(!store.exists_blocking(&key("none")).unwrap());
    assert!(!store.delete_blocking(&key("none")).unwrap());

    let long = "x".repeat(10_000);
    for (n, name) in ["plain", "a/b/c", "größe", "12:30 #1 %", "{x}+[y]&z=*?", &long].into_iter().enumerate()
    {
        let key = key(name);
        store.write_blocking(&key, &n).unwrap();
        assert!(store.exists_blocking(&key).unwrap());
        assert_eq!(store.read_blocking::<usize>(&key).unwrap().into_value(), Some(n), "{key}");
        store.clone().with_serializer(MessagePack).write_blocking(&key, &(n + 1)).unwrap();
        assert_eq!(store.read_blocking::<usize>(&key).unwrap().into_value(), Some(n + 1), "{key}");
        assert!(store.delete_blocking(&key).unwrap());
        assert!(!store.exists_blocking(&key).unwrap());
    }

    // A folder and a record may have one name there.
    store.write_blocking(&key("a"), &1).unwrap();
    store.write_blocking(&key("a/b"), &2).unwrap();
    assert_eq!(store.read_blocking::<u8>(&key("a")).unwrap().into_value(), Some(1));

    let large = "y".repeat(20_000_000);
    store.write_blocking(&key("large"), &large).unwrap();
    assert!(store.exists_blocking(&key("large")).unwrap());
    assert!(store.read_blocking::<String>(&key("large")).unwrap().into_value().unwrap() == large);

    let options = WriteOptions::new().expires_in("1d").of_task("etl::fetch", None);
    // One runtime after the other: connections that are kept open belong to neither.
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            store.write_with(&key("async"), &1, &options).await.unwrap();
            let Read::Found(record) = store.read::<u8>(&key("async")).await.unwrap() else {
                panic!("it is there")
            };
            assert_eq!(record.info.task.as_deref(), Some("etl::fetch"));
        });
    }

    // Writers beside each other: a reader sees one or the other.
    let value = |n: u32| vec![n; 100_000];
    store.write_blocking(&key("race"), &value(0)).unwrap();
    std::thread::scope(|scope| {
        for n in 1..4 {
            let (store, key) = (store.clone(), key("race"));
            scope.spawn(move || (0..5).for_each(|_| store.write_blocking(&key, &value(n)).unwrap()));
        }
        for _ in 0..10 {
            let read: Vec<u32> = store.read_blocking(&key("race")).unwrap().into_value().unwrap();
            assert!(read.len() == 100_000 && read.iter().all(|n| *n == read[0]));
        }
    });

    let bucket = url.split('/').nth(2).unwrap();
    let error =
        ResultStore::url(&url.replacen(bucket, "no-such-bucket-here", 1)).unwrap().write_blocking("k", &1);
    assert!(error.unwrap_err().to_string().starts_with("failed to write `"));

    for name in ["a", "a/b", "large", "async", "race"] {
        assert!(store.delete_blocking(&key(name)).unwrap(), "{name}");
    }
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_bucket_is_a_place_like_any_other() {
    eprintln!("left out: the feature `s3` of these tests is off");
}
