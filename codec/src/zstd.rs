//! [`Zstd`]: compressed frames.

use std::io::{self, Write};
use std::marker::PhantomData;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::decompression::{self, DecompressionLimits};
use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError};

/// A format that compresses each frame of format `F` as one zstd frame (RFC 8878):
/// `LengthPrefixed<Zstd<Json>>`.
///
/// The limits are those of [`Zlib`](super::Zlib). `MAX` (8 MiB by default) is the limit of the
/// decompressed size, and also of the window, which decompression keeps in memory. `RATIO` (100 by
/// default) is the limit of the decompressed size divided by the compressed size, for frames of
/// more than 1 MiB when decompressed.
///
/// The event loop compresses frames. It also decompresses them, unless `Server::decode_on` gives
/// them to a pool.
#[derive(Debug)]
pub struct Zstd<F, const MAX: usize = { 8 * 1024 * 1024 }, const RATIO: usize = 100> {
    format: PhantomData<fn() -> F>,
}

impl<F, const MAX: usize, const RATIO: usize> Zstd<F, MAX, RATIO> {
    const LIMITS: DecompressionLimits = DecompressionLimits { max: MAX, ratio: RATIO };

    /// The binary logarithm of the window that holds `MAX` bytes, clamped to the range of the
    /// format.
    const WINDOW: u32 = {
        let bits = usize::BITS - MAX.saturating_sub(1).leading_zeros();
        if bits < 10 {
            10
        } else if bits > 27 {
            27
        } else {
            bits
        }
    };

    fn decompress(frame: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let recoverable = |error: io::Error| DecodeError::new(error).recoverable();
        let mut decoder = Decoder::with_buffer(frame).map_err(recoverable)?.single_frame();
        decoder.window_log_max(Self::WINDOW).map_err(recoverable)?;
        let plain = decompression::read_to_end(&mut decoder, frame.len(), Self::LIMITS)?;
        super::reject_trailing_bytes(decoder.into_inner())?;
        Ok(plain)
    }

    fn compress(plain: &[u8], frame: &mut FrameWriter<'_>) -> io::Result<()> {
        let mut encoder = Encoder::new(&mut *frame, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        encoder.set_pledged_src_size(Some(plain.len() as u64))?;
        encoder.write_all(plain)?;
        encoder.finish().map(drop)
    }
}

impl<F: Format, const MAX: usize, const RATIO: usize> Format for Zstd<F, MAX, RATIO> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        F::read(&Self::decompress(frame)?)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        let mut plain = BytesMut::new();
        F::write(message, &mut FrameWriter::new(&mut plain, MAX))?;
        let start = frame.written().len();
        Self::compress(&plain, frame).map_err(|error| frame.map_error(error))?;
        Self::LIMITS.check_written(plain.len(), frame.written().len() - start)
    }
}
