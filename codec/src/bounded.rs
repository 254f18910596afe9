//! Decompresses within limits, because the output can be a thousand times as long as the input.

use std::io::Read;

use super::{DecodeError, EncodeError, decode_cost};

/// The first capacity of the output, in bytes. Then the capacity doubles.
const INITIAL_CAPACITY: usize = 4096;
/// The decompressed size that any frame may have, whatever its ratio. A repetitive message of this
/// length is common, and takes about a millisecond to decompress.
const ANY_RATIO: usize = 1024 * 1024;

/// The limits of the decompressed size: `max` bytes, and `ratio` times the size of the frame.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) max: usize,
    pub(super) ratio: usize,
}

impl Bound {
    /// Returns the limit for a frame of `frame` bytes.
    fn of(self, frame: usize) -> usize {
        self.max.min(frame.saturating_mul(self.ratio).max(ANY_RATIO))
    }

    /// Returns why `plain` bytes from a frame of `frame` bytes are over the limit, or `None` if
    /// they are not.
    pub(super) fn refuses(self, plain: u64, frame: usize) -> Option<String> {
        let Self { max, ratio } = self;
        if plain > max as u64 {
            Some(format!("a frame is longer than {max} bytes when it is decompressed"))
        } else if plain > self.of(frame) as u64 {
            Some(format!("a frame is more than {ratio} times as long when it is decompressed"))
        } else {
            None
        }
    }

    /// Refuses to write a message that a peer with the same limits could not read.
    pub(super) fn check_written(self, plain: usize, frame: usize) -> Result<(), EncodeError> {
        match self.refuses(plain as u64, frame) {
            Some(text) => Err(EncodeError::new(text)),
            None => Ok(()),
        }
    }
}

/// Reads everything from `reader`, which decompresses a frame of `frame` bytes. Memory grows with
/// the output, and stays within `bound`.
///
/// # Errors
/// The output is over the bound, or `reader` fails.
pub(super) fn read_to_end(mut reader: impl Read, frame: usize, bound: Bound) -> Result<Vec<u8>, DecodeError> {
    let plain = read_within(&mut reader, frame, bound);
    // An error may come after as much output as the bound allows.
    decode_cost::add(plain.as_ref().map_or(bound.of(frame), Vec::len));
    plain
}

fn read_within(reader: &mut impl Read, frame: usize, bound: Bound) -> Result<Vec<u8>, DecodeError> {
    let max = bound.of(frame);
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
            let text = bound.refuses(max as u64 + 1, frame).unwrap_or_default();
            Err(DecodeError::new(text).recoverable())
        }
        Err(error) => Err(DecodeError::new(error).recoverable()),
    }
}
