//! [`Format`]: how one message becomes the bytes of one frame.

use std::io;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeError, EncodeError};

/// A serde format, used through a framing: `LengthPrefixed<Postcard>`, `NewlineSeparated<Json>`.
///
/// The type is never made: it names the format.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a format",
    note = "the formats are `portcullis::Json` and `portcullis::Postcard` (each behind the feature of its name); another serde format implements `portcullis::Format`"
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
        serde_json::from_slice(frame).map_err(|error| DecodeError::new(error).resumable())
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        serde_json::to_writer(&mut *frame, message).map_err(|error| frame.explain(error))
    }
}

#[cfg(feature = "json")]
impl TextFormat for Json {}

/// [Postcard](https://docs.rs/postcard), a compact binary format. Bytes left over in a frame are an error.
///
/// Bytes belong in a field with `#[serde(with = "serde_bytes")]` (from the crate of that name): that is one copy, where
/// a plain `Vec<u8>` is decoded byte by byte, on the loop.
#[cfg(feature = "postcard")]
#[derive(Debug)]
pub enum Postcard {}

#[cfg(feature = "postcard")]
impl Format for Postcard {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        match postcard::take_from_bytes(frame) {
            Ok((message, [])) => Ok(message),
            Ok((_, rest)) => {
                let error = format!("{} bytes are left over in a frame", rest.len());
                Err(DecodeError::new(error).resumable())
            }
            Err(error) => Err(DecodeError::new(error).resumable()),
        }
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        match postcard::to_io(message, &mut *frame) {
            Ok(_) => Ok(()),
            Err(error) => Err(frame.explain(error)),
        }
    }
}

/// Where a [`Format`] writes a frame: an [`io::Write`] that refuses what goes over the limit.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    output: &'a mut BytesMut,
    limit: usize,
    left: usize,
    overflown: bool,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn new(output: &'a mut BytesMut, limit: usize) -> Self {
        Self { output, limit, left: limit, overflown: false }
    }

    /// The reason why a write failed: a frame over the limit, or else what the format says.
    fn explain(&self, error: impl std::error::Error + Send + Sync + 'static) -> EncodeError {
        if self.overflown { EncodeError::too_long(self.limit) } else { EncodeError::new(error) }
    }
}

impl io::Write for FrameWriter<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            self.overflown = true;
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the frame is full"));
        }
        self.left -= bytes.len();
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
