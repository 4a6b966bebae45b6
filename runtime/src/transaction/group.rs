//! `transaction()`: what is done in it is committed or rolled back together.

use super::{CommitMode, Transaction, TransactionError};
use crate::engine;

/// Begins to make a transaction around what a closure does; see [`run`](TransactionBuilder::run).
pub fn transaction() -> TransactionBuilder {
    TransactionBuilder::default()
}

/// A transaction to be: made by [`transaction`].
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is given something to run"]
pub struct TransactionBuilder {
    mode: Option<CommitMode>,
}

impl TransactionBuilder {
    /// When it commits, if it is left well; by default as the one that it is in, and [lazily](CommitMode::Lazy) where it is in
    /// none.
    pub fn commit_mode(mut self, mode: CommitMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Does what the closure does inside of a transaction.
    ///
    /// All runs that were begun inside are awaited before it is left. If then the closure gave `Ok`, and no run inside ended
    /// without success unseen, it is committed, or left to the transaction that it is in. Otherwise it is rolled back, with
    /// all transactions that it is in.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// fn undo(_txn: &Transaction) { println!("undone"); }
    ///
    /// #[task(on_rollback = undo)]
    /// async fn write(text: String) -> usize { text.len() }
    ///
    /// #[task]
    /// async fn check(length: usize) -> Result<(), String> {
    ///     if length > 3 { Ok(()) } else { Err("too short".into()) }
    /// }
    ///
    /// #[flow]
    /// async fn publish(text: String) -> Result<(), FlowError> {
    ///     transaction().run(async |_txn| {
    ///         let length = write(text).await?;
    ///         check(length).await?;                   // an error undoes the writing
    ///         Ok::<_, FlowError>(())
    ///     }).await
    /// }
    ///
    /// assert!(publish("enough".into()).result().is_ok());
    /// assert!(publish("no".into()).result().is_err());
    /// ```
    ///
    /// # Errors
    /// That of the closure; that of a run inside that nobody looked at; that of a commit that failed, because of which all of it
    /// was rolled back. What goes wrong in a rollback is logged, and the error that led to it goes on.
    ///
    /// # Panics
    /// A panic of the closure goes on once all is rolled back.
    ///
    /// # Cancel safety
    /// Dropped before its end, it cancels what is open inside and rolls back.
    pub async fn run<F, T, E>(self, inside: F) -> Result<T, E>
    where
        F: AsyncFnOnce(Transaction) -> Result<T, E>,
        E: From<TransactionError>,
    {
        engine::transaction::Group::begin(self.mode)?.run(inside).await
    }

    /// As [`run`](Self::run), on this thread.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// A panic of the closure goes on once all is rolled back.
    pub fn run_blocking<F, T, E>(self, inside: F) -> Result<T, E>
    where
        F: FnOnce(Transaction) -> Result<T, E>,
        E: From<TransactionError>,
    {
        engine::transaction::Group::begin(self.mode)?.run_blocking(inside)
    }
}
