//! [`FixedSize`]: every message has so many bytes.

use std::error::Error;

use bytes::{Buf, BytesMut};

use super::{Codec, DecodeError, EncodeError};

/// Messages of `N` bytes each, with nothing between them.
///
/// Read as whatever is made from `[u8; N]` (by `From`, or by `TryFrom` where not all bytes are a message), written from what
/// turns into `[u8; N]`; that is at the same time how a struct of fixed layout is read and written:
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use portcullis::codec::{Codec, FixedSize};
///
/// struct Point { x: u16, y: u16 }
///
/// impl From<[u8; 4]> for Point {
///     fn from([a, b, c, d]: [u8; 4]) -> Self {
///         Self { x: u16::from_be_bytes([a, b]), y: u16::from_be_bytes([c, d]) }
///     }
/// }
///
/// impl From<Point> for [u8; 4] {
///     fn from(point: Point) -> Self {
///         let ([a, b], [c, d]) = (point.x.to_be_bytes(), point.y.to_be_bytes());
///         [a, b, c, d]
///     }
/// }
///
/// fn a_codec_of_points(codec: impl Codec<Point, Point>) {}
/// a_codec_of_points(FixedSize::<4>::new());
/// ```
///
/// Bytes that are no message are a [`DecodeError`] after which the next ones are read.
#[derive(Clone, Debug)]
pub struct FixedSize<const N: usize>(());

impl<const N: usize> FixedSize<N> {
    /// A codec of messages of `N` bytes; of none does not compile.
    pub const fn new() -> Self {
        const { assert!(N > 0, "messages of no bytes can't be told apart") };
        Self(())
    }
}

impl<const N: usize> Default for FixedSize<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, In, Out> Codec<In, Out> for FixedSize<N>
where
    In: TryFrom<[u8; N]>,
    In::Error: Error + Send + Sync + 'static,
    Out: Into<[u8; N]>,
{
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        let Some(bytes) = input.first_chunk::<N>().copied() else { return Ok(None) };
        input.advance(N);
        In::try_from(bytes).map(Some).map_err(|error| DecodeError::new(error).resumable())
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.extend_from_slice(&message.into());
        Ok(())
    }
}
