//! Where a JSON document ends: [`Concatenated<Json>`](super::Concatenated).

use super::DecodeError;
use super::concatenated::{Scanner, SelfDelimiting};
use super::format::Json;

impl SelfDelimiting for Json {
    type Scanner = Brackets;

    /// So that a reader of lines can read it, too, and a number is not taken for the front of the next one.
    const TERMINATOR: &'static [u8] = b"\n";

    fn is_blank(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
    }
}

/// Counts brackets outside of strings. A document that is not in brackets or quotes ends before a blank or the next that is.
#[derive(Debug, Default)]
pub struct Brackets {
    inside: Inside,
    depth: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Inside {
    #[default]
    Nothing,
    /// A number, `true`, `false`, `null`, or what is no JSON.
    Word,
    Brackets,
    String,
    /// Behind a backslash.
    Escape,
}

impl Scanner for Brackets {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        for (at, byte) in bytes.iter().enumerate() {
            self.inside = match (self.inside, byte) {
                (Inside::Word, b'{' | b'[' | b'"') => return Ok(Some(at)),
                (Inside::Word, byte) if Json::is_blank(*byte) => return Ok(Some(at)),
                (Inside::Word, _) => Inside::Word,

                (Inside::String, b'\\') => Inside::Escape,
                (Inside::String, b'"') if self.depth == 0 => return Ok(Some(at + 1)),
                (Inside::String, b'"') => Inside::Brackets,
                (Inside::String | Inside::Escape, _) => Inside::String,

                (Inside::Nothing | Inside::Brackets, b'"') => Inside::String,
                (Inside::Nothing | Inside::Brackets, b'{' | b'[') => {
                    self.depth += 1;
                    Inside::Brackets
                }
                (Inside::Brackets, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(Some(at + 1));
                    }
                    Inside::Brackets
                }
                (Inside::Brackets, _) => Inside::Brackets,
                (Inside::Nothing, _) => Inside::Word,
            };
        }
        Ok(None)
    }

    fn at_least(&self) -> u64 {
        self.depth
    }

    fn is_whole_at_the_end(&self) -> bool {
        self.inside == Inside::Word
    }
}
