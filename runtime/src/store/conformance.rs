//! The suite that every run store has to pass.
//!
//! ```
//! use millrun::store::{MemoryRunStore, conformance};
//!
//! # fn main() {
//! conformance::check(MemoryRunStore::new);
//! # }
//! ```
//!
//! Each [`Property`] is one thing that engines rely on, checked with empty stores that are made for it: once in a row by [`check`], or
//! one by one, from [`PROPERTIES`] or by the functions of this module. Stores that outlive their process also pass
//! [`check_reopened`]. A property that does not hold panics.
//!
//! Nothing here waits for a time to pass, so a store passes or it does not.

mod deletion;
mod owners;
mod population;
mod queries;
mod writing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Durability, LogQuery, RunStore};
use crate::error::panic_message;

use self::population::Ledger;

pub use deletion::{
    deleted_runs_leave_nothing_behind, only_what_has_ended_is_deleted, results_that_others_refer_to_stay,
    vacuuming_changes_nothing,
};
pub use owners::{
    claimed_by_many_a_run_has_one_owner, ended_runs_belong_to_nobody, flow_runs_are_claimed_by_one_owner,
    flow_runs_are_created_by_one_owner, leases_are_renewed, owners_that_live_are_not_buried,
    runs_of_the_buried_have_crashed, who_was_buried_learns_of_it,
};
pub use queries::{
    counts_are_those_of_what_is_found, filters_hold_alone_and_together, logs_come_in_pages,
    many_ids_may_be_asked_for, pages_are_stable_while_runs_are_made,
};
pub use writing::{
    any_text_is_read_as_it_was_written, batches_are_seen_whole, batches_may_be_cut_anywhere,
    large_records_are_read_as_they_were_written, many_threads_may_read_and_write, names_itself,
    records_are_read_as_they_were_written, times_are_kept_to_the_nanosecond,
    transactions_become_what_was_written_last, upstreams_are_those_of_a_run_or_of_a_flow_run,
};

/// Makes the stores that are checked. Each is empty, and knows nothing of the others.
pub type NewStore = dyn Fn() -> Arc<dyn RunStore> + Send + Sync;

/// One thing that engines rely on.
#[derive(Clone, Copy)]
pub struct Property {
    name: &'static str,
    holds: fn(&NewStore),
}

impl Property {
    /// What it says, as a sentence in `snake_case`: the name of the function in this module.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Checks it, with stores made by `new_store`, each of which is empty.
    ///
    /// # Panics
    /// Panics if it does not hold.
    pub fn check<S: RunStore + 'static>(&self, new_store: impl Fn() -> S + Send + Sync + 'static) {
        let new_store = move || -> Arc<dyn RunStore> { Arc::new(new_store()) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.holds)(&new_store))) {
            panic!("`{}` does not hold: {}", self.name, panic_message(&*panic));
        }
    }
}

impl std::fmt::Debug for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Property").field(&self.name).finish()
    }
}

macro_rules! properties {
    ($($name:ident,)*) => {
        /// All of them.
        pub const PROPERTIES: &[Property] = &[$(Property { name: stringify!($name), holds: $name },)*];
    };
}

properties! {
    names_itself,
    records_are_read_as_they_were_written,
    times_are_kept_to_the_nanosecond,
    any_text_is_read_as_it_was_written,
    large_records_are_read_as_they_were_written,
    upstreams_are_those_of_a_run_or_of_a_flow_run,
    transactions_become_what_was_written_last,
    batches_may_be_cut_anywhere,
    batches_are_seen_whole,
    many_threads_may_read_and_write,
    filters_hold_alone_and_together,
    many_ids_may_be_asked_for,
    pages_are_stable_while_runs_are_made,
    counts_are_those_of_what_is_found,
    logs_come_in_pages,
    ended_runs_belong_to_nobody,
    leases_are_renewed,
    runs_of_the_buried_have_crashed,
    owners_that_live_are_not_buried,
    who_was_buried_learns_of_it,
    flow_runs_are_created_by_one_owner,
    flow_runs_are_claimed_by_one_owner,
    claimed_by_many_a_run_has_one_owner,
    only_what_has_ended_is_deleted,
    deleted_runs_leave_nothing_behind,
    results_that_others_refer_to_stay,
    vacuuming_changes_nothing,
}

/// Checks all properties, with stores made by `new_store`, each of which is empty.
///
/// # Panics
/// Panics at the first that does not hold: says which, and what was found.
pub fn check<S: RunStore + 'static>(new_store: impl Fn() -> S + Send + Sync + 'static) {
    let new_store = Arc::new(new_store);
    for property in PROPERTIES {
        let new_store = new_store.clone();
        property.check(move || new_store());
    }
}

/// Checks that a store is found as it was left. `open` opens the same store each time, which is empty at first.
///
/// # Panics
/// Panics if it is not.
pub fn check_reopened<S: RunStore>(open: impl Fn() -> S) {
    let mut ledger = Ledger::random(7, 40);
    let (first, rest) = ledger.events.split_at(ledger.events.len() / 2);
    {
        let store = open();
        written(&store, first);
    }
    {
        let store = open();
        for part in rest.chunks(10) {
            done(store.write(part, Durability::Strict), "write");
        }
        done(store.renew(&owners::owner(1)), "renew");
    }
    let store = open();
    ledger.check(&store);
    assert_eq!(done(store.owners(), "owners"), [owners::owner(1)]);
    let logs = done(store.logs(&LogQuery::of(ledger.flow_runs[0])), "logs");
    ledger.logs.retain(|log| log.flow_run == Some(ledger.flow_runs[0]));
    assert_eq!(logs, ledger.logs);
}

fn written(store: &dyn RunStore, events: &[super::Event]) {
    done(store.write(events, Durability::Relaxed), "write");
}

/// What a method gave, which must not fail.
#[track_caller]
fn done<T>(result: Result<T, super::StoreError>, method: &str) -> T {
    match result {
        Ok(done) => done,
        Err(error) => panic!("`{method}` failed: {error}"),
    }
}
