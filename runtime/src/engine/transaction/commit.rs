//! Commits: the hooks and the records of a transaction, and of all that is staged inside of it.

use serde_json::Value;

use super::rollback::{Parts, inside_out, not_committed, roll_back, roll_back_with};
use super::{label, now_or_on};
use crate::engine::cache::{Io, Record};
use crate::engine::hook;
use crate::error::BoxError;
use crate::result::{ResultStoreError, WriteOptions};
use crate::runner::runtime::RuntimeHandle;
use crate::transaction::{ToCommit, Transaction, TransactionError, TransactionState};

/// Commits a transaction with what is staged inside. Dropped before its end, all of that is rolled back, with those that it is in.
pub(crate) async fn commit(transaction: &Transaction, io: Io) -> Result<(), TransactionError> {
    if transaction.is_committed() {
        return Ok(());
    }
    // Half of it is left for another slice, which begins it again as a whole.
    if transaction.is_over() || transaction.is_halted() {
        return Err(TransactionError::rolled_back());
    }
    let mut committing =
        Committing { transaction, parts: inside_out(transaction), committed: 0, is_over: false };
    let failed = committing.commit(io).await.err();
    committing.is_over = true;
    let Some(failed) = failed else {
        committing.committed().iter().for_each(Transaction::close);
        return Ok(());
    };
    let rolled_back = roll_back(committing.undone()).await.err();
    Err(match failed {
        Failed::Part(what, error) => TransactionError::commit(&what, error, rolled_back.as_ref()),
        Failed::RolledBack => TransactionError::rolled_back(),
    })
}

/// A commit under way.
struct Committing<'t> {
    transaction: &'t Transaction,
    /// What it has committed so far, so many of them, and what is left.
    parts: Parts,
    committed: usize,
    is_over: bool,
}

enum Failed {
    /// What was to be done failed, with that error.
    Part(String, BoxError),
    /// Another has rolled the transaction back meanwhile.
    RolledBack,
}

impl Committing<'_> {
    async fn commit(&mut self, io: Io) -> Result<(), Failed> {
        for n in 0..self.parts.len() {
            let part = &self.parts[n];
            let is_whole = part == self.transaction;
            // One that is neither staged nor the one to be committed was rolled back, or is still open.
            if !is_whole && part.state() != TransactionState::Staged {
                continue;
            }
            let Some(to_do) = part.begin_to_commit() else {
                if is_whole && part.is_rolled_back() {
                    return Err(Failed::RolledBack);
                }
                continue;
            };
            self.parts.swap(n, self.committed);
            let part = &self.parts[self.committed];
            self.committed += 1;
            commit_part(part, to_do, io).await.map_err(|(what, error)| Failed::Part(what, error))?;
        }
        Ok(())
    }

    fn committed(&self) -> &[Transaction] {
        &self.parts[..self.committed]
    }

    /// What is to be rolled back as it failed. What was committed before stays, as an eager one's.
    fn undone(&self) -> Parts {
        for part in self.committed() {
            part.enter(TransactionState::RolledBack);
        }
        let mut parts = not_committed(self.transaction);
        // Once more, for the case that another has rolled the whole back and let go of what was inside.
        parts.extend(self.committed().iter().rev().cloned());
        parts
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let undoing = roll_back_with(self.undone(), self.transaction);
            now_or_on(&RuntimeHandle::own(), undoing);
        }
    }
}

/// Calls the hooks of one transaction, and writes its record. `Err` says what failed.
async fn commit_part(part: &Transaction, to_do: ToCommit, io: Io) -> Result<(), (String, BoxError)> {
    let ToCommit { run, hooks, record, nothing, is_locked } = to_do;
    if let Some(run) = &run {
        for (n, hook) in hooks.iter().enumerate() {
            if let Err(error) = hook::call_transaction(run, part, hook).await {
                return Err((label("on_commit", n, hooks.len(), run), error));
            }
        }
    }
    let writing = || match &run {
        Some(run) => format!("the writing of the result of '{}'", run.name()),
        None => "the writing of its record".to_owned(),
    };
    let record = match (record, nothing) {
        (None, Some(kept)) => kept.record(&Value::Null, WriteOptions::new()).map(Some),
        (record, _) => Ok(record),
    };
    if let Some(record) = record.map_err(|error| (writing(), error.into()))? {
        let written = Writing { part, record: Some(record) }.write(io).await;
        written.map_err(|error| (writing(), error.into()))?;
    }
    if is_locked {
        part.release();
    }
    Ok(())
}

/// A record that is being written. However that ends, and also if it is dropped, the record may lie there from now on, and the
/// transaction has it to delete.
struct Writing<'t> {
    part: &'t Transaction,
    record: Option<Box<Record>>,
}

impl Writing<'_> {
    async fn write(mut self, io: Io) -> Result<(), ResultStoreError> {
        match &mut self.record {
            Some(record) => record.write(io).await,
            None => Ok(()),
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.part.has_written(record);
        }
    }
}
