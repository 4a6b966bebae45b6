//! The most memory that a process takes which records a million task runs: in a process of its own each.

use std::path::Path;
use std::process::Command;

use millrun::prelude::*;
use millrun::store::SqliteRunStore;
use millrun_benchmarks::{Bench, Unit};

const MANY: usize = 1_000_000;
/// 1 GiB.
const TARGET: f64 = 1024.0;

#[task]
async fn square(x: u64) -> u64 {
    x.wrapping_mul(x)
}

/// Each run is let go of as soon as it is submitted.
#[flow]
async fn let_go(count: usize) -> Result<(), FlowError> {
    for n in 0..count as u64 {
        drop(square.submit(n));
    }
    Ok(())
}

#[flow]
async fn mapped(count: usize) -> Result<u64, FlowError> {
    Ok(square.map(0..count as u64).await?.into_iter().fold(0, u64::wrapping_add))
}

/// What the process of its own does: records, and prints the most kilobytes that it had, where the system tells.
pub(crate) fn record(how: &str, count: usize, path: &Path) {
    let engine = Engine::builder().run_store(SqliteRunStore::open_blocking(path).unwrap()).build();
    match how {
        "map" => _ = engine.run_blocking(mapped(count)).unwrap(),
        _ => engine.run_blocking(let_go(count)).unwrap(),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("{}", peak.trim().trim_end_matches(" kB"));
    }
}

pub(super) fn measure(bench: &mut Bench) {
    let n = bench.items(MANY);
    for (how, name) in
        [("submit", "submitted, recorded: most memory"), ("map", "a map, recorded: most memory")]
    {
        let path = bench.path("db");
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["peak", how, &n.to_string()]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_file(path).unwrap();
        match String::from_utf8_lossy(&output.stdout).trim().parse::<f64>() {
            Ok(peak) => {
                bench.row(name).of(n).unit(Unit::Mebibytes).at_most(TARGET).figures(vec![peak / 1024.0]);
            }
            Err(_) => bench.leave_out("the system does not tell the peak of a process"),
        }
    }
}
