//! The length that precedes a frame: four bytes, big endian. Used by
//! [`LengthPrefixed`](super::LengthPrefixed) and [`Framed`](super::Framed).

use bytes::{Buf, BufMut, BytesMut};

use super::{DecodeError, EncodeError};

/// The number of bytes of a length.
pub const PREFIX_LEN: usize = 4;

/// Reads length prefixes, and skips frames over the limit without buffering them.
#[derive(Clone, Debug, Default)]
pub(super) struct LengthPrefix {
    /// How many bytes of a rejected frame are still to be skipped.
    bytes_to_skip: usize,
}

impl LengthPrefix {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { bytes_to_skip: 0 }
    }

    /// Returns the length of the frame at the front of `input`, without its prefix, or `None` until
    /// the frame is complete.
    ///
    /// # Errors
    /// The frame has more than `max` bytes. Later calls skip exactly this frame.
    #[inline]
    pub(super) fn next_frame(
        &mut self,
        input: &mut BytesMut,
        max: usize,
    ) -> Result<Option<usize>, DecodeError> {
        if self.bytes_to_skip > 0 {
            let available = self.bytes_to_skip.min(input.len());
            input.advance(available);
            self.bytes_to_skip -= available;
        }
        let Some(prefix) = input.first_chunk::<PREFIX_LEN>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > max {
            input.advance(PREFIX_LEN);
            self.bytes_to_skip = length;
            return Err(DecodeError::too_long(max));
        }
        Ok((input.len() - PREFIX_LEN >= length).then_some(length))
    }
}

/// Calls `write` to append a frame, and writes the length of that frame before it.
///
/// # Errors
/// Those of `write`, and a frame of more than `max` bytes.
#[inline]
pub(super) fn write_prefixed(
    output: &mut BytesMut,
    max: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = output.len();
    output.put_bytes(0, PREFIX_LEN);
    write(output)?;
    let length = (output.len() - start).saturating_sub(PREFIX_LEN);
    match u32::try_from(length) {
        Ok(prefix) if length <= max => {
            output[start..start + PREFIX_LEN].copy_from_slice(&prefix.to_be_bytes());
            Ok(())
        }
        _ => Err(EncodeError::too_long(max)),
    }
}
