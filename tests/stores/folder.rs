//! Folders of their own for tests, gone when they are dropped.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("millrun-stores-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// What a program prints to which this folder is a disk of that size; `None`, where such a disk cannot be had, which is said.
#[cfg(unix)]
pub(crate) fn on_a_disk_of(size: &str, folder: &Path, program: &[&str]) -> Option<String> {
    let mount = "mount -t tmpfs -o size=\"$1\" tmpfs \"$2\" && echo mounted && shift 2 && exec \"$@\"";
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", size])
        .arg(folder)
        .args(program)
        .output();
    let said = output.map(|output| String::from_utf8(output.stdout).unwrap()).unwrap_or_default();
    let said = said.strip_prefix("mounted\n").map(str::to_owned);
    if said.is_none() {
        eprintln!("left out: a small disk of its own cannot be had here");
    }
    said
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
