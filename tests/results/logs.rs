//! What is logged of records that cannot be read: once for each key.

use std::io;
use std::sync::{Arc, Mutex};

use millrun::result::{ResultStore, WriteOptions};

use crate::folder::Folder;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged on this thread meanwhile.
fn logged(action: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, action);
    let text = String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_corrupt_record_is_logged_once_until_it_is_replaced() {
    let folder = Folder::new();
    let store = ResultStore::directory(folder.path()).unwrap();
    let damage = |key: &str| std::fs::write(folder.path().join(key), "rubbish").unwrap();
    let read = |key: &str| assert!(store.read_blocking::<u8>(key).unwrap().missing().is_some());
    let line = |key: &str| {
        format!(
            "WARN result `{key}` in {}: the record is corrupt, it does not begin as records do; the next result replaces it",
            folder.text()
        )
    };
    damage("a");
    damage("b");
    let lines = logged(|| {
        read("a");
        read("a");
        assert!(!store.exists_blocking("a").unwrap());
        assert!(store.clone().read_blocking::<u8>("a").unwrap().missing().is_some());
        read("b");
    });
    assert_eq!(lines, [line("a"), line("b")]);
    let lines = logged(|| {
        store.write_blocking("a", &1).unwrap();
        assert_eq!(store.read_blocking::<u8>("a").unwrap().into_value(), Some(1));
        damage("a");
        read("a");
    });
    assert_eq!(lines, [line("a")]);
}

#[test]
fn what_is_not_there_or_has_expired_is_no_warning() {
    let store = ResultStore::memory();
    let lines = logged(|| {
        store.write_with_blocking("k", &1, &WriteOptions::new().expires_in("0s")).unwrap();
        assert!(store.read_blocking::<u8>("k").unwrap().missing().is_some());
        assert!(store.read_blocking::<u8>("l").unwrap().missing().is_some());
    });
    assert!(lines.is_empty(), "{lines:?}");
}
