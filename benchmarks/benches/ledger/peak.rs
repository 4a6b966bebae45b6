//! The most memory that a process takes which records a million task runs: in a process of its own each.

use std::path::{Path, PathBuf};
use std::process::Command;

use millrun::prelude::*;
use millrun::store::SqliteRunStore;

const MANY: u64 = 1_000_000;
/// 1 GiB.
const TARGET: u64 = 1 << 20;
const FOLDER: &str = "MILLRUN_BENCHMARK_PEAK";

#[task]
async fn square(x: u64) -> u64 {
    x.wrapping_mul(x)
}

/// Each run is let go of as soon as it is submitted.
#[flow]
async fn let_go(count: u64) -> Result<(), FlowError> {
    for n in 0..count {
        let _ = square.submit(n);
    }
    Ok(())
}

#[flow]
async fn mapped(count: u64) -> Result<u64, FlowError> {
    Ok(square.map(0..count).await?.into_iter().fold(0, u64::wrapping_add))
}

/// The folder in which this process is to record, if it is to do nothing else.
pub(super) fn asked_for() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

pub(super) fn record(folder: &Path) {
    let store = SqliteRunStore::open_blocking(folder.join("peak.db")).unwrap();
    let engine = Engine::builder().run_store(store).build();
    match std::env::args().nth(1).as_deref() {
        Some("map") => drop(engine.run_blocking(mapped(MANY)).unwrap()),
        _ => engine.run_blocking(let_go(MANY)).unwrap(),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}", peak.trim().trim_end_matches(" kB"));
}

pub(super) fn measure(folder: &Path) -> bool {
    let mut met = true;
    for (how, name) in [("submit", "a million submitted"), ("map", "a map of a million")] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.arg(how).env(FOLDER, folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let Ok(peak) = said.trim().parse::<u64>() else {
            println!("{name}: the peak is not known here");
            continue;
        };
        std::fs::remove_file(folder.join("peak.db")).unwrap();
        let is_met = peak <= TARGET;
        met &= is_met;
        println!(
            "{:<44} {:>7} MiB at most, target {}  {}",
            format!("{name}, recorded"),
            peak >> 10,
            TARGET >> 10,
            if is_met { "met" } else { "MISSED" }
        );
    }
    println!();
    met
}
