//! `transaction()`: what is done in it is committed or rolled back together.

use super::{CommitMode, IsolationLevel, Transaction, TransactionError};
use crate::engine;
use crate::engine::cache::Io;
use crate::result::ResultStore;

/// Begins to make a transaction around what a closure does; see [`run`](TransactionBuilder::run).
pub fn transaction() -> TransactionBuilder {
    TransactionBuilder::default()
}

/// A transaction to be: made by [`transaction`].
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is given something to run"]
pub struct TransactionBuilder {
    pub(crate) mode: Option<CommitMode>,
    pub(crate) isolation: Option<IsolationLevel>,
    pub(crate) key: Option<String>,
    pub(crate) overwrite: bool,
    pub(crate) store: Option<ResultStore>,
}

impl TransactionBuilder {
    /// When it commits, if it is left well; by default as the one that it is in, and [lazily](CommitMode::Lazy) where it is in
    /// none.
    pub fn commit_mode(mut self, mode: CommitMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Makes it idempotent: when it is committed, a record is written under the key; where there is one already, it is committed
    /// from the beginning. The closure runs all the same, [`is_committed`](Transaction::is_committed) tells it, and what is
    /// done inside is committed at once and not rolled back.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// fn publish(store: &ResultStore) -> Result<bool, TransactionError> {
    ///     transaction().key("publish/2020-01-02").store(store.clone()).run_blocking(|txn| {
    ///         if txn.is_committed() { return Ok(false); }
    ///         txn.stage("published")?;
    ///         Ok(true)
    ///     })
    /// }
    ///
    /// let store = ResultStore::memory();
    /// assert!(publish(&store).unwrap());
    /// assert!(!publish(&store).unwrap());
    /// ```
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Does not look for a record under the key, and replaces the one that is there.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Where the record lies; by default where the engine keeps results.
    pub fn store(mut self, store: ResultStore) -> Self {
        self.store = Some(store);
        self
    }

    /// What it knows of others with the same key; by default as the one that it is in, and
    /// [what they have committed](IsolationLevel::ReadCommitted) where it is in none. Holds for the task runs inside as well.
    pub fn isolation(mut self, isolation: IsolationLevel) -> Self {
        self.isolation = Some(isolation);
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
    /// That of the closure; that of a key that cannot be looked for or locked; that of a run inside that nobody looked at; that of a commit that failed, because of which all of it
    /// was rolled back. What goes wrong in a rollback is logged, and the error that led to it goes on.
    ///
    /// # Panics
    /// A panic of the closure goes on once all is rolled back.
    ///
    /// # Cancel safety
    /// Dropped before its end, also in the middle of its commit, it cancels what is open inside and rolls back, with those that
    /// it is in.
    pub async fn run<F, T, E>(self, inside: F) -> Result<T, E>
    where
        F: AsyncFnOnce(Transaction) -> Result<T, E>,
        E: From<TransactionError>,
    {
        let group = engine::transaction::Group::begin(&self)?;
        group.look_up(self, Io::Async).await?;
        group.run(inside).await
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
        let group = engine::transaction::Group::begin(&self)?;
        if self.key.is_some() {
            engine::transaction::block_on(group.look_up(self, Io::Blocking))?;
        }
        group.run_blocking(inside)
    }
}
