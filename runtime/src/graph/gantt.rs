//! Gantt charts: what ran when.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::canvas::{Canvas, SMALL, TEXT, height_of, width_of};
use super::colours::{GREY, Paint};
use super::layout::{Point, Size};
use super::words::{brief, name_of};
use super::{Graph, Node};
use crate::state::StateName;

/// The width of the time in which something ran.
const WIDTH: f64 = 840.0;
/// A bar, and what is left free around it.
const BAR: f64 = 16.0;
const AROUND: f64 = 5.0;
/// From the names to the bars.
const GAP: f64 = 16.0;
/// No bar is narrower.
const LEAST: f64 = 2.0;

/// A chart of when the attempts of a flow run's runs began and ended; made by [`Graph::gantt`].
#[derive(Clone, Copy, Debug)]
pub struct Gantt<'g>(&'g Graph);

impl Graph {
    /// When what ran: a line for each run, and one for each map.
    pub fn gantt(&self) -> Gantt<'_> {
        Gantt(self)
    }
}

/// The time that is drawn.
#[derive(Clone, Copy)]
struct Span {
    from: SystemTime,
    length: Duration,
    left: f64,
}

impl Span {
    /// From the first attempt to the last that is known.
    fn of(graph: &Graph, left: f64) -> Option<Self> {
        let all = || graph.nodes.iter().chain([&graph.flow_run]);
        let from = all().filter_map(|node| node.started_at).min()?;
        let ends = all().flat_map(|node| {
            let states = node.states.iter().map(|state| state.timestamp);
            states.chain(node.started_at).chain(node.ended_at)
        });
        let length = ends.max()?.duration_since(from).unwrap_or_default();
        Some(Self { from, length: length.max(Duration::from_nanos(1)), left })
    }

    fn x(&self, time: SystemTime) -> f64 {
        let since = time.duration_since(self.from).unwrap_or_default();
        self.left + WIDTH * (since.as_secs_f64() / self.length.as_secs_f64()).min(1.0)
    }

    fn end(&self) -> SystemTime {
        self.from + self.length
    }

    /// The first length in this list of which there are few in the span: 1, 2, 5, 10, … nanoseconds, then seconds, minutes, hours.
    fn step(&self) -> Duration {
        let decimal = |exponent: u32| [1, 2, 5].map(|n| Duration::from_nanos(n * 10_u64.pow(exponent)));
        let clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200];
        let steps = (0..9).flat_map(decimal).chain(clock.into_iter().map(Duration::from_secs));
        let days = (0..20).map(|n| Duration::from_secs(86400 << n));
        steps.chain(days).find(|step| self.length < 8 * *step).unwrap_or(self.length)
    }
}

/// A row of the chart, and how its names stand.
struct Row<'g> {
    node: &'g Node,
    name: Vec<String>,
}

impl Row<'_> {
    fn height(&self) -> f64 {
        height_of(&self.name, SMALL).max(BAR) + 2.0 * AROUND
    }

    fn draw(&self, top: f64, span: Option<Span>, canvas: &mut Canvas) {
        canvas.text(Point { x: 0.0, y: top + AROUND }, &self.name, SMALL, GREY);
        let Some(span) = span else { return };
        let y = top + AROUND;
        let made = self.node.states.first().map(|state| state.timestamp);
        let hint = self.node.states.last().map(ToString::to_string).unwrap_or_default();
        let end = self.node.ended_at.or(self.node.started_at.map(|_| span.end()));
        // What it waited, before and between its attempts.
        if let (Some(from), Some(to)) = (made.or(self.node.started_at), end.or(made)) {
            let (from, to) = (span.x(from), span.x(to));
            canvas.path(&format!("M{from:.1} {:.1}H{to:.1}", y + BAR / 2.0), " stroke-dasharray=\"2 3\"");
        }
        for (from, to, state) in self.bars(span) {
            let (from, to) = (span.x(from), span.x(to));
            let width = (to - from).max(LEAST);
            let at = Point { x: from.min(span.left + WIDTH - width), y };
            canvas.rectangle(at, Size { width, height: BAR }, Paint::of(Some(state)), 2.0, &hint);
        }
    }

    /// The attempts, each with the state that it has led to; of a map, all together.
    fn bars(&self, span: Span) -> Vec<(SystemTime, SystemTime, StateName)> {
        let node = self.node;
        if !node.states.is_empty() {
            let bar = |attempt: super::Attempt| {
                let (ended, state) = attempt.ended.unwrap_or((span.end(), StateName::Running));
                let failed = matches!(state, StateName::AwaitingRetry | StateName::Retrying);
                (attempt.started_at, ended, if failed { StateName::Failed } else { state })
            };
            return node.attempts().into_iter().map(bar).collect();
        }
        let whole = node.started_at.zip(node.state());
        whole.map(|(from, state)| (from, node.ended_at.unwrap_or(span.end()), state)).into_iter().collect()
    }
}

impl Gantt<'_> {
    /// The chart as SVG: a bar for each attempt, filled by what came of it, with a dotted line where the run waited. What has not
    /// ended goes on to the right edge.
    pub fn to_svg(&self) -> String {
        let graph = self.0;
        let nodes = [&graph.flow_run].into_iter().chain(&graph.nodes);
        let rows: Vec<Row<'_>> = nodes.map(|node| Row { node, name: name_of(node) }).collect();
        let names = rows.iter().map(|row| width_of(&row.name, SMALL)).fold(0.0, f64::max);
        let span = Span::of(graph, names + GAP);

        let mut canvas = Canvas::default();
        let bars = span.into_iter().flat_map(|span| rows.iter().flat_map(move |row| row.bars(span)));
        let states: BTreeSet<StateName> = bars.map(|(.., state)| state).collect();
        let top = canvas.heading(graph, &states.into_iter().collect::<Vec<_>>());
        let bottom = top + TEXT + AROUND + rows.iter().map(Row::height).sum::<f64>();
        if let Some(span) = span {
            draw_scale(span, top, bottom, &mut canvas);
        }
        let mut y = top + TEXT + AROUND;
        for row in &rows {
            row.draw(y, span, &mut canvas);
            y += row.height();
        }
        canvas.finish()
    }
}

/// Lines for the times, with what they are.
fn draw_scale(span: Span, top: f64, bottom: f64, canvas: &mut Canvas) {
    let step = span.step();
    let mut since = Duration::ZERO;
    while since <= span.length {
        let x = span.x(span.from + since);
        let text = if since.is_zero() { "0".to_owned() } else { brief(since) };
        canvas.text(Point { x: x + 3.0, y: top - 2.0 }, &[text], SMALL, GREY);
        canvas.path(&format!("M{x:.1} {top:.1}V{bottom:.1}"), " stroke-opacity=\"0.35\"");
        since += step;
    }
}
