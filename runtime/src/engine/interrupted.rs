//! Transactions whose process died: their rollback hooks, called by the one that resumes the flow run.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::resume::number_of;
use super::transaction::roll_back_inside;
use crate::clock::nanos_of;
use crate::context::{Scope, Tree};
use crate::hook::AnyTransactionHook;
use crate::recorder::Recorder;
use crate::registry;
use crate::run::{NO_INDEX, NewRun, Run, Slot, Stage};
use crate::store::{RunQuery, RunRecord, RunStore, StoreError, TransactionRecord};
use crate::transaction::{Staged, Transaction, TransactionState};

/// What was interrupted of a flow run.
pub(super) struct Interrupted {
    /// In the order in which they began.
    transactions: Vec<TransactionRecord>,
    /// Those that they are in, and the others of the flow run.
    all: HashMap<Uuid, TransactionRecord>,
    /// The task runs that some of them are of.
    runs: HashMap<Uuid, RunRecord>,
}

/// How many records are read at once.
const PAGE: u32 = 500;

impl Interrupted {
    /// Reads what is to be rolled back; blocks.
    pub(super) fn read(store: &dyn RunStore, flow_run: Uuid) -> Result<Self, StoreError> {
        let transactions = store.interrupted(flow_run)?;
        let all = store.transactions(flow_run)?.into_iter().map(|record| (record.id, record)).collect();
        let mut runs = HashMap::new();
        for some in transactions.chunks(PAGE as usize) {
            let query = RunQuery::task_runs().ids(some.iter().map(|record| record.id)).limit(PAGE);
            runs.extend(store.runs(&query)?.into_iter().map(|record| (record.id, record)));
        }
        Ok(Self { transactions, all, runs })
    }

    /// Calls the hooks of what was staged, the latest first, and records what was rolled back.
    pub(super) async fn roll_back(self, flow_run: &Arc<Run>, recorder: &Arc<Recorder>) {
        let mut restored = HashMap::new();
        let mut outermost = Vec::new();
        for record in &self.transactions {
            self.restore(record, flow_run, recorder, &mut restored, &mut outermost);
        }
        for transaction in outermost.into_iter().rev() {
            roll_back_inside(&transaction).await;
        }
    }

    /// Makes a transaction as it was, with those that it is in.
    fn restore(
        &self,
        record: &TransactionRecord,
        flow_run: &Arc<Run>,
        recorder: &Arc<Recorder>,
        restored: &mut HashMap<Uuid, Transaction>,
        outermost: &mut Vec<Transaction>,
    ) -> Transaction {
        if let Some(transaction) = restored.get(&record.id) {
            return transaction.clone();
        }
        let is_staged = record.state == TransactionState::Staged;
        let staged = if is_staged { self.staged(record, flow_run) } else { None };
        let around = record.parent.and_then(|id| self.all.get(&id));
        let around = around.map(|around| self.restore(around, flow_run, recorder, restored, outermost));
        let is_group = !self.runs.contains_key(&record.id);
        let transaction = Transaction::begin(around.clone(), None, None, is_group);
        // Where its hooks cannot be had it stays as it is recorded.
        let is_undone = staged.is_some() || !is_staged;
        transaction.restore(record, is_undone.then_some(recorder));
        if let Some(staged) = staged {
            staged.run.govern(|| transaction.clone());
            transaction.stage_run(staged, None);
        }
        if around.is_none() {
            outermost.push(transaction.clone());
        }
        restored.insert(record.id, transaction.clone());
        transaction
    }

    /// What a task run has staged; `None` if its hooks cannot be had.
    fn staged(&self, record: &TransactionRecord, flow_run: &Arc<Run>) -> Option<Staged> {
        let run = self.runs.get(&record.id)?;
        let spec = registry::find(&run.key).ok().flatten().filter(|spec| !spec.on_rollback.is_empty());
        let Some(spec) = spec else {
            log!(
                warn,
                "Task run '{}' - It is not undone: this program has no task `{}` with an `on_rollback` in its attribute",
                run.name,
                run.key
            );
            return None;
        };
        let hooks = spec.on_rollback.iter().copied().map(AnyTransactionHook::Named).collect();
        let new = NewRun {
            spec,
            scope: scope_of(run, flow_run),
            created: nanos_of(run.state.timestamp),
            number: number_of(run.id),
            ordinal: 0,
            index: run.map_index.unwrap_or(NO_INDEX),
            readers: 0,
            options: None,
            waits: false,
            follows: false,
            waiter: None,
            span: None,
        };
        let stands_in = Run::begun(new, None, |inner, _| {
            inner.stage = Stage::Ended;
            inner.slot = Slot::Freed;
            inner.state = run.state.name;
            let extra = inner.log.extra();
            extra.name = Some(run.name.as_str().into());
            extra.attempts = run.run_count;
        });
        Some(Staged::new(stands_in, Vec::new(), hooks))
    }
}

/// Where a task run of an earlier process was.
fn scope_of(run: &RunRecord, flow_run: &Arc<Run>) -> Arc<Scope> {
    let around = &flow_run.scope;
    let tree = Tree::new(Some(run.root.as_u128()), None, None, false);
    tree.adopt(run.flow_run.unwrap_or(run.root).as_u128(), 0);
    tree.belongs_to(flow_run);
    Scope::new(
        around.engine.clone(),
        around.handle.clone(),
        around.runner.clone(),
        Arc::new(tree),
        Some(flow_run.clone()),
        run.tags.iter().map(|tag| Arc::from(tag.as_str())).collect(),
        None,
    )
}
