//! Keys: what the user calls a record, and the name under which a place keeps it.
//!
//! A `/` in a key makes a folder. Everything else in it is kept readable where any file system takes it, and is written as `%`
//! and its bytes in hexadecimal where one does not: `% ~ # \ : * ? " < > |`, a `.` that begins or ends a segment, a space that
//! ends one, and the first letter of what Windows keeps for itself (`CON`, `NUL`, …). So two keys never share a name, no name
//! leaves the folder of its store, and a store can be copied from one system to another.
//!
//! What is too long is shortened: of a segment the beginning stays, followed by `~` and a hash of the whole segment; of a name
//! the first folders stay, followed by `~` and a hash of the whole key. The record says its key in full.

use std::fmt::Write;

use twox_hash::XxHash3_128;

/// How long a segment of a name may be, in bytes; file systems take 255.
const SEGMENT: usize = 180;
/// How much of a segment that is longer stays.
const SEGMENT_KEPT: usize = 120;
/// How long a name may be, in bytes; S3 takes 1024.
const NAME: usize = 700;
/// How much of a name that is longer stays.
const NAME_KEPT: usize = 500;
/// How much of a key a message shows, in characters.
const SHOWN: usize = 100;

/// The name of a key's record: segments separated by `/`, none of which begins with a `.`; or what is wrong with the key.
pub(crate) fn name_of(key: &str) -> Result<String, String> {
    check(key)?;
    let mut name = String::with_capacity(key.len());
    let mut kept = 0;
    for segment in key.split('/') {
        if !name.is_empty() {
            name.push('/');
        }
        encode(segment, &mut name);
        if name.len() <= NAME_KEPT {
            kept = name.len();
        }
    }
    if name.len() > NAME {
        name.truncate(kept);
        let _ = write!(name, "/~{}", hash(key));
    }
    Ok(name)
}

fn check(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("it is empty".into());
    }
    if key.starts_with('/') || key.ends_with('/') {
        return Err("it must neither begin nor end with `/`".into());
    }
    if let Some(control) = key.chars().find(|c| c.is_control()) {
        return Err(format!("it has the control character {control:?}"));
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err("it has nothing between two `/`".into()),
            "." | ".." => return Err(format!("`{segment}` is no name for a folder or a record")),
            _ => {}
        }
    }
    Ok(())
}

fn encode(segment: &str, name: &mut String) {
    let start = name.len();
    let reserved = is_reserved(segment);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !reserved && segment.len() <= SEGMENT && segment.bytes().all(is_plain) {
        name.push_str(segment);
        return;
    }
    let last = segment.len() - segment.chars().next_back().map_or(0, char::len_utf8);
    for (n, c) in segment.char_indices() {
        let escape = match c {
            '%' | '~' | '#' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => true,
            '.' => n == 0 || n == last,
            ' ' => n == last,
            _ => n == 0 && reserved,
        };
        if escape {
            // All of these are ASCII.
            let _ = write!(name, "%{:02X}", u32::from(c));
        } else {
            name.push(c);
        }
    }
    if name.len() - start > SEGMENT {
        let end = (start..=start + SEGMENT_KEPT).rev().find(|end| name.is_char_boundary(*end));
        name.truncate(end.unwrap_or(start));
        let _ = write!(name, "~{}", hash(segment));
    }
}

/// Whether Windows has a device of that name.
fn is_reserved(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or(segment).trim_end();
    let is = |name: &str| stem.eq_ignore_ascii_case(name);
    let numbered = stem.len() == 4
        && stem.is_char_boundary(3)
        && ["COM", "LPT"].iter().any(|name| stem[..3].eq_ignore_ascii_case(name))
        && stem[3..].chars().all(|c| c.is_ascii_digit());
    numbered || ["CON", "PRN", "AUX", "NUL"].into_iter().any(is)
}

/// 32 hexadecimal digits, the same everywhere and for ever: names on disk are made of them.
pub(crate) fn hash(text: &str) -> String {
    format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
}

/// A key as messages show it: on one line, and not all of it where it is long.
pub(crate) fn shown(key: &str) -> String {
    let line = |text: &str| text.chars().flat_map(char::escape_debug).collect::<String>();
    match key.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", line(&key[..end]), key.len()),
        None => line(key),
    }
}

/// The key of what `task` keeps under `key`, so that no two tasks share a record: `tasks/`, the task's key (its module's path
/// and its name) with `.` for `::`, and `key`.
///
/// ```
/// assert_eq!(millrun::result::task_key("etl::download::fetch", "2020-01-02"), "tasks/etl.download.fetch/2020-01-02");
/// ```
pub fn task_key(task: &str, key: &str) -> String {
    format!("tasks/{}/{key}", task.replace("::", "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_file_system_takes_stays_as_it_is() {
        for key in
            ["a", "flights/2020-01-02/report.txt", "größe", "a b", "tar.gz", "{x}-[y]", "a.b..c", "COM"]
        {
            assert_eq!(name_of(key).unwrap(), key);
        }
    }

    #[test]
    fn the_rest_is_escaped() {
        for (key, name) in [
            ("a:b", "a%3Ab"),
            ("100%", "100%25"),
            (r"..\..\x", r"%2E.%5C..%5Cx"),
            ("C:/x", "C%3A/x"),
            (".staging", "%2Estaging"),
            ("a./b", "a%2E/b"),
            ("a ", "a%20"),
            ("a#1", "a%231"),
            ("~", "%7E"),
            ("nul", "%6Eul"),
            ("con/con.txt", "%63on/%63on.txt"),
            ("...", "%2E.%2E"),
        ] {
            assert_eq!(name_of(key).unwrap(), name, "{key}");
        }
    }

    #[test]
    fn what_is_too_long_is_shortened_and_stays_distinct() {
        let long = "x".repeat(10_000);
        let name = name_of(&long).unwrap();
        assert_eq!(name, format!("{}~{}", "x".repeat(120), hash(&long)));
        assert_ne!(name, name_of(&"x".repeat(9_999)).unwrap());
        let wide = name_of(&"ö".repeat(5_000)).unwrap();
        assert!(wide.starts_with("öööö") && wide.len() < SEGMENT, "{wide}");
        let deep = "folder/".repeat(1_000) + "record";
        let name = name_of(&deep).unwrap();
        assert!(name.len() < NAME && name.starts_with("folder/folder/"), "{name}");
        assert_eq!(name.rsplit('/').next(), Some(&*format!("~{}", hash(&deep))));
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(""), "99aa06d3014798d86001c324468d497f");
        assert_eq!(hash("millrun"), hash("millrun"));
    }
}
