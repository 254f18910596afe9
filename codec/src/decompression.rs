//! Decompresses within limits, because the output can be a thousand times as long as the input.

use std::io::Read;

use super::{DecodeError, EncodeError, decode_cost};

/// The initial capacity of the output, in bytes. It doubles when the output is full.
const INITIAL_CAPACITY: usize = 4096;
/// A frame with a decompressed size up to this is not checked for its ratio. Repetitive messages of
/// this length are common, and take about a millisecond to decompress.
const RATIO_EXEMPT_LEN: usize = 1024 * 1024;

/// The limits of the decompressed size: `max` bytes, and `ratio` times the size of the frame.
#[derive(Clone, Copy)]
pub(super) struct DecompressionLimits {
    pub(super) max: usize,
    pub(super) ratio: usize,
}

impl DecompressionLimits {
    /// Returns the limit for a frame of `frame` bytes.
    fn max_len(self, frame: usize) -> usize {
        self.max.min(frame.saturating_mul(self.ratio).max(RATIO_EXEMPT_LEN))
    }

    /// Returns the error text if `plain` bytes, decompressed from a frame of `frame` bytes, are
    /// over a limit.
    pub(super) fn describe_excess(self, plain: u64, frame: usize) -> Option<String> {
        let Self { max, ratio } = self;
        if plain > max as u64 {
            Some(format!("a frame is longer than {max} bytes when it is decompressed"))
        } else if plain > self.max_len(frame) as u64 {
            Some(format!("a frame is more than {ratio} times as long when it is decompressed"))
        } else {
            None
        }
    }

    /// Checks that a peer with the same limits can read a message of `plain` bytes, compressed to
    /// `frame` bytes.
    pub(super) fn check_written(self, plain: usize, frame: usize) -> Result<(), EncodeError> {
        match self.describe_excess(plain as u64, frame) {
            Some(text) => Err(EncodeError::new(text)),
            None => Ok(()),
        }
    }
}

/// Reads all output of `reader`, which decompresses a frame of `frame` bytes. Memory grows with the
/// output, up to `limits`.
///
/// # Errors
/// The output is over the limits, or `reader` fails.
pub(super) fn read_to_end(
    mut reader: impl Read,
    frame: usize,
    limits: DecompressionLimits,
) -> Result<Vec<u8>, DecodeError> {
    let plain = read_limited(&mut reader, frame, limits);
    // A decompressor can fail after it has produced the whole permitted output, so that is what an
    // error costs.
    decode_cost::add(plain.as_ref().map_or(limits.max_len(frame), Vec::len));
    plain
}

fn read_limited(
    reader: &mut impl Read,
    frame: usize,
    limits: DecompressionLimits,
) -> Result<Vec<u8>, DecodeError> {
    let max = limits.max_len(frame);
    let mut plain = Vec::new();
    let mut filled = 0;
    loop {
        if filled == plain.len() {
            if filled == max {
                break;
            }
            let more = plain.len().max(INITIAL_CAPACITY).min(max - filled);
            plain.reserve_exact(more);
            plain.resize(filled + more, 0);
        }
        match reader.read(&mut plain[filled..]) {
            Ok(0) => {
                plain.truncate(filled);
                return Ok(plain);
            }
            Ok(read) => filled += read,
            Err(error) => return Err(DecodeError::new(error).recoverable()),
        }
    }
    // The output has the largest size, so the reader must be at its end.
    match reader.read(&mut [0]) {
        Ok(0) => Ok(plain),
        Ok(_) => {
            let text = limits.describe_excess(max as u64 + 1, frame).unwrap_or_default();
            Err(DecodeError::new(text).recoverable())
        }
        Err(error) => Err(DecodeError::new(error).recoverable()),
    }
}
