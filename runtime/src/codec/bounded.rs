//! Reading to the end of what a decompressor gives, which may be a thousand times what it was given.

use std::io::Read;

use super::DecodeError;

/// The first thing that is reserved; then as much as there is already.
const FIRST: usize = 4096;

/// All that `reader` gives, if that is no more than `max` bytes. Memory follows what has come out, and stays within `max` too.
pub(super) fn read_to_end(mut reader: impl Read, max: usize) -> Result<Vec<u8>, DecodeError> {
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
        Ok(_) => Err(DecodeError::new(format!("a frame is longer than {max} bytes when it is decompressed"))
            .resumable()),
        Err(error) => Err(DecodeError::new(error).resumable()),
    }
}
