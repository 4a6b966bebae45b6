//! Instructions and allocations that a task run takes: counts, and so steadier than times, beside a committed baseline.
//!
//! `cargo run --release -p millrun-counts` says what has changed, and fails if a count has grown by more than 5 %. Where that is meant,
//! `-- --accept "why"` writes the baseline anew, with the reason; both belong into the commit that changes the count.
//!
//! A count is the difference between a large and a small number of runs, divided by how many more there are, so that what begins and
//! ends a process does not count. One worker executes, in one order, so that it is the same each time. Instructions are those that
//! valgrind's callgrind executes; without valgrind they are left out, which is said.

mod baseline;
mod cases;
mod measure;

use std::path::Path;
use std::process::ExitCode;

use baseline::{Baseline, Change};
use measure::Counts;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

const USAGE: &str = "usage: millrun-counts [--accept <reason>]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["run", case, runs] => measure::run_and_print(case, runs),
        [] => report(None),
        ["--accept", reason] if !reason.trim().is_empty() => report(Some(reason)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn report(reason: Option<&str>) -> ExitCode {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json");
    let outcome = compare(&file, reason);
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn compare(file: &Path, reason: Option<&str>) -> Result<ExitCode, String> {
    let measured = measure::all()?;
    let compiler = measure::compiler();
    if let Some(reason) = reason {
        Baseline::new(&compiler, reason, measured).write(file)?;
        println!("the baseline is written: {}", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let baseline = Baseline::read(file)?;
    println!("{:<30} {:>12} {:>9} {:>8}", "a run", "now", "baseline", "change");
    let mut has_grown = false;
    for (case, now) in &measured {
        let Some(before) = baseline.counts.get(case) else {
            println!("{case:<30} is not in the baseline: accept it");
            has_grown = true;
            continue;
        };
        for change in changes(now, before) {
            println!("{:<30} {change}", format!("{case}, {}", change.what));
            has_grown |= change.has_grown();
        }
    }
    if measured.values().any(|counts| counts.instructions.is_none()) {
        println!("left out: instructions, as there is no valgrind");
    }
    if !has_grown {
        return Ok(ExitCode::SUCCESS);
    }
    if baseline.compiler != compiler {
        println!("not held to it: the baseline is that of {}, this is {compiler}", baseline.compiler);
        return Ok(ExitCode::SUCCESS);
    }
    println!("a count has grown by more than 5 %: mend it, or say why it has to be with --accept");
    Ok(ExitCode::FAILURE)
}

fn changes(now: &Counts, before: &Counts) -> impl Iterator<Item = Change> {
    let change =
        |what, now: Option<f64>, before: Option<f64>| Some(Change { what, now: now?, before: before? });
    let instructions = change("instructions", now.instructions, before.instructions);
    let allocations = change("allocations", Some(now.allocations), Some(before.allocations));
    instructions.into_iter().chain(allocations)
}
