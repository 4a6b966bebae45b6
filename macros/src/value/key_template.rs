//! Templates of keys: `"{date:%Y-%m-%d}/{task_name}-{url}.txt"`.
//!
//! Beside the parameters they know names of the run. What stands behind the first `:` is a time format for `date` and `today`,
//! and for all others one of Rust's.

use std::ops::Range;

use syn::{Error, Expr, LitStr, Result};

use super::template::{Failure, Name, matched, parse_placeholder};
use super::{FunctionPath, OptionValue, parse_function, parse_string, span_in, ungroup};
use crate::args::Key;
use crate::diagnostics::{list, suggestion};

/// What a template of a key may name beside the parameters.
pub(crate) const KNOWN: [&str; 8] =
    ["date", "today", "today_nodash", "flow_name", "flow_run_id", "task_name", "map_index", "parameters"];

/// The conversions of a time format.
const CONVERSIONS: &str = "AaBbhCDdeFfGgHIjklMmNnPpQqRSsTtUuVWwYyZz%";

/// A template whose syntax is right.
pub(crate) struct KeyTemplate {
    pub(crate) literal: LitStr,
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// A date or a day, in that format.
    Time {
        name: &'static str,
        format: String,
    },
    /// What the run is called, with a format of Rust's.
    Known {
        name: &'static str,
        format: String,
    },
    /// A placeholder over the parameters, as `format!` takes it.
    Value {
        placeholder: String,
        names: Vec<Name>,
    },
}

/// A template, or a function that gives the key.
pub(crate) enum CacheKey {
    Template(KeyTemplate),
    Function(FunctionPath),
}

impl OptionValue for CacheKey {
    // #[task(cache_key = "rows/{url}")]
    // #[task(cache_key = key_of)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        if matches!(value, Expr::Path(_) | Expr::Closure(_)) {
            return parse_function(key, value, "a template, or the path of a function").map(Self::Function);
        }
        KeyTemplate::parse(key, Some(value)).map(Self::Template)
    }
}

impl OptionValue for KeyTemplate {
    // #[task(result_storage_key = "{date:%Y-%m-%d}/{task_name}.json")]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let literal = parse_string(key, key.value(value)?, "a template")?;
        let text = literal.value();
        if text.trim().is_empty() {
            return Err(Error::new(literal.span(), format!("`{}` must not be empty", key.row.name)));
        }
        if let Some(problem) = problem_of(&text) {
            return Err(Error::new(literal.span(), format!("a key {problem}")));
        }
        let pieces =
            parse_pieces(&text).map_err(|(part, message)| Error::new(span_in(&literal, part), message))?;
        Ok(Self { literal, pieces })
    }
}

/// What can be told to be wrong with a key before anything is put into it.
fn problem_of(text: &str) -> Option<&'static str> {
    if text.starts_with('/') || text.ends_with('/') {
        return Some("must neither begin nor end with `/`");
    }
    if text.contains("//") {
        return Some("must have something between two `/`");
    }
    text.split('/')
        .any(|segment| matches!(segment, "." | ".."))
        .then_some("cannot have `.` or `..` as a folder")
}

impl KeyTemplate {
    /// An error for each name that is neither a parameter nor known, and for each parameter that is called like a known one.
    pub(crate) fn check(&self, parameters: &[&str]) -> Vec<Error> {
        let mut errors = Vec::new();
        for name in KNOWN.iter().filter(|name| parameters.contains(name)) {
            let message = format!(
                "the parameter `{name}` is called like what `{{{name}}}` stands for in a key; give it another name"
            );
            errors.push(Error::new(self.literal.span(), message));
        }
        let all: Vec<&str> = parameters.iter().copied().chain(KNOWN).collect();
        for piece in &self.pieces {
            let Piece::Value { names, .. } = piece else { continue };
            for name in names.iter().filter(|name| !parameters.contains(&name.parameter.as_str())) {
                let found = &name.parameter;
                let message = format!("unknown name `{found}`; {}", suggestion(found, &all, "a key knows"));
                errors.push(Error::new(span_in(&self.literal, name.part.clone()), message));
            }
        }
        errors
    }
}

/// The pieces of a template, in order.
fn parse_pieces(text: &str) -> std::result::Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(['{', '}']) {
        let open = at + found;
        plain.push_str(&text[at..open]);
        if text[open..].starts_with("{{") || text[open..].starts_with("}}") {
            plain.push_str(&text[open..=open]);
            at = open + 2;
            continue;
        }
        let inside = matched(text, open)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(parse_piece(text, inside.clone())?);
        at = inside.end + 1;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Parses `name` or `name:format`.
fn parse_piece(text: &str, inside: Range<usize>) -> std::result::Result<Piece, Failure> {
    let placeholder = &text[inside.clone()];
    let (name, format) = placeholder.split_once(':').unwrap_or((placeholder, ""));
    if let Some(parameter) = name.trim_end().strip_prefix("parameters") {
        return parse_parameter(text, inside, parameter, format);
    }
    let Some(known) = KNOWN.into_iter().find(|known| *known == name.trim_end()) else {
        let mut names = Vec::new();
        parse_placeholder(text, inside.clone(), &mut names)?;
        return Ok(Piece::Value { placeholder: format!("{{{placeholder}}}"), names });
    };
    match known {
        "date" | "today" => {
            check_time_format(format, inside.end - format.len())?;
            let format = if format.is_empty() { "%Y-%m-%d" } else { format };
            Ok(Piece::Time { name: known, format: format.into() })
        }
        "today_nodash" if !format.is_empty() => {
            Err((inside, "`{today_nodash}` has no format; write `{today:%Y%m%d}`, or the like".into()))
        }
        _ => {
            // Counts cannot be parameters: the name stands for nothing of the function's.
            let mut names = Vec::new();
            parse_placeholder(text, inside.clone(), &mut names)?;
            if names.len() > 1 {
                return Err((inside, "a width or a precision is a number here".into()));
            }
            Ok(Piece::Known { name: known, format: format.into() })
        }
    }
}

/// Parses what follows `parameters`: `[name]`.
fn parse_parameter(
    text: &str,
    inside: Range<usize>,
    parameter: &str,
    format: &str,
) -> std::result::Result<Piece, Failure> {
    let name = parameter.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let Some(name) = name else {
        return Err((inside, "expected a parameter in brackets, as in `{parameters[url]}`".into()));
    };
    let start = text[inside.clone()].find('[').map_or(inside.start, |bracket| inside.start + bracket + 1);
    let placeholder = if format.is_empty() { format!("{{{name}}}") } else { format!("{{{name}:{format}}}") };
    let mut names = Vec::new();
    let whole = placeholder.clone();
    parse_placeholder(&whole, 1..whole.len() - 1, &mut names).map_err(|(_, message)| (inside, message))?;
    for found in &mut names {
        found.part = start..start + name.len();
    }
    Ok(Piece::Value { placeholder, names })
}

fn check_time_format(format: &str, start: usize) -> std::result::Result<(), Failure> {
    let mut characters = format.char_indices();
    while let Some((at, character)) = characters.next() {
        if character != '%' {
            continue;
        }
        // `%-d`, `%_d`, `%3f`: how it is padded.
        let rest = characters.by_ref();
        let conversion =
            rest.find(|(_, character)| !matches!(character, '-' | '_' | '^' | '#' | '.' | ':' | '0'..='9'));
        if !conversion.is_some_and(|(_, conversion)| CONVERSIONS.contains(conversion)) {
            let end = conversion.map_or(format.len(), |(end, last)| end + last.len_utf8());
            let part = start + at..start + end;
            let message = format!(
                "unknown time format `{}`; common ones are {}",
                &format[at..end],
                list(&["%Y", "%m", "%d", "%H", "%M", "%S"])
            );
            return Err((part, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> (&str, String) {
        let (part, message) = parse_pieces(text).unwrap_err();
        (&text[part], message)
    }

    #[test]
    fn templates_fall_into_pieces() {
        let pieces = parse_pieces(
            "{{a}}/{date:%H:%M}/{today}{today_nodash}-{task_name:>9}{x:?}{parameters[y]:02}.txt",
        );
        let pieces: Vec<String> = pieces
            .unwrap()
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Time { name, format } | Piece::Known { name, format } => format!("{name}|{format}"),
                Piece::Value { placeholder, names } => format!("{placeholder}{}", names[0].parameter),
            })
            .collect();
        assert_eq!(
            pieces,
            [
                "{a}/",
                "date|%H:%M",
                "/",
                "today|%Y-%m-%d",
                "today_nodash|",
                "-",
                "task_name|>9",
                "{x:?}x",
                "{y:02}y",
                ".txt"
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_reported_where_it_stands() {
        assert_eq!(failure("a/{date:%Y-%!}").0, "%!");
        assert_eq!(failure("{today:%Y%}").0, "%");
        assert_eq!(failure("{today_nodash:%Y}").0, "today_nodash:%Y");
        assert_eq!(failure("{parameters}").0, "parameters");
        assert_eq!(failure("{parameters[a b]}").0, "parameters[a b]");
        assert_eq!(failure("{task_name:w$}").0, "task_name:w$");
        assert_eq!(failure("{x:q}"), ("q", "unknown format `q`; the common one is `{x:?}`".into()));
        assert_eq!(failure("{x").0, "{x");
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        for text in ["/a", "a/", "a//b", "../a", "a/./b"] {
            assert!(problem_of(text).is_some(), "{text}");
        }
        assert_eq!(problem_of("a/b.c/..d"), None);
    }
}
