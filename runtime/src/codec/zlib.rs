//! [`Zlib`]: frames compressed.

use std::marker::PhantomData;

use bytes::BytesMut;
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError, bounded};

/// Frames of format `F`, each compressed on its own as zlib (RFC 1950): `LengthPrefixed<Zlib<MessagePack>>`.
///
/// A few bytes can hold megabytes, so there are two limits: that of the framing is for the frame as it travels, `MAX` (8 MiB if
/// it is not said) for what it holds: `Zlib<Json, { 64 * 1024 }>`. A frame that holds more is a [`DecodeError`], and not
/// decompressed any further; a message that would is an [`EncodeError`].
///
/// Compresses and decompresses on the loop.
#[derive(Debug)]
pub struct Zlib<F, const MAX: usize = { 8 * 1024 * 1024 }> {
    format: PhantomData<fn() -> F>,
}

impl<F: Format, const MAX: usize> Format for Zlib<F, MAX> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut decoder = ZlibDecoder::new(frame);
        let plain = bounded::read_to_end(&mut decoder, MAX)?;
        super::nothing_left(decoder.into_inner())?;
        F::read(&plain)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        let mut plain = BytesMut::new();
        F::write(message, &mut FrameWriter::new(&mut plain, MAX))?;
        let mut encoder = ZlibEncoder::new(&mut *frame, Compression::default());
        let written = std::io::Write::write_all(&mut encoder, &plain).and_then(|()| encoder.try_finish());
        // A full writer has said so already, and an encoder that is dropped would try again.
        drop(encoder);
        written.map_err(|error| frame.explain(error))
    }
}
