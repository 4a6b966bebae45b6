//! What programs of peers have measured, beside ours of the same graph.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::path::Path;

use serde::Deserialize;

use crate::row::{Row, Side, Target, Unit, none};

/// One line that the program of a peer prints.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The peer.
    pub who: String,
    /// Its version.
    pub version: String,
    /// The graph: `fan_out`, `chain`, `diamond`, `uneven`, `recorded_fan_out`, `recorded_chain`.
    pub case: String,
    /// How many tasks it has.
    pub n: usize,
    /// How many threads execute them.
    pub threads: usize,
    /// What is on disk before a task counts as done: `none`, `OFF`, `NORMAL`, `FULL`.
    #[serde(default = "none")]
    pub durability: String,
    /// Nanoseconds for each task, of each round.
    pub ns_per_item: Vec<f64>,
    /// What else has to be known.
    #[serde(default)]
    pub note: String,
}

/// The lines of all `*.jsonl` in a folder, in the order of their names; none where there is no such folder.
///
/// # Errors
/// Fails where a file cannot be read, or a line is none of these; the message names both.
pub fn read(folder: &Path) -> Result<Vec<Line>> {
    let mut paths: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let mut lines = Vec::new();
    for path in paths {
        for (number, text) in std::fs::read_to_string(&path)?.lines().enumerate() {
            if text.trim().is_empty() {
                continue;
            }
            let line = serde_json::from_str(text)
                .map_err(|error| Error::other(format!("{}:{}: {error}", path.display(), number + 1)))?;
            lines.push(line);
        }
    }
    Ok(lines)
}

/// Rows of ours beside each peer's. Ours is what a program with `"who": "millrun"` has measured of the same graph, number, threads
/// and durability; else our own row of that graph and durability whose number is nearest. Peers of which we have none are left
/// out.
pub fn rows(lines: &[Line], measured: &[Row]) -> Vec<Row> {
    type Key<'a> = (&'a str, usize, usize, &'a str);
    fn key(line: &Line) -> Key<'_> {
        (&line.case, line.n, line.threads, &line.durability)
    }
    let ours: HashMap<Key<'_>, &Line> =
        lines.iter().filter(|line| line.who == "millrun").map(|line| (key(line), line)).collect();
    let peers = lines.iter().filter(|line| line.who != "millrun");
    let beside = |line: &Line| {
        let (rounds, n) = if let Some(ours) = ours.get(&key(line)) {
            (ours.ns_per_item.clone(), line.n)
        } else {
            let row = nearest(line, measured)?;
            (row.ours.rounds.clone(), row.n)
        };
        let mut note = format!("{}, {} threads", line.version, line.threads);
        if line.durability != "none" {
            note = format!("{note}, {}", line.durability);
        }
        if n != line.n {
            note = format!("{note}, ours of {n}");
        }
        if !line.note.is_empty() {
            note = format!("{note}; {}", line.note);
        }
        Some(Row {
            case: format!("peers/{}", line.case),
            name: line.case.replace('_', " "),
            n: line.n,
            unit: Unit::Nanoseconds,
            ours: Side { name: "millrun".into(), rounds },
            limit: Some(Side { name: line.who.clone(), rounds: line.ns_per_item.clone() }),
            target: Target { ratio: target(line), figure: None },
            note,
            shape: None,
            durability: line.durability.clone(),
        })
    };
    peers.filter_map(beside).collect()
}

fn nearest<'a>(line: &Line, measured: &'a [Row]) -> Option<&'a Row> {
    let same = |row: &&Row| row.shape.as_ref() == Some(&line.case) && row.durability == line.durability;
    measured.iter().filter(same).min_by_key(|row| row.n.abs_diff(line.n))
}

/// The most that ours may take of a peer's time.
fn target(line: &Line) -> Option<f64> {
    if line.durability != "none" {
        return Some(1.0 / 20.0);
    }
    match (line.who.as_str(), line.case.as_str()) {
        ("dagx", _) => Some(1.0 / 2.0),
        ("dagrs", _) => Some(1.0 / 5.0),
        ("apalis", _) | ("async_dag", "uneven") => Some(1.0),
        ("async_dag", "chain") => Some(1.5),
        ("async_dag", "fan_out") => Some(4.0),
        ("prefect", _) => Some(1.0 / 1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        serde_json::from_str(text).unwrap()
    }

    fn dagx() -> Line {
        line(
            r#"{"who":"dagx","version":"0.3.1","case":"chain","n":10000,"threads":2,"durability":"none","ns_per_item":[4000,4100,3900],"note":"layers"}"#,
        )
    }

    fn ours(n: usize, figure: f64) -> Row {
        let mut row = crate::row::tests::row("chain", &[figure; 3], Target::default());
        (row.n, row.shape) = (n, Some("chain".into()));
        row
    }

    #[test]
    fn a_peer_stands_beside_our_row_of_the_nearest_number() {
        let rows = rows(&[dagx()], &[ours(100, 1.0), ours(10_000, 1000.0), ours(1_000_000, 2.0)]);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].ratio(), rows[0].is_met()), (Some(0.25), Some(true)));
        assert_eq!(rows[0].note, "0.3.1, 2 threads; layers");
    }

    #[test]
    fn what_was_measured_in_the_same_way_goes_first() {
        let mut own = dagx();
        (own.who, own.ns_per_item) = ("millrun".into(), vec![8000.0]);
        let rows = rows(&[dagx(), own], &[ours(10_000, 1000.0)]);
        assert_eq!((rows.len(), rows[0].ratio(), rows[0].is_met()), (1, Some(2.0), Some(false)));
    }

    #[test]
    fn what_is_durable_stands_beside_what_is_as_durable() {
        let mut recorded = dagx();
        recorded.durability = "FULL".into();
        assert!(rows(&[recorded], &[ours(10_000, 1000.0)]).is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = std::env::temp_dir().join(format!("millrun-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("one.jsonl"), "\n{\"who\": 1}\n").unwrap();
        let error = read(&folder).unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("one.jsonl:2: "), "{error}");
        assert_eq!(read(&folder).unwrap(), Vec::new());
    }
}
