//! Connections to a database file: how one is opened, and what goes wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};
use uuid::Uuid;

use super::schema;
use crate::store::StoreError;

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// What can go wrong, before anybody has said with which file.
#[derive(Debug)]
pub(super) enum Problem {
    /// SQLite says so.
    Sqlite(Error),
    /// It was said already.
    Said(StoreError),
    /// Of somebody else.
    Foreign,
    /// Of a later version of Millrun.
    Newer { version: i64, known: i64 },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Said(error)
    }
}

impl Problem {
    /// `what` is "read" or "write", say.
    pub(super) fn with(self, what: &str, path: &Path) -> StoreError {
        let failed = format!("failed to {what} the run store `{}`", path.display());
        let error = match self {
            Self::Said(error) => return error,
            Self::Foreign => {
                return StoreError::new(format!(
                    "{failed}: it is an SQLite database, but none of Millrun's; name another file, nothing in this one was \
                     changed"
                ));
            }
            Self::Newer { version, known } => {
                return StoreError::new(format!(
                    "{failed}: a later version of Millrun has written it (its tables are of version {version}, this one knows \
                     those up to {known}); use that version, or name another file; nothing in this one was changed"
                ));
            }
            Self::Sqlite(error) => error,
        };
        let hint = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => "; name another file, nothing in this one was changed",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                "; this user has to be allowed to write the file and its directory"
            }
            Some(ErrorCode::DatabaseCorrupt) => "; put a copy of it in its place, if there is one",
            Some(ErrorCode::DiskFull) => "; the disk is full",
            _ => "",
        };
        let message = format!("{failed}: {error}{hint}");
        let may_pass = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::CannotOpen
                    | ErrorCode::OutOfMemory
            )
        );
        let known = if may_pass { StoreError::temporary(message) } else { StoreError::new(message) };
        known.with_source(error)
    }
}

/// The path from the root on, which SQLite takes as that of a file whatever its name.
pub(super) fn absolute(path: &Path) -> std::result::Result<PathBuf, StoreError> {
    let refused =
        |why: &str| StoreError::new(format!("failed to open the run store `{}`: {why}", path.display()));
    let path = std::path::absolute(path)
        .map_err(|error| refused("a run store is a file, and this names none").with_source(error))?;
    if path.is_dir() {
        return Err(refused("it is a directory; name a file in it"));
    }
    match path.parent() {
        Some(folder) if !folder.is_dir() => {
            Err(refused(&format!("there is no directory `{}`; create it", folder.display())))
        }
        _ => Ok(path),
    }
}

/// The connection that writes, to a file that is created if need be. Its tables are those of this version afterwards.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    if schema::check(&connection)? {
        // Deletes nothing, and fails where nothing may be written: SQLite opens such a file as well.
        connection.execute("DELETE FROM owners WHERE id IS NULL", [])?;
    } else {
        schema::migrate(&mut connection)?;
    }
    use_log(&mut connection)?;
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA cache_size = -16384;
         PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000",
    )?;
    Ok(connection)
}

/// A connection that reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::empty())?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    // Without SQLITE_OPEN_URI: a file may have any name. Each connection is behind a lock of ours.
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Another process may write for as long as it needs.
    connection.busy_timeout(Duration::from_millis(i32::MAX as u64))?;
    Ok(connection)
}

/// Writes to a log from now on, beside which others read.
fn use_log(connection: &mut Connection) -> Result<()> {
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Problem::Said(StoreError::new(format!(
                    "the run store cannot have a write-ahead log where it lies, only one of the kind `{mode}`: network drives \
                     cannot keep one; name a file on a disk of this machine"
                ))));
            }
            // SQLite does not wait here, as two might wait for each other. Who is faster is done once the lock is free.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.transaction_with_behavior(TransactionBehavior::Exclusive)?.commit()?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// An id as 16 bytes.
#[derive(Clone, Copy)]
pub(super) struct Id(pub(super) Uuid);

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::from_slice(value.as_blob()?).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}
