//! One line of the table: what was measured beside its limit.

use serde::{Deserialize, Serialize};

use crate::statistics::{median, spread};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds for each item.
    Nanoseconds,
    /// Milliseconds for the whole.
    Milliseconds,
    /// Bytes for each item.
    Bytes,
    /// Mebibytes for the whole.
    Mebibytes,
    /// A count for each item: allocations, lines.
    Count,
}

impl Unit {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Bytes => "B",
            Self::Mebibytes => "MiB",
            Self::Count => "",
        }
    }
}

/// The rounds of one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// What was measured.
    pub name: String,
    /// The figure of each round, in the order in which they were measured.
    pub rounds: Vec<f64>,
}

impl Side {
    /// The median of the rounds.
    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }
}

/// What is to be kept; where both are there, both are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// At most so many times the limit's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// At most this figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<f64>,
}

/// What was measured, beside its limit where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The group and the case: `submit/async`.
    pub case: String,
    /// What was measured, in words.
    pub name: String,
    /// How many items there were.
    pub n: usize,
    /// The unit of all figures.
    pub unit: Unit,
    /// Millrun's rounds.
    pub ours: Side,
    /// The rounds of what it is measured beside, in turns with ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Side>,
    /// What is to be kept.
    #[serde(default)]
    pub target: Target,
    /// What else has to be known to read it: durability, threads, versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The graph of this row, where peers are measured with the same: `fan_out`, `chain`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// What is on disk before a run counts as done: `none`, `NORMAL`, `FULL`.
    #[serde(default = "none", skip_serializing_if = "is_none")]
    pub durability: String,
}

/// The durability of what is in memory.
pub(crate) fn none() -> String {
    "none".into()
}

fn is_none(durability: &str) -> bool {
    durability == "none"
}

impl Row {
    /// By what the row is found again in another file.
    pub fn key(&self) -> String {
        let limit = self.limit.as_ref().map(|limit| limit.name.as_str()).unwrap_or_default();
        format!("{}: {} ({}) / {limit} / {}", self.case, self.name, self.n, self.durability)
    }

    /// Our median through the limit's.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.ours.median() / self.limit.as_ref()?.median())
    }

    /// Whether the target is kept, where there is one.
    pub fn is_met(&self) -> Option<bool> {
        let ratio = self.target.ratio.zip(self.ratio()).map(|(target, ratio)| ratio <= target);
        let figure = self.target.figure.map(|target| self.ours.median() <= target);
        match (ratio, figure) {
            (Some(ratio), Some(figure)) => Some(ratio && figure),
            (one, other) => one.or(other),
        }
    }

    /// What is compared between files: the ratio, or, without a limit, the figure.
    pub fn value(&self) -> f64 {
        self.ratio().unwrap_or_else(|| self.ours.median())
    }

    /// How far the rounds lie apart, as a share of [`Row::value`]. Rounds that were measured in turns are taken in pairs, so that
    /// what has slowed down both sides of a round counts for nothing.
    pub fn spread(&self) -> f64 {
        match &self.limit {
            None => spread(&self.ours.rounds),
            Some(limit) if limit.rounds.len() == self.ours.rounds.len() => {
                let pairs: Vec<f64> =
                    self.ours.rounds.iter().zip(&limit.rounds).map(|(ours, limit)| ours / limit).collect();
                spread(&pairs)
            }
            Some(limit) => spread(&self.ours.rounds).hypot(spread(&limit.rounds)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with a limit of 100 in each round.
    pub(crate) fn row(name: &str, ours: &[f64], target: Target) -> Row {
        Row {
            case: "group/case".into(),
            name: name.into(),
            n: 10,
            unit: Unit::Nanoseconds,
            ours: Side { name: "millrun".into(), rounds: ours.to_vec() },
            limit: Some(Side { name: "by hand".into(), rounds: vec![100.0; ours.len()] }),
            target,
            note: String::new(),
            shape: None,
            durability: none(),
        }
    }

    #[test]
    fn both_targets_have_to_be_met() {
        let with = |ratio, figure| row("a", &[150.0; 3], Target { ratio, figure }).is_met();
        assert_eq!(with(None, None), None);
        assert_eq!(with(Some(1.5), None), Some(true));
        assert_eq!(with(Some(1.4), None), Some(false));
        assert_eq!(with(Some(1.5), Some(149.0)), Some(false));
        assert_eq!(with(None, Some(150.0)), Some(true));
    }

    #[test]
    fn what_slows_both_sides_of_a_round_is_no_spread() {
        let mut row = row("a", &[100.0, 300.0, 200.0], Target::default());
        assert!(row.spread() > 0.5);
        row.limit = Some(Side { name: "by hand".into(), rounds: vec![50.0, 150.0, 100.0] });
        assert_eq!((row.spread(), row.ratio()), (0.0, Some(2.0)));
    }

    #[test]
    fn a_row_survives_the_file() {
        let row = row("a", &[1.5], Target { ratio: Some(2.0), figure: None });
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
    }
}
