//! [`LengthPrefixed`]: serde messages, each with its length before it.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoding_id::hash;
use super::format::{FrameWriter, decode_later};
use super::length_prefix::{LengthPrefix, PREFIX_LEN, write_prefixed};
use super::{Codec, DecodeError, Decoded, EncodeError, Format};

/// A codec of messages in format `F`, each with its length before it.
///
/// The length is four bytes, big endian, as in `tokio_util`'s `LengthDelimitedCodec`, and does not
/// count itself.
///
/// A frame over the limit is a [`DecodeError`]. The codec then skips exactly that frame, without
/// buffering it. Memory grows with the bytes that have arrived, never with an announced length.
///
/// The event loop decodes the frames, unless `Server::decode_on` gives large ones to a pool. Serde
/// decodes a plain `Vec<u8>` byte by byte, which blocks the loop when it is long. Write
/// `#[serde(with = "serde_bytes")]` on such a field: then decoding it is one copy.
pub struct LengthPrefixed<F> {
    max_frame: usize,
    prefix: LengthPrefix,
    format: PhantomData<fn() -> F>,
}

impl<F: Format> LengthPrefixed<F> {
    /// Makes a codec of frames of up to 8 MiB.
    #[inline]
    pub const fn new() -> Self {
        Self { max_frame: 8 * 1024 * 1024, prefix: LengthPrefix::new(), format: PhantomData }
    }

    /// Sets the longest frame that is read or written, in bytes without its length; at most
    /// `u32::MAX`.
    #[must_use]
    #[inline]
    pub const fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = if bytes > u32::MAX as usize { u32::MAX as usize } else { bytes };
        self
    }
}

impl<F: Format> Default for LengthPrefixed<F> {
    fn default() -> Self {
        Self::new()
    }
}

// A derive would require `F: Clone`, but a format is a type without values.
impl<F> Clone for LengthPrefixed<F> {
    fn clone(&self) -> Self {
        Self { max_frame: self.max_frame, prefix: self.prefix.clone(), format: PhantomData }
    }
}

impl<F> fmt::Debug for LengthPrefixed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LengthPrefixed").field("max_frame", &self.max_frame).finish_non_exhaustive()
    }
}

/// Reads the frame of `length` bytes at the front of `input`, and removes it.
#[inline]
fn split_frame<F: Format, In: DeserializeOwned>(
    input: &mut BytesMut,
    length: usize,
) -> Result<In, DecodeError> {
    let message = F::read(&input[PREFIX_LEN..PREFIX_LEN + length]);
    input.advance(PREFIX_LEN + length);
    message.map_err(DecodeError::recoverable)
}

impl<F: Format, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for LengthPrefixed<F> {
    #[inline]
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.prefix.next_frame(input, self.max_frame)? {
            Some(length) => split_frame::<F, In>(input, length).map(Some),
            None => Ok(None),
        }
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        match self.prefix.next_frame(input, self.max_frame)? {
            Some(length) if length > above => {
                input.advance(PREFIX_LEN);
                Ok(Some(decode_later::<F, In>(input.split_to(length))))
            }
            Some(length) => {
                split_frame::<F, In>(input, length).map(|message| Some(Decoded::Message(message)))
            }
            None => Ok(None),
        }
    }

    #[inline]
    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let max = self.max_frame;
        write_prefixed(output, max, |output| F::write(&message, &mut FrameWriter::new(output, max)))
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(hash(self.max_frame))
    }
}
