//! [`NewlineSeparated`]: one frame a line.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use memchr::memchr;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{FrameWriter, later};
use super::splitter::{Line, Splitter};
use super::{Codec, DecodeError, Decoded, EncodeError, TextFormat};

/// One JSON value a line.
#[cfg(feature = "json")]
pub type JsonLines = NewlineSeparated<super::Json>;

/// One frame a line, ended by LF (CRLF is read too); blank lines are passed over.
///
/// A line over the limit and a line that does not parse are [`DecodeError`]s after which the next line is read.
pub struct NewlineSeparated<F> {
    splitter: Splitter,
    max_frame: usize,
    ending: &'static [u8],
    format: PhantomData<fn() -> F>,
}

impl<F: TextFormat> NewlineSeparated<F> {
    /// Frames of up to 8 MiB.
    pub const fn new() -> Self {
        Self::with_limit(8 * 1024 * 1024, b"\n")
    }

    /// The longest frame that is read or written, in bytes without its newline.
    #[must_use]
    pub const fn max_frame(self, bytes: usize) -> Self {
        Self::with_limit(bytes, self.ending)
    }

    /// Writes CRLF, for readers that want it; both are read anyway.
    #[must_use]
    pub const fn crlf(self) -> Self {
        Self { ending: b"\r\n", ..self }
    }

    const fn with_limit(max_frame: usize, ending: &'static [u8]) -> Self {
        Self { splitter: Splitter::new(max_frame), max_frame, ending, format: PhantomData }
    }

    fn take<In: DeserializeOwned>(input: &mut BytesMut, line: Line) -> Result<Option<In>, DecodeError> {
        let frame = &input[..line.len];
        let message = if frame.trim_ascii().is_empty() { Ok(None) } else { F::read(frame).map(Some) };
        input.advance(line.consume);
        message.map_err(DecodeError::resumable)
    }
}

impl<F: TextFormat> Default for NewlineSeparated<F> {
    fn default() -> Self {
        Self::new()
    }
}

// Derives would ask for `F: Clone`, and formats are never made.
impl<F> Clone for NewlineSeparated<F> {
    fn clone(&self) -> Self {
        let Self { ref splitter, max_frame, ending, format } = *self;
        Self { splitter: splitter.clone(), max_frame, ending, format }
    }
}

impl<F> fmt::Debug for NewlineSeparated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewlineSeparated").field("max_frame", &self.max_frame).finish_non_exhaustive()
    }
}

impl<F: TextFormat, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for NewlineSeparated<F> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        while let Some(line) = self.splitter.next(input)? {
            if let Some(message) = Self::take(input, line)? {
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
        while let Some(line) = self.splitter.next(input)? {
            if line.len > above && !input[..line.len].trim_ascii().is_empty() {
                let mut frame = input.split_to(line.consume);
                frame.truncate(line.len);
                return Ok(Some(later::<F, In>(frame)));
            }
            if let Some(message) = Self::take(input, line)? {
                return Ok(Some(Decoded::Message(message)));
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        while let Some(line) = self.splitter.last(input)? {
            if let Some(message) = Self::take(input, line)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let start = output.len();
        F::write(&message, &mut FrameWriter::new(output, self.max_frame))?;
        // A format that breaks its word must not let one message pass for two.
        if memchr(b'\n', &output[start..]).is_some() {
            return Err(EncodeError::new("a frame can't hold a newline"));
        }
        output.extend_from_slice(self.ending);
        Ok(())
    }
}
