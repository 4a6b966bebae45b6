//! Records as files below a directory.
//!
//! A record is written to a file of its own in `.staging`, and then takes the place of another at once: whoever reads sees one
//! or the other, and whoever is killed leaves the other. No record has a name that begins with a dot, so what lies in
//! `.staging` is never read as one. Its writer holds a lock on it that ends with its process; what nobody holds is the rest
//! of a process that was killed, and the first write of another process removes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use uuid::Uuid;

use super::{Beginning, Result, Stored};
use crate::result::error::{Problem, ResultStoreError};
use crate::result::record::Encoded;

const STAGING: &str = ".staging";
/// How often a write begins again that another process takes for the rest of one that is dead.
const ATTEMPTS: u32 = 8;

pub(in crate::result) struct Directory {
    root: PathBuf,
    /// Whether a write is on the disk when it is done.
    synced: bool,
    swept: Once,
}

impl Directory {
    /// The directory need not be there yet.
    pub(in crate::result) fn at(path: &Path) -> Result<Self> {
        let invalid = |problem: &str, source: Option<io::Error>| {
            let message =
                format!("`{}` cannot be the directory of a result store: {problem}", path.display());
            match source {
                Some(source) => ResultStoreError::because(Problem::Place, message, source),
                None => ResultStoreError::new(Problem::Place, message),
            }
        };
        if path.as_os_str().is_empty() {
            return Err(invalid("the path is empty", None));
        }
        let root =
            std::path::absolute(path).map_err(|error| invalid("it has no absolute path", Some(error)))?;
        if fs::metadata(&root).is_ok_and(|found| !found.is_dir()) {
            return Err(invalid("there is a file of that name", None));
        }
        Ok(Self { root, synced: false, swept: Once::new() })
    }

    pub(in crate::result) fn with_synced(&self, synced: bool) -> Self {
        Self { root: self.root.clone(), synced, swept: Once::new() }
    }

    pub(in crate::result) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn put(&self, name: &str, record: Encoded) -> Result<()> {
        let Encoded { head, payload } = record;
        let path = self.path(name);
        let staging = self.root.join(STAGING);
        let folder = path.parent().unwrap_or(&self.root);
        let write = || {
            fs::create_dir_all(&staging)?;
            self.swept.call_once(|| sweep(&staging));
            fs::create_dir_all(folder)?;
            let mut attempt = 1;
            loop {
                match self.put_once(&staging, &path, &[&head, &payload]) {
                    // Another process took the staged file for one that nobody writes, or somebody removed a folder.
                    Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
                    // The folder is a link to another file system.
                    Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                        break self.put_once(folder, &path, &[&head, &payload]);
                    }
                    written => break written,
                }
                fs::create_dir_all(&staging)?;
                fs::create_dir_all(folder)?;
            }
        };
        write().map_err(|error| {
            // Creating a folder where a record lies says that something is there already.
            let error = match error.kind() {
                ErrorKind::AlreadyExists => io::Error::new(ErrorKind::NotADirectory, error),
                ErrorKind::DirectoryNotEmpty => io::Error::new(ErrorKind::IsADirectory, error),
                _ => error,
            };
            ResultStoreError::io("write", format_args!("`{}`", path.display()), error)
        })
    }

    fn put_once(&self, staging: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut staged = Staged::create(staging)?;
        for part in parts {
            staged.file.write_all(part)?;
        }
        if self.synced {
            staged.file.sync_all()?;
        }
        staged.replace(path)?;
        if self.synced {
            sync_folders(&self.root, path)?;
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Stored>> {
        let path = self.path(name);
        let bytes = present(fs::read(&path)).map_err(|error| cannot("read", &path, error))?;
        Ok(bytes.map(Stored::Bytes))
    }

    pub(super) fn beginning(&self, name: &str, most: usize) -> Result<Option<Beginning>> {
        let path = self.path(name);
        let read = || {
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            let mut bytes = Vec::with_capacity(most.min(usize::try_from(length).unwrap_or(most)));
            file.take(most as u64).read_to_end(&mut bytes)?;
            Ok(Beginning { stored: Stored::Bytes(bytes), length })
        };
        present(read()).map_err(|error| cannot("read", &path, error))
    }

    pub(super) fn delete(&self, name: &str) -> Result<bool> {
        let path = self.path(name);
        let removed = present(fs::remove_file(&path)).map_err(|error| cannot("delete", &path, error))?;
        Ok(removed.is_some())
    }
}

fn cannot(doing: &str, path: &Path, error: io::Error) -> ResultStoreError {
    ResultStoreError::io(doing, format_args!("`{}`", path.display()), error)
}

/// None where there is no file: nothing, a folder, or a file where its folder would be.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// A file that is being written; removed where it does not get to its place.
struct Staged {
    file: File,
    path: Option<PathBuf>,
}

impl Staged {
    fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!(".{}", Uuid::new_v4().simple()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let staged = Self { file, path: Some(path) };
        // Where a file system has no locks, nothing is swept either.
        let _ = staged.file.lock();
        Ok(staged)
    }

    fn replace(mut self, target: &Path) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if cfg!(windows) {
            // A lock there keeps readers out.
            let _ = self.file.unlock();
        }
        fs::rename(path, target)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes what writers have left that are no more.
fn sweep(staging: &Path) {
    let Ok(entries) = fs::read_dir(staging) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Has the disk hold what `path` and the folders above it, up to `root`, are called. Where a system cannot, it need not.
fn sync_folders(root: &Path, path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        for folder in path.ancestors().skip(1) {
            File::open(folder)?.sync_all()?;
            if folder == root {
                break;
            }
        }
    }
    Ok(())
}
