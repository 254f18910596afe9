//! [`ClientMessage`] and [`ServerMessage`]: what the two ends send each other, and its form in
//! serde formats.
//!
//! Each message is a tuple of three: its kind, the number of the call, and a body.
//!
//! | from | kind | body |
//! |---|---|---|
//! | client | 0, a call | a tuple: the method, the time that is left in microseconds (0: no limit), the parameters |
//! | | 1, cancel | nothing |
//! | | 2, credit | how many more items the call may send, after the first 32 |
//! | server | 0, the method has returned | a tuple: the method, the value (of a `Result`: what is in `Ok`) |
//! | | 1, the method has returned an `Err` | a tuple: the method, the error |
//! | | 2, the call has no reply | the [`Failure`] |
//! | | 3, an item of the call's stream, before its reply | a tuple: the method, the item |
//! | | 4, the server stops, and reads no call with a higher number than this | nothing |
//! | | 5, a notification, whose number is 0 | a tuple: its method and its parameters as JSON, both as text |
//!
//! A method is its name in formats for people, and its number in compact formats.
//!
//! A frame whose call is known but whose method or parameters are not is an error to the format.
//! The visitor leaves a [`Rejected`] to the [`DecodeError`](portcullis_codec::DecodeError) that the
//! codec makes of it, so that the session can answer the call. A reply that cannot be read is one
//! for the client, which ends its call and no other.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use portcullis_codec::private::attach_to_next_error;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::ser::{self, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Failure;
use crate::protocol::Protocol;

const CALL: u8 = 0;
const CANCEL: u8 = 1;
const CREDIT: u8 = 2;

pub(crate) const VALUE: u8 = 0;
pub(crate) const ERROR: u8 = 1;
const FAILURE: u8 = 2;
pub(crate) const ITEM: u8 = 3;
const CLOSING: u8 = 4;
const NOTIFICATION: u8 = 5;

/// How many items a call may send before the client grants more.
pub(crate) const INITIAL_CREDIT: u32 = 32;

/// The bit of the numbers of calls whose client grants no credit, because its protocol, JSON-RPC,
/// has none. The items of such a call wait for the connection alone.
pub(crate) const WITHOUT_CREDIT: u64 = 1 << 63;

/// The most bytes of a format's error that a client is sent: it may quote what the client has sent.
const MAX_ERROR: usize = 256;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMessage<P> {
    /// Calls a method.
    Call {
        /// The number of the call, by which its reply is found. Unique among the calls of the
        /// connection that are in flight.
        id: u64,
        /// How long the caller waits.
        time_left: Option<Duration>,
        /// The method and its parameters.
        call: P,
    },
    /// The caller no longer waits.
    Cancel {
        /// The number of the call.
        id: u64,
    },
    /// The caller takes this many more items of the call's stream, after the first 32.
    Credit {
        /// The number of the call.
        id: u64,
        /// How many.
        items: u32,
    },
    /// A call that the codec could not read, and that is answered with `failure`.
    Rejected {
        /// The number of the call.
        id: u64,
        /// The answer.
        failure: Failure,
    },
}

impl<P> ClientMessage<P> {
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Call { id, .. }
            | Self::Cancel { id }
            | Self::Credit { id, .. }
            | Self::Rejected { id, .. } => *id,
        }
    }
}

/// What a server sends.
#[non_exhaustive]
pub enum ServerMessage<P: Protocol> {
    /// What the method has returned.
    Reply {
        /// The number of the call.
        id: u64,
        /// The method and what it has returned.
        reply: P::Reply,
    },
    /// An item of the call's stream, which precedes its reply.
    Item {
        /// The number of the call.
        id: u64,
        /// The method and the item.
        item: P::Reply,
    },
    /// The call has no reply.
    Failed {
        /// The number of the call.
        id: u64,
        /// Why.
        failure: Failure,
    },
    /// The server stops. It answers the calls that it has read, and reads no more.
    Closing {
        /// The highest number of a call that it has read. Calls above it have not begun.
        last_id: u64,
    },
    /// What the server says on its own, and expects no answer to.
    Notification(Box<Notification>),
}

/// What a server says on its own: `peer.notify(..)` sends it, and
/// [`RpcClient::notifications`](crate::RpcClient::notifications) receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    method: String,
    /// JSON; empty if there are none.
    params: String,
}

impl Notification {
    /// Makes a notification. `params` is JSON, or empty.
    pub(crate) fn new(method: String, params: String) -> Self {
        Self { method, params }
    }

    /// The name of its method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Its parameters as JSON. Empty if there are none.
    pub fn params_json(&self) -> &str {
        &self.params
    }

    /// Its parameters as a value. Without any, they are `null`.
    ///
    /// # Errors
    /// They are not of this type.
    #[cfg(feature = "json")]
    pub fn params<'de, T: Deserialize<'de>>(&'de self) -> Result<T, portcullis_codec::DecodeError> {
        let json = if self.params.is_empty() { "null" } else { &self.params };
        portcullis_codec::private::read_json(json.as_bytes(), PhantomData)
    }
}

impl<P: Protocol> fmt::Debug for ServerMessage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of_method = |name, id, reply| {
            let method = P::METHODS[P::reply_method(reply)].name;
            f.debug_struct(name).field("id", id).field("method", &method).finish_non_exhaustive()
        };
        match self {
            Self::Reply { id, reply } => of_method("Reply", id, reply),
            Self::Item { id, item } => of_method("Item", id, item),
            Self::Failed { id, failure } => {
                f.debug_struct("Failed").field("id", id).field("failure", failure).finish()
            }
            Self::Closing { last_id } => f.debug_struct("Closing").field("last_id", last_id).finish(),
            Self::Notification(notification) => f.debug_tuple("Notification").field(notification).finish(),
        }
    }
}

/// The call of a frame that could not be read: attached to the error of the codec.
pub(crate) struct Rejected {
    pub(crate) id: u64,
    pub(crate) failure: Failure,
}

impl Rejected {
    fn attach(id: u64, failure: Failure) {
        attach_to_next_error(Some(Box::new(Self { id, failure })));
    }
}

pub(crate) fn shorten(mut text: String) -> String {
    if text.len() > MAX_ERROR {
        let end = (0..=MAX_ERROR).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str("..");
    }
    text
}

fn to_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

impl<P: Protocol> Serialize for ClientMessage<P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Call { id, time_left, call } => {
                (CALL, id, CallBody { time_left: time_left.map_or(0, to_micros), call }).serialize(serializer)
            }
            Self::Cancel { id } => (CANCEL, id, ()).serialize(serializer),
            Self::Credit { id, items } => (CREDIT, id, items).serialize(serializer),
            Self::Rejected { .. } => Err(ser::Error::custom("a rejected call is not sent")),
        }
    }
}

struct CallBody<'a, P> {
    time_left: u64,
    call: &'a P,
}

impl<P: Protocol> Serialize for CallBody<'_, P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_readable = serializer.is_human_readable();
        let mut tuple = serializer.serialize_tuple(3)?;
        serialize_method::<P, _>(self.call.method(), is_readable, &mut tuple)?;
        tuple.serialize_element(&self.time_left)?;
        tuple.serialize_element(&Params(self.call))?;
        tuple.end()
    }
}

pub(crate) struct Params<'a, P>(pub(crate) &'a P);

impl<P: Protocol> Serialize for Params<'_, P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_params(serializer)
    }
}

#[inline]
fn serialize_method<P: Protocol, T: SerializeTuple>(
    method: usize,
    is_readable: bool,
    tuple: &mut T,
) -> Result<(), T::Error> {
    let method = &P::METHODS[method];
    if is_readable { tuple.serialize_element(method.name) } else { tuple.serialize_element(&method.number) }
}

impl<P: Protocol> Serialize for ServerMessage<P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reply { id, reply } if P::is_error(reply) => {
                (ERROR, id, ReplyBody::<P>(reply)).serialize(serializer)
            }
            Self::Reply { id, reply } => (VALUE, id, ReplyBody::<P>(reply)).serialize(serializer),
            Self::Item { id, item } => (ITEM, id, ReplyBody::<P>(item)).serialize(serializer),
            Self::Failed { id, failure } => (FAILURE, id, failure).serialize(serializer),
            Self::Closing { last_id } => (CLOSING, last_id, ()).serialize(serializer),
            Self::Notification(notification) => {
                let Notification { method, params } = &**notification;
                (NOTIFICATION, 0_u64, (method, params)).serialize(serializer)
            }
        }
    }
}

struct ReplyBody<'a, P: Protocol>(&'a P::Reply);

impl<P: Protocol> Serialize for ReplyBody<'_, P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_readable = serializer.is_human_readable();
        let mut tuple = serializer.serialize_tuple(2)?;
        serialize_method::<P, _>(P::reply_method(self.0), is_readable, &mut tuple)?;
        tuple.serialize_element(&Value::<P>(self.0))?;
        tuple.end()
    }
}

pub(crate) struct Value<'a, P: Protocol>(pub(crate) &'a P::Reply);

impl<P: Protocol> Serialize for Value<'_, P> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        P::serialize_reply(self.0, serializer)
    }
}

impl<'de, P: Protocol> Deserialize<'de> for ClientMessage<P> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Message<P>(PhantomData<P>);

        impl<'de, P: Protocol> Visitor<'de> for Message<P> {
            type Value = ClientMessage<P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of a client")
            }

            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let (kind, id): (u8, u64) = (next(&mut seq)?, next(&mut seq)?);
                match kind {
                    CALL => next_seed(&mut seq, CallSeed { id, protocol: PhantomData }),
                    CANCEL => next(&mut seq).map(|()| ClientMessage::Cancel { id }),
                    CREDIT => next(&mut seq).map(|items| ClientMessage::Credit { id, items }),
                    _ => Err(A::Error::custom(format_args!("unknown kind of message {kind}"))),
                }
            }
        }

        attach_to_next_error(None);
        deserializer.deserialize_tuple(3, Message(PhantomData))
    }
}

/// Reads the body of a call.
struct CallSeed<P> {
    id: u64,
    protocol: PhantomData<P>,
}

impl<'de, P: Protocol> DeserializeSeed<'de> for CallSeed<P> {
    type Value = ClientMessage<P>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_tuple(3, self)
    }
}

impl<'de, P: Protocol> Visitor<'de> for CallSeed<P> {
    type Value = ClientMessage<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method, the time that is left, and parameters")
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let id = self.id;
        let Some(method) = next_seed(&mut seq, MethodSeed::<P>(PhantomData))? else {
            Rejected::attach(id, Failure::UnknownMethod);
            return Err(A::Error::custom("unknown method"));
        };
        let micros: u64 = next(&mut seq)?;
        let time_left = (micros > 0).then(|| Duration::from_micros(micros));
        match next_seed(&mut seq, ParamsSeed::<P>(method, PhantomData)) {
            Ok(call) => Ok(ClientMessage::Call { id, time_left, call }),
            Err(error) => {
                Rejected::attach(id, Failure::InvalidParams(shorten(error.to_string())));
                Err(error)
            }
        }
    }
}

pub(crate) struct ParamsSeed<P>(pub(crate) usize, pub(crate) PhantomData<P>);

impl<'de, P: Protocol> DeserializeSeed<'de> for ParamsSeed<P> {
    type Value = P;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P, D::Error> {
        P::deserialize_params(self.0, deserializer)
    }
}

impl<'de, P: Protocol> Deserialize<'de> for ServerMessage<P> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Message<P>(PhantomData<P>);

        impl<'de, P: Protocol> Visitor<'de> for Message<P> {
            type Value = ServerMessage<P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of a server")
            }

            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let (kind, id): (u8, u64) = (next(&mut seq)?, next(&mut seq)?);
                let message = match kind {
                    VALUE | ERROR => next_seed(&mut seq, ReplySeed::<P> { kind, protocol: PhantomData })
                        .map(|reply| ServerMessage::Reply { id, reply }),
                    ITEM => next_seed(&mut seq, ReplySeed::<P> { kind, protocol: PhantomData })
                        .map(|item| ServerMessage::Item { id, item }),
                    CLOSING => next(&mut seq).map(|()| ServerMessage::Closing { last_id: id }),
                    FAILURE => next(&mut seq).map(|failure| ServerMessage::Failed { id, failure }),
                    NOTIFICATION => next(&mut seq).map(|(method, params)| {
                        ServerMessage::Notification(Box::new(Notification::new(method, params)))
                    }),
                    _ => Err(A::Error::custom(format_args!("unknown kind of message {kind}"))),
                };
                message.inspect_err(|error| {
                    Rejected::attach(id, Failure::InvalidReply(shorten(error.to_string())))
                })
            }
        }

        attach_to_next_error(None);
        deserializer.deserialize_tuple(3, Message(PhantomData))
    }
}

/// Reads the body of a reply.
struct ReplySeed<P> {
    kind: u8,
    protocol: PhantomData<P>,
}

impl<'de, P: Protocol> DeserializeSeed<'de> for ReplySeed<P> {
    type Value = P::Reply;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Reply, D::Error> {
        deserializer.deserialize_tuple(2, self)
    }
}

impl<'de, P: Protocol> Visitor<'de> for ReplySeed<P> {
    type Value = P::Reply;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method and what it has returned")
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<P::Reply, A::Error> {
        let Some(method) = next_seed(&mut seq, MethodSeed::<P>(PhantomData))? else {
            return Err(A::Error::custom("a reply of an unknown method"));
        };
        next_seed(&mut seq, ValueSeed::<P> { method, kind: self.kind, protocol: PhantomData })
    }
}

pub(crate) struct ValueSeed<P> {
    pub(crate) method: usize,
    pub(crate) kind: u8,
    pub(crate) protocol: PhantomData<P>,
}

impl<'de, P: Protocol> DeserializeSeed<'de> for ValueSeed<P> {
    type Value = P::Reply;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Reply, D::Error> {
        match self.kind {
            ITEM => P::deserialize_item(self.method, deserializer),
            kind => P::deserialize_reply(self.method, kind == ERROR, deserializer),
        }
    }
}

#[inline]
fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    next_seed(seq, PhantomData)
}

#[inline]
fn next_seed<'de, T: DeserializeSeed<'de>, A: SeqAccess<'de>>(
    seq: &mut A,
    seed: T,
) -> Result<T::Value, A::Error> {
    seq.next_element_seed(seed)?.ok_or_else(|| A::Error::custom("the message is too short"))
}

/// Reads a method: its position in [`Protocol::METHODS`], or `None` if there is no such method.
struct MethodSeed<P>(PhantomData<P>);

impl<'de, P: Protocol> DeserializeSeed<'de> for MethodSeed<P> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_str(self),
            false => deserializer.deserialize_u32(self),
        }
    }
}

impl<P: Protocol> Visitor<'_> for MethodSeed<P> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of a method")
    }

    #[inline]
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(P::METHODS.iter().position(|method| method.name == name))
    }

    #[inline]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(P::METHODS.iter().position(|method| u64::from(method.number) == number))
    }
}
