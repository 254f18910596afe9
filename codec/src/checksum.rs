//! [`Crc32`], [`Sha256`], [`HmacSha256`]: frames with a sum behind them.

use std::io::Write;
use std::marker::PhantomData;

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest;

use super::format::{Format, FrameWriter};
use super::{DecodeError, EncodeError};

/// Frames of format `F`, each with its CRC-32 (that of zlib and Ethernet; four bytes, big endian) behind it:
/// `LengthPrefixed<Crc32<Json>>`. Finds accidents, not forgeries.
///
/// A frame whose sum is wrong is a [`DecodeError`] after which the next frame is read, and so with the other two.
#[derive(Debug)]
pub struct Crc32<F>(PhantomData<fn() -> F>);

/// Frames of format `F`, each with the SHA-256 digest of it (32 bytes) behind it. Anybody can make one: for authenticity there is
/// [`HmacSha256`].
#[derive(Debug)]
pub struct Sha256<F>(PhantomData<fn() -> F>);

/// Frames of format `F`, each signed: its HMAC-SHA-256 (32 bytes) under the key of `K` is behind it, and is compared in constant
/// time. Says that a frame was written by somebody who has the key; not when, and it can be read by all: TLS does that.
#[derive(Debug)]
pub struct HmacSha256<F, K>(PhantomData<fn() -> (F, K)>);

/// Knows the key for [`HmacSha256`]. Formats are types without values, and so the key is that of a type.
///
/// ```
/// # mod portcullis { pub mod codec { pub use portcullis_codec::*; } }
/// use std::sync::OnceLock;
/// use portcullis::codec::Key;
///
/// static KEY: OnceLock<Vec<u8>> = OnceLock::new(); // set by `main`
///
/// enum Secret {}
///
/// impl Key for Secret {
///     fn key() -> &'static [u8] {
///         KEY.get().expect("main sets it before it serves")
///     }
/// }
/// ```
pub trait Key: Send + Sync + 'static {
    /// The key; 32 bytes or more of randomness are a good one.
    fn key() -> &'static [u8];
}

fn wrong() -> DecodeError {
    DecodeError::new("the checksum of a frame is wrong").resumable()
}

/// A frame and the sum behind it.
fn split<const N: usize>(frame: &[u8]) -> Result<(&[u8], &[u8; N]), DecodeError> {
    frame
        .split_last_chunk()
        .ok_or_else(|| DecodeError::new("a frame is too short for its checksum").resumable())
}

/// Writes the frame of `F` and then what `sum` makes of it.
fn write_with<F: Format, T: Serialize, S: AsRef<[u8]>>(
    message: &T,
    frame: &mut FrameWriter<'_>,
    sum: impl FnOnce(&[u8]) -> Result<S, EncodeError>,
) -> Result<(), EncodeError> {
    let start = frame.written().len();
    F::write(message, frame)?;
    let sum = sum(&frame.written()[start..])?;
    frame.write_all(sum.as_ref()).map_err(|error| frame.explain(error))
}

impl<F: Format> Format for Crc32<F> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, sum) = split(frame)?;
        if crc32fast::hash(frame) != u32::from_be_bytes(*sum) {
            return Err(wrong());
        }
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with::<F, _, _>(message, frame, |frame| Ok(crc32fast::hash(frame).to_be_bytes()))
    }
}

impl<F: Format> Format for Sha256<F> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, digest) = split::<32>(frame)?;
        if sha2::Sha256::digest(frame).as_slice() != digest {
            return Err(wrong());
        }
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with::<F, _, _>(message, frame, |frame| Ok(sha2::Sha256::digest(frame)))
    }
}

impl<F, K: Key> HmacSha256<F, K> {
    fn mac(frame: &[u8]) -> Result<Hmac<sha2::Sha256>, InvalidLength> {
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(K::key())?;
        mac.update(frame);
        Ok(mac)
    }
}

impl<F: Format, K: Key> Format for HmacSha256<F, K> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let (frame, sum) = split::<32>(frame)?;
        Self::mac(frame).map_err(DecodeError::new)?.verify_slice(sum).map_err(|_| wrong())?;
        F::read(frame)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_with::<F, _, _>(message, frame, |frame| {
            Ok(Self::mac(frame).map_err(EncodeError::new)?.finalize().into_bytes())
        })
    }
}
