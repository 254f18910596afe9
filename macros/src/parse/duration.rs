//! Parses durations: `"250ms"`, `"2s"`, `"1m30s"`, `"2h"`.

use std::time::Duration;

/// The units from large to small, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const EXAMPLE: &str = "write it as `\"250ms\"`, `\"2s\"`, `\"1m30s\"` or `\"2h\"`";

/// Common names of the units, for suggestions.
const SYNONYMS: [(&str, &[&str]); 4] = [
    ("h", &["hour", "hours", "hr", "hrs", "H"]),
    ("m", &["min", "mins", "minute", "minutes", "M"]),
    ("s", &["sec", "secs", "second", "seconds", "S"]),
    ("ms", &["msec", "msecs", "milli", "millis", "millisecond", "milliseconds"]),
];

/// The duration, or the message of the error.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() {
        return Err(format!("an empty duration: {EXAMPLE}"));
    }
    let (mut rest, mut total, mut smallest) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, unit, tail) = split(rest);
        if number.is_empty() {
            return Err(match meant(text) {
                Some(meant) => format!("`{text}` is not a duration: write `\"{meant}\"`"),
                None => format!("`{text}` is not a duration: {EXAMPLE}"),
            });
        }
        let millis = millis_of(number, unit, tail, text)?;
        if millis >= smallest {
            return Err(format!("the units of `{text}` are out of order: each once, from large to small"));
        }
        let too_long = || format!("`{text}` is longer than a duration can be");
        let number: u64 = number.parse().map_err(|_| too_long())?;
        total = number.checked_mul(millis).and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        (smallest, rest) = (millis, tail);
    }
    match total {
        0 => Err("the duration must not be zero: remove the option for no limit".to_owned()),
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// The leading digits, the letters after them, and the remaining text.
fn split(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest)
}

fn millis_of(number: &str, unit: &str, tail: &str, text: &str) -> Result<u64, String> {
    if unit.is_empty() {
        return Err(format!("a duration without a unit: {EXAMPLE}"));
    }
    if unit == "." {
        return Err(match fraction(number, tail) {
            Some(meant) => format!("durations are whole numbers: write `\"{meant}\"`"),
            None => "durations are whole numbers: write `\"1500ms\"` for one and a half seconds".to_owned(),
        });
    }
    let found = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
    found.ok_or_else(|| {
        let name = unit.trim();
        match meant(text) {
            Some(meant) if UNITS.iter().any(|(unit, _)| *unit == name) => {
                format!("a duration can't contain blanks: write `\"{meant}\"`")
            }
            Some(meant) => format!("`{name}` is not a unit of time: write `\"{meant}\"`"),
            None => format!("`{name}` is not a unit of time: the units are `ms`, `s`, `m` and `h`"),
        }
    })
}

/// A suggestion: the text without blanks and with our units, if that is a duration.
fn meant(text: &str) -> Option<String> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut rest = dense.as_str();
    let mut meant = String::new();
    while !rest.is_empty() {
        let (number, unit, tail) = split(rest);
        let known = SYNONYMS.iter().find(|(_, names)| names.contains(&unit)).map_or(unit, |(unit, _)| unit);
        meant.extend([number, known]);
        rest = tail;
    }
    (meant != text && parse(&meant).is_ok()).then_some(meant)
}

/// `1m30s` for `1` and `5m`, which are `1.5m`.
fn fraction(whole: &str, tail: &str) -> Option<String> {
    let (digits, unit, rest) = split(tail);
    let unit = UNITS.iter().find(|(name, _)| *name == unit).filter(|_| rest.is_empty())?.1;
    let scale = 10_u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
    let number: u64 = format!("{whole}{digits}").parse().ok()?;
    let mut millis = number.checked_mul(unit)? / scale;
    let mut text = String::new();
    for (name, unit) in UNITS {
        let count = millis / unit;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
        millis %= unit;
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_say_is_understood() {
        for (text, millis) in
            [("250ms", 250), ("2s", 2_000), ("1m30s", 90_000), ("2h", 7_200_000), ("1h1m1s1ms", 3_661_001)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "an empty duration"),
            (" ", "an empty duration"),
            ("2", "without a unit"),
            ("1.5s", "whole numbers: write `\"1s500ms\"`"),
            ("1.5m", "whole numbers: write `\"1m30s\"`"),
            (".5.s", "is not a duration"),
            ("2sec", "`sec` is not a unit of time: write `\"2s\"`"),
            ("2 seconds", "`seconds` is not a unit of time: write `\"2s\"`"),
            ("1 min 30 secs", "`min` is not a unit of time: write `\"1m30s\"`"),
            ("2 s", "can't contain blanks: write `\"2s\"`"),
            (" 2s", "is not a duration: write `\"2s\"`"),
            ("2days", "`days` is not a unit of time: the units are"),
            ("soon", "is not a duration"),
            ("-2s", "is not a duration"),
            ("30s1m", "out of order"),
            ("1s1s", "out of order"),
            ("0s", "zero"),
            ("99999999999999999999h", "longer than"),
            ("9999999999999999h", "longer than"),
            ("2µs", "`µs` is not a unit"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
