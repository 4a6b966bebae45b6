//! The table: one line for each row.

use crate::row::{Row, Target, Unit};

/// The head of the table.
pub fn head() -> String {
    format!(
        "{:<70} {:>9} {:>10} {:>10} {:>7} {:>16} {:>7}  {}\n",
        "what / its limit", "n", "millrun", "limit", "ratio", "target", "spread", ""
    )
}

/// A row; whether it meets its target is only said where figures mean something.
pub fn line(row: &Row, is_judged: bool) -> String {
    let mut name = row.name.clone();
    if let Some(limit) = &row.limit {
        name = format!("{name} / {}", limit.name);
    }
    let limit = row.limit.as_ref().map(|limit| figure(limit.median(), row.unit)).unwrap_or_default();
    let verdict = match row.is_met() {
        Some(true) if is_judged => "met",
        Some(false) if is_judged => "MISSED",
        _ => "",
    };
    let note = if row.note.is_empty() { String::new() } else { format!("  {}", row.note) };
    let line = format!(
        "{name:<70} {:>9} {:>10} {limit:>10} {:>7} {:>16} {:>6.0}%  {verdict}{note}",
        row.n,
        figure(row.ours.median(), row.unit),
        row.ratio().map(ratio).unwrap_or_default(),
        target(row.target, row.unit),
        row.spread() * 100.0
    );
    line.trim_end().into()
}

fn figure(value: f64, unit: Unit) -> String {
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {}", unit.as_str()).trim_end().into()
}

fn ratio(value: f64) -> String {
    if value < 0.1 { format!("{value:.4}") } else { format!("{value:.2}") }
}

fn target(target: Target, unit: Unit) -> String {
    let ratio = target.ratio.map(|value| format!("{}×", (value * 1000.0).round() / 1000.0));
    let figure = target.figure.map(|value| figure(value, unit));
    match (ratio, figure) {
        (Some(ratio), Some(figure)) => format!("{ratio}, {figure}"),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    #[test]
    fn a_line_says_whether_the_target_is_met() {
        let mut row = row("a", &[150.0; 3], Target { ratio: Some(1.5), figure: None });
        let met = line(&row, true);
        for part in ["a / by hand", "150 ns", "100 ns", "1.50", "1.5×", "0%  met"] {
            assert!(met.contains(part), "{met} has no {part}");
        }
        row.target.ratio = Some(1.4);
        assert!(line(&row, true).ends_with("MISSED"));
        assert!(!line(&row, false).contains("MISSED"));
    }
}
