//! [`Framing`]: how messages are separated.

use std::ops::Range;

use bytes::{Buf, BufMut, BytesMut};
use portcullis_codec::private::{ContentLengthScanner, LineScanner, write_with_content_length};
use portcullis_codec::{DecodeError, EncodeError};

pub(super) const DEFAULT_MAX_FRAME: usize = 8 * 1024 * 1024;

/// How messages are separated, and the position in the stream that is read.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    Lines(LineScanner),
    ContentLength(ContentLengthScanner),
}

/// A frame at the front of the input.
pub(super) struct Frame {
    /// Where the message is.
    pub(super) message: Range<usize>,
    /// How many bytes to remove: the message with its header or line ending.
    pub(super) consume: usize,
}

impl Framing {
    pub(super) fn lines(limit: usize) -> Self {
        Self::Lines(LineScanner::new(limit))
    }

    pub(super) fn content_length(limit: usize) -> Self {
        Self::ContentLength(ContentLengthScanner::new(limit))
    }

    pub(super) fn with_limit(self, limit: usize) -> Self {
        match self {
            Self::Lines(_) => Self::lines(limit),
            Self::ContentLength(_) => Self::content_length(limit),
        }
    }

    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Lines(scanner) => scanner.limit(),
            Self::ContentLength(scanner) => scanner.limit(),
        }
    }

    /// Returns the next complete frame, which the caller removes. Skips blank lines.
    ///
    /// # Errors
    /// As those of the scanners: recoverable if the frame is over the limit.
    pub(super) fn next_frame(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        match self {
            Self::Lines(scanner) => next_line(input, |input| scanner.next_line(input)),
            Self::ContentLength(scanner) => Ok(scanner.next_frame(input)?.map(|frame| {
                let end = frame.header + frame.len;
                Frame { message: frame.header..end, consume: end }
            })),
        }
    }

    /// Like [`next_frame`](Self::next_frame), at the end of the stream.
    ///
    /// # Errors
    /// As `next_frame`, and an error for a frame that is incomplete. The last line needs no
    /// newline.
    pub(super) fn last_frame(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        match self {
            Self::Lines(scanner) => next_line(input, |input| scanner.last_line(input)),
            Self::ContentLength(_) => match self.next_frame(input)? {
                None if !input.is_empty() => Err(DecodeError::truncated()),
                frame => Ok(frame),
            },
        }
    }

    /// Calls `write` to append a message, and appends what belongs to a frame around it.
    pub(super) fn write(
        &self,
        output: &mut BytesMut,
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        match self {
            Self::Lines(_) => {
                let start = output.len();
                write(output)?;
                // A user's type can write JSON of its own. Newlines are white space there, because
                // they are escaped in strings.
                for byte in &mut output[start..] {
                    if matches!(byte, b'\n' | b'\r') {
                        *byte = b' ';
                    }
                }
                output.put_u8(b'\n');
                Ok(())
            }
            Self::ContentLength(_) => write_with_content_length(output, write),
        }
    }
}

fn next_line(
    input: &mut BytesMut,
    mut next: impl FnMut(&mut BytesMut) -> Result<Option<portcullis_codec::private::Line>, DecodeError>,
) -> Result<Option<Frame>, DecodeError> {
    while let Some(line) = next(input)? {
        if !input[..line.len].trim_ascii().is_empty() {
            return Ok(Some(Frame { message: 0..line.len, consume: line.consume }));
        }
        input.advance(line.consume);
    }
    Ok(None)
}
