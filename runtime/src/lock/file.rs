//! Locks across the processes of a machine: files that the operating system locks.
//!
//! A key has two files, named by a hash of it: `<hash>.lock`, which its holder's process has locked, and `<hash>.owner`, which
//! says who that is and is locked, too: whoever wants to know tries that one, and is in nobody's way. The system's locks end
//! with the process, however it ends, so nothing has to be known of the dead. Within a process owners take turns as in memory,
//! so a process asks for a file once at a time.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::turns::{Turned, Turns, within};
use super::{LockError, LockFuture, LockManager, LockRequest};
use crate::clock::Clock;
use crate::result::key::hash;

/// How often a file is tried that nobody holds and that is locked.
const INSTANT: u32 = 1_000;

/// Locks across the processes of a machine, as files of a directory. A cheap handle, `Clone`.
///
/// The operating system keeps the locks (`flock`, `LockFileEx`), so those of a process that has ended, however it has ended,
/// are free at once. Within a process, who waits is served in order; among processes the operating system decides. Nothing
/// polls: while another process holds a lock that is wanted here, one thread for that lock stands in the system's queue.
///
/// The time of a hold is kept by the process that holds: one that is stopped keeps its locks until it goes on or ends. The
/// directory must be on a file system that knows such locks, which those of one machine do, and most that are shared. On
/// Windows a holder in another process is called `another process`.
///
/// ```
/// use millrun::lock::{FileLockManager, LockManager, LockRequest};
///
/// let folder = std::env::temp_dir().join(format!("millrun-locks-{}", std::process::id()));
/// let locks = FileLockManager::new(&folder)?;
/// locks.acquire_blocking("report", &LockRequest::by("one").with_hold("1m"))?;
/// assert_eq!(locks.holder_blocking("report")?.as_deref(), Some("one"));
/// locks.release_blocking("report", "one")?;
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok::<_, millrun::lock::LockError>(())
/// ```
#[derive(Clone)]
pub struct FileLockManager {
    turns: Turns<LockedFile>,
    files: Arc<Files>,
}

impl FileLockManager {
    /// With its files in `directory`, which is made if it is not there. It may be that of a result store.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, LockError> {
        Self::with_clock(directory, Clock::system())
    }

    /// The same, by that clock: for tests that move it.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn with_clock(directory: impl AsRef<Path>, clock: Clock) -> Result<Self, LockError> {
        // No record has a name that begins with a dot.
        let directory = directory.as_ref().join(".locks");
        let made = std::path::absolute(&directory).and_then(|path| fs::create_dir_all(&path).map(|()| path));
        match made {
            Ok(directory) => Ok(Self {
                turns: Turns::new(clock),
                files: Arc::new(Files { directory, sought: Mutex::default() }),
            }),
            Err(error) => Err(LockError::unreachable(
                format_args!("make the directory `{}` for locks", directory.display()),
                error,
            )),
        }
    }

    /// The holder in whatever process.
    fn holder_anywhere(&self, key: &str) -> Result<Option<String>, LockError> {
        if let Some(holder) = self.turns.holder(key) {
            return Ok(Some(holder.to_string()));
        }
        let paths = self.files.paths(key);
        paths.holder().map_err(|error| {
            LockError::unreachable(format_args!("read the lock `{}`", paths.lock.display()), error)
        })
    }
}

impl LockManager for FileLockManager {
    fn acquire<'a>(&'a self, key: &'a str, request: &'a LockRequest) -> LockFuture<'a, ()> {
        Box::pin(async move {
            let turn = async {
                let Turned::First(taking) = self.turns.turn(key, request).await else { return Ok(()) };
                let wait = request.timeout() != Some(Duration::ZERO);
                let Some(file) = self.files.take(key, request.owner(), wait).await? else { return Err(None) };
                taking.take(file, request.hold());
                Ok(())
            };
            match within(self.turns.clock(), request.timeout(), turn).await {
                Some(Ok(())) => Ok(()),
                Some(Err(Some(error))) => {
                    let path = self.files.paths(key).lock;
                    Err(LockError::unreachable(format_args!("lock `{}`", path.display()), error))
                }
                Some(Err(None)) | None => {
                    Err(LockError::timeout(key, request, self.holder_anywhere(key)?.as_deref()))
                }
            }
        })
    }

    fn release<'a>(&'a self, key: &'a str, owner: &'a str) -> LockFuture<'a, ()> {
        let released = self.turns.release(key, owner).unwrap_or_else(|| match self.holder_anywhere(key)? {
            Some(holder) if holder != owner => Err(LockError::held(key, &holder)),
            _ => Err(LockError::not_held(key, owner)),
        });
        Box::pin(std::future::ready(released))
    }

    fn holder<'a>(&'a self, key: &'a str) -> LockFuture<'a, Option<String>> {
        Box::pin(std::future::ready(self.holder_anywhere(key)))
    }
}

impl fmt::Debug for FileLockManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileLockManager").field(&self.files.directory).finish()
    }
}

struct Files {
    directory: PathBuf,
    /// The files that threads stand in the system's queue for, by key.
    sought: Mutex<HashMap<String, Sought>>,
}

/// A file that another process has locked.
#[derive(Default)]
struct Sought {
    /// Who waits for it. Nobody, once it has given up; whoever is next takes over.
    waker: Option<Waker>,
    found: Option<io::Result<LockedFile>>,
}

/// What `<hash>.owner` says.
#[derive(Serialize, Deserialize)]
struct Says {
    key: String,
    owner: String,
    process: u32,
}

impl Files {
    fn paths(&self, key: &str) -> Paths {
        let hash = hash(key);
        Paths {
            lock: self.directory.join(format!("{hash}.lock")),
            owner: self.directory.join(format!("{hash}.owner")),
        }
    }

    fn sought(&self) -> MutexGuard<'_, HashMap<String, Sought>> {
        self.sought.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the file of that key, which no other owner of this process asks for meanwhile; none if another process has it,
    /// and this does not wait.
    async fn take(self: &Arc<Self>, key: &str, owner: &str, wait: bool) -> io::Result<Option<LockedFile>> {
        let paths = self.paths(key);
        let at_once = if wait { paths.lock(false)? } else { paths.lock_if_free()? };
        let mut file = match at_once {
            Some(file) => file,
            None if wait => Seek { files: self.clone(), key: key.to_owned(), over: false }.await?,
            None => return Ok(None),
        };
        file.sign(&Says { key: key.to_owned(), owner: owner.to_owned(), process: std::process::id() })?;
        Ok(Some(file))
    }

    /// Stands in the system's queue, on a thread of its own.
    fn seek(self: &Arc<Self>, key: &str) -> io::Result<()> {
        let (files, key) = (self.clone(), key.to_owned());
        let seek = move || {
            let found = files.paths(&key).lock(true).transpose();
            let found = found.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()));
            let mut sought = files.sought();
            let waker = sought.get_mut(&key).and_then(|sought| sought.waker.take());
            match (waker, sought.get_mut(&key)) {
                (Some(waker), Some(entry)) => {
                    entry.found = Some(found);
                    drop(sought);
                    waker.wake();
                }
                // Nobody wants it any more.
                _ => drop(sought.remove(&key)),
            }
        };
        thread::Builder::new().name("millrun-lock".into()).spawn(seek).map(drop)
    }
}

/// Waits for a file that another process has locked.
struct Seek {
    files: Arc<Files>,
    key: String,
    over: bool,
}

impl Future for Seek {
    type Output = io::Result<LockedFile>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut sought = this.files.sought();
        let Some(entry) = sought.get_mut(&this.key) else {
            if let Err(error) = this.files.seek(&this.key) {
                return Poll::Ready(Err(error));
            }
            sought.insert(this.key.clone(), Sought { waker: Some(cx.waker().clone()), found: None });
            return Poll::Pending;
        };
        if let Some(found) = entry.found.take() {
            sought.remove(&this.key);
            this.over = true;
            return Poll::Ready(found);
        }
        entry.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Seek {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut sought = self.files.sought();
        let Some(entry) = sought.get_mut(&self.key) else { return };
        entry.waker = None;
        if entry.found.is_some() {
            let gone = sought.remove(&self.key);
            drop(sought);
            drop(gone);
        }
    }
}

struct Paths {
    lock: PathBuf,
    owner: PathBuf,
}

impl Paths {
    /// Locks the file; none if another process has, and this does not wait.
    fn lock(&self, wait: bool) -> io::Result<Option<LockedFile>> {
        loop {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.lock)?;
            let locked = if wait { file.lock() } else { file.try_lock().map_err(io::Error::from) };
            match locked {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock && !wait => return Ok(None),
                Err(error) => return Err(error),
            }
            if is_still_at(&file, &self.lock)? {
                let paths = Self { lock: self.lock.clone(), owner: self.owner.clone() };
                return Ok(Some(LockedFile { lock: file, owner: None, paths }));
            }
            // Its holder has removed it since it was opened.
        }
    }

    /// Locks the file if nobody holds it. One that is locked and has no owner is in the hands of somebody who takes it, or who
    /// has given up waiting for it and lets go: that is a matter of an instant.
    fn lock_if_free(&self) -> io::Result<Option<LockedFile>> {
        for _ in 0..INSTANT {
            let locked = self.lock(false)?;
            if locked.is_some() || self.holder()?.is_some() {
                return Ok(locked);
            }
            thread::yield_now();
        }
        Ok(None)
    }

    /// Who has locked it, in whatever process.
    fn holder(&self) -> io::Result<Option<String>> {
        let mut file = match File::open(&self.owner) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            // Its holder has been killed.
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        // It may be about to be written, and what is locked cannot be read everywhere.
        let says = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str::<Says>(&text).ok());
        Ok(Some(says.map_or_else(|| "another process".into(), |says| says.owner)))
    }
}

/// Whether the file that was opened is the one that is called `path` now.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let opened = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere the files stay where they are.
#[cfg(not(unix))]
fn is_still_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// A file that this process has locked; dropped, it is free, and gone where that can be seen by those who have opened it.
struct LockedFile {
    lock: File,
    owner: Option<File>,
    paths: Paths,
}

impl LockedFile {
    /// Says who holds it.
    fn sign(&mut self, says: &Says) -> io::Result<()> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&self.paths.owner)?;
        let file = self.owner.insert(file);
        file.lock()?;
        file.write_all(&serde_json::to_vec(says)?)
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Not by closing them: a process that has just been started may still have them.
        if let Some(owner) = &self.owner {
            let _ = fs::remove_file(&self.paths.owner);
            let _ = owner.unlock();
        }
        if cfg!(unix) {
            let _ = fs::remove_file(&self.paths.lock);
        }
        let _ = self.lock.unlock();
    }
}
