//! What is recorded of transactions, where runs are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Transaction;
use crate::recorder::{Item, Recorder};
use crate::run::Run;
use crate::store::TransactionRecord;

/// Where it is recorded how far a transaction is, and as what.
pub(super) struct Ledger {
    recorder: Arc<Recorder>,
    id: Uuid,
    /// The outermost flow run that it is in.
    root: Uuid,
    /// Something is recorded of it.
    is_recorded: AtomicBool,
}

impl Transaction {
    /// Has recorded how far it is, from now on: of one that `transaction()` begins.
    pub(crate) fn record_group(&self, recorder: &Arc<Recorder>, root: u128) {
        self.record_as(recorder, Uuid::new_v4(), Uuid::from_u128(root));
        self.record();
    }

    /// Has recorded how far it is, as that of a task run, once there is something that its hooks need.
    pub(crate) fn record_of(&self, run: &Run) {
        if let (Some(recorder), Some(root)) = (run.scope.engine.recorder(), run.scope.tree.root()) {
            self.record_as(recorder, Uuid::from_u128(run.id()), Uuid::from_u128(root));
        }
    }

    /// Makes it the one that an earlier process has recorded; its end is recorded by `recorder`.
    pub(crate) fn restore(&self, record: &TransactionRecord, recorder: Option<&Arc<Recorder>>) {
        self.0.shared.lock().values = record.values.clone().into_iter().collect();
        let Some(recorder) = recorder else { return };
        self.record_as(recorder, record.id, record.root);
        if let Some(ledger) = self.0.ledger.get() {
            ledger.is_recorded.store(true, Ordering::Relaxed);
        }
    }

    fn record_as(&self, recorder: &Arc<Recorder>, id: Uuid, root: Uuid) {
        let ledger = Ledger { recorder: recorder.clone(), id, root, is_recorded: AtomicBool::new(false) };
        let _ = self.0.ledger.set(ledger);
    }

    /// Has recorded how far it is, where that is recorded.
    pub(crate) fn record(&self) {
        let Some(ledger) = self.0.ledger.get() else { return };
        ledger.is_recorded.store(true, Ordering::Relaxed);
        let around = std::iter::successors(self.0.parent.as_ref(), |around| around.0.parent.as_ref());
        let parent = around.filter_map(Self::recorded).map(|ledger| ledger.id).next();
        let key = self.key();
        // Under its lock, so that no later state is recorded before this one.
        let shared = self.0.shared.lock();
        let values: Map<String, Value> = shared.values.clone().into_iter().collect();
        ledger.recorder.push(Item::Transaction(Box::new(TransactionRecord {
            id: ledger.id,
            root: ledger.root,
            parent,
            owner: Some(ledger.recorder.owner()),
            key,
            state: self.state(),
            values,
        })));
    }

    /// Has its end recorded, if anything is.
    pub(super) fn record_end(&self) {
        if self.recorded().is_some() {
            self.record();
        }
    }

    /// Where it is recorded, if anything is.
    fn recorded(&self) -> Option<&Ledger> {
        self.0.ledger.get().filter(|ledger| ledger.is_recorded.load(Ordering::Relaxed))
    }

    /// As what it is recorded; nil where it is not, which nothing that is recorded is.
    pub(crate) fn id(&self) -> Uuid {
        self.0.ledger.get().map(|ledger| ledger.id).unwrap_or_default()
    }
}
