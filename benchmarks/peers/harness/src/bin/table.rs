//! Prints a table of the rows in the files named, peer beside Millrun, and says which targets are met. `table <peer>.jsonl ..`

use std::process::ExitCode;

use peer_harness::ours;
use serde_json::Value;

/// How many times as fast as a peer Millrun is to be in a case; `best` compares with the best of those that record.
struct Target {
    who: &'static str,
    cases: &'static [&'static str],
    times: f64,
}

const GRAPHS: &[&str] = &["fan_out", "chain", "diamond", "uneven"];

const TARGETS: &[Target] = &[
    Target { who: "dagx", cases: &["fan_out", "chain", "diamond"], times: 2.0 },
    Target { who: "dagrs", cases: &["fan_out", "chain", "diamond"], times: 5.0 },
    Target { who: "apalis", cases: GRAPHS, times: 1.0 },
    Target { who: "async_dag", cases: &["chain"], times: 1.0 / 1.5 },
    Target { who: "async_dag", cases: &["fan_out"], times: 0.25 },
    Target { who: "async_dag", cases: &["uneven"], times: 1.0 },
    Target { who: "prefect", cases: &["fan_out"], times: 1_000.0 },
];

/// Of each durable peer, so of the best one as well.
const RECORDED: f64 = 20.0;

fn main() -> ExitCode {
    let mut met = true;
    println!(
        "{:<26} {:<8} {:<16} {:>7}  {:<14} {:>12} {:>12} {:>9} {:>9}",
        "peer", "version", "case", "n", "durability", "ns per item", "millrun", "times", "target"
    );
    for path in std::env::args().skip(1) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(failure) => {
                eprintln!("{path}: {failure}");
                return ExitCode::FAILURE;
            }
        };
        let rows: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for row in rows.iter().filter(|row| row["who"] != ours::NAME) {
            met &= print(row, &rows);
        }
    }
    if !met {
        println!("a target was missed");
    }
    ExitCode::SUCCESS
}

fn print(row: &Value, rows: &[Value]) -> bool {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let theirs = median(row);
    let ours = counterpart(row, rows);
    let times = theirs.zip(ours.and_then(median)).map(|(theirs, ours)| theirs / ours);
    let target = target(row);
    let met = target.is_none_or(|target| times.is_some_and(|times| times >= target));
    let number = |number: Option<f64>, decimals: usize| {
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.decimals$}"))
    };
    println!(
        "{:<26} {:<8} {:<16} {:>7}  {:<14} {:>12} {:>12} {:>9} {:>9} {}",
        text("who"),
        text("version"),
        text("case"),
        row["n"],
        text("durability"),
        number(theirs, 0),
        number(ours.and_then(median), 0),
        number(times, 2),
        number(target, 2),
        match (target, met) {
            (None, _) => "",
            (Some(_), true) => "met",
            (Some(_), false) => "MISSED",
        }
    );
    println!("    {}", text("note"));
    if let Some(durability) = ours.map(|ours| &ours["durability"]).filter(|ours| **ours != row["durability"])
    {
        println!("    millrun at {}", durability.as_str().unwrap_or_default());
    }
    met
}

/// Millrun's row for the same case and size, at the same durability, or where it has none that weak at the next stronger one.
fn counterpart<'a>(row: &Value, rows: &'a [Value]) -> Option<&'a Value> {
    rows.iter()
        .filter(|ours| {
            ours["who"] == ours::NAME
                && ours["case"] == row["case"]
                && ours["n"] == row["n"]
                && strength(ours) >= strength(row)
        })
        .min_by_key(|ours| strength(ours))
}

fn strength(row: &Value) -> usize {
    let levels = ["OFF", "NORMAL", "FULL"];
    let durability = row["durability"].as_str().unwrap_or_default();
    levels.iter().position(|level| durability.ends_with(level)).map_or(0, |level| level + 1)
}

fn target(row: &Value) -> Option<f64> {
    let case = row["case"].as_str()?;
    if case.starts_with("recorded") {
        return Some(RECORDED);
    }
    let of_this = |target: &&Target| row["who"] == target.who && target.cases.contains(&case);
    TARGETS.iter().find(of_this).map(|target| target.times)
}

fn median(row: &Value) -> Option<f64> {
    let mut times: Vec<f64> = row["ns_per_item"].as_array()?.iter().filter_map(Value::as_f64).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}
