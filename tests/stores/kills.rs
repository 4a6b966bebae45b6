//! Whoever is killed while it records leaves whole batches, and those alone that came first.

use millrun::store::{Durability, LogQuery, MemoryRunStore, RunQuery, RunStore, SqliteRunStore};

use crate::batches::{self, RUNS, batch};
use crate::folder::Folder;
use crate::process::Process;

const FILES: u64 = 6;
const KILLS: u64 = 10;

/// Everything that is recorded.
fn assert_same(found: &dyn RunStore, expected: &dyn RunStore) {
    let query = RunQuery::task_runs().limit(u32::MAX);
    let runs = expected.runs(&query).unwrap();
    assert_eq!(found.runs(&query).unwrap(), runs);
    for run in runs {
        assert_eq!(found.states(run.id).unwrap(), expected.states(run.id).unwrap());
        assert_eq!(found.outcome(run.id).unwrap(), expected.outcome(run.id).unwrap());
        assert_eq!(found.upstreams(run.id).unwrap(), expected.upstreams(run.id).unwrap());
    }
    let logs = LogQuery::of(batches::flow_run()).limit(u32::MAX);
    assert_eq!(found.logs(&logs).unwrap(), expected.logs(&logs).unwrap());
}

#[test]
fn what_was_recorded_before_a_kill_is_what_was_recorded_first() {
    let mut within = 0;
    for file in 0..FILES {
        let folder = Folder::new();
        let path = folder.path().join("runs.db");
        let expected = MemoryRunStore::new();
        let mut batches = 0;
        for kill in 0..KILLS {
            let first = batches.to_string();
            let mut process = Process::start(&["record", path.to_str().unwrap(), &first]);
            // At once, while it opens the store, or in the middle of some batch.
            let lines = (file * 7 + kill * 5) % 23;
            let mut said = (0..lines).map(|_| process.line()).last();
            said = process.kill().pop().or(said);
            let store = SqliteRunStore::open_blocking(&path).unwrap();
            let runs = store.runs(&RunQuery::task_runs().limit(u32::MAX)).unwrap().len();
            assert_eq!(runs % RUNS as usize, 0, "half of a batch");
            let written = u32::try_from(runs).unwrap() / RUNS;
            let known = said.map_or(batches, |said| said.parse::<u32>().unwrap() + 1);
            assert!(written >= known, "batch {known} was written, and {written} are there");
            within += u32::from(written > known);
            for n in batches..written {
                expected.write(&batch(n), Durability::Relaxed).unwrap();
            }
            batches = written;
            assert_same(&store, &expected);
        }
    }
    println!("{} kills, {within} of them between a commit and its announcement", FILES * KILLS);
}
