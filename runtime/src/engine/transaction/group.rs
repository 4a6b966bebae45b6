//! Groups: transactions that are begun around what a closure does, and how they are left.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Poll;

use super::rollback::{roll_back_inside, roll_back_out};
use super::{block_on, commit, current, now_or_on};
use crate::context::{Current, Scope, scope_here};
use crate::engine::attempt::cancelled;
use crate::engine::cache::{self, Io};
use crate::engine::cancel::cancel_scope;
use crate::engine::{standstill, wait};
use crate::transaction::{CommitMode, Transaction, TransactionBuilder, TransactionError, TransactionState};

/// A group being executed; dropped before its end, it is rolled back.
pub(crate) struct Group {
    transaction: Transaction,
    scope: Arc<Scope>,
    is_left: bool,
}

impl Group {
    pub(crate) fn begin(builder: &TransactionBuilder) -> Result<Self, TransactionError> {
        if builder.key.is_none() && (builder.overwrite || builder.store.is_some()) {
            return Err(TransactionError::no_key());
        }
        let around = current();
        if around.as_ref().is_some_and(Transaction::is_over) {
            return Err(TransactionError::rolled_back());
        }
        let transaction = Transaction::begin(around, builder.mode, builder.isolation, true);
        let scope = scope_here().in_transaction(transaction.clone());
        if let (Some(recorder), Some(root)) = (scope.engine.recorder(), scope.tree.root()) {
            transaction.record_group(recorder, root);
        }
        Ok(Self { transaction, scope, is_left: false })
    }

    /// Begins with the record that there is under its key, if it has one.
    pub(crate) async fn look_up(&self, builder: TransactionBuilder, io: Io) -> Result<(), TransactionError> {
        let tree = &self.scope.tree;
        // Of what is only planned nothing is looked for, nor written; nor of what tasks are mocked in.
        let acts = tree.plan.is_none() && tree.mocks.is_none();
        let Some(key) = builder.key.filter(|_| acts) else { return Ok(()) };
        let looked_up = cache::begin_group(
            &self.scope.engine,
            &self.transaction,
            key,
            builder.store,
            builder.overwrite,
            io,
        );
        looked_up.await.map_err(TransactionError::store)?;
        if self.transaction.is_committed() {
            self.transaction.record();
        }
        Ok(())
    }

    fn current(&self) -> Current {
        Current::in_scope(self.scope.clone())
    }

    pub(crate) async fn run<F, T, E>(mut self, inside: F) -> Result<T, E>
    where
        F: AsyncFnOnce(Transaction) -> Result<T, E>,
        E: From<TransactionError>,
    {
        let mut current = self.current();
        let mut future = {
            let _entered = current.enter();
            Box::pin(inside(self.transaction.clone()))
        };
        let done = std::future::poll_fn(|cx| {
            let _entered = current.enter();
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        })
        .await;
        drop(future);
        let is_well = matches!(done, Ok(Ok(_)));
        let left = self.leave(is_well, Io::Async).await;
        match (done, left) {
            (Ok(Ok(value)), Ok(())) => Ok(value),
            (Ok(Ok(_)), Err(error)) => Err(error.into()),
            (Ok(Err(error)), _) => Err(error),
            (Err(panic), _) => resume_unwind(panic),
        }
    }

    pub(crate) fn run_blocking<F, T, E>(mut self, inside: F) -> Result<T, E>
    where
        F: FnOnce(Transaction) -> Result<T, E>,
        E: From<TransactionError>,
    {
        let mut current = self.current();
        let done = {
            let _entered = current.enter();
            catch_unwind(AssertUnwindSafe(|| inside(self.transaction.clone())))
        };
        let is_well = matches!(done, Ok(Ok(_)));
        if !wait::block_for_open(&self.scope) {
            standstill::advise_to_await();
        }
        let left = block_on(self.leave(is_well, Io::Blocking));
        match (done, left) {
            (Ok(Ok(value)), Ok(())) => Ok(value),
            (Ok(Ok(_)), Err(error)) => Err(error.into()),
            (Ok(Err(error)), _) => Err(error),
            (Err(panic), _) => resume_unwind(panic),
        }
    }

    /// Leaves it once all that was begun inside has ended.
    async fn leave(&mut self, is_well: bool, io: Io) -> Result<(), TransactionError> {
        all_ended(&self.scope).await;
        let transaction = self.transaction.clone();
        let left = if is_well { leave_well(&transaction, io).await } else { Err(None) };
        if left.is_err() {
            roll_back_out(&transaction).await;
        }
        transaction.forget_failures();
        self.is_left = true;
        left.or_else(|error| error.map_or(Ok(()), Err))
    }
}

/// Leaves a group whose closure gave `Ok`. `Err` is what it is to be rolled back for.
async fn leave_well(transaction: &Transaction, io: Io) -> Result<(), Option<TransactionError>> {
    if let Some(run) = transaction.unseen_failure() {
        run.mark_seen();
        let error = run.error().unwrap_or_else(cancelled);
        return Err(Some(TransactionError::run(&run.name(), error)));
    }
    match transaction.state() {
        TransactionState::Committed => return Ok(()),
        TransactionState::RolledBack => {
            // Another may be at it yet.
            roll_back_inside(transaction).await;
            return Ok(());
        }
        _ => {}
    }
    match (transaction.commit_mode(), transaction.parent()) {
        (_, Some(parent)) if parent.is_over() => Err(Some(TransactionError::rolled_back())),
        (CommitMode::Lazy | CommitMode::Off, Some(parent)) if !parent.is_committed() => {
            transaction.enter(TransactionState::Staged);
            Ok(())
        }
        (CommitMode::Off, _) => {
            roll_back_inside(transaction).await;
            Ok(())
        }
        (CommitMode::Lazy | CommitMode::Eager, _) => commit(transaction, io).await.map_err(Some),
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        cancel_scope(&self.scope);
        let (transaction, scope) = (self.transaction.clone(), self.scope.clone());
        scope.tree.hold();
        let runtime = scope.handle.clone();
        now_or_on(&runtime, async move {
            all_ended(&scope).await;
            roll_back_out(&transaction).await;
            transaction.forget_failures();
            scope.tree.closed();
        });
    }
}

/// Waits until nothing is open in a scope.
async fn all_ended(scope: &Arc<Scope>) {
    while !scope.is_idle() {
        let nodes = scope.open_nodes();
        // What has ended may have begun more.
        if nodes.is_empty() {
            return;
        }
        wait::each_ended(&nodes).await;
    }
}
