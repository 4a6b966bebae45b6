//! Where a store is: paths, urls, and what cannot be one.

use std::process::Command;

use millrun::result::ResultStore;

use crate::folder::Folder;

#[test]
fn urls() {
    let folder = Folder::new();
    let path = folder.path().join("a b%");
    let url = format!("file://{}/a%20b%25", folder.text());
    if cfg!(unix) {
        let store = ResultStore::url(&url).unwrap();
        store.write_blocking("k", &1).unwrap();
        assert!(ResultStore::directory(&path).unwrap().exists_blocking("k").unwrap());
        assert!(format!("{store:?}").contains("a b%"), "{store:?}");
    }
    for url in ["memory://", "memory:///"] {
        let store = ResultStore::url(url).unwrap();
        store.write_blocking("k", &1).unwrap();
        assert!(!ResultStore::url(url).unwrap().exists_blocking("k").unwrap());
    }
}

#[test]
fn what_cannot_be_a_url_is_an_error_that_says_what_can() {
    let accepted = "`memory://`, `file:///folder`, `s3://bucket/folder`, `gs://bucket/folder` or `az://container/folder`";
    for (url, problem) in [
        ("", format!("write {accepted}, or use `ResultStore::directory` for a path")),
        ("/some/path", format!("write {accepted}, or use `ResultStore::directory` for a path")),
        ("s3:/bucket", format!("write {accepted}, or use `ResultStore::directory` for a path")),
        ("ftp://example.org/x", format!("there is no `ftp://`; write {accepted}")),
        ("S3://bucket", format!("there is no `S3://`; write {accepted}")),
        ("file://folder", "write `file:///folder`, with three slashes before an absolute path".into()),
        ("file://", "write `file:///folder`, with three slashes before an absolute path".into()),
        ("file:///a%2", "after a `%` stand two hexadecimal digits".into()),
        ("memory://name", "write `memory://`: what is in memory has no folder".into()),
        ("s3://", format!("the name of the bucket is missing; write {accepted}")),
        ("gs:///folder", format!("the name of the bucket is missing; write {accepted}")),
        ("az://c/a/../b", "`..` is no name for a folder or a record".into()),
        (
            "s3://b/a?x=y",
            "it has a `?` or a `#`, which is written as `%3F` or `%23` where it belongs to a name".into(),
        ),
    ] {
        let error = ResultStore::url(url).unwrap_err();
        assert!(error.is_invalid_place());
        assert_eq!(error.to_string(), format!("`{url}` cannot be the url of a result store: {problem}"));
    }
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_service_whose_feature_is_off_is_an_error_that_names_it() {
    for (url, feature) in [("s3://b/x", "s3"), ("gs://b", "gcs"), ("az://c", "azure")] {
        let error = ResultStore::url(url).unwrap_err();
        assert!(error.is_missing_feature());
        let said = error.to_string();
        assert!(said.starts_with(&format!("`{url}` needs the feature `{feature}` of millrun")), "{said}");
        assert!(said.contains(&format!("features = [\"{feature}\"]")), "{said}");
    }
}

#[test]
fn a_directory_is_made_by_the_first_write() {
    let folder = Folder::new();
    let path = folder.path().join("a/b");
    let store = ResultStore::directory(&path).unwrap();
    assert!(!store.exists_blocking("k").unwrap());
    assert!(!store.delete_blocking("k").unwrap());
    assert!(store.read_blocking::<u8>("k").unwrap().missing().is_some());
    assert!(!path.exists());
    store.write_blocking("k", &1).unwrap();
    // Somebody tidies up.
    std::fs::remove_dir_all(&path).unwrap();
    store.write_blocking("k/l", &2).unwrap();
    assert_eq!(store.read_blocking::<u8>("k/l").unwrap().into_value(), Some(2));
}

#[test]
fn what_cannot_be_a_directory_is_an_error() {
    let error = ResultStore::directory("").unwrap_err();
    assert!(error.is_invalid_place());
    assert_eq!(error.to_string(), "`` cannot be the directory of a result store: the path is empty");
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let error = ResultStore::directory(&file).unwrap_err();
    assert!(error.is_invalid_place());
    assert!(error.to_string().ends_with("there is a file of that name"), "{error}");
    // It comes later.
    let late = folder.path().join("late");
    let store = ResultStore::directory(&late).unwrap();
    std::fs::write(&late, "text").unwrap();
    assert!(store.write_blocking("k", &1).unwrap_err().is_invalid_key());
    assert!(!store.exists_blocking("k").unwrap());
}

#[test]
fn a_relative_path_counts_from_where_the_store_was_made() {
    let store = ResultStore::directory("some/storage").unwrap();
    let here = std::env::current_dir().unwrap().join("some/storage");
    assert!(format!("{store:?}").contains(here.to_str().unwrap()), "{store:?}");
}

#[test]
fn the_default_directory() {
    let default = |variables: &[(&str, Option<&str>)]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_keeper"));
        program.arg("default");
        for (name, value) in variables {
            match value {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            };
        }
        String::from_utf8(program.output().unwrap().stdout).unwrap()
    };
    let folder = Folder::new();
    let written = default(&[("MILLRUN_HOME", Some(folder.text()))]);
    assert_eq!(written, "written\n");
    assert_eq!(folder.files(), ["storage/k"]);
    for none in [None, Some("")] {
        let folder = Folder::new();
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        assert_eq!(default(&[("MILLRUN_HOME", none), (home, Some(folder.text()))]), "written\n");
        assert_eq!(folder.files(), [".millrun/storage/k"]);
    }
}
