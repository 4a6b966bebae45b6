//! Ratios to the limits as bars, beside their targets.

use super::{Axis, Drawing, tick};
use crate::row::Row;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 430.0;
const RIGHT: f64 = 930.0;
const LINE: f64 = 20.0;
const TOP: f64 = 56.0;

/// Each row with a limit: a bar from 1, where ours is as fast as the limit, to the left where it is faster and to the right where it
/// is slower, on a logarithmic axis; a stroke where the target is.
pub fn ratios(rows: &[Row]) -> String {
    let with_ratio: Vec<(&Row, f64)> =
        rows.iter().filter_map(|row| Some((row, row.ratio()?))).filter(|(_, ratio)| *ratio > 0.0).collect();
    let values = with_ratio.iter().flat_map(|(row, ratio)| [*ratio, row.target.ratio.unwrap_or(1.0), 1.0]);
    let axis = Axis::around(values, LEFT, RIGHT);
    let mut drawing = Drawing::new(WIDTH);
    drawing.text(0.0, 16.0, "strong", "start", "Millrun's time through the limit's");
    drawing.text(
        0.0,
        34.0,
        "quiet",
        "start",
        "left of 1×: faster than the limit; stroke: the target; bars: green met, red missed, grey without one",
    );
    let groups = with_ratio.chunk_by(|(one, _), (other, _)| group(one) == group(other));
    let groups: Vec<&[(&Row, f64)]> = groups.collect();
    let bottom = TOP + LINE * (with_ratio.len() + groups.len()) as f64;
    for value in axis.ticks() {
        let x = axis.place(value);
        drawing.line((x, TOP - 4.0), (x, bottom), if value == 1.0 { "axis" } else { "grid" });
        drawing.text(x, TOP - 8.0, "quiet", "middle", &format!("{}×", tick(value)));
    }
    let mut y = TOP;
    for rows in groups {
        drawing.text(0.0, y + 14.0, "strong", "start", group(rows[0].0));
        y += LINE;
        for (row, ratio) in rows {
            draw(&mut drawing, axis, y, row, *ratio);
            y += LINE;
        }
    }
    drawing.finish(bottom + 8.0)
}

fn draw(drawing: &mut Drawing, axis: Axis, y: f64, row: &Row, ratio: f64) {
    let limit = row.limit.as_ref().map(|limit| limit.name.as_str()).unwrap_or_default();
    let name = format!("{} / {limit}, {}", row.name, tick(row.n as f64));
    drawing.text(LEFT - 12.0, y + 14.0, "", "end", &shortened(&name));
    let class = match row.is_met() {
        Some(true) => "met",
        Some(false) => "missed",
        None => "open",
    };
    drawing.bar(axis.place(1.0), axis.place(ratio), y + 4.0, LINE - 8.0, class);
    if let Some(target) = row.target.ratio {
        let x = axis.place(target);
        drawing.line((x, y + 2.0), (x, y + LINE - 2.0), "target");
    }
    drawing.text(WIDTH, y + 14.0, "", "end", &format!("{ratio:.2}×"));
}

fn group(row: &Row) -> &str {
    row.case.split('/').next().unwrap_or_default()
}

fn shortened(name: &str) -> String {
    const MOST: usize = 68;
    if name.chars().count() <= MOST {
        return name.into();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Target;
    use crate::row::tests::row;

    #[test]
    fn each_row_with_a_limit_has_a_bar_of_its_colour() {
        let target = Target { ratio: Some(1.5), figure: None };
        let mut without = row("c", &[1.0], target);
        without.limit = None;
        let rows = [row("a", &[120.0], target), row("b", &[200.0], target), without];
        let svg = ratios(&rows);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!((svg.matches("class=\"met\"").count(), svg.matches("class=\"missed\"").count()), (1, 1));
        assert_eq!(svg.matches("class=\"target\"").count(), 2);
    }
}
