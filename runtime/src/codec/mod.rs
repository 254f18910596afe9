//! Codecs: between bytes and messages.
//!
//! A [`Codec`] is cloned for each connection and keeps that connection's decoding state. What it promises:
//! it never holds more than its limit of a frame that is not complete, it never panics on input, and after a
//! frame that it refused, the rest of that frame is never taken for a new message (S3, S9 of the design).
//!
//! - [`LengthPrefixed`]: a length of four bytes, then a frame in any [`Format`];
//! - [`NewlineSeparated`] ([`JsonLines`]): one frame a line, for formats that are text;
//! - [`Lines`]: lines as `String`s;
//! - every codec of `tokio_util` that is `Clone`;
//! - [`Datagrams`], a [`DatagramCodec`]: one message a datagram.

pub(crate) mod datagram;
mod error;
mod foreign;
#[cfg(any(feature = "json", feature = "postcard"))]
mod format;
#[cfg(any(feature = "json", feature = "postcard"))]
mod length_prefixed;
mod lines;
#[cfg(any(feature = "json", feature = "postcard"))]
mod newline;
mod splitter;

use bytes::BytesMut;

pub use self::datagram::{DatagramCodec, Datagrams, Framed, Raw, Utf8};
pub use self::error::{DecodeError, EncodeError};
#[cfg(feature = "json")]
pub use self::format::Json;
#[cfg(feature = "postcard")]
pub use self::format::Postcard;
#[cfg(any(feature = "json", feature = "postcard"))]
pub use self::format::{Format, FrameWriter, TextFormat};
#[cfg(any(feature = "json", feature = "postcard"))]
pub use self::length_prefixed::LengthPrefixed;
pub use self::lines::Lines;
#[cfg(feature = "json")]
pub use self::newline::JsonLines;
#[cfg(any(feature = "json", feature = "postcard"))]
pub use self::newline::NewlineSeparated;

/// Reads messages of type `In` from bytes, and writes messages of type `Out` as bytes.
///
/// Every `tokio_util` codec that is `Clone + Send + 'static` is one, for the item it decodes and the items it
/// encodes. A server uses `Codec<Request, Response>`, a client of it `Codec<Response, Request>`.
///
/// Called on the loop, between polls: an implementation must neither block nor wait. A panic in one ends the
/// session.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec that reads `{In}` and writes `{Out}`",
    label = "can't carry these messages",
    note = "a service's codec reads its requests and writes its responses; a client's does the reverse",
    note = "with `LengthPrefixed`, `NewlineSeparated` and `JsonLines` `{In}` needs `serde::Deserialize` and `{Out}` needs `serde::Serialize`; \
            a codec of one's own implements `portcullis::Codec<{In}, {Out}>`, or `Clone` and `tokio_util`'s `Decoder<Item = {In}>` and `Encoder<{Out}>`"
)]
pub trait Codec<In, Out>: Clone + Send + 'static {
    /// Takes the next message off the front of `input`, or `None` if it is not complete yet.
    ///
    /// # Errors
    /// The bytes are not a message. [`DecodeError::resumes`] says whether the next call goes on with the
    /// following frame.
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError>;

    /// As [`decode`](Self::decode), when no more bytes will come; called until it answers `None`.
    ///
    /// # Errors
    /// As `decode`; also when bytes are left that are no whole frame.
    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.decode(input)? {
            Some(message) => Ok(Some(message)),
            None if input.is_empty() => Ok(None),
            None => Err(DecodeError::truncated()),
        }
    }

    /// Appends `message` to `output`.
    ///
    /// # Errors
    /// The message can't be written, or is over the limit. What was appended of it is taken back by the caller.
    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError>;
}

#[cfg(test)]
mod tests;
