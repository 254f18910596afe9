//! [`Delimited`]: bytes up to a delimiter.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use memchr::memmem;

use super::encoding_id::hash;
use super::{Codec, DecodeError, EncodeError};

/// A codec of raw bytes. A delimiter of one or more bytes ends each frame, and is not a part of the
/// message.
///
/// It reads `Vec<u8>` and types that are `From<Vec<u8>>`, such as [`Bytes`](bytes::Bytes), and
/// writes anything that is `AsRef<[u8]>`. A frame can be empty. A frame over the limit is a
/// [`DecodeError`], after which decoding resumes after the next delimiter. A message that contains
/// the delimiter is an [`EncodeError`], because the peer would read two messages. A stream that
/// ends without a delimiter is an error, because the last frame may be incomplete.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::Delimited;
/// let codec = Delimited::new(b"\r\n\r\n").max_length(1024);
/// ```
#[derive(Clone, Debug)]
pub struct Delimited {
    delimiter: Arc<[u8]>,
    max_length: usize,
    /// The number of bytes at the front of the buffer where no delimiter begins.
    scanned: usize,
    /// Set inside a rejected frame, whose bytes are discarded up to its delimiter.
    discarding: bool,
}

impl Delimited {
    /// Makes a codec of frames of up to 64 KiB, each ended by `delimiter`.
    ///
    /// # Panics
    /// If the delimiter is empty.
    pub fn new(delimiter: impl AsRef<[u8]>) -> Self {
        let delimiter = delimiter.as_ref();
        assert!(!delimiter.is_empty(), "delimiter must not be empty");
        Self { delimiter: delimiter.into(), max_length: 64 * 1024, scanned: 0, discarding: false }
    }

    /// Sets the longest frame that is read or written, in bytes without its delimiter.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> Self {
        Self { max_length: bytes, ..self }
    }

    /// Returns the most bytes at the end of a buffer that can be the beginning of a delimiter.
    fn overlap(&self) -> usize {
        self.delimiter.len() - 1
    }
}

impl<In: From<Vec<u8>>, Out: AsRef<[u8]>> Codec<In, Out> for Delimited {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        // A caller that discarded its buffer passes a shorter one. Do not index past its end.
        self.scanned = self.scanned.min(input.len());
        while let Some(at) = memmem::find(&input[self.scanned..], &self.delimiter) {
            let end = self.scanned + at;
            let consume = end + self.delimiter.len();
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
        // All bytes belong to the frame, except those that can be the beginning of a delimiter.
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
            // An earlier call returned the error for this frame.
            input.clear();
        }
        if input.is_empty() { Ok(None) } else { Err(DecodeError::truncated()) }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let frame = message.as_ref();
        if frame.len() > self.max_length {
            return Err(EncodeError::too_long(self.max_length));
        }
        output.reserve(frame.len() + self.delimiter.len());
        let start = output.len();
        output.extend_from_slice(frame);
        output.extend_from_slice(&self.delimiter);
        // A delimiter can begin in the frame and end in the delimiter that is written after it: the
        // peer would read "\r\r\n" after a frame that ends in "\r".
        match memmem::find(&output[start..], &self.delimiter) {
            Some(at) if at < frame.len() => Err(EncodeError::new("the message contains the delimiter")),
            _ => Ok(()),
        }
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(hash((self.max_length, &self.delimiter)))
    }
}
