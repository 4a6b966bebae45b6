//! The ledger: where runs are recorded, so that they can be looked at afterwards, and go on where their process died.
//!
//! A [`RunStore`] takes [events](Event) in order, a batch at a time, and answers queries. It knows neither engines nor runs, and
//! every type here is plain data. [`MemoryRunStore`] is for tests.

mod batch;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
mod memory;
mod owner;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod retention;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::state::State;
use crate::transaction::TransactionState;

pub use batch::{Batch, Changed, Created, Known};
pub use error::StoreError;
pub use event::{Event, Kind, LogRecord, Outcome, RunRecord, TransactionRecord, UpstreamRecord};
pub use memory::MemoryRunStore;
pub use owner::Owner;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresRunStore};
pub use query::{LogQuery, Order, RunQuery, StateCount};
pub use retention::Retention;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRunStore;

/// How safe a record is by the time it counts as written.
///
/// | | process killed | machine loses power | store fails |
/// |---|---|---|---|
/// | `Relaxed` | everything is there that the store has been given; what was under way to it is lost, and is executed again | the last moments may be lost, nothing else | runs go on; what happens is kept in a [spool](crate::EngineBuilder::spool) |
/// | `Strict` | a result that anybody was given is there | a result that anybody was given is there | runs end as CRASHED after a [while](crate::EngineBuilder::recording_timeout) |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A result may be used before its record is written.
    #[default]
    Relaxed,
    /// No result is handed on before its record has been synced to the disk.
    Strict,
}

/// A ledger of runs.
///
/// Its methods block: they are called on threads of Millrun's own. All of them may be called from several threads at once; there is
/// one who [writes](Self::write) per engine. An implementation passes the suite of `millrun::store::conformance`
/// (feature `conformance`).
pub trait RunStore: Send + Sync {
    /// What messages call it: `sqlite:runs.db`. No passwords.
    fn name(&self) -> String;

    /// Writes all events, in order, or none of them.
    ///
    /// When it returns they survive the process; with [`Strict`](Durability::Strict) the machine's power loss as well.
    ///
    /// # Errors
    /// Nothing of it was written. [`is_temporary`](StoreError::is_temporary) errors are tried again.
    fn write(&self, events: &[Event], durability: Durability) -> Result<(), StoreError>;

    /// Notes that an owner lives until its lease is over, longer if it says so again.
    ///
    /// # Errors
    /// It cannot be written; or the owner was [buried](Self::bury) before, and runs of its were given up
    /// ([`is_gone`](StoreError::is_gone)).
    fn renew(&self, owner: &Owner) -> Result<(), StoreError>;

    /// All owners, as they were when they renewed their leases last.
    ///
    /// # Errors
    /// It cannot be read.
    fn owners(&self) -> Result<Vec<Owner>, StoreError>;

    /// Forgets an owner. Unless its lease has been renewed since `owner` was read, what it has not ended becomes CRASHED with
    /// `reason`, at `now` or right after its last state, and belongs to nobody: all of that, or nothing.
    ///
    /// Gives the outermost flow runs and the task runs outside of flows that became CRASHED.
    ///
    /// # Errors
    /// It cannot be written.
    fn bury(&self, owner: &Owner, reason: &str, now: SystemTime) -> Result<Vec<Uuid>, StoreError>;

    /// Gives a flow run that belongs to nobody, and is not COMPLETED, to an owner: whether it did. Of two who ask at once one gets
    /// it.
    ///
    /// # Errors
    /// It cannot be written.
    fn claim(&self, flow_run: Uuid, owner: Uuid) -> Result<bool, StoreError>;

    /// Makes a flow run that is not there yet, as that of the owner which the record names: whether it did. Of several who ask at once
    /// one makes it.
    ///
    /// # Errors
    /// It cannot be written.
    fn create(&self, flow_run: &RunRecord) -> Result<bool, StoreError>;

    /// The runs that a query asks for.
    ///
    /// # Errors
    /// It cannot be read.
    fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError>;

    /// How many runs a query finds, by their states' names; per span of time in which they were created, if the query says
    /// [`per`](RunQuery::per). Its limit does not count.
    ///
    /// # Errors
    /// It cannot be read.
    fn count(&self, query: &RunQuery) -> Result<Vec<StateCount>, StoreError>;

    /// All states of a run, in order; none of a run that is not there.
    ///
    /// # Errors
    /// It cannot be read.
    fn states(&self, run: Uuid) -> Result<Vec<State>, StoreError>;

    /// What the runs in a flow run, or one task run, have waited for: in the order of these runs' ids, and of each in the order of
    /// writing.
    ///
    /// # Errors
    /// It cannot be read.
    fn upstreams(&self, run: Uuid) -> Result<Vec<UpstreamRecord>, StoreError>;

    /// What a run gave, where that is recorded.
    ///
    /// # Errors
    /// It cannot be read.
    fn outcome(&self, run: Uuid) -> Result<Option<Outcome>, StoreError>;

    /// The transactions of an outermost run, in the order in which they were recorded first.
    ///
    /// # Errors
    /// It cannot be read.
    fn transactions(&self, root: Uuid) -> Result<Vec<TransactionRecord>, StoreError>;

    /// Those transactions of an outermost run that were interrupted: their owner died before they were rolled back, or they, or one
    /// that they are in, committed, so that not all of their hooks were called.
    /// [`roll_back_interrupted`](crate::EngineBuilder::roll_back_interrupted) has them rolled back.
    ///
    /// # Errors
    /// It cannot be read.
    fn interrupted(&self, root: Uuid) -> Result<Vec<TransactionRecord>, StoreError> {
        let transactions = self.transactions(root)?;
        let parents: HashMap<Uuid, &TransactionRecord> =
            transactions.iter().map(|record| (record.id, record)).collect();
        let owners = self.owners()?;
        let is_interrupted = |record: &&TransactionRecord| {
            let around = |record: &&TransactionRecord| record.parent.and_then(|id| parents.get(&id)).copied();
            record.is_open()
                && !owners.iter().any(|owner| Some(owner.id) == record.owner)
                && std::iter::successors(Some(*record), around)
                    .all(|record| record.state != TransactionState::Committed)
        };
        Ok(transactions.iter().filter(is_interrupted).cloned().collect())
    }

    /// What user code has logged.
    ///
    /// # Errors
    /// It cannot be read.
    fn logs(&self, query: &LogQuery) -> Result<Vec<LogRecord>, StoreError>;

    /// Deletes outermost flow runs that have ended, with all that is recorded of them and of what they began, and task runs outside
    /// of flows; those that have not ended stay. Gives the keys under which results of theirs lie in the result store: each once, and
    /// none that a run which is left refers to.
    ///
    /// # Errors
    /// Nothing was deleted.
    fn delete(&self, runs: &[Uuid]) -> Result<Vec<String>, StoreError>;

    /// Gives the room of what was deleted back to the system, where that is to be asked for.
    ///
    /// # Errors
    /// It could not.
    fn vacuum(&self) -> Result<(), StoreError>;
}

macro_rules! delegate {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl<S: RunStore + ?Sized> RunStore for Arc<S> {
            $(fn $name(&self, $($argument: $type),*) -> $result {
                (**self).$name($($argument),*)
            })*
        }
    };
}

delegate! {
    name() -> String;
    write(events: &[Event], durability: Durability) -> Result<(), StoreError>;
    renew(owner: &Owner) -> Result<(), StoreError>;
    owners() -> Result<Vec<Owner>, StoreError>;
    bury(owner: &Owner, reason: &str, now: SystemTime) -> Result<Vec<Uuid>, StoreError>;
    claim(flow_run: Uuid, owner: Uuid) -> Result<bool, StoreError>;
    create(flow_run: &RunRecord) -> Result<bool, StoreError>;
    runs(query: &RunQuery) -> Result<Vec<RunRecord>, StoreError>;
    count(query: &RunQuery) -> Result<Vec<StateCount>, StoreError>;
    states(run: Uuid) -> Result<Vec<State>, StoreError>;
    upstreams(run: Uuid) -> Result<Vec<UpstreamRecord>, StoreError>;
    outcome(run: Uuid) -> Result<Option<Outcome>, StoreError>;
    transactions(root: Uuid) -> Result<Vec<TransactionRecord>, StoreError>;
    interrupted(root: Uuid) -> Result<Vec<TransactionRecord>, StoreError>;
    logs(query: &LogQuery) -> Result<Vec<LogRecord>, StoreError>;
    delete(runs: &[Uuid]) -> Result<Vec<String>, StoreError>;
    vacuum() -> Result<(), StoreError>;
}
