//! [`Concatenated`]: self-delimiting frames with nothing between them.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoding_id::hash;
use super::format::{Format, FrameWriter, decode_later};
use super::{Codec, DecodeError, Decoded, EncodeError};

/// A self-delimiting [`Format`]: the end of a frame can be found in the frame itself, so the codec
/// needs no length and no delimiter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not self-delimiting",
    note = "use `LengthPrefixed<{Self}>`"
)]
pub trait SelfDelimiting: Format {
    /// Finds the end of a frame.
    type Scanner: Scanner;

    /// The bytes that the codec writes after each frame. It does not require them when it reads.
    const TERMINATOR: &'static [u8] = b"";

    /// Returns whether `byte` is insignificant between two frames, such as white space between JSON
    /// values.
    fn is_separator(byte: u8) -> bool {
        let _ = byte;
        false
    }
}

/// Finds the end of one frame in bytes that arrive piece by piece. It sees each byte once.
///
/// A scanner checks only the structure of a frame. [`Format::read`] decides whether the frame is a
/// message. A scanner must use a bounded amount of memory, independent of the lengths that the
/// frame announces.
pub trait Scanner: Default + Send + 'static {
    /// Scans the `bytes` that follow those of the last call. Returns `Some(n)` if the frame ends
    /// after the first `n` of them.
    ///
    /// # Errors
    /// The bytes are not a frame, so the position of the next frame is unknown.
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError>;

    /// Returns the least number of bytes that are still to come. The codec rejects a frame as soon
    /// as it announces more than the limit.
    fn min_remaining(&self) -> u64 {
        0
    }

    /// Returns whether the bytes so far are a complete frame if the stream ends here.
    fn is_complete_at_eof(&self) -> bool {
        false
    }
}

/// A codec of messages in a [self-delimiting](SelfDelimiting) format, with nothing between them.
///
/// | codec | reads and writes |
/// |---|---|
/// | `Concatenated<MessagePack>` | MessagePack values |
/// | `Concatenated<Cbor>` | a CBOR sequence |
/// | `Concatenated<Json>` | JSON values; writes a newline after each, reads them with or without white space between |
/// | `Concatenated<Zlib<Json>>` | zlib streams |
///
/// A frame over the limit is a [`DecodeError`], after which the codec discards the remaining bytes
/// of that frame without buffering them. A well-formed frame that is not the expected message is a
/// `DecodeError`, after which decoding resumes with the next frame. Bytes that are not well-formed
/// end the stream, because the position of the next frame is unknown. If a session must survive
/// malformed frames, use [`LengthPrefixed`](super::LengthPrefixed) or
/// [`NewlineDelimited`](super::NewlineDelimited).
pub struct Concatenated<F: SelfDelimiting> {
    max_frame: usize,
    scanner: F::Scanner,
    /// The number of bytes at the front of the buffer that the scanner has seen.
    scanned: usize,
    /// Set inside a rejected frame, whose bytes are discarded up to its end.
    discarding: bool,
    /// Set after bytes that are not a frame: the position of the next frame is unknown.
    desynchronized: bool,
    format: PhantomData<fn() -> F>,
}

impl<F: SelfDelimiting> Concatenated<F> {
    /// Makes a codec of frames of up to 8 MiB.
    pub fn new() -> Self {
        Self {
            max_frame: 8 * 1024 * 1024,
            scanner: F::Scanner::default(),
            scanned: 0,
            discarding: false,
            desynchronized: false,
            format: PhantomData,
        }
    }

    /// Sets the longest frame that is read or written, in bytes.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        Self { max_frame: bytes, ..self }
    }

    /// Returns the length of the frame at the front of the buffer, or `None` until the frame is
    /// complete.
    fn next_frame(&mut self, input: &mut BytesMut) -> Result<Option<usize>, DecodeError> {
        loop {
            if self.desynchronized {
                return Err(DecodeError::new(
                    "an earlier frame was malformed, so the rest of the stream cannot be decoded",
                ));
            }
            // A caller that discarded its buffer passes a shorter one. Do not index past its end.
            self.scanned = self.scanned.min(input.len());
            if self.scanned == 0 && !self.discarding {
                let separators = input.iter().take_while(|byte| F::is_separator(**byte)).count();
                input.advance(separators);
            }
            if input.len() == self.scanned {
                return Ok(None);
            }
            let end = self.scanner.scan(&input[self.scanned..]).map_err(|error| {
                self.desynchronized = true;
                error.fatal()
            })?;
            if let Some(end) = end {
                let length = self.scanned + end;
                self.scanner = F::Scanner::default();
                self.scanned = 0;
                if self.discarding {
                    self.discarding = false;
                    input.advance(length);
                    continue;
                }
                if length > self.max_frame {
                    input.advance(length);
                    return Err(DecodeError::too_long(self.max_frame));
                }
                return Ok(Some(length));
            }
            self.scanned = input.len();
            if self.discarding {
                input.clear();
                self.scanned = 0;
                return Ok(None);
            }
            if (self.scanned as u64).saturating_add(self.scanner.min_remaining()) > self.max_frame as u64 {
                input.clear();
                self.scanned = 0;
                self.discarding = true;
                return Err(DecodeError::too_long(self.max_frame));
            }
            return Ok(None);
        }
    }

    /// Reads the frame of `length` bytes at the front of `input`, and removes it.
    fn split_frame<In: DeserializeOwned>(
        input: &mut BytesMut,
        length: usize,
    ) -> Result<Option<In>, DecodeError> {
        let message = F::read(&input[..length]);
        input.advance(length);
        message.map(Some).map_err(DecodeError::recoverable)
    }
}

impl<F: SelfDelimiting> Default for Concatenated<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// A clone starts at the beginning of a stream: it has none of the decoding state.
impl<F: SelfDelimiting> Clone for Concatenated<F> {
    fn clone(&self) -> Self {
        Self::new().max_frame(self.max_frame)
    }
}

impl<F: SelfDelimiting> fmt::Debug for Concatenated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concatenated").field("max_frame", &self.max_frame).finish_non_exhaustive()
    }
}

impl<F: SelfDelimiting, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for Concatenated<F> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.next_frame(input)? {
            Some(length) => Self::split_frame(input, length),
            None => Ok(None),
        }
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        match self.next_frame(input)? {
            Some(length) if length > above => Ok(Some(decode_later::<F, In>(input.split_to(length)))),
            Some(length) => Ok(Self::split_frame(input, length)?.map(Decoded::Message)),
            None => Ok(None),
        }
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        if let Some(length) = self.next_frame(input)? {
            return Self::split_frame(input, length);
        }
        let complete = self.scanner.is_complete_at_eof();
        match input.len() {
            // These are the last bytes of a rejected frame. An earlier call returned its error.
            0 => Ok(None),
            length if complete => {
                self.scanner = F::Scanner::default();
                self.scanned = 0;
                Self::split_frame(input, length)
            }
            _ => Err(DecodeError::truncated()),
        }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        F::write(&message, &mut FrameWriter::new(output, self.max_frame))?;
        output.extend_from_slice(F::TERMINATOR);
        Ok(())
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(hash(self.max_frame))
    }
}
