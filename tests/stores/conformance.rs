//! The suite, one test per property and store.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use millrun::store::conformance::{self, PROPERTIES};
use millrun::store::{MemoryRunStore, SqliteRunStore};

use crate::folder::Folder;
use crate::server::Server;

macro_rules! properties {
    ($($name:ident,)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];

        mod memory {
            $(#[test] fn $name() { super::in_memory(stringify!($name)); })*
        }

        mod sqlite {
            $(#[test] fn $name() { super::in_files(stringify!($name)); })*
        }

        mod postgres {
            $(#[test] fn $name() { super::in_a_server(stringify!($name)); })*
        }
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

fn property(name: &str) -> &'static conformance::Property {
    PROPERTIES.iter().find(|property| property.name() == name).unwrap()
}

#[test]
fn every_property_is_tested() {
    let names: Vec<&str> = PROPERTIES.iter().map(conformance::Property::name).collect();
    assert_eq!(TESTED, names);
}

fn in_memory(name: &str) {
    property(name).check(MemoryRunStore::new);
}

fn in_files(name: &str) {
    let folder = Arc::new(Folder::new());
    let next = AtomicU32::new(0);
    let in_folder = folder.clone();
    property(name).check(move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        SqliteRunStore::open_blocking(in_folder.path().join(format!("{number}.db"))).unwrap()
    });
}

fn in_a_server(name: &str) {
    let Some(server) = Server::find() else { return };
    let schemas = Arc::new(Mutex::new(Vec::new()));
    let used = schemas.clone();
    property(name).check(move || {
        let schema = server.schema();
        let store = schema.open();
        used.lock().unwrap().push(schema);
        store
    });
}

#[test]
fn a_store_in_a_server_is_found_as_it_was_left() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    conformance::check_reopened(|| schema.open());
}

#[test]
fn a_store_in_a_file_is_found_as_it_was_left() {
    let folder = Folder::new();
    conformance::check_reopened(|| SqliteRunStore::open_blocking(folder.path().join("runs.db")).unwrap());
}

#[test]
#[should_panic(expected = "`names_itself` does not hold")]
fn what_does_not_hold_is_said() {
    property("names_itself").check(|| panic!("nothing opens") as MemoryRunStore);
}
