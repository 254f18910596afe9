//! [`Base64`]: frames as text.

use std::io::Write;
use std::marker::PhantomData;

use ::base64::Engine;
use ::base64::engine::GeneralPurpose;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{Format, FrameWriter, TextFormat};
use super::{DecodeError, EncodeError};

/// A format that writes each frame of format `F` in base64, with padding. Any format becomes a text
/// format: `NewlineDelimited<Base64<MessagePack>>`.
///
/// `A` is the alphabet: [`UrlSafe`] (the default) or [`Standard`].
#[derive(Debug)]
pub struct Base64<F, A = UrlSafe>(PhantomData<fn() -> (F, A)>);

/// The alphabet of [`Base64`] that has `-` and `_`.
#[derive(Debug)]
pub enum UrlSafe {}

/// The alphabet of [`Base64`] that has `+` and `/`.
#[derive(Debug)]
pub enum Standard {}

/// An alphabet of [`Base64`]: [`UrlSafe`] or [`Standard`].
pub trait Alphabet: sealed::Engine + Send + Sync + 'static {}

impl Alphabet for UrlSafe {}
impl Alphabet for Standard {}

mod sealed {
    pub trait Engine {
        const ENGINE: &'static super::GeneralPurpose;
    }
}

impl sealed::Engine for UrlSafe {
    const ENGINE: &'static GeneralPurpose = &URL_SAFE;
}

impl sealed::Engine for Standard {
    const ENGINE: &'static GeneralPurpose = &STANDARD;
}

impl<F: Format, A: Alphabet> Format for Base64<F, A> {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let plain = A::ENGINE.decode(frame).map_err(|error| DecodeError::new(error).recoverable())?;
        F::read(&plain)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        let mut plain = BytesMut::new();
        // Three bytes become four characters. A longer inner frame would be over the limit of this
        // one.
        let fits = frame.remaining() / 4 * 3;
        let mut inner = FrameWriter::new(&mut plain, fits);
        if let Err(error) = F::write(message, &mut inner) {
            return Err(if inner.is_overflowed() { frame.too_long() } else { error });
        }
        let text = A::ENGINE.encode(&plain);
        frame.write_all(text.as_bytes()).map_err(|error| frame.map_error(error))
    }
}

impl<F: Format, A: Alphabet> TextFormat for Base64<F, A> {}
