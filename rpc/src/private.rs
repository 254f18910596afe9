//! What expansions name. Not part of the public interface.
//!
//! The traits of serde are asked of the types in signatures through [`Sendable`], at the type, so
//! that one that lacks them is one error there.

use std::fmt::Display;

use portcullis_service::{Reason, SessionError};
use serde::de::{DeserializeOwned, Error};

pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::params::Params;
pub use crate::serve::serve;

/// A parameter, a result or an error of a call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent: the parameters and results of `#[rpc]` methods must implement `Serialize` and `Deserialize`",
    label = "lacks `Serialize` or `Deserialize`",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on the type"
)]
pub trait Sendable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Sendable for T {}

/// A value that is written.
#[derive(Debug)]
pub struct Sent<'a, T: Sendable>(&'a T);

impl<'a, T: Sendable> Sent<'a, T> {
    pub fn new(value: &'a T) -> Self {
        Self(value)
    }
}

impl<T: Sendable> Serialize for Sent<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A value that is read.
#[derive(Debug)]
pub struct Received<T: Sendable>(pub T);

impl<'de, T: Sendable> Deserialize<'de> for Received<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// Writes the parameters of a call as a tuple.
pub fn write_params<P: Serialize, S: Serializer>(params: P, serializer: S) -> Result<S::Ok, S::Error> {
    params.serialize(serializer)
}

/// Reads the parameters of a call.
pub fn read_params<'de, P: Params<'de>, D: Deserializer<'de>>(
    names: &'static [&'static str],
    deserializer: D,
) -> Result<P, D::Error> {
    P::deserialize(names, deserializer)
}

/// Writes a value.
pub fn write<T: Serialize, S: Serializer>(value: T, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

/// Reads a value.
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
