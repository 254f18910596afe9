//! Durations as they are said: `"250ms"`, `"2s"`, `"1m30s"`, `"2h"`.

use std::time::Duration;

/// Units from large to small, each with its milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const EXAMPLE: &str = "write it as `\"250ms\"`, `\"2s\"`, `\"1m30s\"` or `\"2h\"`";

/// The duration, or what is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() {
        return Err(format!("an empty duration: {EXAMPLE}"));
    }
    let (mut rest, mut total, mut smallest) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, unit, tail) = split(rest);
        if number.is_empty() {
            return Err(format!("`{text}` is not a duration: {EXAMPLE}"));
        }
        let millis = millis_of(unit)?;
        if millis >= smallest {
            return Err(format!("the units of `{text}` are out of order: each once, from large to small"));
        }
        let too_long = || format!("`{text}` is longer than a duration can be");
        let number: u64 = number.parse().map_err(|_| too_long())?;
        total = number.checked_mul(millis).and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        (smallest, rest) = (millis, tail);
    }
    match total {
        0 => {
            Err("a duration of zero is over before anything starts: leave the option out for no limit"
                .to_owned())
        }
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// The leading digits, the letters behind them, and the rest.
fn split(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest)
}

fn millis_of(unit: &str) -> Result<u64, String> {
    if unit.is_empty() {
        return Err(format!("a duration without a unit: {EXAMPLE}"));
    }
    if unit.starts_with('.') {
        return Err("durations are whole numbers: write `\"1500ms\"` for one and a half seconds".to_owned());
    }
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, millis)| *millis)
        .ok_or_else(|| format!("`{unit}` is not a unit of time: the units are `ms`, `s`, `m` and `h`"))
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
            ("1.5s", "whole numbers"),
            ("2sec", "`sec` is not a unit"),
            ("2 s", "` s` is not a unit"),
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
