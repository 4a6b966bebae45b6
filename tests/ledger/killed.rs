//! Processes that are really killed, over and over, until their flow run has completed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use millrun::store::{RunQuery, SqliteRunStore};
use millrun::{RunStore, StateType};
use uuid::Uuid;

use crate::folder::Folder;

/// What an uninterrupted run gives.
fn expected() -> u64 {
    let fetched: u64 = (0..299).map(|n| n * 7).sum();
    let parsed = fetched + 299;
    let chained = fetched + parsed + (0..100).sum::<u64>();
    chained + parsed
}

/// How often each effect has happened.
fn effects(folder: &Path) -> HashMap<String, u32> {
    let mut effects = HashMap::new();
    for line in std::fs::read_to_string(folder.join("effects")).unwrap_or_default().lines() {
        *effects.entry(line.to_owned()).or_default() += 1;
    }
    effects
}

fn all(store: &SqliteRunStore, mut query: RunQuery) -> Vec<millrun::store::RunRecord> {
    query = query.limit(500).oldest_first();
    let mut all = Vec::new();
    loop {
        let page = store.runs(&query).unwrap();
        let Some(last) = page.last() else { return all };
        query = query.after(last.id);
        all.extend(page);
    }
}

fn completed(store: &SqliteRunStore) -> HashSet<String> {
    all(store, RunQuery::task_runs().state(StateType::Completed)).into_iter().map(|run| run.name).collect()
}

/// Kills a process at a moment of its own each time, until one ends by itself. How many were killed.
fn kill_until_done(how: &str, moments: &mut impl Iterator<Item = Duration>) -> u32 {
    let folder = Folder::new();
    let folder = folder.path();
    let id = Uuid::now_v7();
    let mut kills = 0;
    let mut recorded: HashSet<String> = HashSet::new();
    let mut before: HashMap<String, u32> = HashMap::new();
    loop {
        let mut process = Command::new(env!("CARGO_BIN_EXE_graph"))
            .args([how, folder.to_str().unwrap(), &id.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The one thing that takes time here: a process is killed in the midst of its work.
        std::thread::sleep(moments.next().unwrap());
        let is_done = process.try_wait().unwrap().is_some();
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();

        let after = effects(folder);
        for name in &recorded {
            assert_eq!(after[name], before[name], "{name} was recorded as COMPLETED, and was executed again");
        }
        if is_done {
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected().to_string());
            break;
        }
        kills += 1;
        let store = SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap();
        recorded = completed(&store);
        before = after;
        for name in &recorded {
            assert!(before.contains_key(name), "{name} is COMPLETED, and has not happened");
        }
    }

    assert_eq!(effects(folder).len(), 1000);
    let store = SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap();
    assert_eq!(completed(&store).len(), 1000);
    for run in all(&store, RunQuery::task_runs()).into_iter().chain(all(&store, RunQuery::flow_runs())) {
        assert!(run.state.is_final(), "{} stays {}", run.name, run.state);
        assert_eq!(run.owner, None);
    }
    let flows = all(&store, RunQuery::flow_runs());
    assert_eq!(flows.len(), 2, "the flow run and its child go on, they are not begun anew");
    assert!(flows.iter().all(|flow| flow.state.is_completed()));
    kills
}

fn over_and_over(how: &str, wanted: u32, longest: Duration) {
    // Any moment, from before the store is opened on.
    let longest = u64::try_from(longest.as_micros()).unwrap();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut moments = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_micros(2_000 + state % longest)
    });
    let mut kills = 0;
    while kills < wanted {
        kills += kill_until_done(how, &mut moments);
    }
}

#[test]
fn a_flow_run_outlives_its_processes() {
    over_and_over("relaxed", 100, Duration::from_millis(80));
}

#[test]
fn what_is_recorded_strictly_is_never_executed_again() {
    over_and_over("strict", 100, Duration::from_millis(300));
}
