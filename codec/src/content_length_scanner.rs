//! Finds the frames of a stream in which a header with a `Content-Length` precedes each frame.

use bytes::{Buf, BufMut, BytesMut};
use memchr::memmem;

use super::{DecodeError, EncodeError};

/// The most bytes of a header. Those of language servers have at most a hundred.
const MAX_HEADER: usize = 4096;
/// The bytes that end a header.
const HEADER_END: &[u8] = b"\r\n\r\n";
/// The longest header that is written: 20 digits are the most of a `u64`.
const MAX_WRITTEN_HEADER: usize = "Content-Length: ".len() + 20 + HEADER_END.len();

/// Finds the next frame, and skips frames over the limit without buffering them.
#[derive(Clone, Debug)]
pub struct ContentLengthScanner {
    limit: usize,
    /// The number of bytes at the front of the buffer where no header ends.
    scanned: usize,
    /// How many bytes of a rejected frame are still to be skipped.
    bytes_to_skip: u64,
}

/// A frame at the front of the buffer.
#[derive(Clone, Copy, Debug)]
pub struct FrameWithHeader {
    /// The length of the header, which precedes the frame.
    pub header: usize,
    /// The length of the frame.
    pub len: usize,
}

impl ContentLengthScanner {
    /// Makes a scanner of frames of up to `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { limit, scanned: 0, bytes_to_skip: 0 }
    }

    /// Returns the longest frame.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the next complete frame. The caller removes it, with its header.
    ///
    /// # Errors
    /// The frame has more than the limit, and later calls skip exactly this frame. Or there is no
    /// valid header, and where the next frame begins is unknown.
    pub fn next_frame(&mut self, input: &mut BytesMut) -> Result<Option<FrameWithHeader>, DecodeError> {
        if self.bytes_to_skip > 0 {
            let available =
                usize::try_from(self.bytes_to_skip).map_or(input.len(), |bytes| bytes.min(input.len()));
            input.advance(available);
            self.bytes_to_skip -= available as u64;
        }
        // A caller that discarded its buffer passes a shorter one. Do not index past its end.
        self.scanned = self.scanned.min(input.len());
        let Some(at) = memmem::find(&input[self.scanned..], HEADER_END) else {
            if input.len() > MAX_HEADER {
                return Err(header_too_long());
            }
            self.scanned = input.len().saturating_sub(HEADER_END.len() - 1);
            return Ok(None);
        };
        let end = self.scanned + at;
        if end > MAX_HEADER {
            return Err(header_too_long());
        }
        let length = content_length(&input[..end])?;
        let header = end + HEADER_END.len();
        match usize::try_from(length) {
            Ok(len) if len <= self.limit => {
                let is_complete = input.len() - header >= len;
                self.scanned = if is_complete { 0 } else { end };
                Ok(is_complete.then_some(FrameWithHeader { header, len }))
            }
            _ => {
                input.advance(header);
                self.scanned = 0;
                self.bytes_to_skip = length;
                Err(DecodeError::too_long(self.limit))
            }
        }
    }
}

fn header_too_long() -> DecodeError {
    DecodeError::new(format!("a header is longer than {MAX_HEADER} bytes"))
}

/// Reads the length from a header without its end. Other fields are ignored.
fn content_length(header: &[u8]) -> Result<u64, DecodeError> {
    let mut length = None;
    for line in header.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = memchr::memchr(b':', line) else {
            return Err(DecodeError::new("a line of the header has no colon"));
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !name.eq_ignore_ascii_case(b"Content-Length") {
            continue;
        }
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let parsed = digits.and_then(|digits| digits.parse().ok());
        let Some(parsed) = parsed else {
            return Err(DecodeError::new("the Content-Length is not a number"));
        };
        // Two lengths would be two opinions on where the next frame begins.
        if length.replace(parsed).is_some() {
            return Err(DecodeError::new("a header has two Content-Lengths"));
        }
    }
    length.ok_or_else(|| DecodeError::new("a header has no Content-Length"))
}

/// Calls `write` to append a frame, and writes a header with the length of that frame before it.
///
/// # Errors
/// Those of `write`.
pub fn write_with_content_length(
    output: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    use std::io::Write;

    let start = output.len();
    // How long the header is depends on the length of the frame. The frame moves up to it.
    output.put_bytes(0, MAX_WRITTEN_HEADER);
    let begin = output.len();
    write(output)?;
    let len = output.len() - begin;
    let mut header = [0; MAX_WRITTEN_HEADER];
    let mut unused = &mut header[..];
    write!(unused, "Content-Length: {len}\r\n\r\n").map_err(EncodeError::new)?;
    let header_len = MAX_WRITTEN_HEADER - unused.len();
    output[start..start + header_len].copy_from_slice(&header[..header_len]);
    output.copy_within(begin.., start + header_len);
    output.truncate(start + header_len + len);
    Ok(())
}
