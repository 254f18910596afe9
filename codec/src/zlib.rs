//! [`Zlib`]: frames compressed.

use std::marker::PhantomData;

use bytes::BytesMut;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounded::{self, Bound};
use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError};

/// Frames of format `F`, each compressed on its own as zlib (RFC 1950): `LengthPrefixed<Zlib<MessagePack>>`.
///
/// A few bytes can hold megabytes, so there are limits besides that of the framing, which is for the frame as it travels:
///
/// | | limits | if it is not said |
/// |---|---|---|
/// | `MAX` | what a frame holds | 8 MiB |
/// | `RATIO` | how many times its own length a frame holds, beyond 1 MiB | 100 |
///
/// Text and records rarely compress to less than a twentieth; what holds long runs of zeros may want
/// `Zlib<Json, { 64 << 20 }, 1000>`. A frame that holds more is a [`DecodeError`], and not decompressed any further; a message
/// that would is an [`EncodeError`].
///
/// A zlib stream tells its own end, so frames may stand one right behind the other: `Concatenated<Zlib<Json>>`. There each is
/// decompressed twice, first to find its end, and the ratio holds for each part of a frame from its beginning. One that holds
/// more than it may, or is no zlib stream, ends the connection.
///
/// Compresses on the loop, and decompresses there, too, unless `Server::decode_on` gives it to a
/// pool.
#[derive(Debug)]
pub struct Zlib<F, const MAX: usize = { 8 * 1024 * 1024 }, const RATIO: usize = 100> {
    format: PhantomData<fn() -> F>,
}

impl<F: Format, const MAX: usize, const RATIO: usize> Format for Zlib<F, MAX, RATIO> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut decoder = ZlibDecoder::new(frame);
        let bound = Bound { max: MAX, ratio: RATIO };
        let plain = bounded::read_to_end(&mut decoder, frame.len(), bound)?;
        super::nothing_left(decoder.into_inner())?;
        F::read(&plain)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        let mut plain = BytesMut::new();
        F::write(message, &mut FrameWriter::new(&mut plain, MAX))?;
        let start = frame.written().len();
        let mut encoder = ZlibEncoder::new(&mut *frame, Compression::default());
        let written = std::io::Write::write_all(&mut encoder, &plain).and_then(|()| encoder.try_finish());
        // A full writer has said so already, and an encoder that is dropped would try again.
        drop(encoder);
        written.map_err(|error| frame.explain(error))?;
        Bound { max: MAX, ratio: RATIO }.check_written(plain.len(), frame.written().len() - start)
    }
}

impl<F: Format, const MAX: usize, const RATIO: usize> SelfDelimiting for Zlib<F, MAX, RATIO> {
    type Scanner = Streams<MAX, RATIO>;
}

/// Finds the end of a zlib stream, which is to decompress it: what comes out is counted, and thrown away.
#[derive(Default)]
pub struct Streams<const MAX: usize, const RATIO: usize> {
    /// Large, so there is none between two streams.
    inflate: Option<Box<Decompress>>,
}

impl<const MAX: usize, const RATIO: usize> Scanner for Streams<MAX, RATIO> {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        let inflate = self.inflate.get_or_insert_with(|| Box::new(Decompress::new(true)));
        let (before, mut at, mut thrown_away) = (inflate.total_in(), 0, [0; 4096]);
        loop {
            let out = inflate.total_out();
            let status = inflate
                .decompress(&bytes[at..], &mut thrown_away, FlushDecompress::None)
                .map_err(DecodeError::new)?;
            at = (inflate.total_in() - before) as usize;
            let bound = Bound { max: MAX, ratio: RATIO };
            if let Some(text) = bound.refuses(inflate.total_out(), inflate.total_in() as usize) {
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
