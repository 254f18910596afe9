//! [`Zlib`]: frames compressed.

use std::marker::PhantomData;

use bytes::BytesMut;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError, bounded};

/// Frames of format `F`, each compressed on its own as zlib (RFC 1950): `LengthPrefixed<Zlib<MessagePack>>`.
///
/// A few bytes can hold megabytes, so there are two limits: that of the framing is for the frame as it travels, `MAX` (8 MiB if
/// it is not said) for what it holds: `Zlib<Json, { 64 * 1024 }>`. A frame that holds more is a [`DecodeError`], and not
/// decompressed any further; a message that would is an [`EncodeError`].
///
/// A zlib stream tells its own end, so frames may stand one right behind the other: `Concatenated<Zlib<Json>>`. There each is
/// decompressed twice, first to find its end; and one that holds more than `MAX`, or is no zlib stream, ends the connection.
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

impl<F: Format, const MAX: usize> SelfDelimiting for Zlib<F, MAX> {
    type Scanner = Streams<MAX>;
}

/// Finds the end of a zlib stream, which is to decompress it: what comes out is counted, and thrown away.
#[derive(Default)]
pub struct Streams<const MAX: usize> {
    /// Large, so there is none between two streams.
    inflate: Option<Box<Decompress>>,
}

impl<const MAX: usize> Scanner for Streams<MAX> {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        let inflate = self.inflate.get_or_insert_with(|| Box::new(Decompress::new(true)));
        let (before, mut at, mut thrown_away) = (inflate.total_in(), 0, [0; 4096]);
        loop {
            let out = inflate.total_out();
            let status = inflate
                .decompress(&bytes[at..], &mut thrown_away, FlushDecompress::None)
                .map_err(DecodeError::new)?;
            at = (inflate.total_in() - before) as usize;
            if inflate.total_out() > MAX as u64 {
                let text = format!("a frame is longer than {MAX} bytes when it is decompressed");
                return Err(DecodeError::new(text));
            }
            if status == Status::StreamEnd {
                return Ok(Some(at));
            }
            // There may be more to come out of what has all gone in.
            if at == bytes.len() && inflate.total_out() == out {
                return Ok(None);
            }
        }
    }
}
