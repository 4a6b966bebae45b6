//! Charts as SVG, readable on light and on dark backgrounds.

mod growth;
mod ratios;

use std::fmt::Write as _;

pub use growth::growth;
pub use ratios::ratios;

/// Colours and type. Backgrounds are left to the page.
const STYLE: &str = "<style>\
text{font:12px system-ui,sans-serif;fill:#1f2328}.quiet{fill:#59636e}.strong{font-weight:600}\
.grid{stroke:#d1d9e0}.axis{stroke:#59636e}.target{stroke:#1f2328;stroke-width:2}\
.met{fill:#2da44e}.missed{fill:#cf222e}.open{fill:#8c959f}\
.ours{stroke:#0969da;fill:#0969da}.limit{stroke:#bc4c00;fill:#bc4c00}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#3d444d}.axis{stroke:#9198a1}\
.target{stroke:#e6edf3}.met{fill:#3fb950}.missed{fill:#f85149}.ours{stroke:#4493f8;fill:#4493f8}.limit{stroke:#f0883e;fill:#f0883e}}\
.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:5 4}\
</style>";

/// A drawing that grows downwards.
struct Drawing {
    width: f64,
    body: String,
}

impl Drawing {
    fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        );
    }

    /// A bar between two places, whichever is further left.
    fn bar(&mut self, x1: f64, x2: f64, y: f64, height: f64, class: &str) {
        let (left, width) = (x1.min(x2), (x2 - x1).abs().max(1.0));
        let _ = writeln!(
            self.body,
            "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>"
        );
    }

    fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.body, "<polyline points=\"{}\" class=\"{class}\"/>", points.join(" "));
    }

    fn dot(&mut self, (x, y): (f64, f64), class: &str) {
        let _ = writeln!(self.body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" class=\"{class}\"/>");
    }

    fn finish(self, height: f64) -> String {
        let (width, body) = (self.width, self.body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n{STYLE}\n{body}</svg>\n"
        )
    }
}

/// A logarithmic axis.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
    least: f64,
    most: f64,
}

impl Axis {
    /// Shows all values, ends at powers of ten, and lies between two places.
    fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            (least, most) = (least.min(value), most.max(value));
        }
        let (least, most) = if least > most { (1.0, 10.0) } else { (least, most) };
        let (least, most) = (least.log10().floor(), most.log10().ceil());
        Self { from, to, least, most: most.max(least + 1.0) }
    }

    fn place(self, value: f64) -> f64 {
        let share = (value.log10() - self.least) / (self.most - self.least);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The powers of ten on it.
    fn ticks(self) -> impl Iterator<Item = f64> {
        (self.least as i32..=self.most as i32).map(|power| 10_f64.powi(power))
    }
}

/// A power of ten as people write it.
fn tick(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{}M", value / 1e6),
        _ if value >= 1e3 => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_powers_of_ten_at_its_ends() {
        let axis = Axis::around([3.0, 2000.0].into_iter(), 100.0, 500.0);
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!((axis.place(1.0), axis.place(100.0), axis.place(10_000.0)), (100.0, 300.0, 500.0));
        assert_eq!(axis.place(0.01), 100.0);
        let nothing = Axis::around([0.0].into_iter(), 0.0, 10.0);
        assert_eq!(nothing.ticks().count(), 2);
    }

    #[test]
    fn what_is_written_is_no_markup() {
        let mut drawing = Drawing::new(10.0);
        drawing.text(0.0, 0.0, "", "start", "a < b & c");
        assert!(drawing.finish(10.0).contains(">a &lt; b &amp; c<"));
    }
}
