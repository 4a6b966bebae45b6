//! What the peers' programs share: sides that are measured in turns, rows as lines of JSON, the graphs, and Millrun's side of each
//! case.

pub mod cases;
pub mod ours;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// Workers of each runtime.
pub const THREADS: usize = 2;

/// One who takes part in a case.
pub struct Side<'a> {
    /// The name in the row.
    pub who: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What is on the disk when a result is observed: `none`, or the level of SQLite that is in effect.
    pub durability: String,
    /// What to know to read the row fairly.
    pub note: String,
    /// Measures one round: the time from the first task that is described to the last result that is read and the graph freed.
    pub round: Box<dyn FnMut() -> Result<Duration, String> + 'a>,
}

impl<'a> Side<'a> {
    /// A side that keeps nothing on disk.
    pub fn in_memory(
        who: &'a str,
        version: &'a str,
        note: &str,
        mut round: impl FnMut() -> Duration + 'a,
    ) -> Self {
        Self {
            who,
            version,
            durability: "none".to_owned(),
            note: note.to_owned(),
            round: Box::new(move || Ok(round())),
        }
    }

    /// A side that records.
    pub fn recorded(
        who: &'a str,
        version: &'a str,
        durability: impl Display,
        note: &str,
        round: impl FnMut() -> Result<Duration, String> + 'a,
    ) -> Self {
        Self {
            who,
            version,
            durability: durability.to_string(),
            note: note.to_owned(),
            round: Box::new(round),
        }
    }
}

/// How much is measured: all, or with the argument `--small` only so much that it is seen to work.
pub struct Scale {
    small: bool,
}

impl Scale {
    /// Reads the program's arguments.
    ///
    /// # Panics
    ///
    /// Where there is an argument other than `--small`.
    pub fn from_arguments() -> Self {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        assert!(arguments.iter().all(|argument| argument == "--small"), "the only argument is --small");
        Self { small: !arguments.is_empty() }
    }

    /// So many items.
    pub fn items(&self, n: usize) -> usize {
        if self.small { (n / 50).max(10) } else { n }
    }

    fn rounds(&self) -> usize {
        if self.small { 2 } else { 7 }
    }

    /// Measures the sides in turns, so that a noisy machine disturbs all alike, and prints a row for each. The first round of each
    /// warms up. A round that fails is left out, and named in the note.
    ///
    /// # Panics
    ///
    /// Where standard output is closed.
    pub fn in_turns(&self, case: &str, n: usize, mut sides: Vec<Side<'_>>) {
        let mut rows: Vec<(Vec<f64>, Vec<String>)> = sides.iter().map(|_| Default::default()).collect();
        for round in 0..=self.rounds() {
            for (side, (times, failures)) in sides.iter_mut().zip(&mut rows) {
                match (side.round)() {
                    Ok(time) if round > 0 => times.push(nanoseconds_per_item(time, n)),
                    Ok(_) => {}
                    Err(failure) => failures.push(failure),
                }
            }
        }
        let mut output = std::io::stdout().lock();
        for (side, (times, failures)) in sides.iter().zip(&rows) {
            let mut note = side.note.clone();
            if let Some(last) = failures.last() {
                note += &format!("; {} of {} rounds failed: {last}", failures.len(), self.rounds() + 1);
            }
            let row = json!({
                "who": side.who, "version": side.version, "case": case, "n": n, "threads": THREADS,
                "durability": side.durability, "ns_per_item": times, "note": note,
            });
            writeln!(output, "{row}").expect("standard output is open");
        }
    }
}

fn nanoseconds_per_item(time: Duration, n: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let per_item = time.as_nanos() as f64 / n as f64;
    (per_item * 10.0).round() / 10.0
}

/// The version of a package that a lock file names.
///
/// # Panics
///
/// Where it names none.
pub fn version<'a>(lock: &'a str, package: &str) -> &'a str {
    let mut lines = lock.lines();
    lines
        .find(|line| *line == format!("name = \"{package}\""))
        .and_then(|_| lines.next()?.strip_prefix("version = \"")?.strip_suffix('"'))
        .expect("the package is in the lock file")
}

/// A runtime with [`THREADS`] workers.
///
/// # Panics
///
/// Where the system gives no thread.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("threads can be started")
}

/// How long `action` takes on a worker of `runtime`; what wakes it there is another worker, not a parked thread.
///
/// # Panics
///
/// Where `action` does.
pub fn time_on_worker<F>(runtime: &Runtime, action: F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let timed = async {
        let begun = Instant::now();
        action.await;
        begun.elapsed()
    };
    runtime.block_on(runtime.spawn(timed)).expect("the case does not panic")
}

/// How long `action` takes.
pub fn time(action: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    action();
    begun.elapsed()
}

/// A folder for databases among the system's temporary files (`TMPDIR`), removed when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    ///
    /// # Panics
    ///
    /// Where it cannot be made.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("millrun-peers-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("temporary folders can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes an SQLite database, and the files beside it.
pub fn remove_database(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
}

/// What `PRAGMA synchronous` answers, in words.
pub fn synchronous(level: i64) -> &'static str {
    match level {
        0 => "OFF",
        1 => "NORMAL",
        2 => "FULL",
        3 => "EXTRA",
        _ => "unknown",
    }
}
