//! The codecs of [portcullis](https://docs.rs/portcullis): they turn bytes into messages and
//! messages into bytes.
//!
//! Applications find this crate as `portcullis::codec`. It needs no socket and no async runtime.
//!
//! A [`Codec`] reads and writes the messages of a stream, a [`DatagramCodec`] those of datagrams.
//! Each connection has a clone of its codec, which keeps the decoding state of that connection.
//! Every codec here guarantees:
//!
//! - it buffers at most its limit of an incomplete frame;
//! - it does not panic on any input. It limits how deep a message nests, and the memory and stack
//!   that decoding takes;
//! - it allocates memory for bytes that have arrived, not for a length that the peer announces;
//! - after it rejects a frame, it never reads the remaining bytes of that frame as a new message.
//!
//! Limits count the bytes of a frame on the wire.
//!
//! # Framings
//! | codec | on the wire | resumes after a bad frame | name in EasyNetwork |
//! |---|---|---|---|
//! | [`Lines`] | text, each line ended by LF or CRLF | at the next line | `StringLineSerializer` |
//! | [`Delimited`] | bytes, each frame ended by a delimiter | after the next delimiter | `AutoSeparatedPacketSerializer` |
//! | [`FixedSize`] | `N` bytes each | always | `FixedSizePacketSerializer`, `StructSerializer` |
//! | `NewlineDelimited<F>` (`JsonLines`) | a text format, one frame per line | at the next line | `JSONSerializer` |
//! | `LengthPrefixed<F>` | any format, the length (four bytes, big endian) before each frame | after the frame | |
//! | `ContentLength<F>` | any format, a header with `Content-Length` before each frame | after the frame, if the header is valid | |
//! | `Concatenated<F>` | `Json`, `MessagePack`, `Cbor`, `Zlib`, with nothing between frames | after the frame, if it is well-formed | `JSONSerializer(use_lines=False)`, `MessagePackSerializer`, `CBORSerializer` |
//! | every codec of `tokio_util` that is `Clone` (feature `tokio-util`) | its own | `LinesCodec` and `AnyDelimiterCodec`; others if the error says so | |
//! | [`Datagrams`], a [`DatagramCodec`] | any format, one frame per datagram | always | `DatagramProtocol` |
//!
//! # Formats
//! `F` is `Json`, `Postcard`, `MessagePack`, `Cbor`, your own `Format`, or one of these formats
//! around another format:
//!
//! | format | a frame is | name in EasyNetwork |
//! |---|---|---|
//! | `Zlib<F>`, `Zstd<F>` | compressed, with a limit for the decompressed size | `ZlibCompressorSerializer`, in datagrams and as `Concatenated<Zlib<F>>` (there without a limit) |
//! | `Crc32<F>` | `F` and four bytes of CRC-32 | |
//! | `Sha256<F>`, `HmacSha256<F, K>` | `F` and 32 bytes of digest or signature | inside `Base64EncoderSerializer` |
//! | `Base64<F>` | text | `Base64EncoderSerializer` |
//!
//! Types compose them: `LengthPrefixed<Crc32<Zlib<MessagePack>>>`. The counterpart of EasyNetwork's
//! `Base64EncoderSerializer(JSONSerializer(), checksum=True)` is
//! `NewlineDelimited::<Base64<Sha256<Json>>>::new().crlf()`.
//!
//! # Custom codecs
//! For any other protocol, implement [`Codec`]. The caller calls `decode` whenever bytes have
//! arrived, with all bytes that `decode` has not removed yet. `decode` removes one complete message
//! from the front of the input, or leaves the input as it is and returns `None`. Three rules:
//!
//! - Reject a frame over your limit as soon as its length is known.
//! - Make an error [`recoverable`](DecodeError::recoverable) only if `decode` removes the bytes of
//!   the bad frame, now or in later calls.
//! - Do not index with a length that the peer sent.
//!
//! ```
//! # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
//! use bytes::{Buf, BufMut, Bytes, BytesMut};
//! use portcullis::codec::{Codec, DecodeError, EncodeError};
//!
//! /// A type, a length and a value of that length, as in RADIUS, BGP and TLS extensions.
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
//!             return Err(DecodeError::new("kind 0 is reserved").recoverable());
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
//! assert!(Tagged.decode(&mut bytes).unwrap_err().is_recoverable());
//! assert_eq!(Tagged.decode(&mut bytes).unwrap(), Some((2, Bytes::new())));
//! assert_eq!(Tagged.decode(&mut bytes).unwrap(), None); // an incomplete frame
//! assert!(Tagged.decode_eof(&mut bytes).is_err()); // at the end of the stream
//! ```
//!
//! If only the payload of your protocol is special, implement `Format`: every framing and every
//! wrapper works with it.

#![forbid(unsafe_code)]
// docs.rs builds with nightly and shows the feature that each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "base64")]
mod base64;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(feature = "checksum")]
mod checksum;
#[cfg(feature = "serde")]
mod concatenated;
#[cfg(feature = "serde")]
mod content_length;
#[cfg(feature = "serde")]
mod content_length_scanner;
mod datagram;
mod decode_cost;
#[cfg(any(feature = "zlib", feature = "zstd"))]
mod decompression;
mod delimited;
mod encoding_id;
mod error;
mod fixed_size;
#[cfg(feature = "serde")]
mod format;
#[cfg(feature = "json")]
mod json_scanner;
mod length_prefix;
#[cfg(feature = "serde")]
mod length_prefixed;
mod line_scanner;
mod lines;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "serde")]
mod newline_delimited;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod read_limits;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod stack;
#[cfg(feature = "tokio-util")]
mod tokio_util;
#[cfg(any(feature = "cbor", feature = "json", feature = "msgpack", feature = "postcard"))]
mod write_limits;
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
pub use self::checksum::{Crc32, HmacKey, HmacSha256, Sha256};
#[cfg(feature = "serde")]
pub use self::concatenated::{Concatenated, Scanner, SelfDelimiting};
#[cfg(feature = "serde")]
pub use self::content_length::ContentLength;
pub use self::datagram::{DatagramCodec, Datagrams, Framed, Raw, Utf8};
pub use self::delimited::Delimited;
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
pub use self::newline_delimited::JsonLines;
#[cfg(feature = "serde")]
pub use self::newline_delimited::NewlineDelimited;
#[cfg(feature = "zlib")]
pub use self::zlib::Zlib;
#[cfg(feature = "zstd")]
pub use self::zstd::Zstd;

/// What the other crates of portcullis use. Not part of the public API.
#[doc(hidden)]
pub mod private {
    #[cfg(feature = "serde")]
    pub use crate::content_length_scanner::{
        ContentLengthScanner, FrameWithHeader, write_with_content_length,
    };
    pub use crate::datagram::{MAX_DATAGRAM, MAX_UDP_PAYLOAD};
    #[cfg(feature = "json")]
    pub use crate::decode_cost::add as add_decode_cost;
    pub use crate::decode_cost::take as take_decode_cost;
    pub use crate::error::attach_to_next_error;
    #[cfg(feature = "json")]
    pub use crate::format::read_json;
    pub use crate::length_prefix::PREFIX_LEN;
    pub use crate::line_scanner::{Line, LineScanner};
}

/// Reads messages of type `In` from a stream of bytes, and writes messages of type `Out`.
///
/// A server uses `Codec<Request, Response>`, its client `Codec<Response, Request>`.
///
/// With the feature `tokio-util`, every `tokio_util` codec that is `Clone + Send + 'static` is a
/// `Codec` for the item that it decodes and the items that it encodes. The traits of `tokio_util`
/// do not say whether the stream is usable after an error, so an error ends the session, except:
///
/// - errors of `LinesCodec` (a line over the limit or not in UTF-8) and `AnyDelimiterCodec` (a
///   chunk over the limit);
/// - a [`recoverable`](DecodeError::recoverable) `DecodeError`, as the codec's `Error` type or
///   inside an `io::Error`.
///
/// The event loop calls the methods, so they must not block. A panic in one ends the session.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec that reads `{In}` and writes `{Out}`",
    label = "can't carry these messages",
    note = "a service's codec reads its requests and writes its responses; a client's does the reverse",
    note = "with `JsonLines`, `NewlineDelimited` and `LengthPrefixed`, write `#[derive(serde::Deserialize)]` on `{In}` and `#[derive(serde::Serialize)]` on `{Out}`; \
            a custom codec implements `portcullis::Codec<{In}, {Out}>`, or `Clone` and `tokio_util`'s `Decoder<Item = {In}>` and `Encoder<{Out}>`"
)]
pub trait Codec<In, Out>: Clone + Send + 'static {
    /// Removes the next message from the front of `input`, or returns `None` if it is incomplete.
    ///
    /// # Errors
    /// The bytes are not a message. [`DecodeError::is_recoverable`] says whether the next call
    /// continues with the following frame.
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError>;

    /// Like [`decode`](Self::decode), at the end of the stream. The caller calls it until it
    /// returns `None`.
    ///
    /// # Errors
    /// Those of `decode`, and an error if the remaining input is not a whole frame.
    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        match self.decode(input)? {
            Some(message) => Ok(Some(message)),
            None if input.is_empty() => Ok(None),
            None => Err(DecodeError::truncated()),
        }
    }

    /// Like [`decode`](Self::decode), but may return a frame of more than `above` bytes undecoded,
    /// so that a thread can decode it (`Server::decode_on`).
    ///
    /// The default decodes every frame at once. Override it if your codec finds the end of a frame
    /// without decoding it.
    ///
    /// # Errors
    /// Those of `decode`.
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
    /// The message cannot be encoded or is over the limit. The caller then removes the bytes that
    /// were appended.
    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError>;

    /// Identifies how this codec encodes: two codecs of this type that return the same number
    /// encode every message to the same bytes, whatever they have encoded before. `None` if what
    /// [`encode`](Self::encode) writes depends on the connection, as with a counter or a
    /// compression context of its own.
    ///
    /// A message that many peers are sent (`Encoded`) is then encoded once. The default is `None`,
    /// which is correct for every codec. A codec without options returns `Some(0)`, and one with
    /// options a number (or a hash) of those that change the encoding.
    fn encoding_id(&self) -> Option<u64> {
        None
    }
}

/// The result of [`Codec::decode_later`]: a message, or a frame that is still to be decoded.
pub enum Decoded<In> {
    /// A decoded message.
    Message(In),
    /// A function that decodes a large frame. It is called once, on a thread that may block.
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

/// Rejects a frame that has bytes after its message: the peer probably sent a message of another
/// type.
#[cfg(any(feature = "cbor", feature = "msgpack", feature = "postcard", feature = "zlib", feature = "zstd"))]
fn reject_trailing_bytes(rest: &[u8]) -> Result<(), DecodeError> {
    match rest.len() {
        0 => Ok(()),
        left => Err(DecodeError::new(format!("{left} bytes are left over in a frame")).recoverable()),
    }
}

#[cfg(test)]
mod tests;
