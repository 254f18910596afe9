//! What expansions name. Not part of the public interface.
//!
//! A bound that a type of the user's lacks is one error, at the type: [`is_sendable`] and
//! [`is_shareable`] check it there, and the rest of the expansion compiles without it.

use std::fmt::Display;
use std::future::{Future, Pending, pending};
use std::marker::PhantomData;
use std::sync::Arc;

use portcullis_service::{Reason, Session, SessionError};
use serde::de::{DeserializeOwned, Error};

pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::params::Params;
pub use crate::serve::serve;
use crate::service::RpcService;
use crate::wire::{ClientMessage, ServerMessage};

/// A parameter, a result or an error of a call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent: the parameters and results of `#[rpc]` methods must implement serde's `Serialize` and `Deserialize`",
    label = "lacks `Serialize` or `Deserialize`",
    note = "for a type of your own, write `#[derive(serde::Serialize, serde::Deserialize)]` on it"
)]
pub trait Sendable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Sendable for T {}

/// The connection's value of a service of calls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the connection's value, because calls of a connection run at the same time and share it",
    label = "is not `Sync`",
    note = "put what changes into an atomic or a `Mutex`"
)]
pub trait Shareable: Sync {}

#[diagnostic::do_not_recommend]
impl<T: Sync> Shareable for T {}

/// Checks a type in a signature. All other generated code compiles without the bound, so that a
/// type that lacks it is one error, at the type.
pub const fn is_sendable<T: Sendable>() {}

/// As [`is_sendable`], for the connection's value.
pub const fn is_shareable<T: Shareable>() {}

/// Writes and reads a `T`, or fails if it lacks the traits: the methods of this type, and those of
/// [`NotSendable`] if their bound is not satisfied.
#[derive(Debug)]
pub struct Wire<T>(PhantomData<T>);

impl<T> Wire<T> {
    pub const PROBE: Self = Self(PhantomData);
}

impl<T: Sendable> Wire<T> {
    pub fn sent(self, value: &T) -> &T {
        value
    }

    pub fn received(self, value: T) -> T {
        value
    }
}

/// The methods of [`Wire`] for a type that can't be sent, which is reported.
pub trait NotSendable<T>: Sized {
    fn sent(self, _: &T) -> Unknown {
        unreachable!("the type can't be sent")
    }

    fn received(self, value: Unknown) -> T {
        match value {}
    }
}

impl<T> NotSendable<T> for Wire<T> {}

/// The session of a service: [`serve`], or [`NotShareable`] if the connection's value can't be
/// shared.
#[derive(Debug)]
pub struct Calls<S>(PhantomData<S>);

impl<S> Calls<S> {
    pub const PROBE: Self = Self(PhantomData);
}

impl<S: RpcService<Conn: Sync>> Calls<S> {
    pub fn serve(
        self,
        service: &Arc<S>,
        conn: &S::Conn,
        session: &mut Session<ClientMessage<S::Protocol>, ServerMessage<S::Protocol>>,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        serve(service, conn, session)
    }
}

/// The methods of [`Calls`] for a service whose connections have a value that can't be shared,
/// which is reported.
pub trait NotShareable<S>: Sized {
    fn serve<C, M>(self, _: &Arc<S>, _: &mut C, _: &mut M) -> Pending<Result<(), SessionError>> {
        pending()
    }
}

impl<S> NotShareable<S> for Calls<S> {}

/// Writes the parameters of a call as a tuple.
#[inline]
pub fn write_params<P: Serialize, S: Serializer>(params: P, serializer: S) -> Result<S::Ok, S::Error> {
    params.serialize(serializer)
}

/// Reads the parameters of a call.
#[inline]
pub fn read_params<'de, P: Params<'de>, D: Deserializer<'de>>(
    names: &'static [&'static str],
    deserializer: D,
) -> Result<P, D::Error> {
    P::deserialize(names, deserializer)
}

/// Writes a value.
#[inline]
pub fn write<T: Serialize, S: Serializer>(value: T, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

/// Reads a value.
#[inline]
pub fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

/// The error of a method position that does not exist, or of an `Err` of a method that returns
/// none.
pub fn unexpected<T, E: Error>() -> Result<T, E> {
    Err(E::custom("not a value of this method"))
}

/// The error of `#[on(connect)]` as the reason why the session ends.
pub fn refused<E: Display>(error: E) -> SessionError {
    SessionError::Ended(Reason::Failed(error.to_string()))
}

/// Stands for a type in the signature of a method that has an error, so that this is the only one.
#[derive(Debug)]
pub enum Unknown {}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unexpected()
    }
}

/// The parameters of a method that has none: an empty tuple, which `()` is not in every format.
pub const NO_PARAMS: [(); 0] = [];
