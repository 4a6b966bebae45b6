//! What is drawn, as SVG.

use std::fmt::Write as _;

use super::Graph;
use super::colours::{GREY, INK, Paint};
use super::layout::{Point, Size};
use super::words::{columns, for_xml, title_of};
use crate::state::StateName;

/// The text of names; all else is smaller.
pub(super) const TEXT: f64 = 13.0;
pub(super) const SMALL: f64 = 11.0;
/// From one line of text to the next, in its size.
const LEADING: f64 = 1.35;
/// How wide a letter is at the most, in its size: fonts whose letters are all as wide take up to 0.61.
const LETTER: f64 = 0.62;
/// Around the picture.
const MARGIN: f64 = 24.0;
/// No legend line is broken before this width.
const LEGEND: f64 = 640.0;

const FONT: &str = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/// A picture in the making.
#[derive(Default)]
pub(super) struct Canvas {
    elements: String,
    /// How far right and down it goes.
    size: Size,
}

/// How wide these lines are at the most.
pub(super) fn width_of(lines: &[String], size: f64) -> f64 {
    let letters = lines.iter().map(|line| columns(line)).max().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "lines are short")]
    let letters = letters as f64;
    letters * LETTER * size
}

/// How high these lines are.
pub(super) fn height_of(lines: &[String], size: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "lines are few")]
    let count = lines.len() as f64;
    count * LEADING * size
}

impl Canvas {
    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // A string takes all that is written to it.
        let _ = writeln!(self.elements, "{element}");
    }

    fn reach(&mut self, x: f64, y: f64) {
        self.size = Size { width: self.size.width.max(x), height: self.size.height.max(y) };
    }

    /// Writes lines below each other, from that corner on.
    pub(super) fn text(&mut self, at: Point, lines: &[String], size: f64, colour: &str) {
        for (n, line) in lines.iter().enumerate() {
            let above = height_of(&lines[..n], size);
            // From the upper edge of a line to where its letters stand.
            let y = at.y + above + size;
            let text = for_xml(line);
            self.add(format_args!(
                "<text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" xml:space=\"preserve\">{text}</text>",
                at.x
            ));
        }
        self.reach(at.x + width_of(lines, size), at.y + height_of(lines, size));
    }

    /// A box, which shows the hint where somebody points at it.
    pub(super) fn rectangle(&mut self, at: Point, size: Size, paint: Paint, corner: f64, hint: &str) {
        let Paint { fill, line, is_dashed } = paint;
        let dashes = if is_dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let Size { width, height } = size;
        let hint = if hint.is_empty() { String::new() } else { format!("<title>{}</title>", for_xml(hint)) };
        self.add(format_args!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{corner}\" fill=\"{fill}\" \
             stroke=\"{line}\" stroke-width=\"1.5\"{dashes}>{hint}</rect>",
            at.x, at.y
        ));
        self.reach(at.x + width, at.y + height);
    }

    /// A line.
    pub(super) fn path(&mut self, path: &str, style: &str) {
        self.add(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{GREY}\" stroke-width=\"1.4\"{style}/>"
        ));
    }

    /// A filled shape.
    pub(super) fn shape(&mut self, path: &str, fill: &str) {
        self.add(format_args!("<path d=\"{path}\" fill=\"{fill}\"/>"));
    }

    /// What says of which flow run it is, and what the colours of these states are. Gives how far down it goes.
    pub(super) fn heading(&mut self, graph: &Graph, states: &[StateName]) -> f64 {
        let title = title_of(graph);
        self.text(Point::default(), &title, TEXT, GREY);
        let mut at = Point { x: 0.0, y: height_of(&title, TEXT) + 10.0 };
        let entry = |name: StateName| width_of(&[name.to_string()], SMALL) + 16.0;
        for &name in states {
            if at.x > 0.0 && at.x + entry(name) > LEGEND {
                at = Point { x: 0.0, y: at.y + 26.0 };
            }
            let size = Size { width: entry(name), height: 20.0 };
            self.rectangle(at, size, Paint::of(Some(name)), 4.0, "");
            self.text(Point { x: at.x + 8.0, y: at.y + 3.0 }, &[name.to_string()], SMALL, INK);
            at.x += entry(name) + 8.0;
        }
        if states.is_empty() { at.y + 6.0 } else { at.y + 44.0 }
    }

    /// The picture.
    pub(super) fn finish(self) -> String {
        let (width, height) = (self.size.width + 2.0 * MARGIN, self.size.height + 2.0 * MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"-{MARGIN} -{MARGIN} {width:.0} {height:.0}\" font-family=\"{FONT}\">\n{}</svg>\n",
            self.elements
        )
    }
}
