//! [`Crc32`], [`Sha256`], [`HmacSha256`]: frames that end with a checksum.

use std::io::Write;
use std::marker::PhantomData;

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest;

use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError};

/// A format that appends a CRC-32 to each frame of format `F`: `LengthPrefixed<Crc32<Json>>`.
///
/// The checksum is that of zlib and Ethernet, in four bytes, big endian. It detects accidental
/// errors. It does not detect forgery: use [`HmacSha256`] for that.
///
/// A frame with a wrong checksum is a [`DecodeError`], after which decoding resumes with the next
/// frame. The same is true of [`Sha256`] and [`HmacSha256`].
#[derive(Debug)]
pub struct Crc32<F>(PhantomData<fn() -> F>);

/// A format that appends the SHA-256 digest (32 bytes) to each frame of format `F`.
///
/// It detects accidental errors. Every peer can compute the digest, so it does not detect forgery:
/// use [`HmacSha256`] for that.
#[derive(Debug)]
pub struct Sha256<F>(PhantomData<fn() -> F>);

/// A format that appends an HMAC-SHA-256 (32 bytes) with the key of `K` to each frame of format
/// `F`.
///
/// It proves that the writer of the frame has the key. It does not prove when the frame was
/// written, so a frame can be replayed, and it does not encrypt. TLS does both. Codes are compared
/// in constant time.
#[derive(Debug)]
pub struct HmacSha256<F, K>(PhantomData<fn() -> (F, K)>);

/// The key of [`HmacSha256`]. A format is a type without values, so a type provides the key.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use std::sync::OnceLock;
/// use portcullis::codec::HmacKey;
///
/// static KEY: OnceLock<Vec<u8>> = OnceLock::new(); // `main` sets it
///
/// enum Secret {}
///
/// impl HmacKey for Secret {
///     fn key() -> &'static [u8] {
///         KEY.get().expect("`main` sets the key before it serves")
///     }
/// }
/// ```
pub trait HmacKey: Send + Sync + 'static {
    /// Returns the key: at least 32 random bytes.
    fn key() -> &'static [u8];
}

/// The error of a wrong checksum.
fn mismatch() -> DecodeError {
    DecodeError::new("the checksum of a frame is wrong").recoverable()
}

/// Splits a frame into the inner frame and the checksum at its end.
fn split_trailer<const N: usize>(frame: &[u8]) -> Result<(&[u8], &[u8; N]), DecodeError> {
    frame
        .split_last_chunk()
        .ok_or_else(|| DecodeError::new("a frame is too short for its checksum").recoverable())
}

/// Writes the frame of `F`, then its checksum, which `sum` computes.
fn write_with_trailer<F: Format, T: Serialize, S: AsRef<[u8]>>(
    message: &T,
    frame: &mut FrameWriter<'_>,
    sum: impl FnOnce(&[u8]) -> Result<S, EncodeError>,
) -> Result<(), EncodeError> {
    let start = frame.written().len();
    F::write(message, frame)?;
    let sum = sum(&frame.written()[start..])?;
    frame.write_all(sum.as_ref()).map_err(|error| frame.map_error(error))
}

impl<F: Format> Format for Crc32<F> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, sum) = split_trailer(frame)?;
        if crc32fast::hash(frame) != u32::from_be_bytes(*sum) {
            return Err(mismatch());
        }
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with_trailer::<F, _, _>(message, frame, |frame| Ok(crc32fast::hash(frame).to_be_bytes()))
    }
}

impl<F: Format> Format for Sha256<F> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, digest) = split_trailer::<32>(frame)?;
        if sha2::Sha256::digest(frame).as_slice() != digest {
            return Err(mismatch());
        }
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with_trailer::<F, _, _>(message, frame, |frame| Ok(sha2::Sha256::digest(frame)))
    }
}

impl<F, K: HmacKey> HmacSha256<F, K> {
    fn mac(frame: &[u8]) -> Result<Hmac<sha2::Sha256>, InvalidLength> {
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(K::key())?;
        mac.update(frame);
        Ok(mac)
    }
}

impl<F: Format, K: HmacKey> Format for HmacSha256<F, K> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, sum) = split_trailer::<32>(frame)?;
        Self::mac(frame).map_err(DecodeError::new)?.verify_slice(sum).map_err(|_| mismatch())?;
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with_trailer::<F, _, _>(message, frame, |frame| {
            Ok(Self::mac(frame).map_err(EncodeError::new)?.finalize().into_bytes())
        })
    }
}
