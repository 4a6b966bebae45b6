//! Retry delays: `"10s"`, `["1s", "10s", "1m"]`, `exponential("10s", max = "10m")`.

use std::time::Duration;

use syn::{Error, Expr, ExprArray, ExprAssign, ExprCall, ExprLit, Lit, LitStr, Result};

use super::{Errors, OptionValue, parse_duration, parse_string, single_name, ungroup};
use crate::args::Key;

/// The most delays that a list may hold. Prefect 2's limit.
const MOST_DELAYS: usize = 50;
const WHAT: &str = "a duration, a list of durations, or `exponential(\"10s\", max = \"10m\")`";

/// How long to wait before a further attempt.
#[derive(Debug, PartialEq)]
pub(crate) enum RetryDelay {
    List(Vec<Duration>),
    Exponential { base: Duration, max: Option<Duration> },
}

impl OptionValue for RetryDelay {
    // #[task(retry_delay = "10s")]
    // #[task(retry_delay = ["1s", "10s", "1m"])]
    // #[task(retry_delay = exponential("10s", max = "10m"))]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        match ungroup(key.value(value)?) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Self::List(vec![parse_duration(&text)?])),
            Expr::Array(array) => parse_list(key, &array),
            Expr::Call(call) if is_exponential(&call) => parse_exponential(key, call),
            Expr::Path(path) if single_name(&path).is_some_and(|name| name == "exponential") => {
                Err(Error::new_spanned(
                    path,
                    "expected a first delay, as in `exponential(\"10s\", max = \"10m\")`",
                ))
            }
            value => Err(key.expected(&value, WHAT)),
        }
    }
}

fn parse_list(key: &Key, array: &ExprArray) -> Result<RetryDelay> {
    if array.elems.is_empty() {
        return Err(Error::new_spanned(array, "expected at least one delay; the last one repeats"));
    }
    if let Some(first_too_many) = array.elems.iter().nth(MOST_DELAYS) {
        let message =
            format!("{} delays are too many: at most {MOST_DELAYS}, the last one repeats", array.elems.len());
        return Err(Error::new_spanned(first_too_many, message));
    }
    let mut delays = Vec::new();
    let mut errors = Errors::default();
    for element in &array.elems {
        match parse_string(key, element.clone(), "a duration with its unit")
            .and_then(|text| parse_duration(&text))
        {
            Ok(delay) => delays.push(delay),
            Err(error) => errors.push(error),
        }
    }
    errors.finish(RetryDelay::List(delays))
}

fn is_exponential(call: &ExprCall) -> bool {
    matches!(&*call.func, Expr::Path(path) if single_name(path).is_some_and(|name| name == "exponential"))
}

fn parse_exponential(key: &Key, call: ExprCall) -> Result<RetryDelay> {
    let whole =
        Error::new_spanned(&call, "expected `exponential(\"10s\")` or `exponential(\"10s\", max = \"10m\")`");
    let mut arguments = call.args.into_iter();
    let (Some(base), max, None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(whole);
    };
    let base = parse_string(key, base, "the first delay")?;
    let base_delay = parse_duration(&base)?;
    if base_delay.is_zero() {
        return Err(Error::new(base.span(), "a first delay of zero never grows"));
    }
    let Some(max) = max else { return Ok(RetryDelay::Exponential { base: base_delay, max: None }) };
    let max = parse_max(max)?;
    let max_delay = parse_duration(&max)?;
    if max_delay < base_delay {
        let message = format!("`max` is shorter than the first delay \"{}\"", base.value());
        return Err(Error::new(max.span(), message));
    }
    Ok(RetryDelay::Exponential { base: base_delay, max: Some(max_delay) })
}

/// The `"10m"` of `max = "10m"`.
fn parse_max(argument: Expr) -> Result<LitStr> {
    if let Expr::Assign(ExprAssign { left, right, .. }) = &argument
        && let (Expr::Path(name), Expr::Lit(ExprLit { lit: Lit::Str(max), .. })) = (&**left, &**right)
        && single_name(name).is_some_and(|name| name == "max")
    {
        return Ok(max.clone());
    }
    Err(Error::new_spanned(argument, "expected `max = \"10m\"`"))
}
