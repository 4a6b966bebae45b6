//! Transactions at work: which run is governed by which, how one is left, and the calls of their hooks.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cache::{self, Io, Record};
use super::cancel::cancel_scope;
use super::{hook, wait};
use crate::body::{BoxFuture, Outcome};
use crate::context::{Current, Scope, current_run, is_in_hook, scope_here};
use crate::error::{BoxError, ErrorKind, TaskError};
use crate::hook::AnyTransactionHook;
use crate::options::Effective;
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::spec::Kind;
use crate::state::StateName;
use crate::transaction::{
    CommitMode, Staged, Transaction, TransactionBuilder, TransactionError, TransactionState,
};

// Which run is governed by which.

/// The transaction in charge here.
pub(crate) fn current() -> Option<Transaction> {
    match current_run() {
        // It is told of the transaction that it is called for.
        Some(run) if is_in_hook() => run.transaction(),
        Some(run) if !run.spec.is_flow => {
            let group = scope_here().transaction.clone().filter(Transaction::is_group);
            // A group that was begun in the body is further in than the run's own.
            match group {
                Some(group) if Some(&group) != run.scope.transaction.as_ref() => Some(group),
                _ => Some(own(&run)),
            }
        }
        _ => scope_here().transaction.clone(),
    }
}

/// The transaction of a task run, made when it is first needed, with those of the runs that it is in.
pub(super) fn own(run: &Arc<Run>) -> Transaction {
    let mut without = Vec::new();
    let mut parent = None;
    let mut here = Some(run.clone());
    while let Some(run) = here.take() {
        if let Some(own) = run.transaction() {
            parent = Some(own);
            break;
        }
        here = match &run.scope.transaction {
            Some(transaction) => {
                parent = Some(transaction.clone());
                None
            }
            None => run.scope.parent.clone().filter(|parent| !parent.spec.is_flow),
        };
        without.push(run);
    }
    for run in without.into_iter().rev() {
        let isolation = cache::isolation_of(&run);
        parent = Some(run.govern(|| Transaction::begin(parent, None, isolation, false)));
    }
    // There was one, or it was made just now.
    parent.unwrap_or_else(|| Transaction::begin(None, None, None, false))
}

/// Begins the transaction of a task run that is about to be executed, if it needs one. `Err` is what it ends with instead.
pub(super) fn begin(run: &Arc<Run>) -> Result<(), TaskError> {
    check_around(run)?;
    if run.scope.transaction.is_some() || has_hooks(run) {
        own(run);
    }
    Ok(())
}

/// Whether a run may begin in the transaction that it is in. `Err` is what it ends with instead.
pub(super) fn check_around(run: &Run) -> Result<(), TaskError> {
    if run.scope.transaction.as_ref().is_some_and(Transaction::is_over) {
        let message = "the transaction that the run is in was rolled back before it began";
        return Err(TaskError::new(ErrorKind::Failed, message));
    }
    Ok(())
}

fn has_hooks(run: &Run) -> bool {
    let options = run.options();
    Effective { spec: run.spec, options: options.as_deref() }.has_transaction_hooks()
}

/// The last attempt at a governed run has ended: it is staged, or what is inside of it is rolled back. What it ends with.
pub(super) async fn leave(run: Arc<Run>, outcome: Outcome, io: Io) -> Outcome {
    let Some(own) = run.transaction() else { return outcome };
    // Given up on: what it gives now counts for nothing.
    let outcome =
        if run.is_abandoned() { outcome.and_then(|_| Err(super::attempt::cancelled())) } else { outcome };
    let value = match outcome {
        Ok(value) => value,
        Err(error) => {
            log_failed(roll_back_all(&own).await);
            return Err(error);
        }
    };
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let record = match cache::draft(&own, &value) {
        Ok(record) => record,
        Err(error) => {
            log_failed(roll_back_all(&own).await);
            return Err(error);
        }
    };
    let staged = Staged::new(run.clone(), effective.on_commit(), effective.on_rollback());
    if !own.stage_run(staged, record) {
        // Its body has committed it, or rolled it back.
        return if own.is_rolled_back() { Err(TransactionError::rolled_back().into()) } else { Ok(value) };
    }
    match own.parent() {
        Some(parent) if parent.is_over() => {
            log_failed(roll_back_all(&own).await);
            Err(TransactionError::rolled_back().into())
        }
        // Who was committed before its end decides nothing any more.
        Some(parent) if own.commit_mode() != CommitMode::Eager && !parent.is_committed() => Ok(value),
        _ => match commit(&own, io).await {
            Ok(()) => Ok(value),
            Err(error) => {
                roll_back_around(&own).await;
                Err(error.into())
            }
        },
    }
}

/// Does `then` with what a governed run ends with: now, or once its async hooks have run.
pub(super) fn leave_then(run: &Arc<Run>, outcome: Outcome, then: impl FnOnce(Outcome) + Send + 'static) {
    if !run.is_governed() {
        return then(outcome);
    }
    // A sync run is left on the thread that has executed it.
    let io = if run.spec.kind == Kind::Async { Io::Async } else { Io::Blocking };
    let leaving = leave(run.clone(), outcome, io);
    now_or_on(&hook::runtime_of(run), async move { then(leaving.await) });
}

/// Does at once what waits for nothing; the rest of it is done on that runtime.
pub(super) fn now_or_on(runtime: &RuntimeHandle, future: impl Future<Output = ()> + Send + 'static) {
    let mut future = Box::pin(future);
    if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        runtime.spawn(future);
    }
}

// Commits and rollbacks.

/// Those inside before it, in order of creation.
fn inside_out(transaction: &Transaction) -> Vec<Transaction> {
    let mut found = outside_in(transaction);
    found.reverse();
    found
}

/// It before those inside of it, the latest first.
fn outside_in(transaction: &Transaction) -> Vec<Transaction> {
    let mut open = vec![transaction.clone()];
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        open.extend(next.children());
        found.push(next);
    }
    found
}

pub(crate) async fn commit(transaction: &Transaction, io: Io) -> Result<(), TransactionError> {
    if transaction.is_committed() {
        return Ok(());
    }
    if transaction.is_over() {
        return Err(TransactionError::rolled_back());
    }
    let mut committed = Vec::new();
    let mut written = Vec::new();
    for part in inside_out(transaction) {
        // One that is neither staged nor the one to be committed was rolled back, or is still open.
        let may = part == *transaction || part.state() == TransactionState::Staged;
        if !may || !part.enter(TransactionState::Committed) {
            continue;
        }
        committed.push(part.clone());
        if let Err((failed, error)) = commit_part(&part, &mut written, io).await {
            for record in written {
                record.delete(io).await;
            }
            let mut parts = outside_in(transaction);
            // What was committed before stays, as an eager one's.
            parts.retain(|part| !part.is_committed() || committed.contains(part));
            let rolled_back = roll_back(parts).await.err();
            return Err(TransactionError::commit(&failed, error, rolled_back.as_ref()));
        }
    }
    Ok(())
}

/// Calls the hooks of one transaction, and writes its record. `Err` says what failed.
async fn commit_part(
    part: &Transaction,
    written: &mut Vec<Record>,
    io: Io,
) -> Result<(), (String, BoxError)> {
    let staged = part.with_staged(|staged| (staged.run.clone(), std::mem::take(&mut staged.on_commit)));
    if let Some((run, hooks)) = &staged {
        for (n, hook) in hooks.iter().enumerate() {
            if let Err(error) = hook::call_transaction(run, part, hook).await {
                return Err((label("on_commit", n, hooks.len(), run), error));
            }
        }
    }
    let writing = || match &staged {
        Some((run, _)) => format!("the writing of the result of '{}'", run.name()),
        None => "the writing of its record".to_owned(),
    };
    if let Some(mut record) = part.take_record().map_err(|error| (writing(), error.into()))? {
        // Also where it fails: it may lie there all the same.
        let outcome = record.write(io).await;
        written.push(record);
        outcome.map_err(|error| (writing(), error.into()))?;
    }
    part.release();
    Ok(())
}

pub(crate) async fn rollback(transaction: &Transaction) -> Result<(), TransactionError> {
    if transaction.is_committed() {
        return Err(TransactionError::committed());
    }
    roll_back_all(transaction).await
}

/// Rolls back it and what is inside, except what was committed.
async fn roll_back_all(transaction: &Transaction) -> Result<(), TransactionError> {
    let mut parts = outside_in(transaction);
    parts.retain(|part| !part.is_committed());
    roll_back(parts).await
}

/// Rolls these back, to the end also if this is dropped before.
async fn roll_back(parts: Vec<Transaction>) -> Result<(), TransactionError> {
    let mut rolling = RollingBack(Some(Box::pin(roll_back_each(parts))));
    std::future::poll_fn(|cx| {
        let Some(future) = rolling.0.as_mut() else { return Poll::Ready(Ok(())) };
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            rolling.0 = None;
        }
        polled
    })
    .await
}

/// A rollback under way; dropped before its end, it goes on by itself.
struct RollingBack(Option<BoxFuture<'static, Result<(), TransactionError>>>);

impl Drop for RollingBack {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take() {
            RuntimeHandle::own().spawn(async move { log_failed(rest.await) });
        }
    }
}

/// Rolls these back one after another, calling every hook that was not called before.
async fn roll_back_each(mut parts: Vec<Transaction>) -> Result<(), TransactionError> {
    let mut outcomes = Vec::new();
    // All before the first hook is called: nothing begins inside any more.
    parts.retain(|part| part.enter(TransactionState::RolledBack) || part.is_rolled_back());
    for part in parts {
        // A hook does not wait for itself.
        if is_in_hook() && part.is_taken() {
            continue;
        }
        // Another may be at it.
        let _turn = part.turn().await;
        while let Some((run, hook, n, of)) = part.with_staged(last_rollback_hook).flatten() {
            let outcome = hook::call_transaction(&run, &part, &hook).await;
            outcomes.push((label("on_rollback", n, of, &run), outcome.map_err(|error| error.to_string())));
        }
        part.release();
        if let Some(run) = part.with_staged(|staged| staged.run.clone()) {
            enter_rolled_back(&run);
        }
    }
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        return Ok(());
    }
    Err(TransactionError::rollback(&outcomes))
}

/// The last hook that was not called yet, with its place among so many.
fn last_rollback_hook(staged: &mut Staged) -> Option<(Arc<Run>, AnyTransactionHook, usize, usize)> {
    let hook = staged.on_rollback.pop()?;
    Some((staged.run.clone(), hook, staged.on_rollback.len(), staged.rollbacks))
}

/// Rolls back those that a transaction is in, from the inside out.
async fn roll_back_around(transaction: &Transaction) {
    let mut around = transaction.parent();
    while let Some(transaction) = around {
        log_failed(roll_back_all(&transaction).await);
        around = transaction.parent();
    }
}

fn log_failed(rolled_back: Result<(), TransactionError>) {
    if let Err(error) = rolled_back {
        log!(error, "{error}");
    }
}

fn label(hooks: &str, n: usize, of: usize, run: &Run) -> String {
    let name = run.name();
    if of == 1 { format!("`{hooks}` of '{name}'") } else { format!("`{hooks}` {} of '{name}'", n + 1) }
}

/// A run that completed shows that it was rolled back.
fn enter_rolled_back(run: &Arc<Run>) {
    let now = run.scope.engine.clock().nanos();
    let entered = {
        let mut inner = run.cell.lock();
        let may = inner.state.may_become(StateName::RolledBack);
        if may {
            run.enter(&mut inner, StateName::RolledBack, now, None, None);
        }
        may
    };
    if entered {
        super::finish::log_state(run, StateName::RolledBack, None);
    }
}

/// Blocks for what is to be awaited of a transaction.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    // Done at once, as a rule: then no runtime is looked for.
    if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return done;
    }
    let handle = scope_here().handle.get();
    let _entered = handle.enter();
    wait::block_on_future(future)
}

/// Waits until nothing is open in a scope.
async fn all_ended(scope: &Arc<Scope>) {
    loop {
        let mut scopes = vec![scope.clone()];
        let mut is_over = true;
        while let Some(scope) = scopes.pop() {
            let open = scope.open();
            scopes.extend(open.scopes);
            for run in open.runs {
                is_over = false;
                wait::Ended::of(&run).await;
            }
            for map in open.maps.iter().filter(|map| !map.is_done()) {
                is_over = false;
                wait::Done::of(map).await;
            }
        }
        // What has ended may have begun more.
        if is_over {
            return;
        }
    }
}

// Groups.

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
        Ok(Self { transaction, scope, is_left: false })
    }

    /// Begins with the record that there is under its key, if it has one.
    pub(crate) async fn look_up(&self, builder: TransactionBuilder, io: Io) -> Result<(), TransactionError> {
        let Some(key) = builder.key else { return Ok(()) };
        let looked_up = cache::begin_group(
            &self.scope.engine,
            &self.transaction,
            key,
            builder.store,
            builder.overwrite,
            io,
        );
        looked_up.await.map_err(TransactionError::store)
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
            log_failed(roll_back_all(&transaction).await);
            roll_back_around(&transaction).await;
        }
        self.is_left = true;
        left.or_else(|error| error.map_or(Ok(()), Err))
    }
}

/// Leaves a group whose closure gave `Ok`. `Err` is what it is to be rolled back for.
async fn leave_well(transaction: &Transaction, io: Io) -> Result<(), Option<TransactionError>> {
    if let Some(run) = transaction.unseen_failure() {
        run.mark_seen();
        let error = run.error().unwrap_or_else(super::attempt::cancelled);
        return Err(Some(TransactionError::run(&run.name(), error)));
    }
    if matches!(transaction.state(), TransactionState::Committed | TransactionState::RolledBack) {
        return Ok(());
    }
    match (transaction.commit_mode(), transaction.parent()) {
        (_, Some(parent)) if parent.is_over() => Err(Some(TransactionError::rolled_back())),
        (CommitMode::Lazy | CommitMode::Off, Some(parent)) if !parent.is_committed() => {
            transaction.enter(TransactionState::Staged);
            Ok(())
        }
        (CommitMode::Off, _) => {
            log_failed(roll_back_all(transaction).await);
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
            log_failed(roll_back_all(&transaction).await);
            roll_back_around(&transaction).await;
            scope.tree.closed();
        });
    }
}
