//! Records as they lie on disk. Those here are literal: later versions of Millrun have to read them.

use std::time::{Duration, UNIX_EPOCH};

use millrun::Clock;
use millrun::result::{Missing, Read, ResultStore, WriteOptions, serializer};

use crate::folder::Folder;

/// In format 1: `[1,2]` under `numbers`, in JSON.
const JSON: &str = include_str!("records/json");

fn store(folder: &Folder) -> ResultStore {
    ResultStore::directory(folder.path()).unwrap().with_clock(Clock::manual())
}

/// A store with this record under `numbers`.
fn holding(record: impl AsRef<[u8]>) -> (ResultStore, Folder) {
    let folder = Folder::new();
    std::fs::write(folder.path().join("numbers"), record).unwrap();
    (store(&folder), folder)
}

fn missing(store: &ResultStore) -> Missing {
    match store.read_blocking::<Vec<u32>>("numbers").unwrap() {
        Read::Missing(missing) => missing,
        Read::Found(record) => panic!("{record:?}"),
    }
}

#[test]
fn a_record_is_written_byte_by_byte_as_ever() {
    let folder = Folder::new();
    let options = WriteOptions::new().expires_in("1d").of_task("etl::count", Some("3"));
    store(&folder).write_with_blocking("numbers", &vec![1_u32, 2], &options).unwrap();
    assert_eq!(folder.files(), ["numbers"]);
    let written = std::fs::read_to_string(folder.path().join("numbers")).unwrap();
    assert_eq!(written, JSON);
}

#[test]
fn what_is_not_known_of_a_record_is_left_out() {
    let folder = Folder::new();
    store(&folder).write_blocking("k", &()).unwrap();
    let written = std::fs::read_to_string(folder.path().join("k")).unwrap();
    let header = written.lines().nth(1).unwrap();
    assert_eq!(
        header,
        "{\"key\":\"k\",\"created\":\"2020-01-01T00:00:00Z\",\"serializer\":\"json\",\"type\":\"()\",\"length\":4,\
         \"checksum\":\"b785b6ec423c44e1\"}"
    );
}

#[test]
fn records_of_format_1_are_read() {
    let (store, _folder) = holding(JSON);
    let Read::Found(record) = store.read_blocking::<Vec<u32>>("numbers").unwrap() else {
        panic!("it is there")
    };
    assert_eq!(record.value, [1, 2]);
    let created = UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    assert_eq!(record.info.created, created);
    assert_eq!(record.info.expires, Some(created + Duration::from_secs(86_400)));
    assert_eq!(
        (record.info.task.as_deref(), record.info.task_version.as_deref()),
        (Some("etl::count"), Some("3"))
    );
    assert!(store.exists_blocking("numbers").unwrap());
}

#[test]
fn records_of_format_1_are_read_whatever_their_serializer() {
    for (name, record) in [
        ("msgpack", &include_bytes!("records/msgpack")[..]),
        ("json_zstd", include_bytes!("records/json_zstd")),
        ("msgpack_zstd", include_bytes!("records/msgpack_zstd")),
    ] {
        let (store, folder) = holding(record);
        let Read::Found(read) = store.read_blocking::<Vec<u32>>("numbers").unwrap() else { panic!("{name}") };
        assert_eq!((&read.value[..], &*read.info.serializer), (&[1, 2][..], name));
        if !name.ends_with("zstd") {
            let options = WriteOptions::new().expires_in("1d").of_task("etl::count", Some("3"));
            let store = store.with_serializer(serializer(name).unwrap());
            store.write_with_blocking("numbers", &vec![1_u32, 2], &options).unwrap();
            assert_eq!(std::fs::read(folder.path().join("numbers")).unwrap(), record, "{name}");
        }
    }
}

#[test]
fn other_versions_are_refused_with_what_to_do() {
    let (store, _folder) = holding(JSON.replacen("millrun-result 1", "millrun-result 2", 1));
    assert_eq!(missing(&store), Missing::OtherFormat(2));
    assert!(!store.exists_blocking("numbers").unwrap());
    assert_eq!(
        missing(&store).to_string(),
        "the record has version 2 of the format, and this version of millrun reads 1; the next result replaces it, unless you \
         go on with the version of millrun that has written it"
    );
    let (store, _folder) = holding("millrun-result 17\nwhatever that will be");
    assert_eq!(missing(&store), Missing::OtherFormat(17));
    store.write_blocking("numbers", &vec![3_u32]).unwrap();
    assert_eq!(store.read_blocking::<Vec<u32>>("numbers").unwrap().into_value(), Some(vec![3]));
}

#[test]
fn corrupt_records_are_missing_and_replaced() {
    let cut = |n: usize| JSON.as_bytes()[..n].to_vec();
    let mut more = JSON.as_bytes().to_vec();
    more.push(b' ');
    let mut corrupt = vec![
        Vec::new(),
        b"\n".to_vec(),
        b"[1,2]".to_vec(),
        vec![0; 5000],
        vec![0xff; 100],
        b"millrun-result\n".to_vec(),
        b"millrun-result one\n".to_vec(),
        b"millrun-result 1\n{}\n".to_vec(),
        b"millrun-result 1 \n\n\n".to_vec(),
        b"millrun-result 99999999999999999999999999 x\n".to_vec(),
        JSON.replace("etl::count", "etl::COUNT").into_bytes(),
        JSON.replace("2020-01-02", "2030-01-02").into_bytes(),
        JSON.replace("[1,2]", "[1,3]").into_bytes(),
        JSON.replace("\"length\":5", "\"length\":6").into_bytes(),
        more,
    ];
    // Cut off anywhere.
    corrupt.extend((0..JSON.len()).map(cut));
    for record in corrupt {
        let (store, _folder) = holding(&record);
        let shown = String::from_utf8_lossy(&record).into_owned();
        match missing(&store) {
            Missing::Corrupt(_) => {}
            other => panic!("{other:?}: {shown}"),
        }
        store.write_blocking("numbers", &vec![3_u32]).unwrap();
        assert_eq!(
            store.read_blocking::<Vec<u32>>("numbers").unwrap().into_value(),
            Some(vec![3]),
            "{shown}"
        );
    }
}

#[test]
fn a_header_that_is_damaged_is_no_record_to_exists() {
    for record in ["", "[1,2]", &JSON[..JSON.len() - 1], &JSON[..100], &JSON.replace("count", "COUNT")] {
        let (store, _folder) = holding(record);
        assert!(!store.exists_blocking("numbers").unwrap(), "{record}");
    }
}

#[test]
fn a_record_under_another_name_is_none() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("copy"), JSON).unwrap();
    assert_eq!(store(&folder).read_blocking::<Vec<u32>>("copy").unwrap().missing(), Some(&Missing::None));
    assert!(!store(&folder).exists_blocking("copy").unwrap());
}

#[test]
fn a_header_may_be_long() {
    let folder = Folder::new();
    let key = "k".repeat(100_000);
    store(&folder).write_blocking(&key, &1).unwrap();
    assert!(store(&folder).exists_blocking(&key).unwrap());
    assert!(!store(&folder).exists_blocking(&key[1..]).unwrap());
}
