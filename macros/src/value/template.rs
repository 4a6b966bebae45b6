//! Templates: format strings over the parameters, as in `"fetch {url}"`.

use std::ops::Range;

use syn::{Error, Expr, LitStr, Result};

use super::{OptionValue, parse_string, span_in};
use crate::args::Key;
use crate::diagnostics::suggestion;

/// A format string whose syntax is right; whether its names are parameters is asked with [`Template::check`].
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) names: Vec<Name>,
}

/// A name within a format string.
#[derive(Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) parameter: String,
    /// Whether it is a width or a precision, which must be a `usize` itself.
    pub(crate) is_count: bool,
    pub(super) part: Range<usize>,
}

impl OptionValue for Template {
    // #[task(task_run_name = "fetch {url:?}")]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let literal = parse_string(key, key.value(value)?, "a format string")?;
        if literal.value().trim().is_empty() {
            return Err(Error::new(literal.span(), format!("`{}` must not be empty", key.row.name)));
        }
        let names = parse_names(&literal.value())
            .map_err(|(part, message)| Error::new(span_in(&literal, part), message))?;
        Ok(Self { literal, names })
    }
}

impl Template {
    /// An error for each name that is no parameter.
    pub(crate) fn check(&self, parameters: &[&str]) -> Vec<Error> {
        let unknown = self.names.iter().filter(|name| !parameters.contains(&name.parameter.as_str()));
        unknown
            .map(|Name { parameter: name, part, .. }| {
                let message = if parameters.is_empty() {
                    format!("unknown name `{name}`: there are no parameters; `{{{{` stands for a brace")
                } else {
                    format!("unknown name `{name}`; {}", suggestion(name, parameters, "the parameters are"))
                };
                Error::new(span_in(&self.literal, part.clone()), message)
            })
            .collect()
    }
}

pub(super) type Failure = (Range<usize>, String);

/// The names in a format string, in order.
fn parse_names(text: &str) -> std::result::Result<Vec<Name>, Failure> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(['{', '}']) {
        let open = at + found;
        if text[open..].starts_with("{{") || text[open..].starts_with("}}") {
            at = open + 2;
            continue;
        }
        let inside = matched(text, open)?;
        parse_placeholder(text, inside.clone(), &mut names)?;
        at = inside.end + 1;
    }
    Ok(names)
}

/// What stands between the brace at `open` and the one that closes it.
pub(super) fn matched(text: &str, open: usize) -> std::result::Result<Range<usize>, Failure> {
    if text[open..].starts_with('}') {
        return Err((open..open + 1, "unmatched `}`; write `}}` for a brace".into()));
    }
    match text[open..].find('}') {
        Some(length) => Ok(open + 1..open + length),
        None => Err((open..text.len(), "unmatched `{`; write `{{` for a brace".into())),
    }
}

/// Parses `name` or `name:spec`.
pub(super) fn parse_placeholder(
    text: &str,
    inside: Range<usize>,
    names: &mut Vec<Name>,
) -> std::result::Result<(), Failure> {
    let placeholder = &text[inside.clone()];
    let (name, spec) = placeholder.split_once(':').unwrap_or((placeholder, ""));
    let start = inside.start;
    let name = name.trim_end();
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = inside.start - 1..inside.end + 1;
        return Err((
            part,
            "expected the name of a parameter: `{}` and `{0}` have nothing to refer to".into(),
        ));
    }
    let part = start..start + name.len();
    if !is_identifier(name) {
        return Err((part, format!("expected the name of a parameter, found `{name}`")));
    }
    names.push(Name { parameter: name.to_owned(), is_count: false, part });
    parse_spec(spec, inside.end - spec.len(), names)
}

/// Parses a format spec, `[[fill]align][sign]['#']['0'][width]['.' precision][type]`, for the names in it.
fn parse_spec(spec: &str, start: usize, names: &mut Vec<Name>) -> std::result::Result<(), Failure> {
    let mut rest = spec.trim_end();
    let position = |rest: &str| start + spec.trim_end().len() - rest.len();
    let mut characters = rest.chars();
    let (first, second) = (characters.next(), characters.next());
    let is_align = |character: Option<char>| matches!(character, Some('<' | '^' | '>'));
    if is_align(second) {
        rest = characters.as_str();
    } else if is_align(first) {
        rest = &rest[1..];
    }
    rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest = rest.strip_prefix('#').unwrap_or(rest);
    if !rest.starts_with("0$") {
        rest = rest.strip_prefix('0').unwrap_or(rest);
    }
    rest = parse_count(rest, position(rest), names)?;
    if let Some(precision) = rest.strip_prefix('.') {
        if precision.starts_with('*') {
            let part = position(precision)..position(precision) + 1;
            return Err((
                part,
                "`.*` takes a positional argument; name a parameter, as in `.digits$`".into(),
            ));
        }
        rest = parse_count(precision, position(precision), names)?;
    }
    if matches!(rest, "" | "?" | "x?" | "X?" | "o" | "x" | "X" | "p" | "b" | "e" | "E") {
        return Ok(());
    }
    Err((
        position(rest)..position(rest) + rest.len(),
        format!("unknown format `{rest}`; the common one is `{{x:?}}`"),
    ))
}

/// Parses a width or a precision, `12` or `width$`, and gives what follows.
fn parse_count<'a>(
    text: &'a str,
    start: usize,
    names: &mut Vec<Name>,
) -> std::result::Result<&'a str, Failure> {
    let end =
        text.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if let Some(rest) = rest.strip_prefix('$') {
        if !is_identifier(word) {
            return Err((start..start + end + 1, "expected the name of a parameter before `$`".into()));
        }
        names.push(Name { parameter: word.to_owned(), is_count: true, part: start..start + end });
        return Ok(rest);
    }
    Ok(text.trim_start_matches(|character: char| character.is_ascii_digit()))
}

fn is_identifier(name: &str) -> bool {
    // Keywords count: a parameter `r#type` is named `{type}`.
    !name.starts_with(char::is_whitespace)
        && syn::parse::Parser::parse_str(<syn::Ident as syn::ext::IdentExt>::parse_any, name).is_ok()
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn names(text: &str) -> Vec<(String, bool)> {
        parse_names(text).unwrap().into_iter().map(|name| (name.parameter, name.is_count)).collect()
    }

    fn value(name: &str) -> (String, bool) {
        (name.into(), false)
    }

    fn count(name: &str) -> (String, bool) {
        (name.into(), true)
    }

    fn failure(text: &str) -> (&str, String) {
        let (part, message) = parse_names(text).unwrap_err();
        (&text[part], message)
    }

    #[test]
    fn names_are_found_among_text_and_braces() {
        assert_eq!(names("fetch"), []);
        assert_eq!(names("fetch {url} {{not}} {n}"), [value("url"), value("n")]);
        assert_eq!(names("{type}"), [value("type")]);
    }

    #[test]
    fn format_specs_are_understood() {
        assert_eq!(names("{x:?} {x:>5} {x:#?} {x:08.3} {x:+e} {x:*^9} {x:02x?}").len(), 7);
        assert_eq!(names("{x:w$}"), [value("x"), count("w")]);
        assert_eq!(names("{x:-<w$.digits$?}"), [value("x"), count("w"), count("digits")]);
        assert_eq!(names("{x:.2}"), [value("x")]);
    }

    #[test]
    fn positional_arguments_are_refused() {
        let message = "expected the name of a parameter: `{}` and `{0}` have nothing to refer to";
        assert_eq!(failure("a {}"), ("{}", message.into()));
        assert_eq!(failure("a {0}"), ("{0}", message.into()));
        assert_eq!(failure("a {:?}"), ("{:?}", message.into()));
        assert_eq!(failure("{x:1$}"), ("1$", "expected the name of a parameter before `$`".into()));
        assert_eq!(failure("{x:.*}").0, "*");
    }

    #[test]
    fn broken_templates_are_reported_where_they_break() {
        assert_eq!(failure("a {x"), ("{x", "unmatched `{`; write `{{` for a brace".into()));
        assert_eq!(failure("a }"), ("}", "unmatched `}`; write `}}` for a brace".into()));
        assert_eq!(failure("{x.y}"), ("x.y", "expected the name of a parameter, found `x.y`".into()));
        assert_eq!(failure("{x:q}"), ("q", "unknown format `q`; the common one is `{x:?}`".into()));
    }

    #[test]
    fn names_must_be_parameters() {
        let literal = LitStr::new("{ulr} {n:w$}", Span::call_site());
        let names = parse_names(&literal.value()).unwrap();
        let template = Template { literal, names };
        let errors: Vec<String> = template.check(&["url", "n"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            ["unknown name `ulr`; did you mean `url`?", "unknown name `w`; the parameters are `url` and `n`"]
        );
        assert!(template.check(&["ulr", "n", "w"]).is_empty());
    }
}
