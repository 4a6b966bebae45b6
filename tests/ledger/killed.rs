//! Processes that are really killed, over and over, until their flow run has completed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
fn kill_until_done(how: &str, moments: &mut Moments) -> u32 {
    let folder = Folder::new();
    let folder = folder.path();
    let id = Uuid::now_v7();
    let mut kills = 0;
    let mut recorded: HashSet<String> = HashSet::new();
    let mut before: HashMap<String, u32> = HashMap::new();
    loop {
        let mut process = start(how, folder, id);
        // The one thing that takes time here: a process is killed in the midst of its work.
        std::thread::sleep(moments.next(kills));
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

/// When processes are killed: at any moment, from before the store is opened on.
struct Moments {
    state: u64,
    longest: Duration,
}

impl Moments {
    /// Up to as long as a process takes here that nobody kills.
    fn up_to_the_end(how: &str) -> Self {
        let folder = Folder::new();
        let begun = Instant::now();
        assert_eq!(printed(start(how, folder.path(), Uuid::now_v7())), expected().to_string());
        Self { state: 0x2545_F491_4F6C_DD1D, longest: begun.elapsed() }
    }

    /// Later for each process that was killed before: what they leave has to be read by the next, which shall end some time.
    fn next(&mut self, killed: u32) -> Duration {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let longest = self.longest * (20 + killed) / 20;
        Duration::from_micros(2_000 + self.state % u64::try_from(longest.as_micros()).unwrap())
    }
}

fn over_and_over(how: &str, wanted: u32) {
    let mut moments = Moments::up_to_the_end(how);
    let mut kills = 0;
    while kills < wanted {
        kills += kill_until_done(how, &mut moments);
    }
}

#[test]
fn a_flow_run_outlives_its_processes() {
    over_and_over("relaxed", 100);
}

#[test]
fn what_is_recorded_strictly_is_never_executed_again() {
    over_and_over("strict", 100);
}

/// Starts a process that goes on with a flow run.
fn start(how: &str, folder: &Path, id: Uuid) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_graph"));
    command.args([how, folder.to_str().unwrap(), &id.to_string()]).stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn printed(process: Child) -> String {
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn of_several_processes_that_resume_a_flow_run_at_once_one_does() {
    for round in 0..5 {
        let folder = Folder::new();
        let (folder, id) = (folder.path(), Uuid::now_v7());
        let mut first = start("strict", folder, id);
        // Killed as soon as it has done some of its work; in the first round there is none before.
        while round > 0 && effects(folder).len() < 100 * round {
            assert!(first.try_wait().unwrap().is_none(), "it has ended before");
            std::thread::yield_now();
        }
        first.kill().unwrap();
        first.wait().unwrap();
        let store = SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap();
        let (done, before) = (completed(&store), effects(folder));
        drop(store);

        let processes: Vec<Child> = (0..4).map(|_| start("strict", folder, id)).collect();
        let printed: Vec<String> = processes.into_iter().map(printed).collect();
        // Who comes too late finds it executed, or being so.
        let refused = |text: &&String| text.contains(" is being executed by ");
        let (refused, given): (Vec<_>, Vec<_>) = printed.iter().partition(refused);
        assert!(!given.is_empty(), "{refused:?}");
        assert!(given.iter().all(|text| **text == expected().to_string()), "{given:?}");

        let after = effects(folder);
        assert_eq!(after.len(), 1000);
        for (name, count) in &after {
            let again = count - before.get(name).copied().unwrap_or(0);
            assert_eq!(again, u32::from(!done.contains(name)), "{name}");
        }
    }
}
