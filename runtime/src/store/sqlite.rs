//! A run store in a file.

mod connection;
mod owners;
mod read;
mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Handle;
use uuid::Uuid;

use self::connection::Result;
use super::{
    Batch, Durability, Event, LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, RunStore, StateCount,
    StoreError, TransactionRecord, UpstreamRecord,
};
use crate::state::State;
use crate::sync::Mutex;

/// Keeps what is recorded in an SQLite database: one file, and two beside it while it is in use (`…-wal`, `…-shm`).
///
/// One connection writes; those who read neither wait for it nor hold it up, and see what was written whole. Several processes may
/// use one file: they take turns in writing, and wait as long as that takes.
///
/// The file lies on a disk of this machine: network drives cannot do what this asks of them.
///
/// | [`Durability`] | `PRAGMA synchronous` | survives the process's end | survives a loss of power |
/// |---|---|---|---|
/// | `Relaxed` | `NORMAL` | what was written | what was written up to some moment shortly before |
/// | `Strict` | `FULL` | what was written | what was written |
///
/// ```
/// use millrun::store::{RunQuery, RunStore, SqliteRunStore};
///
/// # fn main() -> Result<(), millrun::store::StoreError> {
/// # let folder = std::env::temp_dir().join(format!("millrun-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let store = SqliteRunStore::open_blocking(folder.join("runs.db"))?;
/// assert_eq!(store.runs(&RunQuery::flow_runs())?, []);
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(())
/// # }
/// ```
pub struct SqliteRunStore {
    path: PathBuf,
    writer: Mutex<Writer>,
    /// Connections that read and are at rest.
    readers: Mutex<Vec<Connection>>,
}

struct Writer {
    connection: Connection,
    durability: Durability,
}

/// So many connections are kept for those who will read.
const READERS: usize = 4;

impl SqliteRunStore {
    /// Opens the store in that file, which is made if it is not there. One of an earlier version of Millrun becomes one of this
    /// version.
    ///
    /// Within a tokio runtime it is opened on a thread that may block.
    ///
    /// # Errors
    /// The path is a directory, or in none; the file is something else, or of a later version of Millrun; this user may not write
    /// it. It is left as it was then.
    ///
    /// # Cancel safety
    /// Once begun it is opened; if nobody waits for it any more it is closed again.
    pub async fn open(path: impl AsRef<Path>) -> std::result::Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        match Handle::try_current() {
            Ok(runtime) => {
                let opened = runtime.spawn_blocking(move || Self::open_blocking(path)).await;
                opened.map_err(|error| {
                    StoreError::new("failed to open the run store: the tokio runtime is gone")
                        .with_source(error)
                })?
            }
            Err(_) => Self::open_blocking(path),
        }
    }

    /// [`open`](Self::open), on this thread.
    ///
    /// # Errors
    /// As above.
    pub fn open_blocking(path: impl AsRef<Path>) -> std::result::Result<Self, StoreError> {
        let path = connection::absolute(path.as_ref())?;
        let connection = connection::open_writer(&path).map_err(|problem| problem.with("open", &path))?;
        Ok(Self {
            path,
            writer: Mutex::new(Writer { connection, durability: Durability::Relaxed }),
            readers: Mutex::new(Vec::new()),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it, or nothing: what fails is taken back.
    fn writing<T>(
        &self,
        durability: Durability,
        action: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let mut writer = self.writer.lock();
        writer.write(durability, action).map_err(|problem| problem.with("write", &self.path))
    }

    /// With a connection of its own, on which all that is read is of one moment.
    fn reading<T>(
        &self,
        action: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let idle = self.readers.lock().pop();
        let read = || -> Result<_> {
            let mut connection = idle.map_or_else(|| connection::open_reader(&self.path), Ok)?;
            let transaction = connection.transaction()?;
            let read = action(&transaction)?;
            drop(transaction);
            Ok((connection, read))
        };
        let (connection, read) = read().map_err(|problem| problem.with("read", &self.path))?;
        let mut readers = self.readers.lock();
        if readers.len() < READERS {
            readers.push(connection);
        }
        Ok(read)
    }
}

impl Writer {
    fn write<T>(
        &mut self,
        durability: Durability,
        action: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        if durability != self.durability {
            self.connection.execute_batch(match durability {
                Durability::Relaxed => "PRAGMA synchronous = NORMAL",
                Durability::Strict => "PRAGMA synchronous = FULL",
            })?;
            self.durability = durability;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = action(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl RunStore for SqliteRunStore {
    fn name(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    fn write(&self, events: &[Event], durability: Durability) -> std::result::Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let batch = Batch::of(events);
        self.writing(durability, |connection| write::write(connection, &batch))
    }

    fn renew(&self, owner: &Owner) -> std::result::Result<(), StoreError> {
        self.writing(Durability::Relaxed, |connection| owners::renew(connection, owner))
    }

    fn owners(&self) -> std::result::Result<Vec<Owner>, StoreError> {
        self.reading(read::owners)
    }

    fn bury(
        &self,
        owner: &Owner,
        reason: &str,
        now: SystemTime,
    ) -> std::result::Result<Vec<Uuid>, StoreError> {
        self.writing(Durability::Strict, |connection| owners::bury(connection, owner, reason, now))
    }

    fn claim(&self, flow_run: Uuid, owner: Uuid) -> std::result::Result<bool, StoreError> {
        self.writing(Durability::Strict, |connection| owners::claim(connection, flow_run, owner))
    }

    fn create(&self, flow_run: &RunRecord) -> std::result::Result<bool, StoreError> {
        let events = [Event::Created(Box::new(flow_run.clone()))];
        self.writing(Durability::Strict, |connection| {
            let is_new = !owners::is_there(connection, flow_run.id)?;
            if is_new {
                write::write(connection, &Batch::of(&events))?;
            }
            Ok(is_new)
        })
    }

    fn runs(&self, query: &RunQuery) -> std::result::Result<Vec<RunRecord>, StoreError> {
        self.reading(|connection| read::runs(connection, query))
    }

    fn count(&self, query: &RunQuery) -> std::result::Result<Vec<StateCount>, StoreError> {
        self.reading(|connection| read::count(connection, query))
    }

    fn states(&self, run: Uuid) -> std::result::Result<Vec<State>, StoreError> {
        self.reading(|connection| read::states(connection, run))
    }

    fn upstreams(&self, run: Uuid) -> std::result::Result<Vec<UpstreamRecord>, StoreError> {
        self.reading(|connection| read::upstreams(connection, run))
    }

    fn outcome(&self, run: Uuid) -> std::result::Result<Option<Outcome>, StoreError> {
        self.reading(|connection| read::outcome(connection, run))
    }

    fn transactions(&self, root: Uuid) -> std::result::Result<Vec<TransactionRecord>, StoreError> {
        self.reading(|connection| read::transactions(connection, root))
    }

    fn logs(&self, query: &LogQuery) -> std::result::Result<Vec<LogRecord>, StoreError> {
        self.reading(|connection| read::logs(connection, query))
    }

    fn delete(&self, runs: &[Uuid]) -> std::result::Result<Vec<String>, StoreError> {
        self.writing(Durability::Relaxed, |connection| owners::delete(connection, runs))
    }

    fn vacuum(&self) -> std::result::Result<(), StoreError> {
        let writer = self.writer.lock();
        let sql = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
        let done = writer.connection.execute_batch(sql);
        done.map_err(|error| connection::Problem::from(error).with("write", &self.path))
    }
}

impl std::fmt::Debug for SqliteRunStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteRunStore").field("path", &self.path).finish_non_exhaustive()
    }
}
