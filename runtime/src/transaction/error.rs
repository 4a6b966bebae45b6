//! What goes wrong with a transaction.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error::{BoxError, FlowError, TaskError};

/// Why a transaction could not do what was asked, or was rolled back. `Clone`; it keeps its source.
#[derive(Clone, Debug)]
pub struct TransactionError(Arc<Repr>);

#[derive(Debug)]
struct Repr {
    what: What,
    message: String,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Commit,
    Rollback,
    RolledBack,
    Run,
    Value,
    Store,
    Ended,
}

impl TransactionError {
    fn new(what: What, message: String, source: Option<BoxError>) -> Self {
        Self(Arc::new(Repr { what, message, source }))
    }

    /// Whether a hook failed as it was committed, because of which it was rolled back.
    pub fn is_commit(&self) -> bool {
        self.0.what == What::Commit
    }

    /// Whether hooks failed as it was rolled back.
    pub fn is_rollback(&self) -> bool {
        self.0.what == What::Rollback
    }

    /// Whether it had been rolled back before.
    pub fn is_rolled_back(&self) -> bool {
        self.0.what == What::RolledBack
    }

    /// Whether a run inside ended badly that nobody looked at. The source is its error.
    pub fn is_run(&self) -> bool {
        self.0.what == What::Run
    }

    /// Whether its record could not be looked for or written, or its key not be locked.
    pub fn is_store(&self) -> bool {
        self.0.what == What::Store
    }

    pub(crate) fn store(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        Self::new(What::Store, error.to_string(), Some(error))
    }

    pub(crate) fn no_key() -> Self {
        let message =
            "the transaction has no record of its own: give it a key, as in `transaction().key(\"report\")`";
        Self::new(What::Store, message.into(), None)
    }

    pub(crate) fn stage_of_committed() -> Self {
        let message = "failed to stage: the transaction was committed before";
        Self::new(What::Ended, message.into(), None)
    }

    /// A hook failed in a commit; `rollback` is what went wrong as all was rolled back because of that.
    pub(crate) fn commit(hook: &str, error: BoxError, rollback: Option<&Self>) -> Self {
        let also = rollback.map(|rollback| format!("; {rollback}")).unwrap_or_default();
        let message = format!("failed to commit: {hook} failed: {error}; all is rolled back{also}");
        Self::new(What::Commit, message, Some(error))
    }

    /// How each hook of a rollback ended, of which some failed.
    pub(crate) fn rollback(outcomes: &[(String, Result<(), String>)]) -> Self {
        let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
        let each: Vec<String> = outcomes
            .iter()
            .map(|(hook, outcome)| match outcome {
                Ok(()) => format!("{hook} succeeded"),
                Err(error) => format!("{hook} failed: {error}"),
            })
            .collect();
        let message = format!("{failed} of {} rollback hooks failed: {}", outcomes.len(), each.join("; "));
        Self::new(What::Rollback, message, None)
    }

    pub(crate) fn rolled_back() -> Self {
        Self::new(What::RolledBack, "the transaction was rolled back".into(), None)
    }

    pub(crate) fn committed() -> Self {
        let message = "failed to roll back: the transaction was committed before";
        Self::new(What::Ended, message.into(), None)
    }

    /// A run inside ended badly.
    pub(crate) fn run(name: &str, error: TaskError) -> Self {
        let message = format!("the transaction is rolled back: '{name}' ended without success: {error}");
        Self::new(What::Run, message, Some(Box::new(error)))
    }

    pub(crate) fn of_value(name: &str, verb: &str, error: BoxError) -> Self {
        Self::new(What::Value, format!("failed to {verb} `{name}`: {error}"), Some(error))
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for TransactionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<TransactionError> for TaskError {
    fn from(error: TransactionError) -> Self {
        Self::from_user(Box::new(error))
    }
}

impl From<TransactionError> for FlowError {
    fn from(error: TransactionError) -> Self {
        TaskError::from(error).into()
    }
}

/// For hooks and bodies that do I/O.
impl From<TransactionError> for io::Error {
    fn from(error: TransactionError) -> Self {
        Self::other(error)
    }
}
