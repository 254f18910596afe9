//! A service of calls without the macro: what `#[rpc]` expands to, called over TCP in every format.

use std::convert::Infallible;
use std::future::pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis_codec::{Cbor, Codec, Json, LengthPrefixed, MessagePack, NewlineDelimited, Postcard};
use portcullis_net::{RunningServer, Server};
use portcullis_rpc::private::{self, Deserialize, Deserializer, Params, Serialize, Serializer};
use portcullis_rpc::{
    Call, CallContext, CallError, ClientMessage, Failure, Method, Protocol, RpcClient, RpcService,
    ServerMessage, method_number,
};
use portcullis_service::{Connected, Peer, PerSession, Service, Session, SessionError};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

/// `async fn add(&self, a: u32, b: u32) -> u32`,
/// `async fn divide(&self, a: u32, b: u32) -> Result<u32, String>`,
/// `async fn hang(&self)`, `async fn panic(&self)`.
#[derive(Clone, Debug, PartialEq)]
enum MathCall {
    Add { a: u32, b: u32 },
    Divide { a: u32, b: u32 },
    Hang {},
    Panic {},
}

#[derive(Debug)]
enum MathReply {
    Add(u32),
    Divide(Result<u32, String>),
    Hang(()),
    Panic(()),
}

impl Protocol for MathCall {
    type Reply = MathReply;
    type Client = MathClient;

    const METHODS: &'static [Method] = &[
        Method::new("add", method_number("add"), &["a", "b"]),
        Method::new("divide", method_number("divide"), &["a", "b"]),
        Method::new("hang", method_number("hang"), &[]),
        Method::new("panic", method_number("panic"), &[]),
    ];

    fn method(&self) -> usize {
        match self {
            Self::Add { .. } => 0,
            Self::Divide { .. } => 1,
            Self::Hang {} => 2,
            Self::Panic {} => 3,
        }
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Add { a, b } => (a, b).serialize(serializer),
            Self::Divide { a, b } => (a, b).serialize(serializer),
            Self::Hang {} | Self::Panic {} => private::NO_PARAMS.serialize(serializer),
        }
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Self, D::Error> {
        let names = Self::METHODS[method].params;
        match method {
            0 => <(u32, u32) as Params>::deserialize(names, from).map(|(a, b)| Self::Add { a, b }),
            1 => <(u32, u32) as Params>::deserialize(names, from).map(|(a, b)| Self::Divide { a, b }),
            2 => <() as Params>::deserialize(names, from).map(|()| Self::Hang {}),
            3 => <() as Params>::deserialize(names, from).map(|()| Self::Panic {}),
            _ => private::unexpected(),
        }
    }

    fn reply_method(reply: &MathReply) -> usize {
        match reply {
            MathReply::Add(_) => 0,
            MathReply::Divide(_) => 1,
            MathReply::Hang(_) => 2,
            MathReply::Panic(_) => 3,
        }
    }

    fn is_error(reply: &MathReply) -> bool {
        matches!(reply, MathReply::Divide(Err(_)))
    }

    fn serialize_reply<S: Serializer>(reply: &MathReply, serializer: S) -> Result<S::Ok, S::Error> {
        match reply {
            MathReply::Add(value) => value.serialize(serializer),
            MathReply::Divide(Ok(value)) => value.serialize(serializer),
            MathReply::Divide(Err(error)) => error.serialize(serializer),
            MathReply::Hang(value) => value.serialize(serializer),
            MathReply::Panic(value) => value.serialize(serializer),
        }
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        from: D,
    ) -> Result<MathReply, D::Error> {
        match (method, is_error) {
            (0, false) => Deserialize::deserialize(from).map(MathReply::Add),
            (1, false) => Deserialize::deserialize(from).map(|value| MathReply::Divide(Ok(value))),
            (1, true) => Deserialize::deserialize(from).map(|error| MathReply::Divide(Err(error))),
            (2, false) => Deserialize::deserialize(from).map(MathReply::Hang),
            (3, false) => Deserialize::deserialize(from).map(MathReply::Panic),
            _ => private::unexpected(),
        }
    }
}

struct Math {
    running: Arc<AtomicUsize>,
    max_in_flight: usize,
}

/// Counts the handlers of `hang` that exist.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Service for Math {
    type Request = ClientMessage<MathCall>;
    type Response = ServerMessage<MathCall>;
    type Error = SessionError;
    type Event = Infallible;
    type Conn = ();
    type State = ();
    type Kind = PerSession;

    async fn on_connect(
        self: &Arc<Self>,
        _: &Peer<Self::Response, Self::Event>,
    ) -> Result<Connected<Self>, Self::Error> {
        Ok(Connected { conn: (), state: () })
    }

    async fn on_session(
        self: &Arc<Self>,
        conn: &mut (),
        session: &mut Session<Self::Request, Self::Response>,
    ) -> Result<(), SessionError> {
        private::serve(self, conn, session).await
    }

    fn stop_message() -> Option<Self::Response> {
        private::stop_message()
    }

    fn response_key(response: &Self::Response) -> Option<u64> {
        private::response_key(response)
    }

    fn replace_response(key: Option<u64>) -> ControlFlow<(), Option<Self::Response>> {
        private::replace_response(key)
    }
}

impl RpcService for Math {
    type Protocol = MathCall;

    fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    async fn handle_call(
        self: &Arc<Self>,
        _: CallContext<'_, MathCall>,
        _: &(),
        call: MathCall,
    ) -> Result<MathReply, Failure> {
        Ok(match call {
            MathCall::Add { a, b } => MathReply::Add(a + b),
            MathCall::Divide { a, b } => {
                MathReply::Divide(a.checked_div(b).ok_or_else(|| "divided by zero".to_owned()))
            }
            MathCall::Hang {} => {
                let _running = Running::new(&self.running);
                pending::<()>().await;
                MathReply::Hang(())
            }
            MathCall::Panic {} => panic!("as asked"),
        })
    }
}

#[derive(Clone, Debug)]
struct MathClient(RpcClient<MathCall>);

impl MathClient {
    fn add(&self, a: u32, b: u32) -> Call<MathCall, u32> {
        self.0.call(MathCall::Add { a, b }, |reply| match reply {
            MathReply::Add(value) => Some(Ok(value)),
            _ => None,
        })
    }

    fn divide(&self, a: u32, b: u32) -> Call<MathCall, u32, String> {
        self.0.call(MathCall::Divide { a, b }, |reply| match reply {
            MathReply::Divide(value) => Some(value),
            _ => None,
        })
    }

    fn hang(&self) -> Call<MathCall, ()> {
        self.0.call(MathCall::Hang {}, |reply| match reply {
            MathReply::Hang(value) => Some(Ok(value)),
            _ => None,
        })
    }

    fn panic(&self) -> Call<MathCall, ()> {
        self.0.call(MathCall::Panic {}, |reply| match reply {
            MathReply::Panic(value) => Some(Ok(value)),
            _ => None,
        })
    }
}

struct Fixture {
    server: RunningServer,
    client: MathClient,
    running: Arc<AtomicUsize>,
}

impl Fixture {
    async fn new<C>(codec: C, max_in_flight: usize) -> Self
    where
        C: Codec<ClientMessage<MathCall>, ServerMessage<MathCall>>
            + Codec<ServerMessage<MathCall>, ClientMessage<MathCall>>
            + Sync,
    {
        let running = Arc::new(AtomicUsize::new(0));
        let service = Math { running: Arc::clone(&running), max_in_flight };
        let server =
            Server::new(service).codec(codec.clone()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let client = MathClient(RpcClient::connect(server.local_addr(), codec).await.unwrap());
        Self { server, client, running }
    }

    async fn default() -> Self {
        Self::new(LengthPrefixed::<Postcard>::new(), 64).await
    }

    async fn until_running(&self, count: usize) {
        until(|| self.running.load(SeqCst) == count).await;
    }
}

async fn until(condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, polled).await.expect("in time");
}

async fn calls_in<C>(codec: C)
where
    C: Codec<ClientMessage<MathCall>, ServerMessage<MathCall>>
        + Codec<ServerMessage<MathCall>, ClientMessage<MathCall>>
        + Sync,
{
    let fixture = Fixture::new(codec, 64).await;
    let client = &fixture.client;
    assert_eq!(client.add(1, 2).await, Ok(3));
    assert_eq!(client.divide(6, 3).await, Ok(2));
    assert_eq!(client.divide(6, 0).await, Err(CallError::Method("divided by zero".to_owned())));
    assert_eq!(client.panic().await, Err(CallError::Failure(Failure::Internal)));
    let late = client.hang().deadline(Duration::from_millis(20));
    assert_eq!(late.await, Err(CallError::Failure(Failure::Deadline)));
    assert_eq!(client.add(3, 4).await, Ok(7));
    fixture.server.stop().await.unwrap();
}

#[tokio::test]
async fn calls_work_in_every_format() {
    calls_in(LengthPrefixed::<Postcard>::new()).await;
    calls_in(LengthPrefixed::<Json>::new()).await;
    calls_in(NewlineDelimited::<Json>::new()).await;
    calls_in(LengthPrefixed::<MessagePack>::new()).await;
    calls_in(LengthPrefixed::<Cbor>::new()).await;
}

#[tokio::test]
async fn a_slow_call_does_not_delay_another() {
    let fixture = Fixture::default().await;
    let client = fixture.client.clone();
    let slow = tokio::spawn(async move { client.hang().await });
    fixture.until_running(1).await;
    assert_eq!(timeout(LIMIT, fixture.client.add(1, 1)).await.unwrap(), Ok(2));
    slow.abort();
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler() {
    let fixture = Fixture::default().await;
    let client = fixture.client.clone();
    let slow = tokio::spawn(async move { client.hang().await });
    fixture.until_running(1).await;
    slow.abort();
    fixture.until_running(0).await;
    assert_eq!(timeout(LIMIT, fixture.client.add(1, 1)).await.unwrap(), Ok(2));
}

#[tokio::test]
async fn a_lost_connection_drops_the_handlers() {
    let fixture = Fixture::default().await;
    let client = fixture.client.clone();
    let slow = tokio::spawn(async move { client.hang().await });
    fixture.until_running(1).await;
    slow.abort();
    drop(fixture.client);
    until(|| fixture.running.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn a_call_that_cannot_be_decoded_is_answered() {
    let fixture = Fixture::new(NewlineDelimited::<Json>::new(), 64).await;
    let mut client = portcullis_net::Client::<String, String, _>::connect(
        fixture.server.local_addr(),
        portcullis_codec::Lines::new(),
    )
    .await
    .unwrap();
    let mut call = async |text: &str| timeout(LIMIT, client.call(text.to_owned())).await.unwrap().unwrap();
    assert_eq!(call(r#"[0,1,["add",0,[1,2]]]"#).await, r#"[0,1,["add",3]]"#);
    assert_eq!(call(r#"[0,2,["add",0,{"b":5,"a":2}]]"#).await, r#"[0,2,["add",7]]"#);
    assert_eq!(call(r#"[0,3,["sub",0,[1,2]]]"#).await, r#"[2,3,[5,0,""]]"#);
    let invalid = call(r#"[0,4,["add",0,["one",2]]]"#).await;
    assert!(invalid.starts_with(r#"[2,4,[6,0,"invalid type"#), "{invalid}");
    let missing = call(r#"[0,5,["add",0,{"a":1}]]"#).await;
    assert!(missing.contains("missing field `b`"), "{missing}");
    assert_eq!(call(r#"[0,6,["divide",0,[1,0]]]"#).await, r#"[1,6,["divide","divided by zero"]]"#);
}

#[tokio::test]
async fn a_full_connection_is_not_read_until_a_call_ends() {
    let fixture = Fixture::new(LengthPrefixed::<Postcard>::new(), 2).await;
    let hang = |limit: u64| {
        let client = fixture.client.clone();
        tokio::spawn(async move { client.hang().deadline(Duration::from_millis(limit)).await })
    };
    let (first, second) = (hang(60_000), hang(100));
    fixture.until_running(2).await;
    // Answered when the second hanging call has ended by its deadline.
    assert_eq!(timeout(LIMIT, fixture.client.add(1, 1)).await.unwrap(), Ok(2));
    assert_eq!(second.await.unwrap(), Err(CallError::Failure(Failure::Deadline)));
    first.abort();
}

#[tokio::test]
async fn a_stop_waits_for_the_calls_in_flight() {
    let fixture = Fixture::default().await;
    let client = fixture.client.clone();
    let slow = tokio::spawn(async move { client.hang().deadline(Duration::from_millis(200)).await });
    fixture.until_running(1).await;
    let report = timeout(LIMIT, fixture.server.stop()).await.unwrap().unwrap();
    assert_eq!(slow.await.unwrap(), Err(CallError::Failure(Failure::Deadline)), "{report}");
}
