//! [`FixedSize`]: messages of a fixed number of bytes.

use std::error::Error;

use bytes::{Buf, BytesMut};

use super::{Codec, DecodeError, EncodeError};

/// A codec of messages of `N` bytes each, with nothing between them.
///
/// It reads types that are `From<[u8; N]>`, or `TryFrom<[u8; N]>` if some bytes are not a message,
/// and writes types that are `Into<[u8; N]>`. To carry a struct of fixed layout, implement these
/// conversions:
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
/// fn takes_codec_of_points(codec: impl Codec<Point, Point>) {}
/// takes_codec_of_points(FixedSize::<4>::new());
/// ```
///
/// If the conversion fails, that is a [`DecodeError`], after which decoding resumes with the next
/// `N` bytes.
#[derive(Clone, Debug)]
pub struct FixedSize<const N: usize>(());

impl<const N: usize> FixedSize<N> {
    /// Makes a codec of messages of `N` bytes. `N` must not be 0, or the program does not compile.
    #[inline]
    pub const fn new() -> Self {
        const { assert!(N > 0, "`FixedSize<0>` is not allowed") };
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
        In::try_from(bytes).map(Some).map_err(|error| DecodeError::new(error).recoverable())
    }

    fn encode(&mut self, message: Out, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.extend_from_slice(&message.into());
        Ok(())
    }

    fn encoding_id(&self) -> Option<u64> {
        Some(0)
    }
}
