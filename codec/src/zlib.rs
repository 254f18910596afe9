//! [`Zlib`]: compressed frames.

use std::marker::PhantomData;

use bytes::BytesMut;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::decompression::{self, DecompressionLimits};
use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError};

/// A format that compresses each frame of format `F` as one zlib stream (RFC 1950):
/// `LengthPrefixed<Zlib<MessagePack>>`.
///
/// The limit of the framing counts the compressed bytes. A few compressed bytes can become
/// megabytes, so there are two more limits:
///
/// | parameter | limits | default |
/// |---|---|---|
/// | `MAX` | the size of the decompressed frame, in bytes | 8 MiB |
/// | `RATIO` | the decompressed size divided by the compressed size, for frames of more than 1 MiB when decompressed | 100 |
///
/// Text and records rarely compress to less than a twentieth. For data with long runs of zeros,
/// raise the limits: `Zlib<Json, { 64 << 20 }, 1000>`. A frame over a limit is a [`DecodeError`],
/// and decompression stops there. A message that would become such a frame is an [`EncodeError`].
///
/// A zlib stream is self-delimiting, so `Concatenated<Zlib<Json>>` works too. It decompresses each
/// frame twice, the first time to find the end, and checks the ratio as the bytes arrive. There, a
/// frame over a limit ends the connection.
///
/// The event loop compresses frames. It also decompresses them, unless `Server::decode_on` gives
/// them to a pool.
#[derive(Debug)]
pub struct Zlib<F, const MAX: usize = { 8 * 1024 * 1024 }, const RATIO: usize = 100> {
    format: PhantomData<fn() -> F>,
}

impl<F: Format, const MAX: usize, const RATIO: usize> Format for Zlib<F, MAX, RATIO> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut decoder = ZlibDecoder::new(frame);
        let limits = DecompressionLimits { max: MAX, ratio: RATIO };
        let plain = decompression::read_to_end(&mut decoder, frame.len(), limits)?;
        super::reject_trailing_bytes(decoder.into_inner())?;
        F::read(&plain)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        let mut plain = BytesMut::new();
        F::write(message, &mut FrameWriter::new(&mut plain, MAX))?;
        let start = frame.written().len();
        let mut encoder = ZlibEncoder::new(&mut *frame, Compression::default());
        let written = std::io::Write::write_all(&mut encoder, &plain).and_then(|()| encoder.try_finish());
        // Drop the encoder before `frame` is used again. Its drop writes once more if the writer is
        // full, and ignores that error.
        drop(encoder);
        written.map_err(|error| frame.map_error(error))?;
        DecompressionLimits { max: MAX, ratio: RATIO }
            .check_written(plain.len(), frame.written().len() - start)
    }
}

impl<F: Format, const MAX: usize, const RATIO: usize> SelfDelimiting for Zlib<F, MAX, RATIO> {
    type Scanner = ZlibScanner<MAX, RATIO>;
}

/// Finds the end of a zlib stream. That takes decompressing it: the output is counted and
/// discarded.
#[derive(Default)]
pub struct ZlibScanner<const MAX: usize, const RATIO: usize> {
    /// `None` between two streams, because the state is large.
    inflate: Option<Box<Decompress>>,
}

impl<const MAX: usize, const RATIO: usize> Scanner for ZlibScanner<MAX, RATIO> {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        let inflate = self.inflate.get_or_insert_with(|| Box::new(Decompress::new(true)));
        let (before, mut at, mut discarded) = (inflate.total_in(), 0, [0; 4096]);
        loop {
            let out = inflate.total_out();
            let status = inflate
                .decompress(&bytes[at..], &mut discarded, FlushDecompress::None)
                .map_err(DecodeError::new)?;
            at = (inflate.total_in() - before) as usize;
            let limits = DecompressionLimits { max: MAX, ratio: RATIO };
            if let Some(text) = limits.describe_excess(inflate.total_out(), inflate.total_in() as usize) {
                return Err(DecodeError::new(text));
            }
            if status == Status::StreamEnd {
                return Ok(Some(at));
            }
            // The decompressor can have more output after it has consumed the input.
            if at == bytes.len() && inflate.total_out() == out {
                return Ok(None);
            }
        }
    }
}
