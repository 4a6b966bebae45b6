//! What programs of peers have measured, beside ours of the same graph.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

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

/// The lines of each `*.jsonl` in a folder, in the order of their names; none where there is no such folder.
///
/// # Errors
/// Fails where a file cannot be read, or a line is none of these; the message names both.
pub fn read(folder: &Path) -> Result<Vec<Vec<Line>>> {
    let mut paths: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let file = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)?;
        let lines = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
        let parsed = lines.map(|(number, text)| {
            serde_json::from_str(text)
                .map_err(|error| Error::other(format!("{}:{}: {error}", path.display(), number + 1)))
        });
        parsed.collect()
    };
    paths.iter().map(file).collect()
}

/// Rows of ours beside each peer's. Ours is what the same program has measured of the same graph and number under `"who":
/// "millrun"`, in turns with the peer; else our own row of that graph whose number is nearest. Where there are several, the one with
/// the peer's durability goes first. A peer that has measured nothing, or of whose graph there is nothing of ours, has no row.
pub fn rows(programs: &[Vec<Line>], measured: &[Row]) -> Vec<Row> {
    let mut rows = Vec::new();
    for lines in programs {
        let (own, peers): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.who == "millrun");
        for peer in peers.into_iter().filter(|peer| !peer.ns_per_item.is_empty()) {
            let in_turns = own.iter().filter(|own| (&own.case, own.n) == (&peer.case, peer.n));
            let in_turns = in_turns.filter(|own| !own.ns_per_item.is_empty()).map(|own| Ours {
                rounds: &own.ns_per_item,
                n: own.n,
                durability: &own.durability,
            });
            let apart = measured.iter().filter(|row| row.shape.as_ref() == Some(&peer.case));
            let apart =
                apart.map(|row| Ours { rounds: &row.ours.rounds, n: row.n, durability: &row.durability });
            let is_other = |ours: &Ours<'_>| ours.durability != peer.durability;
            let ours = in_turns
                .min_by_key(is_other)
                .or_else(|| apart.min_by_key(|ours| (is_other(ours), ours.n.abs_diff(peer.n))));
            rows.extend(ours.map(|ours| row(peer, &ours)));
        }
    }
    rows
}

/// What stands beside a peer.
struct Ours<'a> {
    rounds: &'a [f64],
    n: usize,
    durability: &'a str,
}

fn row(peer: &Line, ours: &Ours<'_>) -> Row {
    let mut note = format!("{}, {} threads", peer.version, peer.threads);
    if peer.durability != ours.durability {
        note = format!("{note}, {} beside {}", ours.durability, peer.durability);
    } else if peer.durability != "none" {
        note = format!("{note}, {}", peer.durability);
    }
    if ours.n != peer.n {
        note = format!("{note}, ours of {}", ours.n);
    }
    if !peer.note.is_empty() {
        note = format!("{note}; {}", peer.note);
    }
    Row {
        case: format!("peers/{}", peer.case),
        name: peer.case.replace('_', " "),
        n: peer.n,
        unit: Unit::Nanoseconds,
        ours: Side { name: "millrun".into(), rounds: ours.rounds.to_vec() },
        limit: Some(Side { name: peer.who.clone(), rounds: peer.ns_per_item.clone() }),
        target: Target { ratio: target(peer), figure: None },
        note,
        shape: None,
        durability: peer.durability.clone(),
    }
}

/// The most that ours may take of a peer's time.
fn target(line: &Line) -> Option<f64> {
    if line.durability != "none" {
        return Some(1.0 / 20.0);
    }
    match (line.who.as_str(), line.case.as_str()) {
        // What it takes is what its tasks compute, whoever executes them.
        ("dagx" | "dagrs", "uneven") => None,
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
        let measured = [ours(100, 1.0), ours(10_000, 1000.0), ours(1_000_000, 2.0)];
        let rows = rows(&[vec![dagx()]], &measured);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].ratio(), rows[0].is_met()), (Some(0.25), Some(true)));
        assert_eq!(rows[0].note, "0.3.1, 2 threads; layers");
    }

    #[test]
    fn what_the_same_program_has_measured_goes_first() {
        let mut own = dagx();
        (own.who, own.ns_per_item) = ("millrun".into(), vec![8000.0]);
        let rows = rows(&[vec![dagx(), own], vec![dagx()]], &[ours(10_000, 1000.0)]);
        let ratios: Vec<_> = rows.iter().map(Row::ratio).collect();
        assert_eq!(ratios, [Some(2.0), Some(0.25)]);
        assert_eq!(rows[0].is_met(), Some(false));
    }

    #[test]
    fn the_same_durability_goes_first_and_another_is_said() {
        let mut peer = dagx();
        peer.durability = "FULL".into();
        let mut full = ours(10_000, 2000.0);
        full.durability = "FULL".into();
        let beside = |measured: &[Row]| rows(&[vec![peer.clone()]], measured).remove(0);
        assert_eq!(beside(&[ours(10_000, 1000.0), full]).ratio(), Some(0.5));
        assert!(beside(&[ours(10_000, 1000.0)]).note.contains("none beside FULL"));
    }

    #[test]
    fn what_tasks_compute_has_no_target() {
        let mut uneven = dagx();
        uneven.case = "uneven".into();
        assert_eq!((target(&dagx()), target(&uneven)), (Some(0.5), None));
    }

    #[test]
    fn a_peer_that_has_measured_nothing_has_no_row() {
        let mut failed = dagx();
        failed.ns_per_item.clear();
        assert!(rows(&[vec![failed]], &[ours(10_000, 1000.0)]).is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = std::env::temp_dir().join(format!("millrun-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("one.jsonl"), "\n{\"who\": 1}\n").unwrap();
        let error = read(&folder).unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("one.jsonl:2: "), "{error}");
        assert!(read(&folder).unwrap().is_empty());
    }
}
