//! Codecs: between bytes and messages.
//!
//! A [`Codec`] is cloned for each connection and keeps that connection's decoding state. What it promises:
//! it never holds more than its limit of a frame that is not complete, it never panics on input, and after a
//! frame that it refused, the rest of that frame is never taken for a new message (S3, S9 of the design).
//!
//! Every limit counts a frame as it travels. Nothing is allocated because a peer announced it: memory follows the bytes that have
//! come. Frames that nest without end are an error.
//!
//! # Framings
//! | codec | on the wire | goes on after a bad frame | EasyNetwork has it as |
//! |---|---|---|---|
//! | [`Lines`] | text, each line behind LF or CRLF | at the next line | `StringLineSerializer` |
//! | [`Separated`] | bytes, each frame behind a separator | at the next separator | `AutoSeparatedPacketSerializer` |
//! | [`FixedSize`] | `N` bytes each | always | `FixedSizePacketSerializer`, `StructSerializer` |
//! | `NewlineSeparated<F>` (`JsonLines`) | text formats, a frame a line | at the next line | `JSONSerializer` |
//! | `LengthPrefixed<F>` | any format, each frame behind its length in four bytes, big endian | behind the frame | |
//! | `Concatenated<F>` | `Json`, `MessagePack`, `Cbor`, `Zlib`: nothing in between | behind the frame; not if it is no frame at all | `JSONSerializer(use_lines=False)`, `MessagePackSerializer`, `CBORSerializer` |
//! | every codec of `tokio_util` that is `Clone` | its own | `LinesCodec` and `AnyDelimiterCodec` do; others if the error says so | |
//! | [`Datagrams`], a [`DatagramCodec`] | any format, a frame a datagram | always | `DatagramProtocol` |
//!
//! # Formats
//! What `F` may be: `Json`, `Postcard`, `MessagePack`, `Cbor`, your own `Format`, and a format around another one:
//!
//! | format | a frame is | EasyNetwork has it as |
//! |---|---|---|
//! | `Zlib<F>`, `Zstd<F>` | compressed, with a limit for what it holds | `ZlibCompressorSerializer`, in datagrams and as `Concatenated<Zlib<F>>` (there without a limit) |
//! | `Crc32<F>` | `F` and four bytes of CRC-32 | |
//! | `Sha256<F>`, `HmacSha256<F, K>` | `F` and 32 bytes of digest or signature | inside `Base64EncoderSerializer` |
//! | `Base64<F>` | text | `Base64EncoderSerializer` |
//!
//! They are put together in the type: `LengthPrefixed<Crc32<Zlib<MessagePack>>>`. What EasyNetwork writes with
//! `Base64EncoderSerializer(JSONSerializer(), checksum=True)` is `NewlineSeparated::<Base64<Sha256<Json>>>::new().crlf()`.
//!
//! # A codec of one's own
//! A protocol that is none of these implements [`Codec`]. `decode` is called each time that bytes have come, with all that have not
//! been taken off yet. It takes a whole message off the front, or leaves everything where it is and says `None`. Three rules:
//!
//! - refuse what is too long as soon as it is announced, not when it has come;
//! - an error is [`resumable`](DecodeError::resumable) only if the bytes of the bad frame are taken off, or will be by later calls;
//! - don't index: a length comes from the peer.
//!
//! ```
//! # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
//! use bytes::{Buf, BufMut, Bytes, BytesMut};
//! use portcullis::codec::{Codec, DecodeError, EncodeError};
//!
//! /// A kind, a length, and so many bytes: as RADIUS, BGP or TLS extensions are made.
//! #[derive(Clone)]
//! struct Tagged;
//!
//! impl Codec<(u8, Bytes), (u8, Bytes)> for Tagged {
//!     fn decode(&mut self, input: &mut BytesMut) -> Result<Option<(u8, Bytes)>, DecodeError> {
//!         let Some([kind, length]) = input.first_chunk().copied() else { return Ok(None) };
//!         let Some(value) = input.get(2..2 + usize::from(length)) else { return Ok(None) };
//!         let value = Bytes::copy_from_slice(value);
//!         input.advance(2 + value.len());
//!         if kind == 0 {
//!             return Err(DecodeError::new("there is no kind 0").resumable());
//!         }
//!         Ok(Some((kind, value)))
//!     }
//!
//!     fn encode(&mut self, (kind, value): (u8, Bytes), output: &mut BytesMut) -> Result<(), EncodeError> {
//!         let length = u8::try_from(value.len()).map_err(EncodeError::new)?;
//!         output.put_slice(&[kind, length]);
//!         output.put_slice(&value);
//!         Ok(())
//!     }
//! }
//!
//! let mut bytes = BytesMut::from(&b"\x01\x02hi\x00\x01?\x02\x00\x03"[..]);
//! assert_eq!(Tagged.decode(&mut bytes).unwrap(), Some((1, Bytes::from("hi"))));
//! assert!(Tagged.decode(&mut bytes).unwrap_err().resumes());
//! assert_eq!(Tagged.decode(&mut bytes).unwrap(), Some((2, Bytes::new())));
//! assert_eq!(Tagged.decode(&mut bytes).unwrap(), None); // half a frame
//! assert!(Tagged.decode_eof(&mut bytes).is_err()); // and no more will come
//! ```
//!
//! Is it only the payload that is special, implement `Format`, and every framing and every wrapper can carry it.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "base64")]
mod base64;
#[cfg(any(feature = "zlib", feature = "zstd"))]
mod bounded;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(feature = "checksum")]
mod checksum;
#[cfg(feature = "serde")]
mod concatenated;
mod datagram;
mod decode_cost;
mod error;
mod fixed_size;
#[cfg(feature = "serde")]
mod format;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod guard;
#[cfg(feature = "json")]
mod json_scanner;
#[cfg(feature = "serde")]
mod length_prefixed;
mod lines;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "serde")]
mod newline;
mod separated;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod shallow;
mod splitter;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod stack;
#[cfg(feature = "tokio-util")]
mod tokio_util;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;

use bytes::BytesMut;

#[cfg(feature = "base64")]
pub use self::base64::{Alphabet, Base64, Standard, UrlSafe};
#[cfg(feature = "cbor")]
pub use self::cbor::Cbor;
#[cfg(feature = "checksum")]
pub use self::checksum::{Crc32, HmacSha256, Key, Sha256};
#[cfg(feature = "serde")]
pub use self::concatenated::{Concatenated, Scanner, SelfDelimiting};
pub use self::datagram::{DatagramCodec, Datagrams, Framed, Raw, Utf8};
pub use self::error::{DecodeError, EncodeError};
pub use self::fixed_size::FixedSize;
#[cfg(feature = "json")]
pub use self::format::Json;
#[cfg(feature = "postcard")]
pub use self::format::Postcard;
#[cfg(feature = "serde")]
pub use self::format::{Format, FrameWriter, TextFormat};
#[cfg(feature = "serde")]
pub use self::length_prefixed::LengthPrefixed;
pub use self::lines::Lines;
#[cfg(feature = "msgpack")]
pub use self::msgpack::MessagePack;
#[cfg(feature = "json")]
pub use self::newline::JsonLines;
#[cfg(feature = "serde")]
pub use self::newline::NewlineSeparated;
pub use self::separated::Separated;
#[cfg(feature = "zlib")]
pub use self::zlib::Zlib;
#[cfg(feature = "zstd")]
pub use self::zstd::Zstd;

/// What the other crates of portcullis use. Not part of the public API.
#[doc(hidden)]
pub mod private {
    pub use crate::datagram::{MAX_DATAGRAM, MAX_UDP_PAYLOAD, PREFIX_LEN};
    pub use crate::decode_cost::take as take_decode_cost;
}

/// Reads messages of type `In` from bytes, and writes messages of type `Out` as bytes.
///
/// Every `tokio_util` codec that is `Clone + Send + 'static` is one, for the item it decodes and the items it
/// encodes. A server uses `Codec<Request, Response>`, a client of it `Codec<Response, Request>`. What such a codec fails
/// with ends the stream, because `tokio_util` has no word for errors that do not. Known to go on are its `LinesCodec` (a line over
/// the limit, or that is not UTF-8) and `AnyDelimiterCodec` (a chunk over the limit). A codec of one's own goes on where its error
/// is a [`resumable`](DecodeError::resumable) `DecodeError`, as its `Error` type or inside of an `io::Error`.
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

    /// As [`decode`](Self::decode), but a frame of more than `above` bytes may be taken off and left for a thread to decode; see
    /// `Server::decode_on`. A codec that can't tell a frame from its message need not write this.
    ///
    /// # Errors
    /// As `decode`.
    fn decode_later(
        &mut self,
        input: &mut BytesMut,
        above: usize,
    ) -> Result<Option<Decoded<In>>, DecodeError> {
        let _ = above;
        Ok(self.decode(input)?.map(Decoded::Message))
    }

    /// Appends `message` to `output`.
    ///
    /// # Errors
    /// The message can't be written, or is over the limit. What was appended of it is taken back by the caller.
    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError>;
}

/// What [`Codec::decode_later`] has taken off the input.
pub enum Decoded<In> {
    /// A message.
    Message(In),
    /// A large frame. The function makes a message of it; it is called once, on a thread that may block.
    Later(Box<dyn FnOnce() -> Result<In, DecodeError> + Send>),
}

impl<In> fmt::Debug for Decoded<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message(_) => "Message(..)",
            Self::Later(_) => "Later(..)",
        })
    }
}

/// A frame is one message: what is left behind it was not meant for us, or it was not the message that we took it for.
#[cfg(any(feature = "cbor", feature = "msgpack", feature = "postcard", feature = "zlib", feature = "zstd"))]
fn nothing_left(rest: &[u8]) -> Result<(), DecodeError> {
    match rest.len() {
        0 => Ok(()),
        left => Err(DecodeError::new(format!("{left} bytes are left over in a frame")).resumable()),
    }
}

#[cfg(test)]
mod tests;
