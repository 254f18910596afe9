//! Finds the lines in a stream of bytes, and discards lines over the limit.

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::DecodeError;

/// Finds the end of the next line. It scans each byte once, however the input is split.
#[derive(Clone, Debug)]
pub struct LineScanner {
    limit: usize,
    /// The number of bytes at the front of the buffer that have no newline in them.
    scanned: usize,
    /// Set inside a rejected line, whose bytes are discarded up to its newline.
    discarding: bool,
}

/// A line at the front of the buffer.
#[derive(Clone, Copy)]
pub struct Line {
    /// The length without the line ending.
    pub len: usize,
    /// The number of bytes to remove from the buffer: the line with its ending.
    pub consume: usize,
}

impl LineScanner {
    /// Makes a scanner of lines of up to `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { limit, scanned: 0, discarding: false }
    }

    /// Returns the longest line.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the next complete line, which LF or CRLF ends. The caller removes it.
    ///
    /// # Errors
    /// The line is longer than the limit. Its bytes are discarded, now or in later calls.
    pub fn next_line(&mut self, input: &mut BytesMut) -> Result<Option<Line>, DecodeError> {
        // A caller that discarded its buffer passes a shorter one. Do not index past its end.
        self.scanned = self.scanned.min(input.len());
        while let Some(at) = memchr(b'\n', &input[self.scanned..]) {
            let end = self.scanned + at;
            self.scanned = 0;
            if self.discarding {
                self.discarding = false;
                input.advance(end + 1);
                continue;
            }
            let line = Line { len: len_without_cr(&input[..end]), consume: end + 1 };
            if line.len > self.limit {
                input.advance(line.consume);
                return Err(DecodeError::too_long(self.limit));
            }
            return Ok(Some(line));
        }
        if self.discarding {
            input.clear();
            self.scanned = 0;
            return Ok(None);
        }
        // One byte over the limit can be the CR of a line that has exactly the limit.
        if input.len() > self.limit.saturating_add(1) {
            input.clear();
            self.scanned = 0;
            self.discarding = true;
            return Err(DecodeError::too_long(self.limit));
        }
        self.scanned = input.len();
        Ok(None)
    }

    /// Returns the next line at the end of the stream, where the last line needs no newline.
    ///
    /// # Errors
    /// As [`next_line`](Self::next_line).
    pub fn last_line(&mut self, input: &mut BytesMut) -> Result<Option<Line>, DecodeError> {
        if let Some(line) = self.next_line(input)? {
            return Ok(Some(line));
        }
        self.scanned = 0;
        if input.is_empty() {
            return Ok(None);
        }
        let line = Line { len: len_without_cr(input), consume: input.len() };
        if line.len > self.limit {
            input.clear();
            return Err(DecodeError::too_long(self.limit));
        }
        Ok(Some(line))
    }
}

/// The length of a line without a CR at its end.
fn len_without_cr(line: &[u8]) -> usize {
    line.strip_suffix(b"\r").unwrap_or(line).len()
}
