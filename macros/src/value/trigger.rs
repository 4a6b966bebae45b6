//! Triggers: `all_finished`, `some_failed(1..=3)`, `some_successful(0.5..)`, or the path of a function.

use quote::ToTokens as _;
use syn::{Error, Expr, ExprCall, ExprLit, ExprPath, ExprRange, Lit, RangeLimits, Result};

use super::{OptionValue, parse_number, single_name, spelled, ungroup};
use crate::args::Key;
use crate::diagnostics::{list, nearest};

/// The triggers that are a word, with their names in the runtime.
const WORDS: [(&str, &str); 7] = [
    ("all_successful", "AllSuccessful"),
    ("all_failed", "AllFailed"),
    ("any_successful", "AnySuccessful"),
    ("any_failed", "AnyFailed"),
    ("all_finished", "AllFinished"),
    ("always_run", "AlwaysRun"),
    ("not_all_skipped", "NotAllSkipped"),
];
/// The triggers that take amounts, with their names in the runtime.
const AMOUNTS: [(&str, &str); 2] = [("some_failed", "SomeFailed"), ("some_successful", "SomeSuccessful")];

/// When a task runs, given how its upstream runs ended.
pub(crate) enum Trigger {
    Known(KnownTrigger),
    Custom(ExprPath),
}

/// A trigger of the runtime, under its name there.
pub(crate) struct KnownTrigger {
    pub(crate) variant: &'static str,
    pub(crate) amounts: Option<Amounts>,
}

/// How many upstream runs, from one bound to the other.
#[derive(Debug, PartialEq)]
pub(crate) struct Amounts {
    pub(crate) from: Bound,
    pub(crate) to: Bound,
}

/// An end of a range.
#[derive(Debug, PartialEq)]
pub(crate) enum Bound {
    Included(Amount),
    Excluded(Amount),
    Unbounded,
}

/// A number of runs, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Amount {
    Count(u64),
    Share(f64),
}

impl Trigger {
    /// The path of the user's own trigger.
    pub(crate) fn custom(&self) -> Option<&ExprPath> {
        match self {
            Self::Custom(path) => Some(path),
            Self::Known(_) => None,
        }
    }
}

impl OptionValue for Trigger {
    // #[task(trigger = all_finished)]
    // #[task(trigger = some_failed(1..=3))]
    // #[task(trigger = my_triggers::two_of_three)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match ungroup(key.value(value)?) {
            Expr::Path(path) => parse_path(path),
            Expr::Call(call) => parse_call(key, &call),
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if is_known(&text.value()) => Err(Error::new(
                text.span(),
                format!("expected a trigger without quotes: `trigger = {}`", text.value()),
            )),
            value => Err(unknown(&value)),
        }
    }
}

fn parse_path(path: ExprPath) -> Result<Trigger> {
    let Some(name) = single_name(&path) else { return Ok(Trigger::Custom(path)) };
    if let Some((_, variant)) = WORDS.iter().find(|(word, _)| *word == name) {
        return Ok(Trigger::Known(KnownTrigger { variant, amounts: None }));
    }
    if AMOUNTS.iter().any(|(word, _)| *word == name) {
        return Err(Error::new_spanned(
            path,
            format!("expected amounts, as in `{name}(1..=3)` or `{name}(0.5..)`"),
        ));
    }
    // A name so near to a trigger's is hardly that of a function.
    match nearest(&name, names()) {
        Some(meant) => {
            Err(Error::new_spanned(path, format!("unknown trigger `{name}`; did you mean `{meant}`?")))
        }
        None => Ok(Trigger::Custom(path)),
    }
}

fn parse_call(key: &Key, call: &ExprCall) -> Result<Trigger> {
    let Expr::Path(path) = &*call.func else { return Err(unknown(&Expr::Call(call.clone()))) };
    let Some(name) = single_name(path) else { return Err(unknown(&Expr::Call(call.clone()))) };
    let Some((_, variant)) = AMOUNTS.iter().find(|(word, _)| *word == name) else {
        if WORDS.iter().any(|(word, _)| *word == name) {
            return Err(Error::new_spanned(
                call,
                format!("`{name}` takes no amounts: `{} = {name}`", key.row.name),
            ));
        }
        return Err(match nearest(&name, names()) {
            Some(meant) => {
                Error::new_spanned(path, format!("unknown trigger `{name}`; did you mean `{meant}`?"))
            }
            None => unknown(&Expr::Call(call.clone())),
        });
    };
    let (Some(range), None) = (call.args.first(), call.args.get(1)) else {
        return Err(Error::new_spanned(
            call,
            format!("expected one range, as in `{name}(1..=3)` or `{name}(0.5..)`"),
        ));
    };
    Ok(Trigger::Known(KnownTrigger { variant, amounts: Some(parse_amounts(&name, range)?) }))
}

fn parse_amounts(name: &str, range: &Expr) -> Result<Amounts> {
    let Expr::Range(ExprRange { start, limits, end, .. }) = ungroup(range.clone()) else {
        return Err(match parse_amount(range) {
            Ok(_) => {
                let amount = spelled(range);
                Error::new_spanned(
                    range,
                    format!("expected a range: `{name}({amount}..)` for at least {amount}"),
                )
            }
            Err(_) => Error::new_spanned(
                range,
                format!("expected a range, as in `{name}(1..=3)` or `{name}(0.5..)`"),
            ),
        });
    };
    let start = start.as_deref().map(parse_amount).transpose()?;
    let end = end.as_deref().map(parse_amount).transpose()?;
    let half_open = matches!(limits, RangeLimits::HalfOpen(_));
    let empty = match (start, end) {
        (None, None) => {
            return Err(Error::new_spanned(
                range,
                format!("expected an end, as in `{name}(1..=3)` or `{name}(0.5..)`"),
            ));
        }
        (Some(Amount::Count(from)), Some(Amount::Count(to))) => from > to || (half_open && from == to),
        (Some(Amount::Share(from)), Some(Amount::Share(to))) => from > to || (half_open && from >= to),
        (None, Some(Amount::Count(0))) => half_open,
        (None, Some(Amount::Share(to))) => half_open && to <= 0.0,
        _ => false,
    };
    if empty {
        return Err(Error::new_spanned(range, "this range is empty: the trigger could never be met"));
    }
    let to = match end {
        None => Bound::Unbounded,
        Some(amount) if half_open => Bound::Excluded(amount),
        Some(amount) => Bound::Included(amount),
    };
    Ok(Amounts { from: start.map_or(Bound::Unbounded, Bound::Included), to })
}

/// An integer counts runs, a float is a share of them.
fn parse_amount(value: &Expr) -> Result<Amount> {
    let value = ungroup(value.clone());
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(count), .. }) if count.suffix().is_empty() => count
            .base10_parse()
            .map(Amount::Count)
            .map_err(|_| Error::new(count.span(), "this is more than a count can hold")),
        Expr::Lit(ExprLit { lit: Lit::Float(_), .. }) => match parse_number(&value) {
            Some(share) if share <= 1.0 => Ok(Amount::Share(share)),
            Some(_) => Err(Error::new_spanned(
                &value,
                "a share must be between 0.0 and 1.0; a count is a whole number",
            )),
            None => Err(Error::new_spanned(&value, "expected a count, as in `3`, or a share, as in `0.5`")),
        },
        _ => Err(Error::new_spanned(&value, "expected a count, as in `3`, or a share, as in `0.5`")),
    }
}

fn unknown(value: &Expr) -> Error {
    let words = WORDS.map(|(word, _)| word);
    let message = format!(
        "expected a trigger: {}, `some_failed(1..=3)`, `some_successful(0.5..)`, or the path of a `fn(&[Upstream]) -> Decision`",
        list(&words).replace(" and ", ", ")
    );
    Error::new_spanned(value.to_token_stream(), message)
}

fn names() -> impl Iterator<Item = &'static str> {
    WORDS.iter().chain(&AMOUNTS).map(|(word, _)| *word)
}

fn is_known(name: &str) -> bool {
    names().any(|word| word == name)
}
