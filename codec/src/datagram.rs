//! [`DatagramCodec`]: a codec of datagrams, with one message per datagram.
//!
//! A datagram arrives whole or not at all. A datagram codec looks for no frame and keeps no state
//! between datagrams, so a [`Codec`], which is for streams, is not a `DatagramCodec`. The codecs
//! here guarantee: no panic on input, no datagram over the limit, and a bad datagram does not
//! affect the next one.
//!
//! - [`Datagrams`] is a datagram codec for any format: `Datagrams<Json>`, `Datagrams<Postcard>`,
//!   [`Utf8`], [`Raw`].
//! - [`Framed`] adapts a datagram codec to streams, with the length before each datagram.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};

#[cfg(feature = "serde")]
use super::format::{Format, FrameWriter};
use super::length_prefix::{LengthPrefix, PREFIX_LEN, write_prefixed};
use super::{Codec, DecodeError, EncodeError};

/// The longest payload of a UDP datagram over IPv4, in bytes.
pub const MAX_UDP_PAYLOAD: usize = 65_507;
/// The longest datagram on a Unix socket, in bytes. The buffers of the kernel usually set a lower
/// limit.
pub const MAX_DATAGRAM: usize = 16 * 1024 * 1024;

/// Reads a message of type `In` from a datagram, and writes a message of type `Out` as a datagram.
///
/// [`Datagrams`] implements this trait for serde formats, text and bytes. For any other protocol,
/// implement it yourself. A server uses `DatagramCodec<Request, Response>`, and an `Endpoint` that
/// talks to it `DatagramCodec<Response, Request>`.
///
/// The event loop calls the methods, so they must not block. A panic in one ends the session.
///
/// ```
/// use bytes::{BufMut, BytesMut};
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::{DatagramCodec, DecodeError, EncodeError};
///
/// /// A number, in eight bytes.
/// #[derive(Clone)]
/// struct Number;
///
/// impl DatagramCodec<u64, u64> for Number {
///     fn max_size(&self) -> usize {
///         8
///     }
///
///     fn decode(&mut self, datagram: &[u8]) -> Result<u64, DecodeError> {
///         let bytes = datagram.try_into().map_err(|_| DecodeError::new("not eight bytes"))?;
///         Ok(u64::from_be_bytes(bytes))
///     }
///
///     fn encode(&mut self, number: u64, datagram: &mut BytesMut) -> Result<(), EncodeError> {
///         datagram.put_u64(number);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a datagram codec that reads `{In}` and writes `{Out}`",
    label = "can't carry these messages in datagrams",
    note = "stream codecs need framing that datagrams don't have: write `Datagrams::<Json>::new()`, `Datagrams::<Postcard>::new()`, `Datagrams::<Utf8>::new()` (text) or `Datagrams::<Raw>::new()` (bytes)",
    note = "with `Json` and `Postcard`, `{In}` needs `serde::Deserialize` and `{Out}` needs `serde::Serialize`; `Utf8` carries `String`s, `Raw` carries `Vec<u8>` or `Bytes`",
    note = "a custom datagram codec implements `portcullis::codec::DatagramCodec<{In}, {Out}>`"
)]
pub trait DatagramCodec<In, Out>: Clone + Send + 'static {
    /// Returns the longest datagram that is read or written, in bytes.
    fn max_size(&self) -> usize;

    /// Reads the message of a datagram, which can be empty.
    ///
    /// # Errors
    /// The bytes are not a message. The session continues with the next datagram.
    fn decode(&mut self, datagram: &[u8]) -> Result<In, DecodeError>;

    /// Appends `message` to `datagram`, which need not be empty.
    ///
    /// # Errors
    /// The message cannot be encoded. The caller then removes the bytes that were appended. It also
    /// removes and rejects a message over [`max_size`](Self::max_size).
    fn encode(&mut self, message: Out, datagram: &mut BytesMut) -> Result<(), EncodeError>;
}

/// A codec of datagrams in format `F`, with one message per datagram.
///
/// `F` is [`Json`](super::Json), [`Postcard`](super::Postcard) or another serde `Format`, [`Utf8`]
/// for text, or [`Raw`] for bytes.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::{Datagrams, Utf8};
/// // Short enough to pass through most networks without fragmentation.
/// let codec = Datagrams::<Utf8>::new().max_size(1200);
/// ```
pub struct Datagrams<F> {
    max_size: usize,
    format: PhantomData<fn() -> F>,
}

/// The [format](Datagrams) of datagrams of UTF-8 text. It reads `String`s, and writes anything that
/// is `AsRef<str>`.
#[derive(Debug)]
pub enum Utf8 {}

/// The [format](Datagrams) of datagrams of raw bytes. It reads `Vec<u8>` or
/// [`Bytes`](bytes::Bytes), and writes anything that is `AsRef<[u8]>`.
#[derive(Debug)]
pub enum Raw {}

impl<F> Datagrams<F> {
    /// Makes a codec of datagrams of up to 65 507 bytes, the limit of UDP over IPv4.
    pub const fn new() -> Self {
        Self { max_size: MAX_UDP_PAYLOAD, format: PhantomData }
    }

    /// Sets the longest datagram that is read or written, in bytes. It is at most 65 507 over UDP,
    /// and 16 MiB over Unix sockets.
    #[must_use]
    pub const fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = if bytes > MAX_DATAGRAM { MAX_DATAGRAM } else { bytes };
        self
    }

    fn append(&self, bytes: &[u8], datagram: &mut BytesMut) -> Result<(), EncodeError> {
        if bytes.len() > self.max_size {
            return Err(EncodeError::too_long(self.max_size));
        }
        datagram.extend_from_slice(bytes);
        Ok(())
    }
}

impl<F> Default for Datagrams<F> {
    fn default() -> Self {
        Self::new()
    }
}

// A derive would require `F: Clone`, but a format is a type without values.
impl<F> Clone for Datagrams<F> {
    fn clone(&self) -> Self {
        Self { max_size: self.max_size, format: PhantomData }
    }
}

impl<F> fmt::Debug for Datagrams<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("max_size", &self.max_size).finish_non_exhaustive()
    }
}

// Not recommended: a message for `Utf8` or `Raw` must not say that they are not serde formats.
#[cfg(feature = "serde")]
#[diagnostic::do_not_recommend]
impl<F, In, Out> DatagramCodec<In, Out> for Datagrams<F>
where
    F: Format,
    In: serde::de::DeserializeOwned,
    Out: serde::Serialize,
{
    fn max_size(&self) -> usize {
        self.max_size
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<In, DecodeError> {
        F::read(datagram)
    }

    fn encode(&mut self, message: Out, datagram: &mut BytesMut) -> Result<(), EncodeError> {
        F::write(&message, &mut FrameWriter::new(datagram, self.max_size))
    }
}

impl<Out: AsRef<str>> DatagramCodec<String, Out> for Datagrams<Utf8> {
    fn max_size(&self) -> usize {
        self.max_size
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<String, DecodeError> {
        std::str::from_utf8(datagram).map(str::to_owned).map_err(DecodeError::new)
    }

    fn encode(&mut self, message: Out, datagram: &mut BytesMut) -> Result<(), EncodeError> {
        self.append(message.as_ref().as_bytes(), datagram)
    }
}

impl<In: From<Vec<u8>>, Out: AsRef<[u8]>> DatagramCodec<In, Out> for Datagrams<Raw> {
    fn max_size(&self) -> usize {
        self.max_size
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<In, DecodeError> {
        Ok(datagram.to_vec().into())
    }

    fn encode(&mut self, message: Out, datagram: &mut BytesMut) -> Result<(), EncodeError> {
        self.append(message.as_ref(), datagram)
    }
}

/// Adapts a datagram codec to streams. On the stream, the length of each datagram (four bytes, big
/// endian) precedes it.
///
/// `LengthPrefixed` does the same for serde formats. A server that has only a datagram codec uses
/// `Framed` when it is bound to a stream as well.
#[derive(Clone, Debug)]
pub struct Framed<C> {
    codec: C,
    /// The limit of the transport, in bytes.
    max_datagram: usize,
    prefix: LengthPrefix,
}

impl<C> Framed<C> {
    /// Makes a codec of streams from `codec`.
    pub const fn new(codec: C) -> Self {
        Self::with_max(codec, MAX_DATAGRAM)
    }

    /// Like [`new`](Self::new), with a limit of the transport in addition to the limit of the
    /// codec.
    #[doc(hidden)]
    pub const fn with_max(codec: C, max_datagram: usize) -> Self {
        Self { codec, max_datagram, prefix: LengthPrefix::new() }
    }

    fn max_frame<In, Out>(&self) -> usize
    where
        C: DatagramCodec<In, Out>,
    {
        self.codec.max_size().min(self.max_datagram)
    }
}

impl<C: DatagramCodec<In, Out>, In, Out> Codec<In, Out> for Framed<C> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        let max = self.max_frame();
        let Some(length) = self.prefix.next_frame(input, max)? else { return Ok(None) };
        let message = self.codec.decode(&input[PREFIX_LEN..PREFIX_LEN + length]);
        input.advance(PREFIX_LEN + length);
        message.map(Some).map_err(DecodeError::recoverable)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let max = self.max_frame();
        write_prefixed(output, max, |output| self.codec.encode(message, output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(max_size: usize) -> Framed<Datagrams<Utf8>> {
        Framed::new(Datagrams::new().max_size(max_size))
    }

    /// Decodes `bytes`, which arrive in pieces of `step` bytes. Errors become their
    /// `is_recoverable`.
    fn read(mut codec: Framed<Datagrams<Utf8>>, bytes: &[u8], step: usize) -> Vec<Result<String, bool>> {
        let (mut input, mut out) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(next) = Codec::<String, String>::decode(&mut codec, &mut input).transpose() {
                out.push(next.map_err(|error| error.is_recoverable()));
            }
        }
        assert!(input.is_empty());
        out
    }

    #[test]
    fn datagrams_round_trip_on_a_stream_split_at_every_byte() {
        let messages = ["one", "", "drei äöü"];
        let mut bytes = BytesMut::new();
        for message in messages {
            Codec::<String, _>::encode(&mut framed(100), message, &mut bytes).expect("short enough");
        }
        for step in 1..=bytes.len() {
            let expected: Vec<_> = messages.iter().map(|message| Ok((*message).to_owned())).collect();
            assert_eq!(read(framed(100), &bytes, step), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn an_oversized_frame_and_a_bad_message_do_not_affect_the_next_frame() {
        let mut bytes = vec![0, 0, 0, 8];
        bytes.extend([0, 0, 0, 1].repeat(2));
        bytes.extend([0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 1, b'x']);
        for step in 1..=bytes.len() {
            assert_eq!(read(framed(7), &bytes, step), [Err(true), Err(true), Ok("x".to_owned())]);
        }
    }

    #[test]
    fn the_limits_of_codec_and_transport_apply_to_writes() {
        let mut output = BytesMut::new();
        let mut encode = |mut codec: Framed<Datagrams<Utf8>>| {
            Codec::<String, _>::encode(&mut codec, "12345678", &mut output).map_err(|error| error.to_string())
        };
        assert_eq!(encode(framed(8)), Ok(()));
        assert_eq!(encode(framed(7)), Err("the message is longer than 7 bytes".to_owned()));
        let narrow = Framed::with_max(Datagrams::new(), 6);
        assert_eq!(encode(narrow), Err("the message is longer than 6 bytes".to_owned()));
    }

    #[test]
    fn raw_datagrams_are_read_unchanged() {
        let mut codec = Datagrams::<Raw>::new();
        let read: Vec<u8> = DatagramCodec::<_, &[u8]>::decode(&mut codec, b"\0\xff").expect("any bytes");
        assert_eq!(read, b"\0\xff");
        let read: bytes::Bytes = DatagramCodec::<_, &[u8]>::decode(&mut codec, b"").expect("none at all");
        assert!(read.is_empty());
    }
}
