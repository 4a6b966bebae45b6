//! What options hold. Each kind of value parses itself and words its own error.
//!
//! Owns everything about a value that can be told without the function. Values keep their tokens, so that what is wrong
//! with them only in company of the function can still be reported where it stands.

use std::ops::Range;

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::{Error, Expr, ExprArray, ExprLit, ExprPath, ExprUnary, Lit, LitFloat, LitStr, Path, Result, UnOp};

pub(crate) use self::duration::parse_duration;
pub(crate) use self::isolation::Isolation;
pub(crate) use self::key_template::{CacheKey, KeyTemplate, Piece};
pub(crate) use self::policy::CachePolicy;
pub(crate) use self::retry_delay::RetryDelay;
pub(crate) use self::serializer::Serializer;
pub(crate) use self::template::{Name, Template};
pub(crate) use self::trigger::{Amount, Amounts, Bound, KnownTrigger, Trigger};
use crate::args::Key;

mod duration;
mod isolation;
mod key_template;
mod policy;
mod retry_delay;
mod serializer;
mod template;
mod trigger;

/// A kind of value.
pub(crate) trait OptionValue: Sized {
    /// Parses what stands behind `key =`, or nothing where no `=` does.
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self>;
}

/// Text that is not empty: `"…"`.
pub(crate) struct Text(pub(crate) LitStr);

impl OptionValue for Text {
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let text = parse_string(key, key.value(value)?, "a string")?;
        if text.value().trim().is_empty() {
            return Err(Error::new(text.span(), format!("`{}` must not be empty", key.row.name)));
        }
        Ok(Self(text))
    }
}

/// A whole number: `3`.
pub(crate) struct Retries(pub(crate) u32);

impl OptionValue for Retries {
    // #[task(retries = 3)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let number = match &value {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if matches!(number.suffix(), "" | "u32") => {
                number
            }
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
                return Err(Error::new_spanned(&value, format!("`{}` must not be negative", key.row.name)));
            }
            _ => return Err(key.expected(&value, "a whole number")),
        };
        match number.base10_parse() {
            Ok(retries) => Ok(Self(retries)),
            Err(_) => {
                Err(Error::new(number.span(), format!("`{}` can be at most {}", key.row.name, u32::MAX)))
            }
        }
    }
}

/// A share: `0.5`.
pub(crate) struct JitterFactor(pub(crate) f64);

impl OptionValue for JitterFactor {
    // #[task(retry_jitter_factor = 0.5)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let (number, negative) = match &value {
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => (parse_number(expr), true),
            _ => (parse_number(&value), false),
        };
        match number {
            Some(share) if !negative && share <= 1.0 => Ok(Self(share)),
            Some(_) => Err(Error::new_spanned(&value, format!("`{}` must be between 0 and 1", key.row.name))),
            None => Err(key.expected(&value, "a number between 0 and 1")),
        }
    }
}

/// A duration longer than none: `"30s"`.
pub(crate) struct Timeout(pub(crate) std::time::Duration);

impl OptionValue for Timeout {
    // #[task(timeout = "30s")]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let text = parse_string(key, key.value(value)?, "a duration with its unit")?;
        let timeout = parse_duration(&text)?;
        if timeout.is_zero() {
            let message = match key.row.name {
                "timeout" => "a timeout of zero would end every attempt before it starts".to_owned(),
                name => format!("with a `{name}` of zero nothing would ever be found again"),
            };
            return Err(Error::new(text.span(), message));
        }
        Ok(Self(timeout))
    }
}

/// Names: `["a", "b"]`.
pub(crate) struct Tags(pub(crate) Vec<LitStr>);

impl OptionValue for Tags {
    // #[task(tags = ["io", "nightly"])]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let Expr::Array(ExprArray { elems, .. }) = &value else {
            return Err(key.expected(&value, "a list of strings"));
        };
        if elems.is_empty() {
            return Err(Error::new_spanned(&value, "an empty list has no effect; leave `tags` out"));
        }
        let mut tags: Vec<LitStr> = Vec::new();
        let mut errors = Errors::default();
        for element in elems {
            match parse_string(key, element.clone(), "a string") {
                Err(error) => errors.push(error),
                Ok(tag) if tag.value().trim().is_empty() => {
                    errors.push(Error::new(tag.span(), "a tag must not be empty"));
                }
                Ok(tag) if tags.iter().any(|other| other.value() == tag.value()) => {
                    errors.push(Error::new(tag.span(), format!("tag `{}` is given twice", tag.value())));
                }
                Ok(tag) => tags.push(tag),
            }
        }
        errors.finish(Self(tags))
    }
}

/// `true` or `false`.
pub(crate) struct Bool(pub(crate) bool);

impl OptionValue for Bool {
    // #[task(skip_on_upstream_skip = false)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match ungroup(key.value(value)?) {
            Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) => Ok(Self(value.value)),
            value => Err(key.expected(&value, "`true` or `false`")),
        }
    }
}

/// A word that stands alone, or `word = false`.
pub(crate) struct Switch(pub(crate) bool);

impl OptionValue for Switch {
    // #[task(persist_result)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match value {
            None => Ok(Self(true)),
            Some(value) => Bool::parse(key, Some(value)).map(|Bool(value)| Self(value)),
        }
    }
}

/// A word that stands alone.
pub(crate) struct Flag;

impl OptionValue for Flag {
    // #[task(blocking)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match value {
            None => Ok(Self),
            Some(value) => {
                let name = key.row.name;
                Err(Error::new_spanned(
                    value,
                    format!("`{name}` takes no value: write `{name}`, or leave it out"),
                ))
            }
        }
    }
}

/// Any expression.
pub(crate) struct Expression(pub(crate) Expr);

impl OptionValue for Expression {
    // #[flow(task_runner = ThreadPoolTaskRunner::new(8))]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match key.value(value)? {
            value @ Expr::Verbatim(_) => Err(key.expected(&value, "an expression")),
            value => Ok(Self(value)),
        }
    }
}

/// The path of a crate or module.
pub(crate) struct CratePath(pub(crate) Path);

impl OptionValue for CratePath {
    // #[task(crate = my_library::millrun)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match ungroup(key.value(value)?) {
            Expr::Path(ExprPath { qself: None, path, .. }) if is_plain(&path) => Ok(Self(path)),
            value => Err(key.expected(&value, "the path of a crate, without quotes")),
        }
    }
}

fn is_plain(path: &Path) -> bool {
    path.segments.iter().all(|segment| segment.arguments.is_none())
}

/// The path of a function.
pub(crate) struct FunctionPath(pub(crate) ExprPath);

impl OptionValue for FunctionPath {
    // #[task(retry_if = is_transient)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        parse_function(key, key.value(value)?, "the path of a function")
    }
}

fn parse_function(key: &Key, value: Expr, what: &str) -> Result<FunctionPath> {
    match ungroup(value) {
        Expr::Path(path) => Ok(FunctionPath(path)),
        Expr::Closure(closure) => Err(Error::new_spanned(
            closure,
            format!("expected {what}, as in `{}`; make the closure a function", key.row.example),
        )),
        value => Err(key.expected(&value, what)),
    }
}

/// Paths of functions, one or several: `path` or `[path, path]`.
pub(crate) struct FunctionPaths(pub(crate) Vec<FunctionPath>);

impl OptionValue for FunctionPaths {
    // #[task(on_failure = notify)]
    // #[task(on_failure = [notify, clean_up])]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let Expr::Array(ExprArray { elems, .. }) = &value else {
            return parse_function(key, value, "the path of a function, or a list of them")
                .map(|path| Self(vec![path]));
        };
        if elems.is_empty() {
            let message = format!("an empty list has no effect; leave `{}` out", key.row.name);
            return Err(Error::new_spanned(&value, message));
        }
        let mut paths = Vec::new();
        let mut errors = Errors::default();
        for element in elems {
            match parse_function(key, element.clone(), "the path of a function") {
                Ok(path) => paths.push(path),
                Err(error) => errors.push(error),
            }
        }
        errors.finish(Self(paths))
    }
}

/// The string literal that `value` is.
fn parse_string(key: &Key, value: Expr, what: &str) -> Result<LitStr> {
    match ungroup(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        value => Err(key.expected(&value, what)),
    }
}

/// The number that `value` is, whole or not.
fn parse_number(value: &Expr) -> Option<f64> {
    let Expr::Lit(ExprLit { lit, .. }) = value else { return None };
    match lit {
        Lit::Float(number) if matches!(number.suffix(), "" | "f64") => number.base10_parse().ok(),
        Lit::Int(number) if number.suffix().is_empty() => {
            LitFloat::new(&format!("{}.0", number.base10_digits()), number.span()).base10_parse().ok()
        }
        _ => None,
    }
}

/// `value` without the invisible groups that `macro_rules` puts around what it passes on, and without parentheses.
fn ungroup(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungroup(*group.expr),
        Expr::Paren(paren) => ungroup(*paren.expr),
        value => value,
    }
}

/// The span of a part of a string literal, given by its bytes in the value: that part alone where the compiler can tell
/// it (nightly, and no escapes before it), else the whole literal.
fn span_in(literal: &LitStr, part: Range<usize>) -> Span {
    let token = literal.token();
    let written = token.to_string();
    let Some(start) = written.find('"').map(|quote| quote + 1) else { return literal.span() };
    if written.get(start..).is_none_or(|text| !text.starts_with(&literal.value())) {
        return literal.span();
    }
    token.subspan(start + part.start..start + part.end).unwrap_or_else(|| literal.span())
}

/// Several errors of one value, reported as one that holds them all.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn finish<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

/// The last name of a path, for messages and comparisons; empty where it is none.
pub(crate) fn single_name(path: &ExprPath) -> Option<String> {
    path.qself.is_none().then(|| path.path.get_ident().map(ToString::to_string)).flatten()
}

/// How a value is spelled, for messages.
fn spelled(value: &Expr) -> String {
    value.to_token_stream().to_string()
}
