//! What expansions name. Not part of the public interface.
//!
//! A bound that a type of the user's lacks is one error, at the type: [`is_sendable`] and
//! [`is_shareable`] check it there, and the rest of the expansion compiles without it.

use std::any::Any;
use std::fmt::Display;
use std::future::{Future, Pending, pending};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use portcullis_service::{Reason, Session, SessionError};
use serde::de::{DeserializeOwned, Error};

pub use futures_util::stream::Stream;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::Failure;
pub use crate::params::Params;
use crate::protocol::{Method, Protocol};
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

/// What an idle session is sent when the server stops. The calls that it has read were answered, so
/// those in flight at the client were not read.
pub fn stop_message<P: Protocol>() -> Option<ServerMessage<P>> {
    Some(ServerMessage::Closing { last_id: 0 })
}

/// The call that a message belongs to.
#[inline]
pub fn response_key<P: Protocol>(message: &ServerMessage<P>) -> Option<u64> {
    match message {
        ServerMessage::Reply { id, .. }
        | ServerMessage::Item { id, .. }
        | ServerMessage::Failed { id, .. } => Some(*id),
        ServerMessage::Closing { .. } | ServerMessage::Notification(_) => None,
    }
}

/// A reply or an item that cannot be encoded, for instance because it is too long, fails its call
/// alone. A notification is left out.
pub fn replace_response<P: Protocol>(key: Option<u64>) -> ControlFlow<(), Option<ServerMessage<P>>> {
    ControlFlow::Continue(key.map(|id| ServerMessage::Failed { id, failure: Failure::Internal }))
}

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

/// A trait under `#[rpc]`, as the type `dyn Images`. `#[service(rpc = images::Images)]` has only
/// the path of the trait, and finds the calls through this impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` isn't a trait of calls",
    label = "has no `#[rpc]` on it",
    note = "write `#[rpc]` on the trait"
)]
pub trait CallTrait {
    type Call: Protocol;

    /// The names of the methods in the trait, in the order of [`Protocol::METHODS`].
    const NAMES: &'static [&'static str];
}

/// The method at a position of [`Protocol::METHODS`]: its parameters by position, because a service
/// may name them otherwise.
pub trait CallOf<const POSITION: usize>: Protocol {
    type Params: 'static;
    type Output: 'static;
    type Item: 'static;

    /// Returns `None` for a call of another method.
    fn params(self) -> Option<Self::Params>;

    fn reply(output: Self::Output) -> Self::Reply;

    fn item(item: Self::Item) -> Self::Reply;
}

/// The position of a method, or that of the first one if the trait has no method of this name,
/// which the compiler reports at the implementation of the trait.
pub const fn position<T: CallTrait + ?Sized>(name: &str) -> usize {
    let mut position = 0;
    while position < T::NAMES.len() {
        if is_same(T::NAMES[position], name) {
            return position;
        }
        position += 1;
    }
    0
}

/// The method at the [`position`] of this name.
pub const fn method<T: CallTrait + ?Sized>(name: &str) -> Method {
    <T::Call as Protocol>::METHODS[position::<T>(name)]
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut i = 0;
    while i < one.len() {
        if one[i] != other[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Takes the parameters out of a call, as the types that the service has written.
pub fn params<const POSITION: usize, P: CallOf<POSITION>, T: 'static>(call: P) -> T {
    match call.params() {
        Some(params) => same(params),
        None => unreachable!("the method was compared"),
    }
}

/// Makes a reply of what a method of the service has returned.
pub fn reply<const POSITION: usize, P: CallOf<POSITION>, T: 'static>(output: T) -> P::Reply {
    P::reply(same(output))
}

/// Makes a reply of an item that a method of the service has sent.
pub fn item<const POSITION: usize, P: CallOf<POSITION>, T: 'static>(item: T) -> P::Reply {
    P::item(same(item))
}

/// The value as another name of its type.
///
/// The types are the same in a program that compiles: a signature that differs from that of the
/// trait is one error, at the signature. The compiler removes the comparison.
fn same<T: 'static, U: 'static>(value: T) -> U {
    let mut value = Some(value);
    match (&mut value as &mut dyn Any).downcast_mut::<Option<U>>().and_then(Option::take) {
        Some(value) => value,
        None => unreachable!("the signature is that of the trait"),
    }
}
