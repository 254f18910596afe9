//! Finds the end of a JSON document, for [`Concatenated<Json>`](super::Concatenated).

use super::DecodeError;
use super::concatenated::{Scanner, SelfDelimiting};
use super::format::Json;

impl SelfDelimiting for Json {
    type Scanner = JsonScanner;

    /// A newline, so that a reader of lines can read the stream as well, and two numbers do not
    /// become one.
    const TERMINATOR: &'static [u8] = b"\n";

    fn is_separator(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
    }
}

/// Counts the brackets that are not in strings. A document without brackets or quotes ends before
/// white space, a bracket or a quote.
#[derive(Debug, Default)]
pub struct JsonScanner {
    state: ScanState,
    depth: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum ScanState {
    #[default]
    Outside,
    /// In a number, `true`, `false`, `null`, or bytes that are not JSON.
    Scalar,
    Brackets,
    String,
    /// After a backslash in a string.
    Escape,
}

impl Scanner for JsonScanner {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        for (at, byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (ScanState::Scalar, b'{' | b'[' | b'"') => return Ok(Some(at)),
                (ScanState::Scalar, byte) if Json::is_separator(*byte) => return Ok(Some(at)),
                (ScanState::Scalar, _) => ScanState::Scalar,

                (ScanState::String, b'\\') => ScanState::Escape,
                (ScanState::String, b'"') if self.depth == 0 => return Ok(Some(at + 1)),
                (ScanState::String, b'"') => ScanState::Brackets,
                (ScanState::String | ScanState::Escape, _) => ScanState::String,

                (ScanState::Outside | ScanState::Brackets, b'"') => ScanState::String,
                (ScanState::Outside | ScanState::Brackets, b'{' | b'[') => {
                    self.depth += 1;
                    ScanState::Brackets
                }
                (ScanState::Brackets, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(Some(at + 1));
                    }
                    ScanState::Brackets
                }
                (ScanState::Brackets, _) => ScanState::Brackets,
                (ScanState::Outside, _) => ScanState::Scalar,
            };
        }
        Ok(None)
    }

    fn min_remaining(&self) -> u64 {
        self.depth
    }

    fn is_complete_at_eof(&self) -> bool {
        self.state == ScanState::Scalar
    }
}
