//! [`Lines`]: lines of UTF-8 text.

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::encoding_id::hash;
use super::line_scanner::{Line, LineScanner};
use super::{Codec, DecodeError, EncodeError};

/// A codec of UTF-8 lines. It reads `String`s without their line endings, and writes text such as
/// `&str`.
///
/// It reads LF and CRLF, and writes LF. An empty line is an empty `String`. A line over the limit
/// or not in UTF-8 is a [`DecodeError`], after which decoding resumes with the next line. A message
/// that contains a newline is an [`EncodeError`], because the peer would read two lines.
///
/// A CR at the end of a message is lost: the peer reads it as a part of the line ending.
#[derive(Clone, Debug)]
pub struct Lines {
    scanner: LineScanner,
    max_length: usize,
    ending: &'static str,
}

impl Lines {
    /// Makes a codec of lines of up to 64 KiB.
    #[inline]
    pub const fn new() -> Self {
        Self { scanner: LineScanner::new(64 * 1024), max_length: 64 * 1024, ending: "\n" }
    }

    /// Sets the longest line that is read or written, in bytes without its ending.
    #[must_use]
    #[inline]
    pub const fn max_length(self, bytes: usize) -> Self {
        Self { scanner: LineScanner::new(bytes), max_length: bytes, ending: self.ending }
    }

    /// Writes CRLF, which protocols such as SMTP and FTP require.
    #[must_use]
    #[inline]
    pub const fn crlf(self) -> Self {
        Self { ending: "\r\n", ..self }
    }

    /// Reads `line`, and removes it from `input`.
    fn split_frame(input: &mut BytesMut, line: Option<Line>) -> Result<Option<String>, DecodeError> {
        let Some(line) = line else { return Ok(None) };
        let text = std::str::from_utf8(&input[..line.len]).map(str::to_owned);
        input.advance(line.consume);
        text.map(Some).map_err(|error| DecodeError::new(error).recoverable())
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl<Out: AsRef<str>> Codec<String, Out> for Lines {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let line = self.scanner.next_line(input)?;
        Self::split_frame(input, line)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let line = self.scanner.last_line(input)?;
        Self::split_frame(input, line)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let line = message.as_ref();
        if line.len() > self.max_length {
            return Err(EncodeError::too_long(self.max_length));
        }
        if memchr(b'\n', line.as_bytes()).is_some() {
            return Err(EncodeError::new("a line cannot contain a newline"));
        }
        output.reserve(line.len() + self.ending.len());
        output.extend_from_slice(line.as_bytes());
        output.extend_from_slice(self.ending.as_bytes());
        Ok(())
    }

    fn encoding_id(&self) -> Option<u64> {
        // The limit counts, because a message over it is an error.
        Some(hash((self.max_length, self.ending)))
    }
}
