//! [`Carries`]: whether a codec fits a service, so that a codec that does not is one error.

use bytes::BytesMut;

use super::NoCodec;
use crate::codec::{Codec, DecodeError, EncodeError};
use crate::private::Unknown;

/// What [`Server::codec`](crate::Server::codec) takes: every [`Codec`] of the service's messages.
///
/// The server's type has [`Codec`](Self::Codec) and not the codec itself in it: without an impl it
/// is no type at all, and the compiler has nothing to say of the calls that follow. For that there
/// must be a second impl, [`Never`]'s, that might apply: with one alone, the compiler takes it for
/// the one that is meant, and goes on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec that reads `{In}` and writes `{Out}`",
    label = "can't carry these messages",
    note = "with `JsonLines`, `NewlineDelimited` and `LengthPrefixed`, write `#[derive(serde::Deserialize)]` on `{In}` and `#[derive(serde::Serialize)]` \
            on `{Out}`",
    note = "`Lines` reads `String` and writes text, such as `String`: in the handler, `parse` what comes, and return `to_string()`"
)]
pub trait Carries<In, Out, How> {
    /// The codec.
    type Codec: Codec<In, Out>;

    /// Itself.
    fn carry(self) -> Self::Codec;
}

/// The codec fits.
#[derive(Debug)]
pub enum Fits {}

impl<C: Codec<In, Out>, In, Out> Carries<In, Out, Fits> for C {
    type Codec = C;

    fn carry(self) -> C {
        self
    }
}

/// Nothing is there by this way.
#[derive(Debug)]
pub enum Never {}

#[diagnostic::do_not_recommend]
impl<C: never::Never + Codec<In, Out>, In, Out> Carries<In, Out, Never> for C {
    type Codec = C;

    fn carry(self) -> C {
        self
    }
}

/// The handler has a mistake, which was reported: whatever the codec, it is not to blame.
#[derive(Debug)]
pub enum Mistaken {}

#[diagnostic::do_not_recommend]
impl<C, Out> Carries<Unknown, Out, Mistaken> for C {
    type Codec = Silent;

    fn carry(self) -> Silent {
        Silent
    }
}

/// What a listener of streams asks of the server's codec: that there is one.
///
/// The second impl never applies. With the first alone, the compiler would not tell of this trait
/// but of [`Codec`].
#[diagnostic::on_unimplemented(
    message = "this server has no codec",
    label = "cannot read requests of type `{In}`",
    note = "write `.codec(..)` before this call, for example `.codec(JsonLines::new())`"
)]
pub trait HasCodec<In, Out, How>: Codec<In, Out> {}

#[diagnostic::do_not_recommend]
impl<C: Codec<In, Out>, In, Out> HasCodec<In, Out, Fits> for C {}

#[diagnostic::do_not_recommend]
impl<C: never::Never + Codec<In, Out>, In, Out> HasCodec<In, Out, Never> for C {}

/// Never there, as nothing [`Is`](never::Is) a codec. Without it, the compiler would take the
/// codecs of `tokio_util` for what is meant.
#[diagnostic::do_not_recommend]
impl<In, Out> Codec<In, Out> for NoCodec
where
    NoCodec: never::Is<In>,
{
    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<In>, DecodeError> {
        Ok(None)
    }

    fn encode(&mut self, _: Out, _: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// The codec of a service that does not compile.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

#[diagnostic::do_not_recommend]
impl<Out> Codec<Unknown, Out> for Silent {
    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Unknown>, DecodeError> {
        Ok(None)
    }

    fn encode(&mut self, _: Out, _: &mut BytesMut) -> Result<(), EncodeError> {
        Ok(())
    }
}

mod never {
    pub trait Never {}
    /// That it names a type keeps the bound from being known to be false.
    pub trait Is<In> {}
}
