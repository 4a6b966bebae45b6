//! `just bench`: executes the cases, prints the table, and writes the file and the charts. `README.md` says how to read them.

mod cases;

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cases::{Case, GROUPS, Group};
use millrun_benchmarks::command::{self, Action, Run};
use millrun_benchmarks::{Bench, Counting, Effort, Report, Row, chart, compare, machine, peers, table};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let done = match command::parse(std::env::args().skip(1)) {
        Ok(Action::Run(run)) => measure(&run),
        Ok(Action::List) => {
            list();
            Ok(true)
        }
        Ok(Action::Help) => {
            print!("{}", command::HELP);
            Ok(true)
        }
        Ok(Action::Compare(before, after)) => compared(&before, &after),
        Ok(Action::One { group, case, quick, rows }) => one(&group, &case, quick, &rows),
        Ok(Action::Peak { how, count, path }) => {
            cases::recorded::peak::record(&how, count, &path);
            Ok(true)
        }
        Err(error) => Err(Error::other(error)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    for group in &GROUPS {
        println!("{}: {}", group.name, group.about);
        for case in group.cases {
            println!("  {}/{}", group.name, case.name);
        }
    }
}

/// Measures all that is wanted; whether all cases could be executed.
fn measure(run: &Run) -> Result<bool> {
    let wanted: Vec<(&Group, &Case)> =
        GROUPS.iter().flat_map(|group| group.wanted(&run.filters).map(move |case| (group, case))).collect();
    if wanted.is_empty() {
        return Err(Error::other("no case has such a name; `--list` names all"));
    }
    // Before all that takes long.
    let programs = peers::read(&run.peers)?;
    println!("{}\n\n{}", machine::Machine::here().words(), table::head());
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let mut group_before = "";
    for (group, case) in wanted {
        if group.name != group_before {
            println!("{}{}: {}", if group_before.is_empty() { "" } else { "\n" }, group.name, group.about);
            group_before = group.name;
        }
        match in_own_process(group, case, run.quick) {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                println!("{}/{} FAILED: {error}", group.name, case.name);
                failed.push(format!("{}/{}", group.name, case.name));
            }
        }
    }
    let beside_peers = peers::rows(&programs, &rows);
    if !beside_peers.is_empty() {
        println!("\npeers: the same graphs, by programs of their own");
    }
    for row in &beside_peers {
        println!("{}", table::line(row, !run.quick));
    }
    rows.extend(beside_peers);
    let report = Report::new(rows, run.quick);
    println!("\n{}", ending(&report, &failed));
    write(&report, &run.json)?;
    Ok(failed.is_empty())
}

/// Each case has a process, so that none finds what another has left: memory, threads, a subscriber.
fn in_own_process(group: &Group, case: &Case, quick: bool) -> Result<Vec<Row>> {
    let path = std::env::temp_dir().join(format!("millrun-benchmark-rows-{}.json", std::process::id()));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["one", group.name, case.name, if quick { "quick" } else { "full" }]).arg(&path);
    let status = command.status()?;
    if !status.success() {
        return Err(Error::other(status.to_string()));
    }
    let rows = serde_json::from_slice(&std::fs::read(&path)?)?;
    std::fs::remove_file(path)?;
    Ok(rows)
}

fn one(group: &str, case: &str, quick: bool, path: &Path) -> Result<bool> {
    let group = GROUPS.iter().find(|known| known.name == group);
    let found = group.and_then(|group| Some((group, group.cases.iter().find(|known| known.name == case)?)));
    let Some((group, case)) = found else { return Err(Error::other("there is no such case")) };
    let mut bench = Bench::new(if quick { Effort::QUICK } else { Effort::FULL });
    bench.begin(group.name, case.name);
    (case.measure)(&mut bench);
    std::fs::write(path, serde_json::to_vec(&bench.into_rows())?)?;
    Ok(true)
}

fn ending(report: &Report, failed: &[String]) -> String {
    if report.quick {
        return "figures made with --quick mean nothing".into();
    }
    let judged: Vec<bool> = report.rows.iter().filter_map(Row::is_met).collect();
    let met = judged.iter().filter(|is_met| **is_met).count();
    let mut words = format!("{met} of {} targets met", judged.len());
    for row in report.rows.iter().filter(|row| row.is_met() == Some(false)) {
        words = format!("{words}\n  MISSED {}", row.key());
    }
    for case in failed {
        words = format!("{words}\n  FAILED {case}");
    }
    words
}

/// Writes the file, and the charts beside it.
fn write(report: &Report, json: &Path) -> Result<()> {
    report.write(json)?;
    let beside = |name: &str| -> PathBuf { json.with_extension(format!("{name}.svg")) };
    for (name, svg) in [("ratios", chart::ratios(&report.rows)), ("growth", chart::growth(&report.rows))] {
        std::fs::write(beside(name), svg)?;
    }
    println!("written: {}, {}, {}", json.display(), beside("ratios").display(), beside("growth").display());
    Ok(())
}

fn compared(before: &Path, after: &Path) -> Result<bool> {
    print!("{}", compare::words(&Report::read(before)?, &Report::read(after)?));
    Ok(true)
}
