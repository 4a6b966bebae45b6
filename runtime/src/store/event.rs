//! What is recorded of runs, as plain data.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::state::State;
use crate::transaction::TransactionState;

/// Whether a run is one of a task or of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Of a task.
    Task,
    /// Of a flow.
    Flow,
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A run was made. The state in the record is its first.
    Created(Box<RunRecord>),
    /// More is known of a run: what is not `None` replaces what the record says.
    Prepared {
        /// The run.
        run: Uuid,
        /// Of what it is.
        kind: Kind,
        /// Its name from now on.
        name: Option<String>,
        /// Its parameters, where they are recorded.
        parameters: Option<Map<String, Value>>,
        /// What it is recognised by when its flow run is resumed.
        identity: Option<Uuid>,
    },
    /// A run entered a state.
    Entered {
        /// The run.
        run: Uuid,
        /// Of what it is.
        kind: Kind,
        /// The state; later than the ones before.
        state: State,
        /// How many attempts have begun.
        run_count: u32,
        /// What it gave, where it ended well and that is kept.
        outcome: Option<Outcome>,
    },
    /// A run waits for others.
    Upstream(UpstreamRecord),
    /// User code has logged something.
    Logged(LogRecord),
    /// A transaction has begun, or has become what the record says.
    Transaction(TransactionRecord),
}

/// What is recorded of a run, but for its states, its upstreams, its logs and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of a task or of a flow.
    pub kind: Kind,
    /// The key of its function: `etl::fetch`.
    pub key: String,
    /// The name of its task or flow.
    pub function: String,
    /// The version of its task or flow.
    pub version: Option<String>,
    /// Its own name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its parameters, where they are recorded: always for flow runs.
    pub parameters: Option<Map<String, Value>>,
    /// The run that has begun it.
    pub parent: Option<Uuid>,
    /// The flow run that it is in.
    pub flow_run: Option<Uuid>,
    /// The outermost flow run that it is in; itself, for an outermost flow run, and for a task run outside of flows.
    pub root: Uuid,
    /// Its place in the map that it is of.
    pub map_index: Option<u32>,
    /// What it is recognised by when its flow run is resumed; `None` where it is executed again.
    pub identity: Option<Uuid>,
    /// The outermost transaction that has to be committed for it to count, where that is not its own.
    pub transaction: Option<Uuid>,
    /// Who has it, until it has ended.
    pub owner: Option<Uuid>,
    /// When it was made.
    pub created: SystemTime,
    /// How many attempts have begun.
    pub run_count: u32,
    /// Its last state.
    pub state: State,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The value as JSON.
    Inline(Vec<u8>),
    /// The key of a record in the result store.
    Stored(String),
}

/// A run waits for another, or for the runs of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamRecord {
    /// The run that waits.
    pub run: Uuid,
    /// The parameter that takes the result; `None` if it is only waited for.
    pub parameter: Option<String>,
    /// The run that is waited for; the first of them.
    pub upstream: Uuid,
    /// How many there are: their ids follow each other.
    pub count: u32,
}

/// What user code has logged in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The run.
    pub run: Uuid,
    /// The flow run that it is in, or is.
    pub flow_run: Option<Uuid>,
    /// When.
    pub at: SystemTime,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// Where from: a module's path as a rule.
    pub target: String,
    /// What.
    pub message: String,
}

/// A transaction: until the outermost one is committed, what runs have staged in it does not count as done.
///
/// Recorded are those that [`transaction()`](crate::transaction()) begins, and those of task runs that have something to roll back,
/// or a value that was set in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// Its id; of a task run's own that of the task run.
    pub id: Uuid,
    /// The outermost run that it is in.
    pub root: Uuid,
    /// The transaction that it is in.
    pub parent: Option<Uuid>,
    /// Who has it.
    pub owner: Option<Uuid>,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// How far it is.
    pub state: TransactionState,
    /// What was set in it.
    pub values: Map<String, Value>,
}

impl TransactionRecord {
    /// Whether it is neither committed nor rolled back.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, TransactionState::Committed | TransactionState::RolledBack)
    }
}
