//! What is there is not computed again: each task names the file that its result lies in.
//!
//! `cargo run --example caching` runs the flow twice on one day, and once on the next; beside the log it prints
//!
//! ```text
//! computed: ["fetch_orders", "total"]
//! read: ["fetch_orders", "total"]
//! computed: ["fetch_orders", "total"]
//! 2020-01-02/fetch_orders.txt
//! 2020-01-02/total.txt
//! 2020-01-03/fetch_orders.txt
//! 2020-01-03/total.txt
//! ```

use std::path::Path;
use std::{env, fs, io, process};

use millrun::prelude::*;

#[task(result_storage_key = "{date:%Y-%m-%d}/{task_name}.txt")]
fn fetch_orders() -> Vec<u64> {
    (1..=10).collect()
}

#[task(result_storage_key = "{date:%Y-%m-%d}/{task_name}.txt")]
fn total(orders: &[u64]) -> u64 {
    orders.iter().sum()
}

#[flow]
fn daily() -> Result<u64, FlowError> {
    let orders = fetch_orders.submit();
    Ok(total.submit(&orders).result()?)
}

/// Runs the flow as if it were that day, and says which of its runs were executed.
fn run(day: &str) -> Result<(), FlowError> {
    let report = daily().with_today(day).report_blocking();
    report.result().map_err(Clone::clone)?;
    for (what, hit) in [("computed", false), ("read", true)] {
        let runs =
            report.task_runs().into_iter().filter(|run| run.why().is_some_and(|why| why.is_hit() == hit));
        let mut names: Vec<_> = runs.map(|run| run.spec().name()).collect();
        names.sort_unstable();
        if !names.is_empty() {
            println!("{what}: {names:?}");
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    millrun::logging::init();
    let folder = env::temp_dir().join(format!("millrun-caching-{}", process::id()));
    let store = ResultStore::directory(&folder).map_err(io::Error::other)?;
    let engine = Engine::builder().results(store).build();
    let days = ["2020-01-02", "2020-01-02", "2020-01-03"];
    let done = engine.enter(|| days.into_iter().try_for_each(run));
    for day in ["2020-01-02", "2020-01-03"] {
        print_files(&folder, day)?;
    }
    fs::remove_dir_all(&folder)?;
    done.map_err(io::Error::other)
}

/// Prints what lies in the folder of a day.
fn print_files(folder: &Path, day: &str) -> io::Result<()> {
    let mut names: Vec<_> =
        fs::read_dir(folder.join(day))?.map(|file| Ok(file?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        println!("{day}/{}", name.display());
    }
    Ok(())
}
