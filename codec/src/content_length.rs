//! [`ContentLength`]: serde messages, each after a header with its length.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::content_length_scanner::{ContentLengthScanner, FrameWithHeader, write_with_content_length};
use super::encoding_id::hash;
use super::format::{FrameWriter, decode_later};
use super::{Codec, DecodeError, Decoded, EncodeError, Format};

/// A codec of messages in format `F`, each after a header as in HTTP, which is the framing of the
/// Language Server Protocol and the Debug Adapter Protocol.
///
/// ```text
/// Content-Length: 21\r\n
/// \r\n
/// {"position":[1,2,3]}\n
/// ```
///
/// It ignores other fields of the header, and writes none. The names of the fields are
/// case-insensitive.
///
/// A frame over the limit is a [`DecodeError`]. The codec then skips exactly that frame, without
/// buffering it. A header without a valid length, with two lengths, or of more than 4 KiB ends the
/// stream, because the beginning of the next frame is unknown.
pub struct ContentLength<F> {
    scanner: ContentLengthScanner,
    format: PhantomData<fn() -> F>,
}

impl<F: Format> ContentLength<F> {
    /// Makes a codec of frames of up to 8 MiB.
    pub const fn new() -> Self {
        Self { scanner: ContentLengthScanner::new(8 * 1024 * 1024), format: PhantomData }
    }

    /// Sets the longest frame that is read or written, in bytes without its header.
    #[must_use]
    pub const fn max_frame(self, bytes: usize) -> Self {
        Self { scanner: ContentLengthScanner::new(bytes), format: PhantomData }
    }
}

impl<F: Format> Default for ContentLength<F> {
    fn default() -> Self {
        Self::new()
    }
}

// A derive would require `F: Clone`, but a format is a type without values.
impl<F> Clone for ContentLength<F> {
    fn clone(&self) -> Self {
        Self { scanner: self.scanner.clone(), format: PhantomData }
    }
}

impl<F> fmt::Debug for ContentLength<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentLength").field("max_frame", &self.scanner.limit()).finish_non_exhaustive()
    }
}

/// Reads the frame at the front of `input`, and removes it.
fn split_frame<F: Format, In: DeserializeOwned>(
    input: &mut BytesMut,
    FrameWithHeader { header, len }: FrameWithHeader,
) -> Result<In, DecodeError> {
    let message = F::read(&input[header..header + len]);
    input.advance(header + len);
    message.map_err(DecodeError::recoverable)
}

impl<F: Format, In: DeserializeOwned, Out: Serialize> Codec<In, Out> for ContentLength<F> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.scanner.next_frame(input)? {
            Some(frame) => split_frame::<F, In>(input, frame).map(Some),
            None => Ok(None),
        }
    }

    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        match self.scanner.next_frame(input)? {
            Some(FrameWithHeader { header, len }) if len > above => {
                input.advance(header);
                Ok(Some(decode_later::<F, In>(input.split_to(len))))
            }
            Some(frame) => split_frame::<F, In>(input, frame).map(|message| Some(Decoded::Message(message))),
            None => Ok(None),
        }
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let max = self.scanner.limit();
        write_with_content_length(output, |output| F::write(&message, &mut FrameWriter::new(output, max)))
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(hash(self.scanner.limit()))
    }
}
