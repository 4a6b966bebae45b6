//! What is counted, and how.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::cases::{CASES, Case};

/// The numbers of runs whose difference is counted.
const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// What a run takes.
#[derive(Serialize, Deserialize)]
pub struct Counts {
    /// `None` without valgrind.
    pub instructions: Option<f64>,
    pub allocations: f64,
}

/// The system's allocator, which counts how often it is asked for memory.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: all that it does is what the system's allocator does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The counts of all cases.
pub fn all() -> Result<BTreeMap<String, Counts>, String> {
    let has_valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    let counts = |(case, _): &Case| {
        let [few, many] = [FEW, MANY].map(|runs| one(case, runs, has_valgrind));
        let (few, many) = (few?, many?);
        let more = (MANY - FEW) as f64;
        let instructions = many.0.zip(few.0).map(|(many, few)| rounded((many - few) as f64 / more, 1.0));
        let allocations = rounded((many.1 - few.1) as f64 / more, 100.0);
        Ok(((*case).to_owned(), Counts { instructions, allocations }))
    };
    CASES.iter().map(counts).collect()
}

fn rounded(count: f64, steps: f64) -> f64 {
    (count * steps).round() / steps
}

/// What a process takes that has so many runs: instructions, and allocations.
fn one(case: &str, runs: u64, has_valgrind: bool) -> Result<(Option<u64>, u64), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = if has_valgrind {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(this);
        command
    } else {
        Command::new(this)
    };
    let ran = command.args(["run", case, &runs.to_string()]).output().map_err(|error| error.to_string())?;
    let (out, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let failed = || format!("{case} with {runs} runs: {}\n{out}{said}", ran.status);
    let allocations = out.trim().parse().map_err(|_| failed())?;
    if !has_valgrind {
        return Ok((None, allocations));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let instructions = collected.and_then(|(_, count)| count.trim().parse().ok()).ok_or_else(failed)?;
    Ok((Some(instructions), allocations))
}

/// Executes a case, and prints how often it has allocated.
pub fn run_and_print(case: &str, runs: &str) -> ExitCode {
    let found = CASES.iter().find(|(name, _)| *name == case);
    let (Some((_, execute)), Ok(runs)) = (found, runs.parse()) else {
        eprintln!("no case `{case}`, or no number of runs: `{runs}`");
        return ExitCode::from(2);
    };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    execute(runs);
    println!("{}", ALLOCATIONS.load(Ordering::Relaxed) - before);
    ExitCode::SUCCESS
}

/// The compiler's version.
pub fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output();
    version.map_or_else(
        |error| format!("a compiler that does not answer: {error}"),
        |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    )
}
