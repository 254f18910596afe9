//! [`Format`]: how one message becomes the bytes of one frame.

use std::io;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(any(feature = "json", feature = "postcard"))]
use super::guard::Guard;
#[cfg(any(feature = "json", feature = "postcard"))]
use super::shallow;
use super::{DecodeError, Decoded, EncodeError};

/// A serde format, used through a framing: `LengthPrefixed<Postcard>`, `NewlineSeparated<Json>`.
///
/// The type is never made: it names the format. A wrapper is a format around another one: `LengthPrefixed<Crc32<Json>>`.
///
/// [`read`](Self::read) is called with bytes from anybody. It must not panic, and what it allocates and how deep it recurses
/// must be bounded by the frame, not by what the frame says of itself. A framing may take every error of it as
/// [resumable](DecodeError::resumable).
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use std::io::Write;
/// use portcullis::codec::{DecodeError, EncodeError, Format, FrameWriter, LengthPrefixed};
/// use serde::{Serialize, de::DeserializeOwned};
///
/// /// Frames of `F` with the version of the protocol before them.
/// struct Versioned<F>(std::marker::PhantomData<F>);
///
/// impl<F: Format> Format for Versioned<F> {
///     fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
///         match frame.split_first() {
///             Some((1, frame)) => F::read(frame),
///             _ => Err(DecodeError::new("this speaks version 1").resumable()),
///         }
///     }
///
///     fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
///         frame.write_all(&[1]).map_err(|error| frame.explain(error))?;
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
    /// The bytes are not such a message. The stream resumes with the next frame.
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError>;

    /// Writes a message as the bytes of one frame.
    ///
    /// # Errors
    /// The message can't be written, or the writer is full.
    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError>;
}

/// A frame that is read when it is called for.
pub(super) fn later<F: Format, In: DeserializeOwned>(frame: BytesMut) -> Decoded<In> {
    Decoded::Later(Box::new(move || F::read(&frame).map_err(DecodeError::resumable)))
}

/// A [`Format`] whose frames never hold a newline, so that newlines may separate them.
#[diagnostic::on_unimplemented(
    message = "newlines can't separate frames of `{Self}`: such a frame may hold a newline",
    note = "use `LengthPrefixed<{Self}>`"
)]
pub trait TextFormat: Format {}

/// JSON, by `serde_json`, on one line.
#[cfg(feature = "json")]
#[derive(Debug)]
pub enum Json {}

#[cfg(feature = "json")]
impl Format for Json {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut deserializer = serde_json::Deserializer::from_slice(frame);
        // `serde_json` limits how deep brackets nest; what nests without them (`Option`s of newtypes) uses stack all the same.
        let message = Guard::new(frame.len()).any_depth().read(&mut deserializer)?;
        deserializer.end().map_err(|error| DecodeError::new(error).resumable())?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        shallow::write(message, frame, |message, frame| serde_json::to_writer(frame, message))
    }
}

#[cfg(feature = "json")]
impl TextFormat for Json {}

/// [Postcard](https://docs.rs/postcard), a compact binary format. Bytes left over in a frame are an error, and so is a message
/// that nests deeper than 128 levels.
///
/// Bytes belong in a field with `#[serde(with = "serde_bytes")]` (from the crate of that name): that is one copy, where
/// a plain `Vec<u8>` is decoded byte by byte, on the loop.
#[cfg(feature = "postcard")]
#[derive(Debug)]
pub enum Postcard {}

#[cfg(feature = "postcard")]
impl Format for Postcard {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut deserializer = postcard::Deserializer::from_bytes(frame);
        let message = Guard::new(frame.len()).read(&mut deserializer)?;
        let rest = deserializer.finalize().map_err(|error| DecodeError::new(error).resumable())?;
        super::nothing_left(rest)?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        shallow::write(message, frame, |message, frame| postcard::to_io(message, frame).map(drop))
    }
}

/// Where a [`Format`] writes a frame: an [`io::Write`] that refuses what goes over the limit.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    output: &'a mut BytesMut,
    start: usize,
    limit: usize,
    overflown: bool,
}

impl<'a> FrameWriter<'a> {
    /// A frame of up to `limit` bytes, behind what is in `output`.
    pub fn new(output: &'a mut BytesMut, limit: usize) -> Self {
        let start = output.len();
        Self { output, start, limit, overflown: false }
    }

    /// What there is of the frame so far.
    pub fn written(&self) -> &[u8] {
        &self.output[self.start..]
    }

    /// How many bytes more the frame may have.
    pub fn left(&self) -> usize {
        self.limit - self.written().len()
    }

    /// Whether something was refused because it would have gone over the limit.
    pub fn is_overflown(&self) -> bool {
        self.overflown
    }

    /// The reason why a write failed: a frame over the limit, or else what the format says.
    pub fn explain(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EncodeError {
        if self.overflown { self.too_long() } else { EncodeError::new(error) }
    }

    /// The error that says that the message is over the limit.
    pub fn too_long(&self) -> EncodeError {
        EncodeError::too_long(self.limit)
    }
}

impl io::Write for FrameWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left() {
            self.overflown = true;
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the frame is full"));
        }
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
