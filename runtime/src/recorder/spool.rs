//! The spool: where events are kept while the store fails, in files that outlive their process.
//!
//! A file belongs to who has its lock, which the system takes back from a process that dies. Its first line says of which store and
//! which owner it is, each other one is an event as JSON. A last line that is not whole was never kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Event, Owner};

/// So many events, or bytes of them, are read at once.
const EVENTS: usize = 4096;
const BYTES: u64 = 8 << 20;
const VERSION: u32 = 1;
const EXTENSION: &str = "jsonl";

/// The spools of a store, in the folder of all spools of this machine.
#[derive(Clone, Debug)]
pub(super) struct Spools {
    folder: PathBuf,
    store: String,
}

/// A file of events, locked for as long as it is open.
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    /// Whose events they are.
    owner: Owner,
    /// How far events are whole. What lies behind was not kept.
    length: u64,
    /// How far they have been read.
    read: u64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    millrun_spool: u32,
    store: String,
    owner: Owner,
}

impl Spools {
    pub(super) fn new(folder: PathBuf, store: String) -> Self {
        Self { folder, store }
    }

    /// Begins a file.
    pub(super) fn create(&self, owner: &Owner) -> io::Result<Spool> {
        fs::create_dir_all(&self.folder)?;
        // No name is used twice: who waits for a lock finds out that the file is gone.
        let path = self.folder.join(format!("{}-{}.{EXTENSION}", owner.id, Uuid::now_v7().simple()));
        // It is locked before others can see it.
        let hidden = path.with_extension("new");
        let header = Header { millrun_spool: VERSION, store: self.store.clone(), owner: owner.clone() };
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&hidden)?;
        let mut spool = Spool { path, file, owner: owner.clone(), length: 0, read: 0 };
        let mut begin = || {
            spool.file.lock()?;
            spool.append_lines([&header])?;
            spool.read = spool.length;
            fs::rename(&hidden, &spool.path)
        };
        if let Err(error) = begin() {
            let _ = fs::remove_file(&hidden);
            return Err(error);
        }
        Ok(spool)
    }

    /// Those of this store that their owners have left behind.
    pub(super) fn abandoned(&self) -> impl Iterator<Item = Spool> {
        self.paths().filter_map(|path| match self.open(&path) {
            Ok(spool) => spool,
            Err(error) => {
                log!(warn, "the spool `{}` cannot be read: {error}", path.display());
                None
            }
        })
    }

    /// Whether something of that owner lies in a spool.
    pub(super) fn hold(&self, owner: Uuid) -> bool {
        let prefix = format!("{owner}-");
        self.paths().any(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix))
        })
    }

    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|own| own == EXTENSION))
    }

    /// `None` for one that is another store's, or that somebody else has.
    fn open(&self, path: &Path) -> io::Result<Option<Spool>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // Somebody may have had it until now, and have removed it.
        if !path.try_exists()? {
            return Ok(None);
        }
        let mut line = Vec::new();
        BufReader::new(&file).read_until(b'\n', &mut line)?;
        let header: Header = serde_json::from_slice(&line)?;
        if header.store != self.store {
            return Ok(None);
        }
        if header.millrun_spool != VERSION {
            return Err(io::Error::other("a later version of Millrun has written it; use that version"));
        }
        let (read, length) = (line.len() as u64, file.metadata()?.len());
        Ok(Some(Spool { path: path.to_owned(), file, owner: header.owner, length, read }))
    }
}

impl Spool {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Keeps all of these, or none.
    pub(super) fn append(&mut self, events: &[Event]) -> io::Result<()> {
        self.append_lines(events)
    }

    fn append_lines<T: Serialize>(&mut self, lines: impl IntoIterator<Item = T>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, &line)?;
            bytes.push(b'\n');
        }
        // What a full disk has left of an earlier attempt.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The events that come next, and how far they reach; none at the end.
    pub(super) fn next(&mut self) -> io::Result<(Vec<Event>, u64)> {
        self.file.seek(SeekFrom::Start(self.read))?;
        let mut reader = BufReader::new(&self.file).take(self.length - self.read);
        let (mut events, mut until, mut line) = (Vec::new(), self.read, Vec::new());
        while events.len() < EVENTS && until - self.read < BYTES {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            match serde_json::from_slice(&line) {
                Ok(event) => events.push(event),
                Err(error) if events.is_empty() => {
                    let said = format!("what lies at byte {until}: {error}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, said));
                }
                // First what comes before it.
                Err(_) => break,
            }
            until += line.len() as u64 + 1;
        }
        Ok((events, until))
    }

    /// So far events are in the store.
    pub(super) fn advance(&mut self, until: u64) {
        self.read = until;
    }

    /// All of them are.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log!(warn, "the spool `{}` cannot be removed: {error}", self.path.display());
        }
    }

    /// They will never be. The file stays, for whoever wants to look at it.
    pub(super) fn refuse(self, why: &dyn std::fmt::Display) {
        let refused = self.path.with_extension("refused");
        let kept = match fs::rename(&self.path, &refused) {
            Ok(()) => refused,
            Err(_) => self.path,
        };
        log!(error, "what lies in the spool `{}` is not recorded: {why}", kept.display());
    }
}
