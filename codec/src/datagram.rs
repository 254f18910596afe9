//! [`DatagramCodec`]: between datagrams and messages, one message a datagram.
//!
//! A datagram arrives whole or not at all, so there is no frame to look for and nothing to keep from one to the next:
//! a [`Codec`], which is made for streams, is not one of these. What this promises is as much: no
//! panic on input, nothing longer than the limit is read or written, and a bad datagram leaves the next one alone.
//!
//! - [`Datagrams`]: a datagram codec in any format: `Datagrams<Json>`, `Datagrams<Postcard>`, [`Utf8`], [`Raw`];
//! - [`Framed`]: a datagram codec for streams, each datagram behind its length.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BufMut, BytesMut};

#[cfg(feature = "serde")]
use super::format::{Format, FrameWriter};
use super::{Codec, DecodeError, EncodeError};

/// The longest datagram that UDP over IPv4 carries.
pub const MAX_UDP_PAYLOAD: usize = 65_507;
/// What a Unix datagram may be at most here. The kernel's own limit, that of its buffers, is mostly lower.
pub const MAX_DATAGRAM: usize = 16 * 1024 * 1024;
/// The length before each datagram on its way through a stream.
pub const PREFIX_LEN: usize = 4;

/// Reads a message of type `In` from a datagram, and writes one of type `Out` as a datagram.
///
/// [`Datagrams`] is the ready-made one; a protocol of your own implements this. A server uses
/// `DatagramCodec<Request, Response>`, an `Endpoint` that talks to it `DatagramCodec<Response, Request>`.
///
/// Called on the loop, between polls: an implementation must neither block nor wait. A panic in one ends the session.
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
    note = "a datagram is a whole message, and a codec for streams looks for the end of one: write `Datagrams::<Json>::new()`, `Datagrams::<Postcard>::new()`, `Datagrams::<Utf8>::new()` (text) or `Datagrams::<Raw>::new()` (bytes)",
    note = "with `Json` and `Postcard`, `{In}` needs `serde::Deserialize` and `{Out}` needs `serde::Serialize`; `Utf8` carries `String`s, `Raw` carries `Vec<u8>` or `Bytes`",
    note = "a datagram codec of your own implements `portcullis::codec::DatagramCodec<{In}, {Out}>`"
)]
pub trait DatagramCodec<In, Out>: Clone + Send + 'static {
    /// The longest datagram that is read or written, in bytes.
    fn max_size(&self) -> usize;

    /// Reads the message that a datagram is; an empty datagram is one, too.
    ///
    /// # Errors
    /// The bytes are not a message. The next datagram is read all the same.
    fn decode(&mut self, datagram: &[u8]) -> Result<In, DecodeError>;

    /// Appends `message` to `datagram`, before which other things may stand.
    ///
    /// # Errors
    /// The message can't be written. What was appended of it is taken back by the caller, and so is a message
    /// over [`max_size`](Self::max_size).
    fn encode(&mut self, message: Out, datagram: &mut BytesMut) -> Result<(), EncodeError>;
}

/// One message a datagram, in format `F`: [`Json`](super::Json), [`Postcard`](super::Postcard) or another serde
/// `Format`; [`Utf8`] for text; [`Raw`] for bytes.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::{Datagrams, Utf8};
/// // What surely passes any network in one piece.
/// let codec = Datagrams::<Utf8>::new().max_size(1200);
/// ```
pub struct Datagrams<F> {
    max_size: usize,
    format: PhantomData<fn() -> F>,
}

/// The [format](Datagrams) of datagrams that are UTF-8 text: read as `String`s, written from anything like a `&str`.
#[derive(Debug)]
pub enum Utf8 {}

/// The [format](Datagrams) of datagrams that are bytes: read as `Vec<u8>` or [`Bytes`](bytes::Bytes), written from
/// anything like a `&[u8]`.
#[derive(Debug)]
pub enum Raw {}

impl<F> Datagrams<F> {
    /// Datagrams of up to 65 507 bytes, the most that UDP carries.
    pub const fn new() -> Self {
        Self { max_size: MAX_UDP_PAYLOAD, format: PhantomData }
    }

    /// The longest datagram that is read or written, in bytes: at most 65 507 over UDP, and 16 MiB over Unix sockets.
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

// Derives would ask for `F: Clone`, and formats are never made.
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

// Not recommended: what carries text is not to be told that it is no format of serde's.
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

/// A datagram codec for streams: each datagram behind its length, in four bytes, big endian.
///
/// That is what `LengthPrefixed` does for serde formats. A server that was given no codec but
/// that of its datagrams uses this, should it be bound to a stream as well.
#[derive(Clone, Debug)]
pub struct Framed<C> {
    codec: C,
    /// What the transport can carry.
    max_datagram: usize,
    /// What is still to be thrown away of a datagram that was refused.
    bytes_to_skip: usize,
}

impl<C> Framed<C> {
    /// Puts the datagrams of `codec` on a stream.
    pub const fn new(codec: C) -> Self {
        Self::with_max(codec, MAX_DATAGRAM)
    }

    /// As [`new`](Self::new), with a limit of the transport besides that of the codec.
    #[doc(hidden)]
    pub const fn with_max(codec: C, max_datagram: usize) -> Self {
        Self { codec, max_datagram, bytes_to_skip: 0 }
    }

    fn limit<In, Out>(&self) -> usize
    where
        C: DatagramCodec<In, Out>,
    {
        self.codec.max_size().min(self.max_datagram)
    }
}

impl<C: DatagramCodec<In, Out>, In, Out> Codec<In, Out> for Framed<C> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        if self.bytes_to_skip > 0 {
            let here = self.bytes_to_skip.min(input.len());
            input.advance(here);
            self.bytes_to_skip -= here;
        }
        let Some(head) = input.first_chunk::<PREFIX_LEN>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        let limit = self.limit();
        if length > limit {
            input.advance(PREFIX_LEN);
            self.bytes_to_skip = length;
            return Err(DecodeError::too_long(limit));
        }
        let Some(datagram) = input[PREFIX_LEN..].get(..length) else { return Ok(None) };
        let message = self.codec.decode(datagram);
        input.advance(PREFIX_LEN + length);
        message.map(Some).map_err(DecodeError::resumable)
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        let start = output.len();
        output.put_bytes(0, PREFIX_LEN);
        self.codec.encode(message, output)?;
        let length = (output.len() - start).saturating_sub(PREFIX_LEN);
        let limit = self.limit();
        if length > limit {
            return Err(EncodeError::too_long(limit));
        }
        // The limit is far below `u32::MAX`.
        output[start..start + PREFIX_LEN].copy_from_slice(&(length as u32).to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(max_size: usize) -> Framed<Datagrams<Utf8>> {
        Framed::new(Datagrams::new().max_size(max_size))
    }

    /// What comes out of `bytes` when they arrive in pieces of `step`.
    fn read(mut codec: Framed<Datagrams<Utf8>>, bytes: &[u8], step: usize) -> Vec<Result<String, bool>> {
        let (mut input, mut out) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(next) = Codec::<String, String>::decode(&mut codec, &mut input).transpose() {
                out.push(next.map_err(|error| error.resumes()));
            }
        }
        assert!(input.is_empty());
        out
    }

    #[test]
    fn on_a_stream_datagrams_round_trip_split_at_every_byte() {
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
    fn one_over_the_limit_is_skipped_exactly_and_one_that_is_no_message_alone() {
        let mut bytes = vec![0, 0, 0, 8];
        bytes.extend([0, 0, 0, 1].repeat(2));
        bytes.extend([0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 1, b'x']);
        for step in 1..=bytes.len() {
            assert_eq!(read(framed(7), &bytes, step), [Err(true), Err(true), Ok("x".to_owned())]);
        }
    }

    #[test]
    fn nothing_over_the_limit_is_written_whoever_sets_it() {
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
    fn bytes_are_read_as_they_are() {
        let mut codec = Datagrams::<Raw>::new();
        let read: Vec<u8> = DatagramCodec::<_, &[u8]>::decode(&mut codec, b"\0\xff").expect("any bytes");
        assert_eq!(read, b"\0\xff");
        let read: bytes::Bytes = DatagramCodec::<_, &[u8]>::decode(&mut codec, b"").expect("none at all");
        assert!(read.is_empty());
    }
}
