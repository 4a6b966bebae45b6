//! The tasks, and the flow that joins them.
//!
//! The three files are read side by side. Each day is joined on its own, all of them against the same flights and
//! airports, which are read in place and never copied; the means are taken meanwhile.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use millrun::prelude::*;

use crate::airline::{self, Airlines};
use crate::airport::{self, Airports};
use crate::csv_file::CsvFile;
use crate::delay::{self, Delay};
use crate::denormalize::{ADDED_COLUMNS, Joined, denormalize};
use crate::error::DataError;
use crate::flight::{Day, Flights};
use crate::report::{PoorData, Report};
use crate::working_folder;

/// One day of the denormalized table.
#[derive(Debug, Clone)]
struct Part {
    file: PathBuf,
    joined: Joined,
}

/// Reads the flights. A file that is broken stays broken, so only other failures are tried again.
#[task(
    retries = 2,
    retry_delay = "200ms",
    retry_if = is_temporary,
    on_running = announce_retry,
    tags = ["read"]
)]
fn read_flights(path: &Path, flaky: bool) -> Result<Flights, DataError> {
    if flaky && task_run().is_ok_and(|run| run.run_count() == 1) {
        return Err(DataError::unreadable(path, io::ErrorKind::TimedOut.into()));
    }
    Flights::parse(CsvFile::open(path)?)
}

fn is_temporary(error: &TaskError) -> bool {
    error.downcast_ref::<DataError>().is_some_and(DataError::is_temporary)
}

fn announce_retry(run: &TaskRun, _running: &State) {
    if run.run_count() > 1 {
        tracing::warn!(
            "Task run '{}' - Attempt {}, as the one before it failed",
            run.name(),
            run.run_count()
        );
    }
}

#[task(tags = ["read"])]
fn read_airports(path: &Path) -> Result<Airports, DataError> {
    airport::parse(&CsvFile::open(path)?)
}

#[task(tags = ["read"])]
fn read_airlines(path: &Path) -> Result<Airlines, DataError> {
    airline::parse(&CsvFile::open(path)?)
}

#[task(blocking)]
fn create_working_folder(out: &Path) -> anyhow::Result<PathBuf> {
    working_folder::create(out)
}

#[task]
fn list_days(flights: &Flights) -> Vec<Day> {
    flights.days()
}

/// Joins the flights of one day with their airports.
#[task]
fn denormalize_day(day: Day, flights: &Flights, airports: &Airports, folder: &Path) -> anyhow::Result<Part> {
    let file = folder.join(format!("{day}.csv"));
    let joined = working_folder::write(&file, |part| denormalize(flights, day, airports, part))?;
    Ok(Part { file, joined })
}

#[task]
fn delays_by_carrier(flights: &Flights) -> BTreeMap<String, Delay> {
    delay::by_carrier(flights.all())
}

#[task]
fn delays_by_hour_and_origin(flights: &Flights) -> BTreeMap<(u8, String), Delay> {
    delay::by_hour_and_origin(flights.all())
}

/// Puts the days together: the denormalized table.
#[task(blocking)]
fn assemble_table(folder: &Path, flights: &Flights, parts: &[Part]) -> anyhow::Result<PathBuf> {
    let table = folder.join("denormalized.csv");
    let files: Vec<_> = parts.iter().map(|part| part.file.as_path()).collect();
    working_folder::assemble(&table, &format!("{},{ADDED_COLUMNS}", flights.header()), &files)?;
    Ok(table)
}

#[task]
fn make_report(
    flights: &Flights,
    airlines: &Airlines,
    parts: &[Part],
    carriers: BTreeMap<String, Delay>,
    hours: BTreeMap<(u8, String), Delay>,
) -> Report {
    let joined = parts.iter().map(|part| &part.joined).sum();
    Report::new(flights, airlines, joined, carriers, hours)
}

#[task(blocking)]
fn write_report(folder: &Path, report: &Report) -> anyhow::Result<PathBuf> {
    let path = folder.join("report.txt");
    working_folder::write(&path, |file| write!(file, "{report}"))?;
    Ok(path)
}

/// Gives a finished file its name: the only step that touches what an earlier run left.
#[task(on_rollback = take_back, blocking)]
fn publish(out: &Path, finished: &Path) -> anyhow::Result<PathBuf> {
    if let Some(txn) = current_transaction() {
        txn.set("moved", &(out, finished))?;
    }
    working_folder::publish(out, finished)
}

fn take_back(txn: &Transaction) -> anyhow::Result<()> {
    let Some((out, finished)) = txn.get::<(PathBuf, PathBuf)>("moved")? else { return Ok(()) };
    working_folder::take_back(&out, &finished)
}

#[task]
fn check_quality(report: &Report, least_joined: u8) -> Result<(), PoorData> {
    report.check(least_joined)
}

/// Runs whatever became of the others. It takes a `Result` since the folder may never have been made.
#[task(trigger = all_finished, blocking)]
fn remove_working_folder(folder: Result<PathBuf, TaskError>) -> anyhow::Result<()> {
    folder.map_or(Ok(()), |folder| working_folder::remove(&folder))
}

/// Reads three files of the folder `data`, joins them, and writes a table and a report into the folder `out`: both, or neither,
/// where of fewer than `least_joined` percent of the flights both airports are known.
#[flow(on_failure = sweep, on_crashed = sweep)]
pub async fn departure_delays(
    data: PathBuf,
    out: PathBuf,
    least_joined: u8,
    flaky: bool,
) -> Result<Report, FlowError> {
    let flights = read_flights.submit(data.join("flights.csv"), flaky);
    let airports = read_airports.submit(data.join("airports.csv"));
    let airlines = read_airlines.submit(data.join("airlines.csv"));

    // Nothing is written before the input is known to be sound.
    let folder = create_working_folder.wait_for((&flights, &airports, &airlines)).submit(&out);

    let days = list_days.submit(&flights);
    let parts = denormalize_day.map(&days, unmapped(&flights), unmapped(&airports), unmapped(&folder));
    let carriers = delays_by_carrier.submit(&flights);
    let hours = delays_by_hour_and_origin.submit(&flights);
    let report = make_report.submit(&flights, &airlines, &parts, carriers, hours);

    let files = vec![assemble_table.submit(&folder, &flights, &parts), write_report.submit(&folder, &report)];
    let checked = transaction()
        .run(async |_txn| {
            let published = publish.map(unmapped(&out), &files);
            let checked = check_quality.wait_for(&published).submit(&report, least_joined);
            reference_tasks([&checked]);
            checked.await
        })
        .await;

    // Whatever became of that. A part that failed ends it while other parts are still being written: all are waited for.
    let _removed = remove_working_folder.wait_for((&parts, &files)).submit(&folder);
    checked?;
    Ok(report.await?)
}

/// The last resort: after Ctrl-C no task begins any more, not even the one that cleans up.
fn sweep(run: &FlowRunInfo, _ended: &State) -> anyhow::Result<()> {
    let parameters = run.parameters();
    let out = parameters.get("out").and_then(|out| out.as_str()).unwrap_or_default();
    working_folder::remove(&working_folder::path(Path::new(out)))
}
