//! [`ClientMessage`] and [`ServerMessage`]: what the two ends send each other, and its form in
//! serde formats.
//!
//! Each message is a tuple of three: its kind, the number of the call, and a body.
//!
//! | from | kind | body |
//! |---|---|---|
//! | client | 0, a call | a tuple: the method, the time that is left in microseconds (0: no limit), the parameters |
//! | | 1, cancel | nothing |
//! | server | 0, the method has returned | a tuple: the method, the value (of a `Result`: what is in `Ok`) |
//! | | 1, the method has returned an `Err` | a tuple: the method, the error |
//! | | 2, the call has no reply | the [`Failure`] |
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

const VALUE: u8 = 0;
const ERROR: u8 = 1;
const FAILURE: u8 = 2;

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
            Self::Call { id, .. } | Self::Cancel { id } | Self::Rejected { id, .. } => *id,
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
    /// The call has no reply.
    Failed {
        /// The number of the call.
        id: u64,
        /// Why.
        failure: Failure,
    },
}

impl<P: Protocol> fmt::Debug for ServerMessage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply { id, reply } => {
                let method = P::METHODS[P::reply_method(reply)].name;
                f.debug_struct("Reply").field("id", id).field("method", &method).finish_non_exhaustive()
            }
            Self::Failed { id, failure } => {
                f.debug_struct("Failed").field("id", id).field("failure", failure).finish()
            }
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

fn to_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

impl<P: Protocol> Serialize for ClientMessage<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Call { id, time_left, call } => {
                (CALL, id, CallBody { time_left: time_left.map_or(0, to_micros), call }).serialize(serializer)
            }
            Self::Cancel { id } => (CANCEL, id, ()).serialize(serializer),
            Self::Rejected { .. } => Err(ser::Error::custom("a rejected call is not sent")),
        }
    }
}

struct CallBody<'a, P> {
    time_left: u64,
    call: &'a P,
}

impl<P: Protocol> Serialize for CallBody<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_readable = serializer.is_human_readable();
        let mut tuple = serializer.serialize_tuple(3)?;
        serialize_method::<P, _>(self.call.method(), is_readable, &mut tuple)?;
        tuple.serialize_element(&self.time_left)?;
        tuple.serialize_element(&Params(self.call))?;
        tuple.end()
    }
}

struct Params<'a, P>(&'a P);

impl<P: Protocol> Serialize for Params<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_params(serializer)
    }
}

fn serialize_method<P: Protocol, T: SerializeTuple>(
    method: usize,
    is_readable: bool,
    tuple: &mut T,
) -> Result<(), T::Error> {
    let method = &P::METHODS[method];
    if is_readable { tuple.serialize_element(method.name) } else { tuple.serialize_element(&method.number) }
}

impl<P: Protocol> Serialize for ServerMessage<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reply { id, reply } if P::is_error(reply) => {
                (ERROR, id, ReplyBody::<P>(reply)).serialize(serializer)
            }
            Self::Reply { id, reply } => (VALUE, id, ReplyBody::<P>(reply)).serialize(serializer),
            Self::Failed { id, failure } => (FAILURE, id, failure).serialize(serializer),
        }
    }
}

struct ReplyBody<'a, P: Protocol>(&'a P::Reply);

impl<P: Protocol> Serialize for ReplyBody<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_readable = serializer.is_human_readable();
        let mut tuple = serializer.serialize_tuple(2)?;
        serialize_method::<P, _>(P::reply_method(self.0), is_readable, &mut tuple)?;
        tuple.serialize_element(&Value::<P>(self.0))?;
        tuple.end()
    }
}

struct Value<'a, P: Protocol>(&'a P::Reply);

impl<P: Protocol> Serialize for Value<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        P::serialize_reply(self.0, serializer)
    }
}

impl<'de, P: Protocol> Deserialize<'de> for ClientMessage<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Message<P>(PhantomData<P>);

        impl<'de, P: Protocol> Visitor<'de> for Message<P> {
            type Value = ClientMessage<P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of a client")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let (kind, id): (u8, u64) = (next(&mut seq)?, next(&mut seq)?);
                match kind {
                    CALL => next_seed(&mut seq, CallSeed { id, protocol: PhantomData }),
                    CANCEL => next(&mut seq).map(|()| ClientMessage::Cancel { id }),
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

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_tuple(3, self)
    }
}

impl<'de, P: Protocol> Visitor<'de> for CallSeed<P> {
    type Value = ClientMessage<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method, the time that is left, and parameters")
    }

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
                Rejected::attach(id, Failure::InvalidParams(error.to_string()));
                Err(error)
            }
        }
    }
}

struct ParamsSeed<P>(usize, PhantomData<P>);

impl<'de, P: Protocol> DeserializeSeed<'de> for ParamsSeed<P> {
    type Value = P;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P, D::Error> {
        P::deserialize_params(self.0, deserializer)
    }
}

impl<'de, P: Protocol> Deserialize<'de> for ServerMessage<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Message<P>(PhantomData<P>);

        impl<'de, P: Protocol> Visitor<'de> for Message<P> {
            type Value = ServerMessage<P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of a server")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let (kind, id): (u8, u64) = (next(&mut seq)?, next(&mut seq)?);
                let message = match kind {
                    VALUE | ERROR => {
                        let reply = ReplySeed::<P> { is_error: kind == ERROR, protocol: PhantomData };
                        next_seed(&mut seq, reply).map(|reply| ServerMessage::Reply { id, reply })
                    }
                    FAILURE => next(&mut seq).map(|failure| ServerMessage::Failed { id, failure }),
                    _ => Err(A::Error::custom(format_args!("unknown kind of message {kind}"))),
                };
                message.inspect_err(|error| Rejected::attach(id, Failure::InvalidReply(error.to_string())))
            }
        }

        attach_to_next_error(None);
        deserializer.deserialize_tuple(3, Message(PhantomData))
    }
}

/// Reads the body of a reply.
struct ReplySeed<P> {
    is_error: bool,
    protocol: PhantomData<P>,
}

impl<'de, P: Protocol> DeserializeSeed<'de> for ReplySeed<P> {
    type Value = P::Reply;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Reply, D::Error> {
        deserializer.deserialize_tuple(2, self)
    }
}

impl<'de, P: Protocol> Visitor<'de> for ReplySeed<P> {
    type Value = P::Reply;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method and what it has returned")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<P::Reply, A::Error> {
        let Some(method) = next_seed(&mut seq, MethodSeed::<P>(PhantomData))? else {
            return Err(A::Error::custom("a reply of an unknown method"));
        };
        next_seed(&mut seq, ValueSeed::<P> { method, is_error: self.is_error, protocol: PhantomData })
    }
}

struct ValueSeed<P> {
    method: usize,
    is_error: bool,
    protocol: PhantomData<P>,
}

impl<'de, P: Protocol> DeserializeSeed<'de> for ValueSeed<P> {
    type Value = P::Reply;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Reply, D::Error> {
        P::deserialize_reply(self.method, self.is_error, deserializer)
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    next_seed(seq, PhantomData)
}

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

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(P::METHODS.iter().position(|method| method.name == name))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(P::METHODS.iter().position(|method| u64::from(method.number) == number))
    }
}
