//! What progress looks like: lines of text that fit into a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use console::{Style, measure_text_width, truncate_str};

use super::counts::TaskCount;
use crate::state::{StateName, StateType};

/// At most so many tasks have lines; what the others do is summed up in one.
const TASKS: usize = 12;
const BAR: usize = 20;
const LONGEST_NAME: usize = 28;

/// A flow run at one moment.
pub(super) struct Moment {
    pub(super) flow: String,
    pub(super) run: String,
    pub(super) elapsed: Duration,
    /// What it has ended in.
    pub(super) ended: Option<StateName>,
    /// Each with how many runs end in a second.
    pub(super) tasks: Vec<(TaskCount, Option<f64>)>,
}

/// Where it is drawn.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) has_colours: bool,
}

impl Frame {
    fn paint(self, text: &str, style: impl FnOnce(Style) -> Style) -> String {
        style(Style::new()).force_styling(self.has_colours).apply_to(text).to_string()
    }
}

/// The lines: the flow run's, then its tasks'.
pub(super) fn draw(moment: &Moment, frame: Frame) -> String {
    let (shown, rest) = choose(&moment.tasks, frame.rows.saturating_sub(3).clamp(1, TASKS));
    let mut lines = vec![head(moment, frame)];
    let longest = shown.iter().map(|(task, _)| measure_text_width(&printable(&task.name))).max().unwrap_or(0);
    let widths = Widths {
        name: longest.min(LONGEST_NAME).min(frame.columns / 3),
        count: shown.iter().map(|(task, _)| count_of(task).len()).max().unwrap_or(0),
        bar: bar_width(frame.columns, shown.iter().any(|(task, _)| task.is_mapped)),
    };
    lines.extend(shown.iter().map(|(task, rate)| line(task, *rate, &widths, frame)));
    if rest.tasks > 0 {
        lines.push(rest.line(frame));
    }
    // One column stays free: a line that fills its row has some terminals begin another one.
    let fitting = frame.columns.saturating_sub(1).max(1);
    let lines: Vec<_> = lines.iter().map(|line| truncate_str(line, fitting, "…")).collect();
    lines.join("\n")
}

fn head(moment: &Moment, frame: Frame) -> String {
    let (sign, word) = match moment.ended {
        None => (frame.paint("▸", Style::cyan), "running".to_owned()),
        Some(name) if name.state_type() == StateType::Completed => {
            (frame.paint("✓", Style::green), name.to_string())
        }
        Some(name) => (frame.paint("✗", Style::red), name.to_string()),
    };
    let (flow, run) = (printable(&moment.flow), printable(&moment.run));
    format!("{sign} {} '{run}'  {word}  {}", frame.paint(&flow, Style::bold), time(moment.elapsed))
}

struct Widths {
    name: usize,
    count: usize,
    bar: usize,
}

fn bar_width(columns: usize, is_any_mapped: bool) -> usize {
    match columns {
        _ if !is_any_mapped => 0,
        72.. => BAR,
        54.. => BAR / 2,
        _ => 0,
    }
}

fn line(task: &TaskCount, rate: Option<f64>, widths: &Widths, frame: Frame) -> String {
    let name = printable(&task.name);
    let name = truncate_str(&name, widths.name.max(1), "…");
    let pad = " ".repeat(widths.name.saturating_sub(measure_text_width(&name)));
    let mut line = format!("  {name}{pad}");
    if widths.bar > 0 {
        line.push_str("  ");
        line.push_str(&bar(task, widths.bar, frame));
    }
    let _ = write!(line, "  {:>width$}", count_of(task), width = widths.count);
    let mut say = |count: u64, what: &str, style: fn(Style) -> Style| {
        if count > 0 {
            line.push_str("  ");
            line.push_str(&frame.paint(&format!("{count} {what}"), style));
        }
    };
    say(task.running, "running", Style::cyan);
    say(task.failed, "failed", Style::red);
    say(task.cancelled, "cancelled", Style::yellow);
    say(task.skipped, "skipped", Style::yellow);
    say(task.cached, "cached", Style::green);
    say(task.retried, "retried", Style::yellow);
    if let Some(rate) = rate {
        line.push_str("  ");
        line.push_str(&frame.paint(&per_time(rate), Style::dim));
    }
    line
}

fn count_of(task: &TaskCount) -> String {
    format!("{}/{}", task.ended, task.made)
}

/// How much of a map is done, what has failed at its end.
fn bar(task: &TaskCount, width: usize, frame: Frame) -> String {
    if !task.is_mapped {
        return " ".repeat(width);
    }
    let share = |count: u64| {
        let part = u128::from(count) * width as u128 / u128::from(task.made.max(1));
        usize::try_from(part).unwrap_or(width).min(width)
    };
    let done = share(task.ended);
    // One that has failed among a million is seen, too.
    let failed = if task.failed > 0 { share(task.failed).max(1).min(done) } else { 0 };
    let piece = |length: usize, style: fn(Style) -> Style| frame.paint(&"━".repeat(length), style);
    let (good, bad) = (piece(done - failed, Style::green), piece(failed, Style::red));
    format!("{good}{bad}{}", frame.paint(&"─".repeat(width - done), Style::dim))
}

/// The tasks that have no lines.
#[derive(Default)]
struct Rest {
    tasks: usize,
    /// How many tasks are not counted one by one.
    is_more: bool,
    ended: u64,
    made: u64,
    failed: u64,
}

impl Rest {
    fn add(&mut self, task: &TaskCount) {
        self.tasks += 1;
        self.is_more |= task.is_rest;
        self.ended += task.ended;
        self.made += task.made;
        self.failed += task.failed;
    }

    fn line(&self, frame: Frame) -> String {
        let more = if self.is_more { " or more" } else { "" };
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("  {}", frame.paint(&format!("{failed} failed"), Style::red)),
        };
        let tasks = if self.tasks == 1 { "task" } else { "tasks" };
        format!("  and {}{more} other {tasks}  {}/{}{failed}", self.tasks, self.ended, self.made)
    }
}

/// Those that have lines: first those that have something to do, or failures; each in its place.
fn choose(tasks: &[(TaskCount, Option<f64>)], room: usize) -> (Vec<&(TaskCount, Option<f64>)>, Rest) {
    let mut rest = Rest::default();
    let count = tasks.iter().filter(|(task, _)| !task.is_rest).count();
    if count <= room && count == tasks.len() {
        return (tasks.iter().collect(), rest);
    }
    let mut order: Vec<usize> = (0..tasks.len()).filter(|n| !tasks[*n].0.is_rest).collect();
    let urgency = |task: &TaskCount| match task {
        _ if task.running > 0 => 0,
        _ if task.failed > 0 => 1,
        _ if task.ended < task.made => 2,
        _ => 3,
    };
    order.sort_by_key(|n| urgency(&tasks[*n].0));
    order.truncate(room);
    order.sort_unstable();
    for (n, (task, _)) in tasks.iter().enumerate() {
        if order.binary_search(&n).is_err() {
            rest.add(task);
        }
    }
    (order.into_iter().map(|n| &tasks[n]).collect(), rest)
}

/// A name without what would move the cursor.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", elapsed.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn per_time(rate: f64) -> String {
    match rate {
        10.0.. => format!("{rate:.0}/s"),
        0.1.. => format!("{rate:.1}/s"),
        _ => format!("{:.1}/min", rate * 60.0),
    }
}
