//! The protocol of the tests, as `#[rpc]` generates it: `fn echo(&self, text: String) -> String`
//! and `fn check(&self, n: u32) -> Result<u32, String>`.

use portcullis_rpc::private::{self, Deserialize, Deserializer, Params, Serialize, Serializer};
use portcullis_rpc::{Call, Method, Protocol, RpcClient, StreamCall, method_number};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EchoCall {
    Echo { text: String },
    Check { n: u32 },
    Count {},
}

#[derive(Debug)]
pub(crate) enum EchoReply {
    Echo(String),
    Check(Result<u32, String>),
    CountItem(u32),
    Count(Result<String, String>),
}

impl Protocol for EchoCall {
    type Reply = EchoReply;
    type Client = RpcClient<EchoCall>;

    const METHODS: &'static [Method] = &[
        Method::new("echo", method_number("echo"), &["text"]),
        Method::new("check", method_number("check"), &["n"]),
        Method::new("count", method_number("count"), &[]),
    ];

    fn method(&self) -> usize {
        match self {
            Self::Echo { .. } => 0,
            Self::Check { .. } => 1,
            Self::Count {} => 2,
        }
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Echo { text } => (text,).serialize(serializer),
            Self::Check { n } => (n,).serialize(serializer),
            Self::Count {} => ().serialize(serializer),
        }
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Self, D::Error> {
        let names = Self::METHODS[method].params;
        match method {
            0 => <(String,) as Params>::deserialize(names, from).map(|(text,)| Self::Echo { text }),
            1 => <(u32,) as Params>::deserialize(names, from).map(|(n,)| Self::Check { n }),
            2 => <() as Params>::deserialize(names, from).map(|()| Self::Count {}),
            _ => private::unexpected(),
        }
    }

    fn reply_method(reply: &EchoReply) -> usize {
        match reply {
            EchoReply::Echo(_) => 0,
            EchoReply::Check(_) => 1,
            EchoReply::CountItem(_) | EchoReply::Count(_) => 2,
        }
    }

    fn is_error(reply: &EchoReply) -> bool {
        matches!(reply, EchoReply::Check(Err(_)) | EchoReply::Count(Err(_)))
    }

    fn serialize_reply<S: Serializer>(reply: &EchoReply, serializer: S) -> Result<S::Ok, S::Error> {
        match reply {
            EchoReply::Echo(value) => value.serialize(serializer),
            EchoReply::Check(Ok(value)) => value.serialize(serializer),
            EchoReply::CountItem(item) => item.serialize(serializer),
            EchoReply::Count(Ok(value)) => value.serialize(serializer),
            EchoReply::Check(Err(error)) | EchoReply::Count(Err(error)) => error.serialize(serializer),
        }
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        from: D,
    ) -> Result<EchoReply, D::Error> {
        match (method, is_error) {
            (0, false) => Deserialize::deserialize(from).map(EchoReply::Echo),
            (1, false) => Deserialize::deserialize(from).map(|value| EchoReply::Check(Ok(value))),
            (1, true) => Deserialize::deserialize(from).map(|error| EchoReply::Check(Err(error))),
            (2, false) => Deserialize::deserialize(from).map(|value| EchoReply::Count(Ok(value))),
            (2, true) => Deserialize::deserialize(from).map(|error| EchoReply::Count(Err(error))),
            _ => private::unexpected(),
        }
    }

    fn deserialize_item<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<EchoReply, D::Error> {
        match method {
            2 => Deserialize::deserialize(from).map(EchoReply::CountItem),
            _ => private::unexpected(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct EchoClient(pub(crate) RpcClient<EchoCall>);

impl From<RpcClient<EchoCall>> for EchoClient {
    fn from(client: RpcClient<EchoCall>) -> Self {
        Self(client)
    }
}

impl EchoClient {
    pub(crate) fn echo(&self, text: impl Into<String>) -> Call<EchoCall, String> {
        self.0.call(EchoCall::Echo { text: text.into() }, |reply| match reply {
            EchoReply::Echo(value) => Some(Ok(value)),
            _ => None,
        })
    }

    pub(crate) fn check(&self, n: u32) -> Call<EchoCall, u32, String> {
        self.0.call(EchoCall::Check { n }, |reply| match reply {
            EchoReply::Check(value) => Some(value),
            _ => None,
        })
    }

    pub(crate) fn count(&self) -> StreamCall<EchoCall, u32, String, String> {
        self.0.call_stream(
            EchoCall::Count {},
            |reply| match reply {
                EchoReply::CountItem(item) => Some(item),
                _ => None,
            },
            |reply| match reply {
                EchoReply::Count(value) => Some(value),
                _ => None,
            },
        )
    }
}
