//! What a transaction keeps: its record, the store that it lies in, and the lock on its key.

use std::any::Any;
use std::sync::Arc;

use serde_json::Value;

use crate::body::BoxFuture;
use crate::engine::{Engine, awaited, transaction};
use crate::error::BoxError;
use crate::lock::{LockManager, LockRequest};
use crate::result::{Draft, ResultStore, ResultStoreError, ResultType, WriteOptions};
use crate::runner::runtime::RuntimeHandle;
use crate::transaction::{IsolationLevel, Transaction, TransactionState};

/// Whether a thread may block for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    Async,
    Blocking,
}

/// What a transaction keeps, and where.
pub(crate) struct Kept {
    pub(super) store: ResultStore,
    pub(super) key: String,
    pub(super) result: ResultType,
    /// By what name it has locks, where the store has any.
    pub(super) owner: Option<Arc<str>>,
}

impl Kept {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The record of a value.
    ///
    /// # Errors
    /// The value cannot be written.
    pub(crate) fn record(
        self: &Arc<Self>,
        value: &(dyn Any + Send + Sync),
        options: WriteOptions,
    ) -> Result<Box<Record>, ResultStoreError> {
        let options = match &self.owner {
            Some(owner) => options.by_owner(&**owner),
            None => options,
        };
        let draft = self.store.draft_erased(&self.key, value, self.result, &options)?;
        Ok(Box::new(Record { kept: self.clone(), draft: Some(draft), writing: None }))
    }

    /// Waits for the lock on the key, for a transaction that is to have it.
    pub(super) async fn lock(&self, transaction: &Transaction) -> Result<(), BoxError> {
        if transaction.isolation() == IsolationLevel::ReadCommitted {
            return Ok(());
        }
        let Some(locks) = self.store.lock_manager() else {
            return Err(format!(
                "isolation `serializable` needs a lock manager, which {:?} has none of: give it one with \
                 `with_lock_manager`, or the engine with `lock_manager`",
                self.store
            )
            .into());
        };
        let owner = transaction.owner();
        let request = LockRequest::by(owner.clone());
        let mut acquiring = locks.acquire(&self.key, &request);
        std::future::poll_fn(|cx| {
            let polled = acquiring.as_mut().poll(cx);
            if polled.is_pending() {
                awaited::note_other();
            }
            polled
        })
        .await?;
        transaction.hold(Held { locks: locks.clone(), key: self.key.clone(), owner });
        Ok(())
    }
}

/// The lock on a key, given back when this is dropped.
pub(crate) struct Held {
    locks: Arc<dyn LockManager>,
    key: String,
    owner: Arc<str>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (locks, key, owner) = (self.locks.clone(), std::mem::take(&mut self.key), self.owner.clone());
        let release = async move {
            // Its time may have been over.
            if let Err(error) = locks.release(&key, &owner).await {
                log!(warn, "a lock was gone before it was given back: {error}");
            }
        };
        transaction::now_or_on(&RuntimeHandle::own(), release);
    }
}

/// A store as an engine uses it: by its clock, and with its locks where it has none.
pub(super) fn of_engine(engine: &Engine, store: ResultStore) -> ResultStore {
    let store = store.in_time_of(engine.clock());
    match engine.lock_manager() {
        Some(locks) if store.lock_manager().is_none() => store.with_lock_manager(locks.clone()),
        _ => store,
    }
}

/// Begins a group with a key: locks it, and looks for its record.
pub(in crate::engine) async fn begin_group(
    engine: &Engine,
    transaction: &Transaction,
    key: String,
    store: Option<ResultStore>,
    overwrite: bool,
    io: Io,
) -> Result<(), BoxError> {
    let store = of_engine(engine, store.map_or_else(|| engine.results(), Ok)?);
    let owner = owner_in(&store, transaction);
    let kept = Arc::new(Kept { store, key, result: ResultType::of::<Value>(), owner });
    transaction.keep(kept.clone());
    kept.lock(transaction).await?;
    let is_there = !overwrite
        && match io {
            Io::Async => kept.store.exists(&kept.key).await?,
            Io::Blocking => kept.store.exists_blocking(&kept.key)?,
        };
    if is_there {
        transaction.enter(TransactionState::Committed);
        transaction.release();
    }
    Ok(())
}

/// The name by which the transaction has locks in a store, where there are any.
pub(super) fn owner_in(store: &ResultStore, transaction: &Transaction) -> Option<Arc<str>> {
    store.lock_manager().map(|_| transaction.owner())
}

/// A record that is to be written when its transaction is committed.
pub(crate) struct Record {
    kept: Arc<Kept>,
    draft: Option<Draft>,
    /// The writing, where it has begun and not ended.
    writing: Option<BoxFuture<'static, Result<(), ResultStoreError>>>,
}

impl Record {
    pub(in crate::engine) async fn write(&mut self, io: Io) -> Result<(), ResultStoreError> {
        let Some(draft) = self.draft.take() else { return Ok(()) };
        if io == Io::Blocking {
            return self.kept.store.put_blocking(draft);
        }
        let store = self.kept.store.clone();
        let written = self.writing.insert(Box::pin(async move { store.put(draft).await })).await;
        self.writing = None;
        written
    }

    /// Deletes what was written.
    pub(in crate::engine) async fn delete(&mut self) {
        if let Some(writing) = self.writing.take() {
            // It is done elsewhere, where nothing stops it: the record would be there after it was deleted.
            let _ = writing.await;
        }
        let Kept { store, key, owner, .. } = &*self.kept;
        if let Err(error) = store.delete_by(key, owner.as_deref()).await {
            log!(error, "a result stays that was to be deleted as its transaction failed: {error}");
        }
    }
}
