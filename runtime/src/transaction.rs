//! Transactions: what succeeded inside of one is committed or rolled back as a whole.
//!
//! Owns the life of a transaction, what it holds, and how it is left. Which run is governed by which is the
//! [`engine`](crate::engine)'s to say; it calls the hooks as well.

mod error;
mod group;
mod ledger;
mod state;
mod turn;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use crate::context::Failure;
use crate::engine;
use crate::engine::cache::{Held, Io, Kept, Record};
use crate::error::BoxError;
use crate::hook::AnyTransactionHook;
use crate::panic::drop_caught;
use crate::result::{WriteOptions, check_json};
use crate::run::Run;
use crate::sync::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use error::TransactionError;
pub use group::{TransactionBuilder, transaction};
use ledger::Ledger;
pub use state::{CommitMode, IsolationLevel, TransactionState};
use turn::Turns;

/// A unit that stages what succeeded in it, and either commits or rolls back all of that. A cheap handle, `Clone`.
///
/// Each task run with something to commit or to roll back is governed by one; [`transaction()`] groups several. A transaction
/// inside of another leaves the decision to that one, unless it is [eager](CommitMode::Eager).
///
/// What is [set](Self::set) in it is there for its hooks, and for the transactions inside.
///
/// ```
/// use millrun::prelude::*;
///
/// fn announce(txn: &Transaction) -> Result<(), TransactionError> {
///     println!("wrote {}", txn.get::<String>("path")?.unwrap_or_default());
///     Ok(())
/// }
///
/// #[task(on_commit = announce)]
/// fn write(path: String) -> Result<(), TransactionError> {
///     match current_transaction() {
///         Some(txn) => txn.set("path", &path),
///         None => Ok(()),
///     }
/// }
///
/// write("report.txt".into()).result().unwrap();
/// ```
#[derive(Clone)]
pub struct Transaction(Arc<Inner>);

struct Inner {
    parent: Option<Transaction>,
    mode: CommitMode,
    isolation: IsolationLevel,
    ledger: OnceLock<Ledger>,
    /// By what name it has locks, with all that are inside of it.
    owner: OnceLock<Arc<str>>,
    /// It is one that [`transaction()`] has begun, and not a task run's own.
    is_group: bool,
    /// Written under the lock of `shared`, and read without.
    state: AtomicU8,
    /// Something inside was left for another slice of the flow run.
    is_halted: AtomicBool,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    /// In order of creation.
    children: Vec<Transaction>,
    values: BTreeMap<String, Value>,
    /// The run that has staged, with its hooks; none has before.
    staged: Option<Staged>,
    /// What it keeps, and where, if it does.
    kept: Option<Arc<Kept>>,
    /// What is written when it is committed.
    record: Option<Box<Record>>,
    /// What was written, until all that is committed with it is.
    written: Option<Box<Record>>,
    /// The lock on its key.
    held: Option<Box<Held>>,
    /// What ended badly inside.
    failures: Vec<Failure>,
    /// Which hooks failed to undo something, and how; kept for a run that has not completed yet.
    not_undone: String,
    /// At rolling it back.
    turns: Turns,
}

/// What there is to do as a transaction is committed.
pub(crate) struct ToCommit {
    /// The run that has staged, with its hooks.
    pub(crate) run: Option<Arc<Run>>,
    pub(crate) hooks: Vec<AnyTransactionHook>,
    /// What is written.
    pub(crate) record: Option<Box<Record>>,
    /// Where a record of nothing is written if there is none.
    pub(crate) nothing: Option<Arc<Kept>>,
    pub(crate) is_locked: bool,
}

/// What a task run has staged.
pub(crate) struct Staged {
    pub(crate) run: Arc<Run>,
    pub(crate) on_commit: Vec<AnyTransactionHook>,
    /// Those that were not called yet, of so many.
    pub(crate) on_rollback: Vec<AnyTransactionHook>,
    pub(crate) rollbacks: usize,
}

impl Staged {
    pub(crate) fn new(
        run: Arc<Run>,
        on_commit: Vec<AnyTransactionHook>,
        on_rollback: Vec<AnyTransactionHook>,
    ) -> Self {
        let rollbacks = on_rollback.len();
        Self { run, on_commit, on_rollback, rollbacks }
    }
}

impl Transaction {
    /// Begins one.
    pub(crate) fn begin(
        parent: Option<Self>,
        mode: Option<CommitMode>,
        isolation: Option<IsolationLevel>,
        is_group: bool,
    ) -> Self {
        let mode = mode.or(parent.as_ref().map(|parent| parent.0.mode)).unwrap_or_default();
        let isolation = isolation.or(parent.as_ref().map(|parent| parent.0.isolation)).unwrap_or_default();
        let state = AtomicU8::new(TransactionState::Active as u8);
        let (ledger, owner, shared) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        let is_halted = AtomicBool::new(false);
        let begun = Self(Arc::new(Inner {
            parent,
            mode,
            isolation,
            ledger,
            owner,
            is_group,
            state,
            is_halted,
            shared,
        }));
        if let Some(parent) = &begun.0.parent {
            let mut shared = parent.0.shared.lock();
            // Also in one that is committed: those that it is in may be rolled back, and find what is open through it.
            if !parent.is_rolled_back() {
                if parent.is_committed() && shared.children.len() == shared.children.capacity() {
                    shared.children.retain(Self::is_open_inside);
                }
                shared.children.push(begun.clone());
            }
        }
        begun
    }

    /// How far it is.
    pub fn state(&self) -> TransactionState {
        TransactionState::of(self.0.state.load(Ordering::Acquire))
    }

    /// Whether it has been committed.
    pub fn is_committed(&self) -> bool {
        self.state() == TransactionState::Committed
    }

    /// Whether it has been rolled back.
    pub fn is_rolled_back(&self) -> bool {
        self.state() == TransactionState::RolledBack
    }

    /// The transaction that it is in.
    pub fn parent(&self) -> Option<Self> {
        self.0.parent.clone()
    }

    /// When it commits.
    pub fn commit_mode(&self) -> CommitMode {
        self.0.mode
    }

    /// What it knows of others with the same key.
    pub fn isolation(&self) -> IsolationLevel {
        self.0.isolation
    }

    /// The key under which its record lies, or is to lie.
    pub fn key(&self) -> Option<String> {
        self.kept().map(|kept| kept.key().to_owned())
    }

    /// Says what its record holds, which is written when it is committed: of a transaction with a [key](TransactionBuilder::key),
    /// whose record holds nothing (`null`) otherwise. That of a task run holds its result.
    ///
    /// # Errors
    /// It has no key, or is a task run's; it has been committed or rolled back; or the serializer of the store cannot write the
    /// value.
    pub fn stage<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), TransactionError> {
        let kept = self.kept().filter(|_| self.0.is_group).ok_or_else(TransactionError::no_key)?;
        if self.is_over() {
            return Err(TransactionError::rolled_back());
        }
        if self.is_committed() {
            return Err(TransactionError::stage_of_committed());
        }
        let value = to_json(value).map_err(|error| TransactionError::of_value("record", "stage", error))?;
        let record = kept.record(&value, WriteOptions::new()).map_err(TransactionError::store)?;
        self.0.shared.lock().record = Some(record);
        Ok(())
    }

    /// Keeps a value under a name, for its hooks and for the transactions inside of it. Replaces an earlier one of its own; what
    /// its parents have under that name stays as it is.
    ///
    /// # Errors
    /// The value cannot be written as JSON, as [`Json`](crate::result::Json) says.
    pub fn set<V: Serialize + ?Sized>(
        &self,
        name: impl Into<String>,
        value: &V,
    ) -> Result<(), TransactionError> {
        let name = name.into();
        let value = to_json(value).map_err(|error| TransactionError::of_value(&name, "set", error))?;
        self.0.shared.lock().values.insert(name, value);
        self.record();
        Ok(())
    }

    /// The value under a name: its own, else that of the nearest parent that has one, else `None`.
    ///
    /// # Errors
    /// There is a value, and it is no `V`.
    pub fn get<V: DeserializeOwned>(&self, name: &str) -> Result<Option<V>, TransactionError> {
        let mut here = Some(self.clone());
        while let Some(transaction) = here {
            let value = transaction.0.shared.lock().values.get(name).cloned();
            if let Some(value) = value {
                return serde_json::from_value(value)
                    .map(Some)
                    .map_err(|error| TransactionError::of_value(name, "get", error.into()));
            }
            here = transaction.parent();
        }
        Ok(None)
    }

    /// Commits it and all that is staged inside, in order of creation, whatever its mode. Does nothing if it is committed.
    ///
    /// # Errors
    /// It was rolled back before, or meanwhile; or an `on_commit` hook or the writing of a record failed, because of which all of
    /// it is rolled back.
    ///
    /// # Cancel safety
    /// Dropped before its end, it rolls all of it back, with the transactions that it is in: nobody is told whether it was
    /// committed, so it is not. A hook under way is dropped at its await, a record that was written is deleted, and the
    /// `on_rollback` hooks are called.
    pub async fn commit(&self) -> Result<(), TransactionError> {
        engine::transaction::commit(self, Io::Async).await
    }

    /// As [`commit`](Self::commit), blocking this thread while async hooks are under way.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_blocking(&self) -> Result<(), TransactionError> {
        engine::transaction::block_on(engine::transaction::commit(self, Io::Blocking))
    }

    /// Rolls back it and all that is staged inside, in reverse. Every `on_rollback` hook is called, whatever the others did.
    /// What is begun in it from now on fails without being executed. Does nothing if it is rolled back.
    ///
    /// # Errors
    /// It was committed before; or hooks failed: the error says how each of them ended.
    ///
    /// # Cancel safety
    /// Dropped before its end, it goes on by itself: every hook is called.
    pub async fn rollback(&self) -> Result<(), TransactionError> {
        engine::transaction::rollback(self).await
    }

    /// As [`rollback`](Self::rollback), blocking this thread while async hooks are under way.
    ///
    /// # Errors
    /// As [`rollback`](Self::rollback).
    pub fn rollback_blocking(&self) -> Result<(), TransactionError> {
        engine::transaction::block_on(self.rollback())
    }

    // What the engine does with it.

    /// Whether it is one that [`transaction()`] has begun, and not a task run's own.
    pub(crate) fn is_group(&self) -> bool {
        self.0.is_group
    }

    /// Whether it, or one that it is in, was rolled back.
    pub(crate) fn is_over(&self) -> bool {
        std::iter::successors(Some(self), |transaction| transaction.0.parent.as_ref())
            .any(Self::is_rolled_back)
    }

    /// Something inside is left for another slice: neither this one nor those that it is in are committed.
    pub(crate) fn halt(&self) {
        let around = std::iter::successors(Some(self), |transaction| transaction.0.parent.as_ref());
        around.for_each(|transaction| transaction.0.is_halted.store(true, Ordering::SeqCst));
    }

    /// Whether something inside is left for another slice.
    pub(crate) fn is_halted(&self) -> bool {
        self.0.is_halted.load(Ordering::SeqCst)
    }

    /// Enters a state, if that is legal.
    pub(crate) fn enter(&self, state: TransactionState) -> bool {
        self.enter_with(state, |_| ()).is_some()
    }

    /// Enters a state, if that is legal, and does `action` with it: the only place where the state changes.
    fn enter_with<T>(&self, state: TransactionState, action: impl FnOnce(&mut Shared) -> T) -> Option<T> {
        let mut shared = self.0.shared.lock();
        if !self.state().may_become(state) {
            return None;
        }
        self.0.state.store(state as u8, Ordering::Release);
        Some(action(&mut shared))
    }

    pub(crate) fn append_children(&self, to: &mut impl Extend<Self>) {
        to.extend(self.0.shared.lock().children.iter().cloned());
    }

    /// Says what is kept of it.
    pub(crate) fn keep(&self, kept: Arc<Kept>) {
        self.0.shared.lock().kept = Some(kept);
    }

    /// What is kept of it.
    pub(crate) fn kept(&self) -> Option<Arc<Kept>> {
        self.0.shared.lock().kept.clone()
    }

    /// Enters COMMITTED, if that is legal: what is to be done for it.
    pub(crate) fn begin_to_commit(&self) -> Option<ToCommit> {
        self.enter_with(TransactionState::Committed, |shared| ToCommit {
            run: shared.staged.as_ref().map(|staged| staged.run.clone()),
            hooks: shared
                .staged
                .as_mut()
                .map(|staged| std::mem::take(&mut staged.on_commit))
                .unwrap_or_default(),
            record: shared.record.take(),
            // Of a group with a key that has staged none: that it was there.
            nothing: shared.kept.clone().filter(|_| self.0.is_group),
            is_locked: shared.held.is_some(),
        })
    }

    /// Has a record that was written, or may have been.
    pub(crate) fn has_written(&self, record: Box<Record>) {
        self.0.shared.lock().written = Some(record);
    }

    pub(crate) fn is_written(&self) -> bool {
        self.0.shared.lock().written.is_some()
    }

    /// What is to be deleted again.
    pub(crate) fn take_written(&self) -> Option<Box<Record>> {
        self.0.shared.lock().written.take()
    }

    /// Lets go of what it holds, as it is committed or rolled back for good: runs, which know the transactions that they are in,
    /// and those inside, which know it, but for what is open inside of one that is committed.
    pub(crate) fn close(&self) {
        self.record_end();
        let mut shared = self.0.shared.lock();
        let mut children = std::mem::take(&mut shared.children);
        if self.is_committed() {
            shared.children = children.extract_if(.., |child| child.is_open_inside()).collect();
        }
        let staged = shared.staged.take();
        let records = (shared.record.take(), shared.written.take());
        drop(shared);
        drop(children);
        if staged.is_some() {
            drop_caught(staged);
        }
        drop(records);
    }

    /// Whether it, or one that is inside of it, is yet to be committed or rolled back.
    fn is_open_inside(&self) -> bool {
        matches!(self.state(), TransactionState::Active | TransactionState::Staged)
            || !self.0.shared.lock().children.is_empty()
    }

    /// Lets go of the runs that ended badly inside, as it is left.
    pub(crate) fn forget_failures(&self) {
        let failures = std::mem::take(&mut self.0.shared.lock().failures);
        drop(failures);
        self.close_committed();
    }

    /// Lets go of what was begun in it after it was committed.
    pub(crate) fn close_committed(&self) {
        if self.is_committed() {
            self.close();
        }
    }

    /// The outermost one that it is in, or is.
    pub(crate) fn root(&self) -> &Self {
        let mut root = self;
        while let Some(parent) = &root.0.parent {
            root = parent;
        }
        root
    }

    /// By what name it has locks: one for a transaction and all that are inside of it.
    pub(crate) fn owner(&self) -> Arc<str> {
        self.root().0.owner.get_or_init(|| format!("transaction {}", uuid::Uuid::new_v4()).into()).clone()
    }

    /// Has the lock on its key.
    pub(crate) fn hold(&self, held: Held) {
        self.0.shared.lock().held = Some(Box::new(held));
    }

    /// Gives the lock back, where it has one.
    pub(crate) fn release(&self) {
        let held = self.0.shared.lock().held.take();
        drop(held);
    }

    /// Holds what a run has to commit or to roll back, and what is written then; `false` if it was committed or rolled back.
    pub(crate) fn stage_run(&self, staged: Staged, record: Option<Box<Record>>) -> bool {
        let stage = |shared: &mut Shared| {
            shared.staged = Some(staged);
            shared.record = record;
        };
        self.enter_with(TransactionState::Staged, stage).is_some()
    }

    /// Takes hooks out of what is staged, so that each is called once at most.
    pub(crate) fn with_staged<T>(&self, take: impl FnOnce(&mut Staged) -> T) -> Option<T> {
        self.0.shared.lock().staged.as_mut().map(take)
    }

    /// Notes that a hook failed to undo something.
    pub(crate) fn failed_to_undo(&self, how: &str) {
        let mut shared = self.0.shared.lock();
        if !shared.not_undone.is_empty() {
            shared.not_undone.push_str("; ");
        }
        shared.not_undone.push_str(how);
    }

    /// Which hooks failed to undo something, and how, if any did.
    pub(crate) fn not_undone(&self) -> Option<String> {
        Some(self.0.shared.lock().not_undone.clone()).filter(|failed| !failed.is_empty())
    }

    /// Notes a run that ended badly inside, for the groups that it is in.
    pub(crate) fn failed(&self, failure: &Failure) {
        let mut here = Some(self.clone());
        while let Some(transaction) = here {
            if transaction.0.is_group {
                transaction.0.shared.lock().failures.push(failure.clone());
            }
            here = transaction.parent();
        }
    }

    /// The first run inside that ended badly without being seen.
    pub(crate) fn unseen_failure(&self) -> Option<Arc<Run>> {
        let shared = self.0.shared.lock();
        if shared.failures.is_empty() {
            return None;
        }
        Failure::unseen(&shared.failures).next().map(|failure| failure.run.clone())
    }
}

impl PartialEq for Transaction {
    /// Whether both are handles of one transaction.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Transaction {}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("state", &self.state()).field("mode", &self.0.mode).finish()
    }
}

/// A value as JSON, if it comes back from that as it was.
fn to_json<V: Serialize + ?Sized>(value: &V) -> Result<Value, BoxError> {
    let json = serde_json::to_value(value)?;
    check_json(value)?;
    Ok(json)
}

/// The transaction that is in charge here: that of the task run whose body this is, else the innermost group; `None` outside.
pub fn current_transaction() -> Option<Transaction> {
    engine::transaction::current()
}
