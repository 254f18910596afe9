//! [`Concatenated`]: frames that tell their end themselves, one right behind the other.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{Format, FrameWriter, later};
use super::{Codec, DecodeError, Decoded, EncodeError};

/// A [`Format`] whose frames tell where they end, so that nothing need stand between them.
#[diagnostic::on_unimplemented(
    message = "frames of `{Self}` do not tell where they end",
    note = "use `LengthPrefixed<{Self}>`"
)]
pub trait SelfDelimiting: Format {
    /// What looks for the end of a frame.
    type Scanner: Scanner;

    /// Written behind each frame. What is read need not have it.
    const TERMINATOR: &'static [u8] = b"";

    /// Whether this byte may stand between two frames, and means nothing there.
    fn is_blank(byte: u8) -> bool {
        let _ = byte;
        false
    }
}

/// Looks for the end of one frame in bytes that come piece by piece; each byte is shown to it once.
///
/// It looks at the shape only: whether the frame is a message is for [`Format::read`] to say. Its memory is bounded, whatever
/// the frame says of itself.
pub trait Scanner: Default + Send + 'static {
    /// Looks through the `bytes` that follow those of the last call. `Some(n)`: the frame ends with the first `n` of them.
    ///
    /// # Errors
    /// This is no frame, and where the next one begins can't be known.
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError>;

    /// How many bytes are still to come, as far as is known: a frame that announces more than the limit is refused early.
    fn at_least(&self) -> u64 {
        0
    }

    /// Whether what was seen is a whole frame if the stream ends here.
    fn is_whole_at_the_end(&self) -> bool {
        false
    }
}

/// Frames in a format that [tells their end](SelfDelimiting), with nothing between them: `Concatenated<MessagePack>`,
/// `Concatenated<Cbor>` (a CBOR sequence), `Concatenated<Json>` (each behind a newline when written, however separated when
/// read), `Concatenated<Zlib<Json>>`.
///
/// A frame over the limit is a [`DecodeError`] after which the rest of that frame is passed over, without being buffered. So
/// is a frame that is well-formed and not the message that was expected. Bytes that are no frame at all end the stream:
/// nothing tells where the next one begins. Where peers are not trusted to write well-formed frames and the session should
/// survive that, [`LengthPrefixed`](super::LengthPrefixed) and [`NewlineSeparated`](super::NewlineSeparated) are better.
pub struct Concatenated<F: SelfDelimiting> {
    max_frame: usize,
    scanner: F::Scanner,
    /// How much of the buffer the scanner has seen.
    scanned: usize,
    /// Inside a frame that was refused: its bytes are thrown away as they come, up to its end.
    discarding: bool,
    /// There was something that is no frame, and nothing after it can be read.
    lost: bool,
    format: PhantomData<fn() -> F>,
}

impl<F: SelfDelimiting> Concatenated<F> {
    /// Frames of up to 8 MiB.
    pub fn new() -> Self {
        Self {
            max_frame: 8 * 1024 * 1024,
            scanner: F::Scanner::default(),
            scanned: 0,
            discarding: false,
            lost: false,
            format: PhantomData,
        }
    }

    /// The longest frame that is read or written, in bytes.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        Self { max_frame: bytes, ..self }
    }

    /// The length of the frame at the front of the buffer.
    fn next(&mut self, input: &mut BytesMut) -> Result<Option<usize>, DecodeError> {
        loop {
            if self.lost {
                return Err(DecodeError::new("the stream can't be read on"));
            }
            // The caller may hand in less than last time if it threw its buffer away; never index past the end.
            self.scanned = self.scanned.min(input.len());
            if self.scanned == 0 && !self.discarding {
                let blank = input.iter().take_while(|byte| F::is_blank(**byte)).count();
                input.advance(blank);
            }
            if input.len() == self.scanned {
                return Ok(None);
            }
            let end = self.scanner.scan(&input[self.scanned..]).map_err(|error| {
                self.lost = true;
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
            if (self.scanned as u64).saturating_add(self.scanner.at_least()) > self.max_frame as u64 {
                input.clear();
                self.scanned = 0;
                self.discarding = true;
                return Err(DecodeError::too_long(self.max_frame));
            }
            return Ok(None);
        }
    }

    fn take<In: DeserializeOwned>(input: &mut BytesMut, length: usize) -> Result<Option<In>, DecodeError> {
        let message = F::read(&input[..length]);
        input.advance(length);
        message.map(Some).map_err(DecodeError::resumable)
    }
}

impl<F: SelfDelimiting> Default for Concatenated<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// A clone starts at the beginning of a frame.
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
        match self.next(input)? {
            Some(length) => Self::take(input, length),
            None => Ok(None),
        }
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        match self.next(input)? {
            Some(length) if length > above => Ok(Some(later::<F, In>(input.split_to(length)))),
            Some(length) => Ok(Self::take(input, length)?.map(Decoded::Message)),
            None => Ok(None),
        }
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        if let Some(length) = self.next(input)? {
            return Self::take(input, length);
        }
        let whole = self.scanner.is_whole_at_the_end();
        match input.len() {
            // What is left of a frame that was refused has been told.
            0 => Ok(None),
            length if whole => {
                self.scanner = F::Scanner::default();
                self.scanned = 0;
                Self::take(input, length)
            }
            _ => Err(DecodeError::truncated()),
        }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        F::write(&message, &mut FrameWriter::new(output, self.max_frame))?;
        output.extend_from_slice(F::TERMINATOR);
        Ok(())
    }
}
