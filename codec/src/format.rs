//! [`Format`]: a serde format, which turns one message into the bytes of one frame.

use std::io;
#[cfg(any(feature = "json", feature = "postcard"))]
use std::marker::PhantomData;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(any(feature = "json", feature = "postcard"))]
use super::read_limits::ReadLimits;
#[cfg(any(feature = "json", feature = "postcard"))]
use super::write_limits;
use super::{DecodeError, Decoded, EncodeError};

/// A serde format. A framing has it as a type parameter: `LengthPrefixed<Postcard>`,
/// `NewlineDelimited<Json>`.
///
/// The type names the format and has no values. A format can wrap another one:
/// `LengthPrefixed<Crc32<Json>>`.
///
/// The input of [`read`](Self::read) comes from an untrusted peer. `read` must not panic. The
/// memory that it allocates and the depth of its recursion must be bounded by the size of the
/// frame, not by lengths in the frame. A framing may treat every error of `read` as
/// [recoverable](DecodeError::recoverable).
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use std::io::Write;
/// use portcullis::codec::{DecodeError, EncodeError, Format, FrameWriter, LengthPrefixed};
/// use serde::{Serialize, de::DeserializeOwned};
///
/// /// Frames of `F`, each with the version of the protocol before it.
/// struct Versioned<F>(std::marker::PhantomData<F>);
///
/// impl<F: Format> Format for Versioned<F> {
///     fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
///         match frame.split_first() {
///             Some((1, frame)) => F::read(frame),
///             _ => Err(DecodeError::new("this server supports version 1").recoverable()),
///         }
///     }
///
///     fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
///         frame.write_all(&[1]).map_err(|error| frame.map_error(error))?;
///         F::write(message, frame)
///     }
/// }
/// # #[cfg(feature = "json")]
/// # fn codec() {
/// let codec = LengthPrefixed::<Versioned<portcullis::codec::Json>>::new();
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a format",
    note = "the formats are `portcullis::Json`, `Postcard`, `MessagePack` and `Cbor` (each behind its feature, see `portcullis::codec`); another serde format implements `portcullis::codec::Format`"
)]
pub trait Format: Send + Sync + 'static {
    /// Reads a message from the bytes of one whole frame.
    ///
    /// # Errors
    /// The bytes are not a `T`. The codec resumes with the next frame.
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError>;

    /// Writes a message as the bytes of one frame.
    ///
    /// # Errors
    /// The message cannot be written, or the frame is over the limit of the writer.
    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError>;
}

/// Returns a function that reads `frame`.
pub(super) fn decode_later<F: Format, In: DeserializeOwned>(frame: BytesMut) -> Decoded<In> {
    Decoded::Later(Box::new(move || F::read(&frame).map_err(DecodeError::recoverable)))
}

/// A [`Format`] whose frames never contain a newline, so that a newline can end each frame.
#[diagnostic::on_unimplemented(
    message = "newlines can't separate frames of `{Self}`, because such a frame can contain a newline",
    note = "use `LengthPrefixed<{Self}>`"
)]
pub trait TextFormat: Format {}

/// JSON on one line. The crate `serde_json` reads and writes it.
#[cfg(feature = "json")]
#[derive(Debug)]
pub enum Json {}

#[cfg(feature = "json")]
impl Format for Json {
    #[inline]
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        read_json(frame, PhantomData)
    }

    #[inline]
    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_limits::write(message, frame, |message, frame| serde_json::to_writer(frame, message))
    }
}

#[cfg(feature = "json")]
impl TextFormat for Json {}

/// Reads a value from a whole JSON text, within the limits of [`Json`].
///
/// # Errors
/// It is not such a value.
#[cfg(feature = "json")]
pub fn read_json<'de, S: serde::de::DeserializeSeed<'de>>(
    text: &'de [u8],
    seed: S,
) -> Result<S::Value, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // `serde_json` limits the depth of brackets, but types that nest without brackets, such as
    // `Option`s of newtypes, use stack too.
    let value = ReadLimits::new(text.len()).without_depth_limit().read(seed, &mut deserializer)?;
    deserializer.end().map_err(|error| DecodeError::new(error).recoverable())?;
    Ok(value)
}

/// [Postcard](https://docs.rs/postcard), a compact binary format.
///
/// A frame with trailing bytes is an error, and so is a message that nests deeper than 128 levels.
///
/// Write `#[serde(with = "serde_bytes")]` on fields of bytes. Then decoding the field is one copy.
/// Serde decodes a plain `Vec<u8>` byte by byte, on the event loop.
#[cfg(feature = "postcard")]
#[derive(Debug)]
pub enum Postcard {}

#[cfg(feature = "postcard")]
impl Format for Postcard {
    #[inline]
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut deserializer = postcard::Deserializer::from_bytes(frame);
        let message = ReadLimits::new(frame.len()).read(PhantomData, &mut deserializer)?;
        let rest = deserializer.finalize().map_err(|error| DecodeError::new(error).recoverable())?;
        super::reject_trailing_bytes(rest)?;
        Ok(message)
    }

    #[inline]
    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_limits::write(message, frame, |message, frame| postcard::to_io(message, frame).map(drop))
    }
}

/// The writer of a frame: an [`io::Write`] that rejects bytes over the limit of the frame.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    output: &'a mut BytesMut,
    start: usize,
    limit: usize,
    overflowed: bool,
}

impl<'a> FrameWriter<'a> {
    /// Makes a writer that appends a frame of up to `limit` bytes to `output`.
    #[inline]
    pub fn new(output: &'a mut BytesMut, limit: usize) -> Self {
        let start = output.len();
        Self { output, start, limit, overflowed: false }
    }

    /// Returns the bytes of the frame that have been written.
    #[inline]
    pub fn written(&self) -> &[u8] {
        &self.output[self.start..]
    }

    /// Returns how many more bytes fit into the frame.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.limit - (self.output.len() - self.start)
    }

    /// Returns whether a write was rejected because of the limit.
    pub fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Turns the error of a format into an [`EncodeError`]: "too long" if the limit was the cause,
    /// else `error`.
    pub fn map_error(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EncodeError {
        if self.overflowed { self.too_long() } else { EncodeError::new(error) }
    }

    #[cold]
    fn overflow(&mut self) -> io::Error {
        self.overflowed = true;
        io::Error::new(io::ErrorKind::InvalidInput, "the frame is over its limit")
    }

    /// Makes the error of a message over the limit.
    pub fn too_long(&self) -> EncodeError {
        EncodeError::too_long(self.limit)
    }
}

impl io::Write for FrameWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    // Formats write many parts of a few bytes, each of which would pass through the loop of the
    // default.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.remaining() {
            return Err(self.overflow());
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
