//! [`Id`]: the id of a request.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use serde_json::value::RawValue;

/// The most bytes of an id, as JSON.
pub(super) const MAX_ID: usize = 256;

/// The id of a request, which is sent back with the same value.
///
/// Two ids are equal if they are the same string, or numbers that are written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Null,
    Integer(i64),
    /// As JSON: a string, or a number that is not an `i64` or is written in another way.
    Text(Box<str>),
}

impl Id {
    /// Reads an id; `None` if the value is not a string, a number or null, or is too long.
    pub(super) fn parse(value: &RawValue) -> Option<Self> {
        let json = value.get();
        match json.as_bytes().first()? {
            _ if json.len() > MAX_ID => None,
            b'n' => Some(Self::Null),
            // A character may be escaped or not, so the string is written anew.
            b'"' if json.contains('\\') => {
                let text: String = serde_json::from_str(json).ok()?;
                Some(Self::Text(serde_json::to_string(&text).ok()?.into()))
            }
            b'"' => Some(Self::Text(json.into())),
            b'-' | b'0'..=b'9' => Some(match json.parse() {
                Ok(number) if json != "-0" => Self::Integer(number),
                _ => Self::Text(json.into()),
            }),
            _ => None,
        }
    }

    /// Appends the id as JSON.
    pub(super) fn write(&self, output: &mut BytesMut) {
        match self {
            Self::Null => output.put_slice(b"null"),
            // Writing to a growing buffer does not fail.
            Self::Integer(number) => drop(write!(output, "{number}")),
            Self::Text(json) => output.put_slice(json.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> Option<String> {
        let mut output = BytesMut::new();
        Id::parse(&RawValue::from_string(json.to_owned()).unwrap())?.write(&mut output);
        Some(String::from_utf8(output.to_vec()).unwrap())
    }

    #[test]
    fn an_id_is_written_as_it_was_read() {
        for json in [
            "null",
            "0",
            "-0",
            "7",
            "-9223372036854775808",
            "9223372036854775808",
            "123456789012345678901234567890",
            "1.5",
            "1.0",
            "1e3",
            "\"\"",
            "\"seven\"",
            r#""a\"b\\c\n""#,
            "\"ü\"",
        ] {
            assert_eq!(written(json).as_deref(), Some(json));
        }
        assert_eq!(written(r#""\u0061\/""#).as_deref(), Some("\"a/\""));
    }

    #[test]
    fn what_is_no_id_or_too_long_is_refused() {
        for json in ["true", "false", "[]", "{}", r#""\ud800""#] {
            assert_eq!(written(json), None, "{json}");
        }
        let of_length = |length: usize| written(&format!("\"{}\"", "x".repeat(length - 2)));
        assert!(of_length(MAX_ID).is_some());
        assert_eq!(of_length(MAX_ID + 1), None);
    }
}
