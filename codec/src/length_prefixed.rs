//! [`LengthPrefixed`]: each frame behind its length.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BufMut, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{FrameWriter, later};
use super::{Codec, DecodeError, Decoded, EncodeError, Format};

const HEAD: usize = 4;

/// Frames behind their length (four bytes, big endian, as tokio's `LengthDelimitedCodec` has them) in format `F`.
///
/// A frame over the limit is a [`DecodeError`] after which exactly that frame is skipped, without being
/// buffered. Memory follows the bytes that have arrived, never the length that was announced.
///
/// Frames are decoded on the loop, unless `Server::decode_on` gives large ones to a pool. A plain `Vec<u8>` in a message is decoded by serde byte by byte, which holds the loop
/// up when it is long; `#[serde(with = "serde_bytes")]` on the field makes one copy of it.
pub struct LengthPrefixed<F> {
    max_frame: usize,
    /// What is still to be thrown away of a frame that was refused.
    skip: usize,
    format: PhantomData<fn() -> F>,
}

impl<F: Format> LengthPrefixed<F> {
    /// Frames of up to 8 MiB.
    pub const fn new() -> Self {
        Self { max_frame: 8 * 1024 * 1024, skip: 0, format: PhantomData }
    }

    /// The longest frame that is read or written, in bytes without its length; at most `u32::MAX`.
    #[must_use]
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

// Derives would ask for `F: Clone`, and formats are never made.
impl<F> Clone for LengthPrefixed<F> {
    fn clone(&self) -> Self {
        Self { max_frame: self.max_frame, skip: self.skip, format: PhantomData }
    }
}

impl<F> fmt::Debug for LengthPrefixed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LengthPrefixed").field("max_frame", &self.max_frame).finish_non_exhaustive()
    }
}

impl<F: Format> LengthPrefixed<F> {
    /// The length of the frame at the front of the input, if all of it is there.
    fn next(&mut self, input: &mut BytesMut) -> Result<Option<usize>, DecodeError> {
        if self.skip > 0 {
            let here = self.skip.min(input.len());
            input.advance(here);
            self.skip -= here;
        }
        let Some(head) = input.first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if length > self.max_frame {
            input.advance(HEAD);
            self.skip = length;
            return Err(DecodeError::too_long(self.max_frame));
        }
        Ok((input.len() - HEAD >= length).then_some(length))
    }
}

fn take<F: Format, In: DeserializeOwned>(input: &mut BytesMut, length: usize) -> Result<In, DecodeError> {
    let message = F::read(&input[HEAD..HEAD + length]);
    input.advance(HEAD + length);
    message.map_err(DecodeError::resumable)
}

impl<F: Format, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for LengthPrefixed<F> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.next(input)? {
            Some(length) => take::<F, In>(input, length).map(Some),
            None => Ok(None),
        }
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        match self.next(input)? {
            Some(length) if length > above => {
                input.advance(HEAD);
                Ok(Some(later::<F, In>(input.split_to(length))))
            }
            Some(length) => take::<F, In>(input, length).map(|message| Some(Decoded::Message(message))),
            None => Ok(None),
        }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let start = output.len();
        output.put_bytes(0, HEAD);
        F::write(&message, &mut FrameWriter::new(output, self.max_frame))?;
        // The writer's limit is at most `u32::MAX`, so the length fits.
        let length = (output.len() - start - HEAD) as u32;
        output[start..start + HEAD].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}
