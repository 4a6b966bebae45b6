//! Keys: any text, but for what would lead out of the store or could be mistaken.

use millrun::result::{ResultStore, task_key};

use crate::folder::Folder;
use crate::operations::everywhere;

#[test]
fn what_cannot_be_a_key_is_an_error_everywhere() {
    everywhere(|store| {
        for (key, problem) in [
            ("", "it is empty"),
            ("/", "it must neither begin nor end with `/`"),
            ("/etc/passwd", "it must neither begin nor end with `/`"),
            ("a/", "it must neither begin nor end with `/`"),
            ("a//b", "it has nothing between two `/`"),
            ("..", "`..` is no name for a folder or a record"),
            ("../up", "`..` is no name for a folder or a record"),
            ("a/../../b", "`..` is no name for a folder or a record"),
            ("a/.", "`.` is no name for a folder or a record"),
            ("a\0b", "it has the control character '\\0'"),
            ("a\nb", "it has the control character '\\n'"),
            ("\u{7f}", "it has the control character '\\u{7f}'"),
        ] {
            for error in [
                store.write_blocking(key, &1).unwrap_err(),
                store.read_blocking::<u8>(key).unwrap_err(),
                store.exists_blocking(key).unwrap_err(),
                store.delete_blocking(key).unwrap_err(),
            ] {
                assert!(error.is_invalid_key());
                let shown: String = key.escape_debug().collect();
                assert_eq!(error.to_string(), format!("`{shown}` cannot be the key of a record: {problem}"));
            }
        }
    });
}

#[test]
fn errors_show_the_beginning_of_a_long_key() {
    let error = ResultStore::memory().write_blocking(&format!("{}/", "x".repeat(9_999)), &1).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("`{}… (10000 bytes)` cannot be", "x".repeat(100))),
        "{error}"
    );
}

/// Keys that have to be told apart.
fn odd_keys() -> Vec<String> {
    let long = "x".repeat(10_000);
    let mut keys: Vec<String> = [
        "a",
        "A ",
        "b.",
        ".b",
        "...",
        ".staging",
        ".staging2/x",
        ".locks/x",
        "%2E",
        "%2Estaging",
        "a b",
        " a",
        "c:d",
        "c%3Ad",
        "C:\\x",
        "\\\\server\\x",
        "..\\..\\x",
        "a#1",
        "a#2",
        "~",
        "~1/x",
        "con",
        "CON.txt",
        "nul/x",
        "com1",
        "*?\"<>|",
        "größe",
        "日本/語",
        "\u{1F6EB}",
        "{date:%Y}",
        "a&b=c+d",
        "$HOME",
        "`ls`",
        "-rf",
        "' or 1=1",
        "file.tar.gz",
        "\u{202E}abc",
        "q\u{301}",
    ]
    .map(String::from)
    .into();
    keys.extend([long.clone(), format!("{long}y"), "x/".repeat(4_999) + "x", "x/".repeat(4_999) + "y"]);
    keys.extend(["ö".repeat(5_000), "%".repeat(10_000), format!("f/{long}/g"), format!("f/{long}/h")]);
    keys
}

#[test]
fn any_other_text_is_a_key_of_its_own() {
    everywhere(|store| {
        for (n, key) in odd_keys().iter().enumerate() {
            store.write_blocking(key, &n).unwrap_or_else(|error| panic!("{error}"));
        }
        for (n, key) in odd_keys().iter().enumerate() {
            assert_eq!(store.read_blocking::<usize>(key).unwrap().into_value(), Some(n), "{key}");
            assert!(store.exists_blocking(key).unwrap());
        }
        for key in odd_keys() {
            assert!(store.delete_blocking(&key).unwrap(), "{key}");
        }
    });
}

#[test]
fn no_key_leads_out_of_the_folder_and_names_stay_short() {
    let around = Folder::new();
    let inner = around.path().join("storage");
    let store = ResultStore::directory(&inner).unwrap();
    for key in odd_keys() {
        store.write_blocking(&key, &1).unwrap();
    }
    let files = around.files();
    assert_eq!(files.len(), odd_keys().len());
    for file in files {
        let name = file.strip_prefix("storage/").unwrap();
        assert!(name.len() <= 740 && name.split('/').all(|segment| segment.len() <= 200), "{name}");
        assert!(name.split('/').all(|segment| !segment.starts_with('.')), "{name}");
    }
}

#[test]
fn a_slash_makes_a_folder() {
    let folder = Folder::new();
    let store = ResultStore::directory(folder.path()).unwrap();
    store.write_blocking("2020-01-02/report.txt", &1).unwrap();
    store.write_blocking("12:30", &1).unwrap();
    assert_eq!(folder.files(), ["12%3A30", "2020-01-02/report.txt"]);
}

#[test]
fn a_folder_for_one_key_is_no_record_for_another() {
    let folder = Folder::new();
    let store = ResultStore::directory(folder.path()).unwrap();
    store.write_blocking("a", &1).unwrap();
    store.write_blocking("b/c", &1).unwrap();
    for key in ["a/b", "a/b/c", "b"] {
        let error = store.write_blocking(key, &2).unwrap_err();
        assert!(error.is_invalid_key(), "{error}");
        assert!(
            error.to_string().contains("what is a folder for one key is a record for another"),
            "{error}"
        );
        assert!(!store.exists_blocking(key).unwrap());
        assert!(store.read_blocking::<u8>(key).unwrap().missing().is_some());
    }
    assert!(!store.delete_blocking("a/b").unwrap());
    assert_eq!(folder.files(), ["a", "b/c"]);
}

#[test]
fn tasks_have_folders_of_their_own() {
    assert_eq!(task_key("etl::fetch", "a/b"), "tasks/etl.fetch/a/b");
    assert_ne!(task_key("a::b", "c"), task_key("a", "b/c"));
    let store = ResultStore::memory();
    store.write_blocking(&task_key("etl::fetch", "k"), &1).unwrap();
    assert!(!store.exists_blocking(&task_key("etl::parse", "k")).unwrap());
    assert!(!store.exists_blocking("k").unwrap());
}
