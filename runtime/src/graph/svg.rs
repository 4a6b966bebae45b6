//! Graphs as SVG.

use std::collections::HashMap;
use std::fmt::Write as _;

use uuid::Uuid;

use super::canvas::{Canvas, SMALL, TEXT, height_of, width_of};
use super::colours::{GREY, INK, Paint, begun, legend};
use super::layout::{Layout, Outline, Placed, Point, Size, layout};
use super::words::{name_of, state_of};
use super::{Graph, Mapped, Node};

/// Within a box, around its text.
const PADDING: f64 = 10.0;
/// The label of a parameter.
const LABEL: f64 = 16.0;
/// From the end of a label to the box.
const LABEL_GAP: f64 = 3.0;
const ARROW: f64 = 7.0;
/// The bar that shows how many of a map's runs are in which state.
const BAR: f64 = 5.0;

/// A box, with the labels of the parameters at its left.
struct Drawn<'g> {
    node: &'g Node,
    name: Vec<String>,
    state: Vec<String>,
    /// Where lines end: each parameter once, and one place for those that are only waited for.
    ports: Vec<Option<&'g str>>,
    /// How wide the labels are.
    labels: f64,
    size: Size,
}

impl<'g> Drawn<'g> {
    fn new(node: &'g Node, ports: Vec<Option<&'g str>>) -> Self {
        let (name, state) = (name_of(node), state_of(node));
        let text = width_of(&name, TEXT).max(width_of(&state, SMALL));
        let bar = if is_several(node) { BAR + 4.0 } else { 0.0 };
        let height = height_of(&name, TEXT) + height_of(&state, SMALL) + bar + 2.0 * PADDING;
        #[expect(clippy::cast_precision_loss, reason = "a task has at most a dozen parameters")]
        let stack = ports.len() as f64 * (LABEL + 4.0);
        let labels = ports.iter().flatten().map(|label| label_width(label)).fold(0.0, f64::max);
        Self {
            node,
            name,
            state,
            ports,
            labels: if labels > 0.0 { labels + LABEL_GAP } else { 0.0 },
            size: Size { width: text + 2.0 * PADDING, height: height.max(stack) },
        }
    }

    fn outline(&self) -> Outline {
        Outline { size: self.size, lead: self.labels }
    }

    /// How far down lines to that port end.
    #[expect(clippy::cast_precision_loss, reason = "a task has at most a dozen parameters")]
    fn port(&self, parameter: Option<&str>) -> f64 {
        let n = self.ports.iter().position(|port| *port == parameter).unwrap_or_default();
        self.size.height * (n as f64 + 0.5) / self.ports.len().max(1) as f64
    }

    /// The first points of a line that begins here: level to the end of the layer, so that it goes behind no other box.
    fn leaving(&self, Placed { corner, layer }: Placed) -> Vec<Point> {
        let y = corner.y + self.size.height / 2.0;
        vec![Point { x: corner.x + self.size.width, y }, Point { x: layer.1, y }]
    }

    /// The last points of a line that ends at the label of a parameter, which is so wide.
    fn entering(&self, Placed { corner, layer }: Placed, label: f64, parameter: Option<&str>) -> Vec<Point> {
        let y = corner.y + self.port(parameter);
        vec![Point { x: layer.0 - ARROW, y }, Point { x: corner.x - label, y }]
    }

    fn draw(&self, at: Point, canvas: &mut Canvas) {
        let paint = Paint::of(self.node.state());
        let hint = self.node.states.last().map(ToString::to_string).unwrap_or_default();
        let corners = if self.node.is_flow() { 14.0 } else { 5.0 };
        if is_several(self.node) {
            canvas.rectangle(Point { x: at.x + 4.0, y: at.y + 4.0 }, self.size, paint, corners, "");
        }
        canvas.rectangle(at, self.size, paint, corners, &hint);
        let mut text = Point { x: at.x + PADDING, y: at.y + PADDING };
        canvas.text(text, &self.name, TEXT, INK);
        text.y += height_of(&self.name, TEXT);
        canvas.text(text, &self.state, SMALL, INK);
        if let Some(Mapped::Runs { length, states }) = &self.node.map {
            let whole = length.unwrap_or_default().max(states.values().sum()).max(1);
            let y = at.y + self.size.height - PADDING - BAR + 4.0;
            let mut x = text.x;
            for (name, count) in states {
                #[expect(clippy::cast_precision_loss, reason = "it is drawn")]
                let width = (self.size.width - 2.0 * PADDING) * (*count as f64 / whole as f64);
                let path = format!("M{x:.1} {y:.1}h{width:.1}v{BAR}h-{width:.1}z");
                canvas.shape(&path, Paint::of(Some(*name)).line);
                x += width;
            }
        }
        for label in self.ports.iter().flatten() {
            let size = Size { width: label_width(label), height: LABEL };
            let y = at.y + self.port(Some(label)) - LABEL / 2.0;
            let at = Point { x: at.x - LABEL_GAP - size.width, y };
            canvas.rectangle(
                at,
                size,
                Paint { fill: "#f6f8fa", line: GREY, is_dashed: false },
                LABEL / 2.0,
                "",
            );
            canvas.text(Point { x: at.x + 6.0, y: at.y + 1.0 }, &[(*label).to_owned()], SMALL, INK);
        }
    }
}

fn label_width(label: &str) -> f64 {
    width_of(&[label.to_owned()], SMALL) + 12.0
}

fn is_several(node: &Node) -> bool {
    matches!(node.map, Some(Mapped::Runs { .. }))
}

/// A line from one box to another.
struct Line<'g> {
    from: usize,
    to: usize,
    parameter: Option<&'g str>,
    style: &'static str,
}

impl Graph {
    /// The graph as SVG: a box for each run and for each map, from left to right, filled by state, with a legend, on a transparent
    /// ground, to be read on light and on dark. Solid lines end at the parameter that takes the result, dashed ones are waited for
    /// without it, dotted ones lead from a run to what it has begun.
    ///
    /// Of thousands of boxes the lines are straight, and may go across boxes.
    pub fn to_svg(&self) -> String {
        self.drawn().draw()
    }

    fn draw(&self) -> String {
        let places: HashMap<Uuid, usize> =
            self.nodes.iter().enumerate().map(|(n, node)| (node.id, n)).collect();
        let lines = self.lines(&places);
        let mut ports: Vec<Vec<Option<&str>>> = vec![Vec::new(); self.nodes.len()];
        for line in &lines {
            let ports = &mut ports[line.to];
            if !ports.contains(&line.parameter) {
                ports.push(line.parameter);
            }
        }
        let drawn: Vec<Drawn<'_>> =
            self.nodes.iter().zip(ports).map(|(node, ports)| Drawn::new(node, ports)).collect();
        let outlines: Vec<Outline> = drawn.iter().map(Drawn::outline).collect();
        let ends: Vec<(usize, usize)> = lines.iter().map(|line| (line.from, line.to)).collect();
        let Layout { boxes, bends } = layout(&outlines, &ends);

        let mut canvas = Canvas::default();
        let top = canvas.heading(self, &legend(self));
        let below = |point: Point| Point { y: point.y + top, ..point };
        for (line, bends) in lines.iter().zip(bends) {
            let (from, to) = (&drawn[line.from], &drawn[line.to]);
            let (start, end) = (boxes[line.from], boxes[line.to]);
            let label = line.parameter.map_or(0.0, |label| label_width(label) + LABEL_GAP);
            let points = [from.leaving(start), bends, to.entering(end, label, line.parameter)].concat();
            let points: Vec<Point> = points.into_iter().map(below).collect();
            draw_line(&points, line.style, &mut canvas);
        }
        for (drawn, Placed { corner, .. }) in drawn.iter().zip(boxes) {
            drawn.draw(below(corner), &mut canvas);
        }
        canvas.finish()
    }

    fn lines<'g>(&'g self, places: &HashMap<Uuid, usize>) -> Vec<Line<'g>> {
        let place = |id: &Uuid| places.get(id).copied();
        let edges = self.edges.iter().filter_map(|edge| {
            let style = if edge.parameter.is_some() { "" } else { " stroke-dasharray=\"6 4\"" };
            let (from, to) = (place(&edge.from)?, place(&edge.to)?);
            Some(Line { from, to, parameter: edge.parameter.as_deref(), style })
        });
        let begun = begun(self).filter_map(|(from, to)| {
            let (from, to) = (place(&from.id)?, place(&to.id)?);
            Some(Line {
                from,
                to,
                parameter: None,
                style: " stroke-dasharray=\"1.5 4\" stroke-linecap=\"round\"",
            })
        });
        edges.chain(begun).collect()
    }
}

/// Draws a line with an arrow at its end. It leaves and enters each point level.
fn draw_line(points: &[Point], style: &str, canvas: &mut Canvas) {
    let [first, .., last] = points else { return };
    let mut path = format!("M{:.1} {:.1}", first.x, first.y);
    let shaft = Point { x: last.x - ARROW, y: last.y };
    let stops = points[1..points.len() - 1].iter().chain([&shaft]);
    let mut before = *first;
    for &stop in stops {
        let middle = f64::midpoint(before.x, stop.x);
        let _ = if (stop.y - before.y).abs() < 0.5 {
            write!(path, "L{:.1} {:.1}", stop.x, stop.y)
        } else {
            let [from, to] = [before.y, stop.y];
            write!(path, "C{middle:.1} {from:.1} {middle:.1} {to:.1} {:.1} {to:.1}", stop.x)
        };
        before = stop;
    }
    canvas.path(&path, style);
    let (x, y) = (last.x, last.y);
    let half = ARROW / 2.0;
    canvas.shape(&format!("M{x:.1} {y:.1}l-{ARROW} -{half}v{ARROW}z"), GREY);
}
