//! Directories that may not be written, and disks that are full.

#![cfg(unix)]

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use millrun::result::ResultStore;

use crate::folder::Folder;

/// Whom nothing belongs to.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

/// A copy of the program where everybody may execute it.
fn program(folder: &Folder) -> String {
    let program = folder.path().join("keeper");
    std::fs::copy(env!("CARGO_BIN_EXE_keeper"), &program).unwrap();
    set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program.to_str().unwrap().to_owned()
}

#[test]
fn a_directory_that_may_not_be_written_is_an_error_that_says_so() {
    let folder = Folder::new();
    let storage = folder.path().join("storage");
    let store = ResultStore::directory(&storage).unwrap();
    store.write_blocking("k", &1).unwrap();
    let staging = storage.join(".staging");
    for path in [&storage, &staging] {
        set_permissions(path, Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = Command::new(program(&folder));
    command.args(["write", storage.to_str().unwrap(), "k", "10"]);
    if is_root() {
        // Whom no permission stops.
        command.uid(NOBODY).gid(NOBODY);
    }
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    for path in [&storage, &staging] {
        set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let path = storage.join("k");
    let expected = format!(
        "permission denied: failed to write `{}`: this user may not; grant it the right to, or choose another place for \
         results: Permission denied (os error 13)\n",
        path.display()
    );
    assert_eq!(said, expected);
    assert_eq!(store.read_blocking::<u8>("k").unwrap().into_value(), Some(1));
}

/// What the keeper says that fills a disk of its own, and with which words it is told that there is no space; nothing where
/// there is no such disk.
fn on_a_small_disk(folder: &Folder) -> Option<(String, &'static str)> {
    let shell = |program: &str, arguments: &[&str], script: &str| {
        let output = Command::new(program)
            .args(arguments)
            .args(["-c", script, "sh", folder.text(), env!("CARGO_BIN_EXE_keeper")])
            .output();
        let said = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
        said.strip_prefix("begun\n").map(str::to_owned)
    };
    let mount = "mount -t tmpfs -o size=64k tmpfs \"$1\" && echo begun && exec \"$2\" fill \"$1\" 1000000";
    let mounted = shell("unshare", &["--user", "--map-root-user", "--mount", "sh"], mount);
    // Where nobody may mount one, a process may be forbidden to write more than so much into a file.
    let limit = "trap '' XFSZ && ulimit -f 64 && echo begun && exec \"$2\" fill \"$1\" 1000000";
    mounted
        .map(|said| {
            (said, "full: failed to write `{}/k`: there is no space left; make some, or choose another place")
        })
        .or_else(|| {
            shell("sh", &[], limit).map(|said| (said, "failed: failed to write `{}/k`: File too large"))
        })
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_keeps_what_was_there() {
    let folder = Folder::new();
    let Some((said, full)) = on_a_small_disk(&folder) else {
        eprintln!("left out: neither a small disk of its own nor a limit for files can be had here");
        return;
    };
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert_eq!(lines[0], "written");
    let full = full.replace("{}", folder.text());
    assert!(lines[1].starts_with(&full), "{said}");
    assert_eq!(lines[2..], ["before", "written"]);
}
