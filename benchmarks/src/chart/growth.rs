//! What an item costs, over how many there are.

use super::{Axis, Drawing, tick};
use crate::row::Row;

const WIDTH: f64 = 1000.0;
/// A panel, and what is inside of it.
const PANEL: (f64, f64) = (500.0, 260.0);
const LEFT: f64 = 60.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 220.0;
/// So many numbers make a line.
const FEWEST: usize = 3;

/// A panel for all rows of one name that were measured with three numbers of items or more.
pub fn growth(rows: &[Row]) -> String {
    let mut panels: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let same = |panel: &&mut Vec<&Row>| (&panel[0].case, &panel[0].name) == (&row.case, &row.name);
        match panels.iter_mut().find(same) {
            Some(panel) => panel.push(row),
            None => panels.push(vec![row]),
        }
    }
    panels.retain(|panel| panel.len() >= FEWEST);
    let mut drawing = Drawing::new(WIDTH);
    for (number, panel) in panels.iter().enumerate() {
        draw(&mut drawing, panel, (number % 2) as f64 * PANEL.0, (number / 2) as f64 * PANEL.1);
    }
    drawing.finish(panels.len().div_ceil(2) as f64 * PANEL.1)
}

fn draw(drawing: &mut Drawing, rows: &[&Row], left: f64, top: f64) {
    let ours: Vec<(f64, f64)> = rows.iter().map(|row| (row.n as f64, row.ours.median())).collect();
    let limit: Vec<(f64, f64)> =
        rows.iter().filter_map(|row| Some((row.n as f64, row.limit.as_ref()?.median()))).collect();
    let along = Axis::around(ours.iter().map(|(n, _)| *n), left + LEFT, left + RIGHT);
    let up = Axis::around(ours.iter().chain(&limit).map(|(_, figure)| *figure), top + BOTTOM, top + TOP);
    drawing.text(left, top + 16.0, "strong", "start", &rows[0].name);
    let beside = rows[0].limit.as_ref().map(|limit| format!(" (dashed: {})", limit.name)).unwrap_or_default();
    let unit = format!("{} per item{beside}", rows[0].unit.as_str());
    drawing.text(left, top + 32.0, "quiet", "start", unit.trim_start());
    for value in up.ticks() {
        let y = up.place(value);
        drawing.line((left + LEFT, y), (left + RIGHT, y), "grid");
        drawing.text(left + LEFT - 8.0, y + 4.0, "quiet", "end", &tick(value));
    }
    for value in along.ticks() {
        drawing.text(along.place(value), top + BOTTOM + 18.0, "quiet", "middle", &tick(value));
    }
    for (figures, name, dashed) in [(&limit, "limit", " dashed"), (&ours, "ours", "")] {
        let points: Vec<_> = figures.iter().map(|(n, figure)| (along.place(*n), up.place(*figure))).collect();
        if points.is_empty() {
            continue;
        }
        drawing.path(&points, &format!("line {name}{dashed}"));
        for point in points {
            drawing.dot(point, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Target;
    use crate::row::tests::row;

    #[test]
    fn what_was_measured_with_three_numbers_has_a_panel() {
        let of = |name: &str, n| Row { n, ..row(name, &[n as f64], Target::default()) };
        let rows = [of("a", 10), of("b", 10), of("a", 100), of("b", 100), of("a", 1000)];
        let svg = growth(&rows);
        // Ours and the limit's.
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains(">a<") && !svg.contains(">b<"));
    }
}
