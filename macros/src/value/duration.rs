//! Durations: `"500ms"`, `"10s"`, `"1m 30s"`, `"1.5h"`.

use std::time::Duration;

use syn::{Error, LitStr, Result};

use super::span_in;
use crate::diagnostics::list;

/// The units, from large to small, with their nanoseconds.
const UNITS: [(&str, u128); 8] = [
    ("w", 7 * 24 * 60 * 60 * SECOND),
    ("d", 24 * 60 * 60 * SECOND),
    ("h", 60 * 60 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", SECOND / 1_000),
    ("us", SECOND / 1_000_000),
    ("ns", 1),
];
const SECOND: u128 = 1_000_000_000;

/// Parses a duration: numbers with units, each unit once, from large to small.
pub(crate) fn parse_duration(literal: &LitStr) -> Result<Duration> {
    let text = literal.value();
    let fail =
        |part: std::ops::Range<usize>, message: String| Err(Error::new(span_in(literal, part), message));
    let all = 0..text.len();
    if text.trim().is_empty() {
        return fail(all, r#"expected a duration, as in "10s" or "1m 30s""#.into());
    }
    if text.trim_start().starts_with('-') {
        return fail(all, "a duration must not be negative".into());
    }
    let mut nanoseconds: u128 = 0;
    let mut smallest: Option<usize> = None;
    let mut rest = text.as_str();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let start = text.len() - rest.len();
        let number = leading(rest, |character| character.is_ascii_digit() || character == '.');
        let unit = leading(rest[number.len()..].trim_start(), char::is_alphabetic);
        // Where the unit stands; spaces between it and its number are allowed.
        let unit_start = text.len() - rest[number.len()..].trim_start().len();
        let unit_part = unit_start..unit_start + unit.len();
        if number.is_empty() {
            let wrong = rest.split_whitespace().next().unwrap_or(rest);
            return fail(
                start..start + wrong.len(),
                format!("expected a number before `{wrong}`, as in \"10s\" or \"1m 30s\""),
            );
        }
        if unit.is_empty() {
            let part = start..start + number.len();
            return fail(
                part,
                format!("`{number}` has no unit; write \"{number}s\" for seconds (units are {})", units()),
            );
        }
        let Some(index) = UNITS.iter().position(|(name, _)| *name == normalized(unit)) else {
            let message = match meant(unit) {
                Some(meant) => format!("unknown unit `{unit}`; did you mean `{meant}`?"),
                None => format!("unknown unit `{unit}`; units are {}", units()),
            };
            return fail(unit_part, message);
        };
        match smallest {
            Some(last) if last == index => return fail(unit_part, format!("unit `{unit}` is given twice")),
            Some(last) if last > index => {
                let smaller = UNITS[last].0;
                return fail(
                    unit_part,
                    format!("`{unit}` must stand before `{smaller}`: units go from large to small"),
                );
            }
            _ => smallest = Some(index),
        }
        let Some(part) = scaled(number, UNITS[index].1) else {
            let part = start..start + number.len();
            return fail(part, format!("`{number}` is not a number of `{unit}` that a duration can hold"));
        };
        nanoseconds += part;
        rest = &text[unit_part.end..];
    }
    match u64::try_from(nanoseconds / SECOND) {
        // The remainder of a division by 1_000_000_000 fits 32 bits.
        Ok(seconds) => Ok(Duration::new(seconds, (nanoseconds % SECOND) as u32)),
        Err(_) => fail(all, "a duration can be at most 2^64 seconds".into()),
    }
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !belongs(character)).unwrap_or(text.len());
    &text[..end]
}

/// `number` (digits, with at most one point) times `unit`, or nothing where it is none or is out of range.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // Eighteen digits behind the point are more than any unit has nanoseconds, and keep the product within 128 bits.
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(unit)?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let fraction = fraction.parse::<u64>().ok().map(u128::from)? * unit / 10_u128.pow(digits);
    whole.checked_add(fraction)
}

/// Both micro signs, and the Greek letter, are a `u`.
fn normalized(unit: &str) -> &str {
    match unit {
        "µs" | "μs" => "us",
        unit => unit,
    }
}

/// The unit that a longer spelling stands for.
fn meant(unit: &str) -> Option<&'static str> {
    let meant = match unit.to_lowercase().as_str() {
        "wk" | "wks" | "week" | "weeks" => "w",
        "day" | "days" => "d",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "min" | "mins" | "minute" | "minutes" => "m",
        "sec" | "secs" | "second" | "seconds" => "s",
        "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        "usec" | "micro" | "micros" | "microsecond" | "microseconds" => "us",
        "nsec" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => "ns",
        lower => return UNITS.iter().map(|(name, _)| *name).find(|name| *name == lower),
    };
    Some(meant)
}

fn units() -> String {
    list(&UNITS.map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn parsed(text: &str) -> std::result::Result<Duration, String> {
        parse_duration(&LitStr::new(text, Span::call_site())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(parsed("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parsed("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parsed("7us"), Ok(Duration::from_micros(7)));
        assert_eq!(parsed("7µs"), Ok(Duration::from_micros(7)));
        assert_eq!(parsed("7μs"), Ok(Duration::from_micros(7)));
        assert_eq!(parsed("9ns"), Ok(Duration::from_nanos(9)));
        assert_eq!(parsed("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(parsed("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parsed("1w"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parsed("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn several_units_add_up_with_and_without_spaces() {
        assert_eq!(parsed("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parsed("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parsed(" 1 h  5 ms "), Ok(Duration::from_millis(3_600_005)));
    }

    #[test]
    fn fractions_are_exact() {
        assert_eq!(parsed("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parsed("0.1s"), Ok(Duration::from_millis(100)));
        assert_eq!(parsed("0.25d"), Ok(Duration::from_secs(21_600)));
    }

    #[test]
    fn a_missing_unit_is_asked_for() {
        let units = "`w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`";
        assert_eq!(
            parsed("10"),
            Err(format!("`10` has no unit; write \"10s\" for seconds (units are {units})"))
        );
        assert_eq!(
            parsed("1m 30"),
            Err(format!("`30` has no unit; write \"30s\" for seconds (units are {units})"))
        );
    }

    #[test]
    fn other_spellings_of_units_are_understood_and_refused() {
        assert_eq!(parsed("10 seconds"), Err("unknown unit `seconds`; did you mean `s`?".into()));
        assert_eq!(parsed("10S"), Err("unknown unit `S`; did you mean `s`?".into()));
        assert_eq!(parsed("3min"), Err("unknown unit `min`; did you mean `m`?".into()));
        assert_eq!(
            parsed("10 fortnights"),
            Err("unknown unit `fortnights`; units are `w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`".into())
        );
    }

    #[test]
    fn order_repetition_and_sign_are_checked() {
        assert_eq!(parsed("1s 1m"), Err("`m` must stand before `s`: units go from large to small".into()));
        assert_eq!(parsed("1s 2s"), Err("unit `s` is given twice".into()));
        assert_eq!(parsed("-1s"), Err("a duration must not be negative".into()));
        assert_eq!(parsed(""), Err(r#"expected a duration, as in "10s" or "1m 30s""#.into()));
        assert_eq!(parsed("soon"), Err(r#"expected a number before `soon`, as in "10s" or "1m 30s""#.into()));
        assert_eq!(parsed("1..5s"), Err("`1..5` is not a number of `s` that a duration can hold".into()));
        assert_eq!(parsed(".s"), Err("`.` is not a number of `s` that a duration can hold".into()));
    }

    #[test]
    fn too_long_is_an_error_and_no_overflow() {
        assert!(parsed("18446744073709551615s").is_ok());
        assert_eq!(parsed("18446744073709551615w"), Err("a duration can be at most 2^64 seconds".into()));
        assert_eq!(
            parsed("99999999999999999999s"),
            Err("`99999999999999999999` is not a number of `s` that a duration can hold".into())
        );
    }

    #[test]
    fn the_error_stands_at_the_wrong_part() {
        let literal: LitStr = syn::parse_str(r#""1m 30x""#).unwrap();
        let range = parse_duration(&literal).unwrap_err().span().byte_range();
        let literal = literal.span().byte_range();
        assert_eq!((range.start - literal.start, range.end - literal.start), (6, 7));
    }
}
