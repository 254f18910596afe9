//! [`NewlineDelimited`]: one frame per line.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use memchr::memchr;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoding_id::hash;
use super::format::{FrameWriter, decode_later};
use super::line_scanner::{Line, LineScanner};
use super::{Codec, DecodeError, Decoded, EncodeError, TextFormat};

/// A codec of JSON messages, one per line (NDJSON).
#[cfg(feature = "json")]
pub type JsonLines = NewlineDelimited<super::Json>;

/// A codec of messages in the text format `F`, one per line.
///
/// It reads LF and CRLF, and writes LF. It skips blank lines. A line over the limit and a line that
/// is not a message are [`DecodeError`]s, after which decoding resumes with the next line.
pub struct NewlineDelimited<F> {
    scanner: LineScanner,
    max_frame: usize,
    ending: &'static [u8],
    format: PhantomData<fn() -> F>,
}

impl<F: TextFormat> NewlineDelimited<F> {
    /// Makes a codec of frames of up to 8 MiB.
    pub const fn new() -> Self {
        Self::with_limit(8 * 1024 * 1024, b"\n")
    }

    /// Sets the longest frame that is read or written, in bytes without its newline.
    #[must_use]
    pub const fn max_frame(self, bytes: usize) -> Self {
        Self::with_limit(bytes, self.ending)
    }

    /// Writes CRLF, for peers that require it.
    #[must_use]
    pub const fn crlf(self) -> Self {
        Self { ending: b"\r\n", ..self }
    }

    const fn with_limit(max_frame: usize, ending: &'static [u8]) -> Self {
        Self { scanner: LineScanner::new(max_frame), max_frame, ending, format: PhantomData }
    }

    /// Reads `line`, unless it is blank, and removes it from `input`.
    fn split_frame<In: DeserializeOwned>(
        input: &mut BytesMut,
        line: Line,
    ) -> Result<Option<In>, DecodeError> {
        let frame = &input[..line.len];
        let message = if frame.trim_ascii().is_empty() { Ok(None) } else { F::read(frame).map(Some) };
        input.advance(line.consume);
        message.map_err(DecodeError::recoverable)
    }
}

impl<F: TextFormat> Default for NewlineDelimited<F> {
    fn default() -> Self {
        Self::new()
    }
}

// A derive would require `F: Clone`, but a format is a type without values.
impl<F> Clone for NewlineDelimited<F> {
    fn clone(&self) -> Self {
        let Self { ref scanner, max_frame, ending, format } = *self;
        Self { scanner: scanner.clone(), max_frame, ending, format }
    }
}

impl<F> fmt::Debug for NewlineDelimited<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewlineDelimited").field("max_frame", &self.max_frame).finish_non_exhaustive()
    }
}

impl<F: TextFormat, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for NewlineDelimited<F> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        while let Some(line) = self.scanner.next_line(input)? {
            if let Some(message) = Self::split_frame(input, line)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        while let Some(line) = self.scanner.next_line(input)? {
            if line.len > above && !input[..line.len].trim_ascii().is_empty() {
                let mut frame = input.split_to(line.consume);
                frame.truncate(line.len);
                return Ok(Some(decode_later::<F, In>(frame)));
            }
            if let Some(message) = Self::split_frame(input, line)? {
                return Ok(Some(Decoded::Message(message)));
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        while let Some(line) = self.scanner.last_line(input)? {
            if let Some(message) = Self::split_frame(input, line)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let start = output.len();
        F::write(&message, &mut FrameWriter::new(output, self.max_frame))?;
        // A `TextFormat` must not write a newline. If it does, the peer would read two messages.
        if memchr(b'\n', &output[start..]).is_some() {
            return Err(EncodeError::new("a frame cannot contain a newline"));
        }
        output.extend_from_slice(self.ending);
        Ok(())
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(hash((self.max_frame, self.ending)))
    }
}
