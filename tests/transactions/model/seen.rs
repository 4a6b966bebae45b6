//! What is to be seen of a plan: the same of its model and of the engine.

use std::collections::{BTreeMap, BTreeSet};

use millrun::prelude::*;

/// A task run, a group or a flow run, in the order in which they were asked for.
pub(super) type Number = usize;

#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// In order.
    pub(super) notes: Vec<Note>,
    /// The last states of the task runs.
    pub(super) runs: BTreeMap<Number, StateName>,
    /// The last states of the groups whose closure was called.
    pub(super) groups: BTreeMap<Number, TransactionState>,
    /// The keys under which there are records in the end.
    pub(super) records: BTreeSet<String>,
    /// The last state of the flow run.
    pub(super) end: StateName,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Note {
    /// A body has begun.
    Begun(Number),
    /// What was asked for has ended, and given its result to the body that asked.
    Ended(Number, Gave),
    /// That was asked of a group.
    Decided(Gave),
    /// An `on_commit` hook was called: of which run, and which of its hooks.
    Commit(Number, usize),
    /// An `on_rollback` hook was called.
    Rollback(Number, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gave {
    Ok,
    Err,
}

impl Gave {
    pub(super) fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Ok } else { Self::Err }
    }
}
