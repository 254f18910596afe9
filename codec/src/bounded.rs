//! Decompression within limits: what comes out may be a thousand times what went in.

use std::io::Read;

use super::{DecodeError, EncodeError, decode_cost};

/// The first thing that is reserved; then as much as there is already.
const FIRST: usize = 4096;
/// What any frame may hold, whatever its ratio: a repetitive message of this length is common, and takes about a
/// millisecond to decompress.
const ANY_RATIO: usize = 1024 * 1024;

/// How much a frame may hold: so much, and so many times the frame.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) max: usize,
    pub(super) ratio: usize,
}

impl Bound {
    /// For a frame of so many bytes.
    fn of(self, frame: usize) -> usize {
        self.max.min(frame.saturating_mul(self.ratio).max(ANY_RATIO))
    }

    /// What is wrong with so many bytes that come out of so many.
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

    /// A message that nobody with the same limits could read is not written.
    pub(super) fn check_written(self, plain: usize, frame: usize) -> Result<(), EncodeError> {
        match self.refuses(plain as u64, frame) {
            Some(text) => Err(EncodeError::new(text)),
            None => Ok(()),
        }
    }
}

/// All that `reader` makes of a frame of so many bytes, if that is within the bound. Memory follows what has come out, and stays
/// within the bound too.
pub(super) fn read_to_end(mut reader: impl Read, frame: usize, bound: Bound) -> Result<Vec<u8>, DecodeError> {
    let plain = read_within(&mut reader, frame, bound);
    // An error comes when there is as much as there may be.
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
            let more = plain.len().max(FIRST).min(max - filled);
            plain.reserve_exact(more);
            plain.resize(filled + more, 0);
        }
        match reader.read(&mut plain[filled..]) {
            Ok(0) => {
                plain.truncate(filled);
                return Ok(plain);
            }
            Ok(read) => filled += read,
            Err(error) => return Err(DecodeError::new(error).resumable()),
        }
    }
    // Full: it must be the end, too.
    match reader.read(&mut [0]) {
        Ok(0) => Ok(plain),
        Ok(_) => {
            let text = bound.refuses(max as u64 + 1, frame).unwrap_or_default();
            Err(DecodeError::new(text).resumable())
        }
        Err(error) => Err(DecodeError::new(error).resumable()),
    }
}
