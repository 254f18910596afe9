//! The messages of typed calls, in every format and both directions. Whatever bytes come:
//!
//! - no panic;
//! - what was read can be written, and what is written is read again as the same.

use std::fmt::Debug;

use bytes::BytesMut;
use portcullis::codec::{Cbor, Codec, Json, LengthPrefixed, MessagePack, NewlineDelimited, Postcard};
use portcullis::rpc::private::{
    Deserialize, Deserializer, NO_PARAMS, Params, Serialize, Serializer, unexpected,
};
use portcullis::rpc::{ClientMessage, Method, Protocol, ServerMessage, method_number};

use crate::LIMIT;

#[derive(Clone, Debug, PartialEq)]
pub enum FuzzCall {
    Nothing {},
    Number { number: u32 },
    Many { text: String, bytes: Vec<u8>, flag: Option<bool> },
}

#[derive(Clone, Debug, PartialEq)]
pub enum FuzzReply {
    Nothing(()),
    Number(Result<i64, String>),
    Many(Vec<Option<u16>>),
    ManyItem((u8, String)),
}

impl Protocol for FuzzCall {
    type Reply = FuzzReply;
    type Client = ();

    const METHODS: &'static [Method] = &[
        Method::new("nothing", 0, &[]),
        Method::new("number", 1, &["number"]),
        Method::new("many", method_number("many"), &["text", "bytes", "flag"]),
    ];

    fn method(&self) -> usize {
        match self {
            Self::Nothing {} => 0,
            Self::Number { .. } => 1,
            Self::Many { .. } => 2,
        }
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing {} => NO_PARAMS.serialize(serializer),
            Self::Number { number } => (number,).serialize(serializer),
            Self::Many { text, bytes, flag } => (text, bytes, flag).serialize(serializer),
        }
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Self, D::Error> {
        let names = Self::METHODS[method].params;
        match method {
            0 => <() as Params>::deserialize(names, from).map(|()| Self::Nothing {}),
            1 => <(u32,) as Params>::deserialize(names, from).map(|(number,)| Self::Number { number }),
            2 => <(String, Vec<u8>, Option<bool>) as Params>::deserialize(names, from)
                .map(|(text, bytes, flag)| Self::Many { text, bytes, flag }),
            _ => unexpected(),
        }
    }

    fn reply_method(reply: &FuzzReply) -> usize {
        match reply {
            FuzzReply::Nothing(()) => 0,
            FuzzReply::Number(_) => 1,
            FuzzReply::Many(_) | FuzzReply::ManyItem(_) => 2,
        }
    }

    fn is_error(reply: &FuzzReply) -> bool {
        matches!(reply, FuzzReply::Number(Err(_)))
    }

    fn serialize_reply<S: Serializer>(reply: &FuzzReply, serializer: S) -> Result<S::Ok, S::Error> {
        match reply {
            FuzzReply::Nothing(value) => value.serialize(serializer),
            FuzzReply::Number(Ok(value)) => value.serialize(serializer),
            FuzzReply::Number(Err(error)) => error.serialize(serializer),
            FuzzReply::Many(value) => value.serialize(serializer),
            FuzzReply::ManyItem(item) => item.serialize(serializer),
        }
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        from: D,
    ) -> Result<FuzzReply, D::Error> {
        match (method, is_error) {
            (0, false) => Deserialize::deserialize(from).map(FuzzReply::Nothing),
            (1, false) => Deserialize::deserialize(from).map(|value| FuzzReply::Number(Ok(value))),
            (1, true) => Deserialize::deserialize(from).map(|error| FuzzReply::Number(Err(error))),
            (2, false) => Deserialize::deserialize(from).map(FuzzReply::Many),
            _ => unexpected(),
        }
    }

    fn deserialize_item<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<FuzzReply, D::Error> {
        match method {
            2 => Deserialize::deserialize(from).map(FuzzReply::ManyItem),
            _ => unexpected(),
        }
    }
}

/// The first byte is the format and the direction.
pub fn check(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    match choice % 5 {
        0 => check_both(LengthPrefixed::<Postcard>::new().max_frame(LIMIT), choice / 5, bytes),
        1 => check_both(LengthPrefixed::<Json>::new().max_frame(LIMIT), choice / 5, bytes),
        2 => check_both(NewlineDelimited::<Json>::new().max_frame(LIMIT), choice / 5, bytes),
        3 => check_both(LengthPrefixed::<MessagePack>::new().max_frame(LIMIT), choice / 5, bytes),
        _ => check_both(LengthPrefixed::<Cbor>::new().max_frame(LIMIT), choice / 5, bytes),
    }
}

fn check_both<C>(codec: C, direction: u8, bytes: &[u8])
where
    C: Codec<ClientMessage<FuzzCall>, ServerMessage<FuzzCall>>
        + Codec<ServerMessage<FuzzCall>, ClientMessage<FuzzCall>>,
{
    if direction % 2 == 0 {
        round_trip::<ClientMessage<FuzzCall>, ServerMessage<FuzzCall>, C, _>(
            codec,
            bytes,
            ClientMessage::clone,
        );
    } else {
        round_trip::<ServerMessage<FuzzCall>, ClientMessage<FuzzCall>, C, _>(codec, bytes, parts);
    }
}

/// What a message of a server holds.
fn parts(message: &ServerMessage<FuzzCall>) -> (u64, Option<FuzzReply>, String) {
    match message {
        ServerMessage::Reply { id, reply } => (*id, Some(reply.clone()), "reply".to_owned()),
        ServerMessage::Item { id, item } => (*id, Some(item.clone()), "item".to_owned()),
        other => (0, None, format!("{other:?}")),
    }
}

fn round_trip<M, N, C, T>(mut codec: C, bytes: &[u8], parts: impl Fn(&M) -> T)
where
    T: Debug + PartialEq,
    C: Codec<M, N> + Codec<N, M>,
{
    let mut input = BytesMut::from(bytes);
    for _ in 0..=bytes.len() {
        let message = match Codec::<M, N>::decode(&mut codec, &mut input) {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) if error.is_recoverable() => continue,
            Err(_) => return,
        };
        let (before, mut output) = (parts(&message), BytesMut::new());
        // It may be longer as we write it than as it came, and over the limit.
        if Codec::<N, M>::encode(&mut codec.clone(), message, &mut output).is_err() {
            continue;
        }
        let again = Codec::<M, N>::decode(&mut codec.clone(), &mut output).expect("it was written");
        assert_eq!(again.as_ref().map(&parts), Some(before));
    }
    panic!("it does not get on");
}
