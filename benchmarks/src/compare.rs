//! What has changed between two files, beyond noise.
//!
//! Compared is the ratio to the limit, which was measured in turns with ours and so has what the machine did beside; without a
//! limit it is the figure. A row has changed where the two medians differ by more than 5 % *and* by more than twice the spread
//! of the rounds, √(a² + b²) of both files' ([`Row::spread`]). Rounds say nothing of what is different from one execution to the
//! next, such as where code lies in memory; so a change that matters is worth a second execution.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::report::Report;
use crate::row::Row;

/// What is smaller than this has not changed, however close the rounds lie together.
const LEAST: f64 = 0.05;
/// So many times the spread is noise.
const SPREADS: f64 = 2.0;

/// A row of both files.
pub struct Change<'a> {
    /// In the earlier file.
    pub before: &'a Row,
    /// In the later one.
    pub after: &'a Row,
    /// The later value through the earlier one.
    pub factor: f64,
    /// What the factor may differ from 1 by noise alone.
    pub noise: f64,
}

impl Change<'_> {
    /// Whether it is more than noise.
    pub fn is_real(&self) -> bool {
        (self.factor - 1.0).abs() > self.noise
    }
}

/// What two files have in common, and what they have not.
#[derive(Default)]
pub struct Comparison<'a> {
    /// Rows of both.
    pub changes: Vec<Change<'a>>,
    /// Rows of the later one alone.
    pub new: Vec<&'a Row>,
    /// Rows of the earlier one alone.
    pub gone: Vec<&'a Row>,
}

/// Compares an earlier file with a later one.
pub fn compare<'a>(before: &'a Report, after: &'a Report) -> Comparison<'a> {
    let mut earlier: HashMap<String, &Row> = before.rows.iter().map(|row| (row.key(), row)).collect();
    let mut comparison = Comparison::default();
    for after in &after.rows {
        match earlier.remove(&after.key()) {
            None => comparison.new.push(after),
            Some(before) => {
                let noise = LEAST.max(SPREADS * before.spread().hypot(after.spread()));
                let factor = after.value() / before.value();
                comparison.changes.push(Change { before, after, factor, noise });
            }
        }
    }
    let is_gone = |row: &&Row| earlier.contains_key(&row.key());
    comparison.gone = before.rows.iter().filter(is_gone).collect();
    comparison
}

/// The comparison in words, for people.
pub fn words(before: &Report, after: &Report) -> String {
    let comparison = compare(before, after);
    let mut text = format!("from {} ({})\n", before.date, before.machine.commit);
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!("to   {} ({})", after.date, after.machine.commit));
    if !before.machine.is_like(&after.machine) {
        line(
            "The files are of different machines: only what has a ratio can be compared, and that with care.",
        );
    }
    if before.machine.rustc != after.machine.rustc {
        line("The compilers differ.");
    }
    if before.quick || after.quick {
        line("At least one was made with --quick: its figures mean nothing.");
    }
    let (mut better, mut worse): (Vec<_>, Vec<_>) =
        comparison.changes.iter().filter(|change| change.is_real()).partition(|change| change.factor < 1.0);
    better.sort_by(|one, other| one.factor.total_cmp(&other.factor));
    worse.sort_by(|one, other| other.factor.total_cmp(&one.factor));
    section(&mut text, "worse", worse.iter().map(|change| described(change)));
    section(&mut text, "better", better.iter().map(|change| described(change)));
    let verdicts = comparison.changes.iter().filter(|change| change.before.is_met() != change.after.is_met());
    section(&mut text, "targets", verdicts.map(|change| verdict(change)));
    section(&mut text, "new", comparison.new.iter().map(|row| row.key()));
    section(&mut text, "gone", comparison.gone.iter().map(|row| row.key()));
    let within = comparison.changes.len() - better.len() - worse.len();
    let _ = writeln!(text, "\n{} worse, {} better, {within} within noise", worse.len(), better.len());
    text
}

fn section(text: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            let _ = writeln!(text, "\n{name}:");
        }
        let _ = writeln!(text, "  {line}");
    }
}

fn described(change: &Change<'_>) -> String {
    let (before, after) = (change.before.value(), change.after.value());
    let unit = if change.before.limit.is_some() { "×" } else { change.before.unit.as_str() };
    format!(
        "{:+.0} % (noise {:.0} %): {before:.2} → {after:.2} {unit}  {}",
        (change.factor - 1.0) * 100.0,
        change.noise * 100.0,
        change.after.key()
    )
}

fn verdict(change: &Change<'_>) -> String {
    let word = |row: &Row| match row.is_met() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "none",
    };
    format!("{} → {}  {}", word(change.before), word(change.after), change.after.key())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::row::Target;
    use crate::row::tests::row;

    fn report(rows: Vec<Row>) -> Report {
        Report { date: "2026-01-02T03:04:05Z".into(), machine: Machine::default(), quick: false, rows }
    }

    fn factor_of(before: &[f64], after: &[f64]) -> Option<f64> {
        let (before, after) = (
            report(vec![row("a", before, Target::default())]),
            report(vec![row("a", after, Target::default())]),
        );
        let comparison = compare(&before, &after);
        let change = comparison.changes.first()?;
        change.is_real().then_some(change.factor)
    }

    #[test]
    fn what_is_more_than_the_spread_has_changed() {
        assert_eq!(factor_of(&[100.0, 101.0, 99.0], &[150.0, 151.0, 149.0]), Some(1.5));
        assert_eq!(factor_of(&[100.0, 101.0, 99.0], &[50.0, 51.0, 49.0]), Some(0.5));
    }

    #[test]
    fn what_is_within_the_spread_has_not() {
        assert_eq!(factor_of(&[100.0, 130.0, 70.0], &[120.0, 150.0, 90.0]), None);
    }

    #[test]
    fn what_is_small_has_not_however_quiet_the_machine_was() {
        assert_eq!(factor_of(&[100.0; 3], &[104.0; 3]), None);
        assert_eq!(factor_of(&[100.0; 3], &[106.0; 3]), Some(1.06));
    }

    #[test]
    fn a_machine_that_is_slower_has_changed_nothing() {
        let before = report(vec![row("a", &[200.0; 5], Target::default())]);
        let mut after = report(vec![row("a", &[400.0; 5], Target::default())]);
        after.rows[0].limit.as_mut().unwrap().rounds = vec![200.0; 5];
        assert!(!compare(&before, &after).changes[0].is_real());
    }

    #[test]
    fn words_name_what_changed_and_which_targets() {
        let target = Target { ratio: Some(1.4), figure: None };
        let mut before = report(vec![
            row("a", &[100.0; 5], target),
            row("b", &[150.0; 5], target),
            row("old", &[100.0; 5], target),
            row("same", &[100.0; 5], target),
        ]);
        before.machine.cores = 2;
        let after = report(vec![
            row("a", &[150.0; 5], target),
            row("b", &[75.0; 5], target),
            row("same", &[101.0; 5], target),
            row("young", &[100.0; 5], target),
        ]);
        let text = words(&before, &after);
        for part in [
            "worse:\n  +50 % (noise 5 %): 1.00 → 1.50 ×  group/case: a",
            "better:\n  -50 % (noise 5 %): 1.50 → 0.75 ×  group/case: b",
            "met → MISSED  group/case: a",
            "MISSED → met  group/case: b",
            "new:\n  group/case: young",
            "gone:\n  group/case: old",
            "1 worse, 1 better, 1 within noise",
            "different machines",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn of_the_same_file_nothing_is_said() {
        let report = report(vec![row("a", &[100.0; 5], Target::default())]);
        let text = words(&report, &report);
        assert!(text.ends_with("\n\n0 worse, 0 better, 1 within noise\n"), "{text}");
    }
}
