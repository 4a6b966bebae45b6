//! What is written in pictures: labels, how long they are, and how they are escaped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Graph, Mapped, Node};
use crate::state::StateName;

/// The most columns that a line takes in a box, and over the picture; a longer text goes on in the next line.
const LINE: usize = 44;
const TITLE: usize = 80;

/// The lines that name a node: `fetch-0`, `double × 27`.
pub(super) fn name_of(node: &Node) -> Vec<String> {
    let name = match &node.map {
        Some(Mapped::Runs { length: Some(length), .. }) => format!("{} × {length}", node.name),
        Some(Mapped::Runs { length: None, .. }) => format!("{} × ?", node.name),
        _ if node.is_flow() && node.name != node.task => format!("{} of {}", node.name, node.task),
        _ => node.name.clone(),
    };
    wrapped(&name, LINE)
}

/// The lines that say how a node is: `Completed in 1.2s, 3 attempts`, `2 Failed, 25 Completed`; none in a plan.
pub(super) fn state_of(node: &Node) -> Vec<String> {
    let text = match &node.map {
        Some(Mapped::Runs { states, .. }) => counted(states),
        _ => node.state().map(|name| ended(name, node)).unwrap_or_default(),
    };
    wrapped(&text, LINE)
}

/// How many runs are in which state, worst first: `2 Failed, 25 Completed`.
pub(crate) fn counted(states: &BTreeMap<StateName, usize>) -> String {
    let mut all: Vec<_> = states.iter().collect();
    all.sort_by_key(|(name, _)| std::cmp::Reverse(super::attention(**name)));
    let texts: Vec<String> = all.into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    texts.join(", ")
}

fn ended(name: StateName, node: &Node) -> String {
    match node.run_count {
        0 => name.to_string(),
        1 => format!("{name} in {}", brief(node.run_time)),
        attempts => format!("{name} in {}, {attempts} attempts", brief(node.run_time)),
    }
}

/// The lines over a picture: of which flow run it is, and how that is.
pub(super) fn title_of(graph: &Graph) -> Vec<String> {
    let node = &graph.flow_run;
    let state = node.state().map(|name| format!(" - {}", ended(name, node))).unwrap_or_default();
    wrapped(&format!("{} of {}{state}", node.name, node.task), TITLE)
}

/// A length of time to read: `350ms`, `1.2s`, `2m 05s`, `3h 07m`.
pub(super) fn brief(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds @ 3600.. => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{duration:.1?}"),
    }
}

/// A text in lines of at most so many columns, broken between words, else after what looks like the end of one, else anywhere.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        while columns(&rest) > most {
            let tail = rest.split_off(break_of(&rest, most));
            lines.push(rest.trim_end().to_owned());
            tail.trim_start().clone_into(&mut rest);
        }
        if !rest.is_empty() {
            lines.push(rest);
        }
    }
    lines
}

/// Where a line ends that is longer than that.
fn break_of(line: &str, most: usize) -> usize {
    let mut width = 0;
    let [mut word, mut part] = [None; 2];
    for (at, c) in line.char_indices() {
        width += columns_of(c);
        if width > most {
            return word.or(part).unwrap_or(at);
        }
        let after = Some(at + c.len_utf8()).filter(|_| width > most / 2);
        match c {
            ' ' => word = after,
            '-' | '_' | '/' | '.' | ',' | ':' | ';' | '=' => part = after,
            _ => {}
        }
    }
    line.len()
}

/// So many columns of a font whose letters are all as wide a text takes at the most.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// What comes after the alphabets may be twice as wide.
fn columns_of(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

/// A text between quotes in DOT.
pub(super) fn for_dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}

/// A text between quotes in Mermaid, which knows `#…;` for what it would take for something else.
pub(super) fn for_mermaid(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | ';' | '\\' | '{' | '}' => {
                let _ = write!(escaped, "#{};", c as u32);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text in XML, in which most control characters cannot be said at all.
#[cfg(feature = "svg")]
pub(super) fn for_xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
