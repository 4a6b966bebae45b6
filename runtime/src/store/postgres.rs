//! A run store in a PostgreSQL server.

mod options;
mod owners;
mod read;
mod schema;
mod session;
mod text;
mod write;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::runtime::Handle;
use uuid::Uuid;

use self::session::{Result, Session};
use super::{
    Batch, Durability, Event, LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, RunStore, StateCount,
    StoreError, TransactionRecord, UpstreamRecord,
};
use crate::state::State;
use crate::sync::Mutex;

pub use options::PostgresOptions;

/// Keeps what is recorded in a PostgreSQL server, version 11 or later: for many processes, on many machines.
///
/// Its tables lie in a schema of their own, `millrun` where nothing else is said, which is made if it is not there; those of an
/// earlier version of Millrun become those of this version. A connection that breaks is replaced: until the server can be reached
/// again, what is asked of the store fails with an error that [may pass](StoreError::is_temporary).
///
/// | [`Durability`] | `synchronous_commit` | survives this process's end | survives the server's loss of power |
/// |---|---|---|---|
/// | `Relaxed` | `off` | what was written | what was written up to some moment shortly before |
/// | `Strict` | `on` | what was written | what was written |
///
/// Where a connection breaks while a batch is committed, nobody can tell whether it was. It is an error then; written once more, runs
/// and their states are there once, logs and upstreams may be there twice.
///
/// There is no TLS, but what [`PostgresOptions::with_connector`] brings.
///
/// ```no_run
/// use millrun::store::{PostgresRunStore, RunQuery, RunStore};
///
/// # fn main() -> Result<(), millrun::store::StoreError> {
/// let store = PostgresRunStore::connect_blocking("postgres://millrun:secret@db.example/runs")?;
/// println!("{} flow runs", store.runs(&RunQuery::flow_runs())?.len());
/// # Ok(())
/// # }
/// ```
pub struct PostgresRunStore {
    shared: Arc<Shared>,
}

struct Shared {
    options: PostgresOptions,
    name: String,
    /// Connections at rest.
    idle: Mutex<Vec<Session>>,
}

/// So many connections are kept at rest.
const KEPT: usize = 4;

impl PostgresRunStore {
    /// The store in the schema `millrun` of that server and database: `postgres://user:password@host:5432/database`, or
    /// `host=… user=… dbname=…`, as `libpq` takes it. For others see [`PostgresOptions`].
    ///
    /// # Errors
    /// The server cannot be reached (an error that [may pass](StoreError::is_temporary)), lets nobody in by that name and password, or
    /// this user may not create tables; or the tables are of a later version of Millrun.
    ///
    /// # Cancel safety
    /// Once begun it is connected; if nobody waits for it any more it is closed again.
    pub async fn connect(url: &str) -> std::result::Result<Self, StoreError> {
        PostgresOptions::new(url)?.connect().await
    }

    /// [`connect`](Self::connect), on this thread.
    ///
    /// # Errors
    /// As above.
    pub fn connect_blocking(url: &str) -> std::result::Result<Self, StoreError> {
        PostgresOptions::new(url)?.connect_blocking()
    }

    fn open(options: PostgresOptions) -> std::result::Result<Self, StoreError> {
        let shared = Arc::new(Shared { name: options.name(), options, idle: Mutex::default() });
        let opening = shared.clone();
        aside(move || {
            let migrated = opening.connect().and_then(|mut session| {
                schema::migrate(&mut session, opening.options.schema())?;
                Ok(session)
            });
            let session = migrated.map_err(|problem| problem.with("open", &opening.name))?;
            opening.idle.lock().push(session);
            Ok(())
        })?;
        Ok(Self { shared })
    }

    fn writing<T: Send>(
        &self,
        durability: Durability,
        action: impl FnOnce(&mut Session) -> Result<T> + Send,
    ) -> std::result::Result<T, StoreError> {
        let begin = match durability {
            Durability::Relaxed => "BEGIN; SET LOCAL synchronous_commit TO off",
            Durability::Strict => "BEGIN; SET LOCAL synchronous_commit TO on",
        };
        let shared = &self.shared;
        aside(|| shared.transaction(begin, action).map_err(|problem| problem.with("write", &shared.name)))
    }

    fn reading<T: Send>(
        &self,
        action: impl FnOnce(&mut Session) -> Result<T> + Send,
    ) -> std::result::Result<T, StoreError> {
        // All that is read is of one moment.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let shared = &self.shared;
        aside(|| shared.transaction(begin, action).map_err(|problem| problem.with("read", &shared.name)))
    }
}

impl Shared {
    fn connect(&self) -> Result<Session> {
        let mut session = Session::new(self.options.open()?);
        session.batch(&format!("SET search_path TO {}", schema::quoted(self.options.schema())))?;
        Ok(session)
    }

    /// All of it, or nothing: a session in which something failed is closed, and with it what was begun.
    fn transaction<T>(&self, begin: &str, action: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let mut session = self.begin(begin)?;
        let done = action(&mut session)?;
        session.batch("COMMIT")?;
        self.rest(session);
        Ok(done)
    }

    /// A session that is in a transaction. Those at rest may have been closed by the server meanwhile.
    fn begin(&self, begin: &str) -> Result<Session> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(mut session) = idle else { break };
            if session.batch(begin).is_ok() {
                return Ok(session);
            }
        }
        let mut session = self.connect()?;
        session.batch(begin)?;
        Ok(session)
    }

    fn rest(&self, session: Session) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(session);
        } else {
            drop(idle);
            drop(session);
        }
    }
}

/// The driver has a runtime of its own, which must not be waited for, nor dropped, on a thread that drives another.
fn aside<T: Send>(action: impl FnOnce() -> T + Send) -> T {
    if Handle::try_current().is_err() {
        return action();
    }
    let done = std::thread::scope(|scope| scope.spawn(action).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Drop for Shared {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        aside(move || drop(idle));
    }
}

impl RunStore for PostgresRunStore {
    fn name(&self) -> String {
        self.shared.name.clone()
    }

    fn write(&self, events: &[Event], durability: Durability) -> std::result::Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let batch = Batch::of(events);
        self.writing(durability, |session| write::write(session, &batch))
    }

    fn renew(&self, owner: &Owner) -> std::result::Result<(), StoreError> {
        self.writing(Durability::Relaxed, |session| owners::renew(session, owner))
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
        self.writing(Durability::Strict, |session| owners::bury(session, owner, reason, now))
    }

    fn claim(&self, flow_run: Uuid, owner: Uuid) -> std::result::Result<bool, StoreError> {
        self.writing(Durability::Strict, |session| owners::claim(session, flow_run, owner))
    }

    fn create(&self, flow_run: &RunRecord) -> std::result::Result<bool, StoreError> {
        let events = [Event::Created(Box::new(flow_run.clone()))];
        self.writing(Durability::Strict, |session| {
            let is_new = !owners::is_there(session, flow_run.id)?;
            if is_new {
                write::write(session, &Batch::of(&events))?;
            }
            Ok(is_new)
        })
    }

    fn runs(&self, query: &RunQuery) -> std::result::Result<Vec<RunRecord>, StoreError> {
        self.reading(|session| read::runs(session, query))
    }

    fn count(&self, query: &RunQuery) -> std::result::Result<Vec<StateCount>, StoreError> {
        self.reading(|session| read::count(session, query))
    }

    fn states(&self, run: Uuid) -> std::result::Result<Vec<State>, StoreError> {
        self.reading(|session| read::states(session, run))
    }

    fn upstreams(&self, run: Uuid) -> std::result::Result<Vec<UpstreamRecord>, StoreError> {
        self.reading(|session| read::upstreams(session, run))
    }

    fn outcome(&self, run: Uuid) -> std::result::Result<Option<Outcome>, StoreError> {
        self.reading(|session| read::outcome(session, run))
    }

    fn transactions(&self, root: Uuid) -> std::result::Result<Vec<TransactionRecord>, StoreError> {
        self.reading(|session| read::transactions(session, root))
    }

    fn logs(&self, query: &LogQuery) -> std::result::Result<Vec<LogRecord>, StoreError> {
        self.reading(|session| read::logs(session, query))
    }

    fn delete(&self, runs: &[Uuid]) -> std::result::Result<Vec<String>, StoreError> {
        self.writing(Durability::Relaxed, |session| owners::delete(session, runs))
    }

    fn vacuum(&self) -> std::result::Result<(), StoreError> {
        let shared = &self.shared;
        let tables = "runs, states, tags, parameters, outcomes, upstreams, logs, transactions";
        let vacuum = || {
            // No transaction may be around it.
            let mut session = shared.connect()?;
            session.batch(&format!("VACUUM (ANALYZE) {tables}"))
        };
        aside(|| vacuum().map_err(|problem| problem.with("write", &shared.name)))
    }
}

impl std::fmt::Debug for PostgresRunStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresRunStore").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
