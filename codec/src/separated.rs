//! [`Separated`]: bytes up to a separator.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use memchr::memmem;

use super::{Codec, DecodeError, EncodeError};

/// Frames of raw bytes, each ended by a separator of one byte or more, which is not part of it.
///
/// Read as `Vec<u8>` or whatever is made from one ([`Bytes`](bytes::Bytes)), written from anything like a `&[u8]`. An empty
/// frame is one, too. A frame over the limit is a [`DecodeError`] after which its rest is discarded up to the separator. A
/// message with the separator in it is an [`EncodeError`]: the other end would take it for two. Bytes without a separator
/// behind them when the stream ends are an error: what came may be half of what was sent.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::Separated;
/// let codec = Separated::by(b"\r\n\r\n").max_length(1024);
/// ```
#[derive(Clone, Debug)]
pub struct Separated {
    separator: Arc<[u8]>,
    max_length: usize,
    /// How much of the buffer is known to hold no whole separator, and no beginning of one.
    scanned: usize,
    /// Inside a frame that was refused: its bytes are thrown away as they come, up to its separator.
    discarding: bool,
}

impl Separated {
    /// Frames of up to 64 KiB, each ended by `separator`.
    ///
    /// # Panics
    /// If the separator is empty.
    pub fn by(separator: impl AsRef<[u8]>) -> Self {
        let separator = separator.as_ref();
        assert!(!separator.is_empty(), "nothing separates nothing: a separator has one byte or more");
        Self { separator: separator.into(), max_length: 64 * 1024, scanned: 0, discarding: false }
    }

    /// The longest frame that is read or written, in bytes without its separator.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> Self {
        Self { max_length: bytes, ..self }
    }

    /// How many bytes at the end of a buffer may be the beginning of a separator.
    fn overlap(&self) -> usize {
        self.separator.len() - 1
    }
}

impl<In: From<Vec<u8>>, Out: AsRef<[u8]>> Codec<In, Out> for Separated {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        // The caller may hand in less than last time if it threw its buffer away; never index past the end.
        self.scanned = self.scanned.min(input.len());
        while let Some(at) = memmem::find(&input[self.scanned..], &self.separator) {
            let end = self.scanned + at;
            let consume = end + self.separator.len();
            self.scanned = 0;
            if self.discarding {
                self.discarding = false;
                input.advance(consume);
                continue;
            }
            if end > self.max_length {
                input.advance(consume);
                return Err(DecodeError::too_long(self.max_length));
            }
            let frame = input[..end].to_vec();
            input.advance(consume);
            return Ok(Some(frame.into()));
        }
        // All but what may be the beginning of a separator belongs to the frame.
        self.scanned = input.len().saturating_sub(self.overlap());
        if self.discarding || self.scanned > self.max_length {
            input.advance(self.scanned);
            self.scanned = 0;
            if !self.discarding {
                self.discarding = true;
                return Err(DecodeError::too_long(self.max_length));
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        if let Some(frame) = Codec::<In, Out>::decode(self, input)? {
            return Ok(Some(frame));
        }
        if self.discarding {
            // That it was too long has been told.
            input.clear();
        }
        if input.is_empty() { Ok(None) } else { Err(DecodeError::truncated()) }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let frame = message.as_ref();
        if frame.len() > self.max_length {
            return Err(EncodeError::too_long(self.max_length));
        }
        output.reserve(frame.len() + self.separator.len());
        let start = output.len();
        output.extend_from_slice(frame);
        output.extend_from_slice(&self.separator);
        // The separator must not begin in the frame either, such as that of "\r\r\n" in a frame that ends with "\r".
        match memmem::find(&output[start..], &self.separator) {
            Some(at) if at < frame.len() => Err(EncodeError::new("the message holds the separator")),
            _ => Ok(()),
        }
    }
}
