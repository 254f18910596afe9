//! [`Lines`]: lines of UTF-8 text.

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::splitter::{Line, Splitter};
use super::{Codec, DecodeError, EncodeError};

/// Lines of UTF-8 as `String`s, without their endings; reads LF and CRLF, writes LF.
///
/// An empty line is an empty `String`. A line over the limit, and one that is not UTF-8, is a [`DecodeError`]
/// after which the next line is read. A response with a newline in it is an [`EncodeError`]: the other end
/// would take it for two. A CR at the end of a line is read as a part of its ending, unless [`crlf`](Self::crlf) is written.
#[derive(Clone, Debug)]
pub struct Lines {
    splitter: Splitter,
    max_length: usize,
    ending: &'static str,
}

impl Lines {
    /// Lines of up to 64 KiB.
    pub const fn new() -> Self {
        Self { splitter: Splitter::new(64 * 1024), max_length: 64 * 1024, ending: "\n" }
    }

    /// The longest line that is read or written, in bytes without its ending.
    #[must_use]
    pub const fn max_length(self, bytes: usize) -> Self {
        Self { splitter: Splitter::new(bytes), max_length: bytes, ending: self.ending }
    }

    /// Writes CRLF, as SMTP, FTP and their like want it.
    #[must_use]
    pub const fn crlf(self) -> Self {
        Self { ending: "\r\n", ..self }
    }

    fn take(input: &mut BytesMut, line: Option<Line>) -> Result<Option<String>, DecodeError> {
        let Some(line) = line else { return Ok(None) };
        let text = std::str::from_utf8(&input[..line.len]).map(str::to_owned);
        input.advance(line.consume);
        text.map(Some).map_err(|error| DecodeError::new(error).resumable())
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl<Out: AsRef<str>> Codec<String, Out> for Lines {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let line = self.splitter.next(input)?;
        Self::take(input, line)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let line = self.splitter.last(input)?;
        Self::take(input, line)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let line = message.as_ref();
        if line.len() > self.max_length {
            return Err(EncodeError::too_long(self.max_length));
        }
        if memchr(b'\n', line.as_bytes()).is_some() {
            return Err(EncodeError::new("a line can't hold a newline"));
        }
        output.reserve(line.len() + self.ending.len());
        output.extend_from_slice(line.as_bytes());
        output.extend_from_slice(self.ending.as_bytes());
        Ok(())
    }
}
