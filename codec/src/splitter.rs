//! Cuts a stream of bytes into lines, and gets over a line that is too long.

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::DecodeError;

/// Where the next line ends. One scan over each byte, however the bytes arrive.
#[derive(Clone, Debug)]
pub(super) struct Splitter {
    limit: usize,
    /// How much of the buffer is known to hold no newline.
    scanned: usize,
    /// Inside a line that was refused: its bytes are thrown away as they come, up to its newline.
    discarding: bool,
}

/// A line at the front of the buffer.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Its length without the line ending.
    pub(super) len: usize,
    /// What to take off the buffer: the line with its ending.
    pub(super) consume: usize,
}

impl Splitter {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, scanned: 0, discarding: false }
    }

    /// The next whole line, ended by LF or CRLF.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Line>, DecodeError> {
        // The caller may hand in less than last time if it threw its buffer away; never index past the end.
        self.scanned = self.scanned.min(input.len());
        while let Some(at) = memchr(b'\n', &input[self.scanned..]) {
            let end = self.scanned + at;
            self.scanned = 0;
            if self.discarding {
                self.discarding = false;
                input.advance(end + 1);
                continue;
            }
            let line = Line { len: without_cr(&input[..end]), consume: end + 1 };
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
        // One more than the limit may still be a line of the limit's length with its CR.
        if input.len() > self.limit.saturating_add(1) {
            input.clear();
            self.scanned = 0;
            self.discarding = true;
            return Err(DecodeError::too_long(self.limit));
        }
        self.scanned = input.len();
        Ok(None)
    }

    /// The next line when no more bytes will come: what is left is a line, with or without its newline.
    pub(super) fn last(&mut self, input: &mut BytesMut) -> Result<Option<Line>, DecodeError> {
        if let Some(line) = self.next(input)? {
            return Ok(Some(line));
        }
        self.scanned = 0;
        if input.is_empty() {
            return Ok(None);
        }
        let line = Line { len: without_cr(input), consume: input.len() };
        if line.len > self.limit {
            input.clear();
            return Err(DecodeError::too_long(self.limit));
        }
        Ok(Some(line))
    }
}

fn without_cr(line: &[u8]) -> usize {
    line.strip_suffix(b"\r").unwrap_or(line).len()
}
