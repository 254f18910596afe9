//! The service of these tests, written by hand, and a client that sends text.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis_net::{RunningServer, Server};
use portcullis_rpc::private::{self, Deserialize, Deserializer, Params, Serialize, Serializer};
use portcullis_rpc::{
    CallContext, ClientMessage, Failure, JsonRpc, Method, Protocol, RpcService, ServerMessage, method_number,
};
use portcullis_service::{Connected, Peer, PerSession, Service, Session, SessionError};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    /// `(minuend: i64, subtrahend: i64) -> i64`
    Subtract(i64, i64),
    /// `(a: i64, b: i64, c: i64) -> i64`
    Sum(i64, i64, i64),
    /// `() -> (String, u32)`
    GetData,
    /// `(value: Value)`
    NotifyHello(Value),
    /// `(a: i64, b: Option<i64>)`
    Update(i64, Option<i64>),
    /// `(error: Value) -> Result<(), Value>`
    Fail(Value),
    /// `(failure: String)`, which the call ends with.
    FailAs(String),
    /// `(params: Value) -> Value`
    Whole(Value),
    /// Never returns.
    Hang,
    /// Returns when it is [released](Shared::release).
    Wait,
    /// `(length: usize) -> String`
    Text(usize),
    /// `(items: u32) -> u32`, a stream of numbers below it.
    Count(u32),
}

/// What a method returns; of [`Call::Fail`] the `Err`.
#[derive(Debug)]
pub(crate) struct Reply {
    method: usize,
    pub(crate) value: Result<Value, Value>,
}

impl Protocol for Call {
    type Reply = Reply;
    type Client = portcullis_rpc::RpcClient<Self>;

    const METHODS: &'static [Method] = &[
        Method::new("subtract", method_number("subtract"), &["minuend", "subtrahend"]),
        Method::new("sum", method_number("sum"), &["a", "b", "c"]),
        Method::new("get_data", method_number("get_data"), &[]),
        Method::new("notify_hello", method_number("notify_hello"), &["value"]),
        Method::new("update", method_number("update"), &["a", "b"]),
        Method::new("fail", method_number("fail"), &["error"]),
        Method::new("failAs", method_number("failAs"), &["failure"]),
        Method::new("text/whole", method_number("text/whole"), &["params"]),
        Method::new("hang", method_number("hang"), &[]),
        Method::new("wait", method_number("wait"), &[]),
        Method::new("text", method_number("text"), &["length"]),
        Method::new("count", method_number("count"), &["items"]),
    ];

    fn method(&self) -> usize {
        match self {
            Self::Subtract(..) => 0,
            Self::Sum(..) => 1,
            Self::GetData => 2,
            Self::NotifyHello(_) => 3,
            Self::Update(..) => 4,
            Self::Fail(_) => 5,
            Self::FailAs(_) => 6,
            Self::Whole(_) => 7,
            Self::Hang => 8,
            Self::Wait => 9,
            Self::Text(_) => 10,
            Self::Count(_) => 11,
        }
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Subtract(a, b) => (a, b).serialize(serializer),
            Self::Sum(a, b, c) => (a, b, c).serialize(serializer),
            Self::Update(a, b) => (a, b).serialize(serializer),
            Self::NotifyHello(value) | Self::Fail(value) | Self::Whole(value) => {
                (value,).serialize(serializer)
            }
            Self::FailAs(failure) => (failure,).serialize(serializer),
            Self::Text(length) => (length,).serialize(serializer),
            Self::Count(items) => (items,).serialize(serializer),
            Self::GetData | Self::Hang | Self::Wait => ().serialize(serializer),
        }
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Self, D::Error> {
        let names = Self::METHODS[method].params;
        match method {
            0 => Params::deserialize(names, from).map(|(a, b)| Self::Subtract(a, b)),
            1 => Params::deserialize(names, from).map(|(a, b, c)| Self::Sum(a, b, c)),
            2 => Params::deserialize(names, from).map(|()| Self::GetData),
            3 => Params::deserialize(names, from).map(|(value,)| Self::NotifyHello(value)),
            4 => Params::deserialize(names, from).map(|(a, b)| Self::Update(a, b)),
            5 => Params::deserialize(names, from).map(|(error,)| Self::Fail(error)),
            6 => Params::deserialize(names, from).map(|(failure,)| Self::FailAs(failure)),
            7 => Params::deserialize(names, from).map(|(params,)| Self::Whole(params)),
            8 => Params::deserialize(names, from).map(|()| Self::Hang),
            9 => Params::deserialize(names, from).map(|()| Self::Wait),
            10 => Params::deserialize(names, from).map(|(length,)| Self::Text(length)),
            11 => Params::deserialize(names, from).map(|(items,)| Self::Count(items)),
            _ => private::unexpected(),
        }
    }

    fn reply_method(reply: &Reply) -> usize {
        reply.method
    }

    fn is_error(reply: &Reply) -> bool {
        reply.value.is_err()
    }

    fn serialize_reply<S: Serializer>(reply: &Reply, serializer: S) -> Result<S::Ok, S::Error> {
        match &reply.value {
            Ok(value) | Err(value) => value.serialize(serializer),
        }
    }

    fn deserialize_item<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Reply, D::Error> {
        Value::deserialize(from).map(|value| Reply { method, value: Ok(value) })
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        from: D,
    ) -> Result<Reply, D::Error> {
        match (method, is_error) {
            (0, false) => i64::deserialize(from).map(|value| Reply { method, value: Ok(value.into()) }),
            (5, true) => Value::deserialize(from).map(|error| Reply { method, value: Err(error) }),
            (_, false) => Value::deserialize(from).map(|value| Reply { method, value: Ok(value) }),
            _ => private::unexpected(),
        }
    }
}

fn item_of_count(number: u32) -> Reply {
    Reply { method: 11, value: Ok(number.into()) }
}

/// What the tests see of the service.
#[derive(Default)]
pub(crate) struct Shared {
    /// Calls of `hang` and `wait` that exist.
    running: AtomicUsize,
    /// Ends calls of `wait`.
    pub(crate) release: Notify,
    /// What was called, in order.
    pub(crate) calls: Mutex<Vec<Call>>,
}

impl Shared {
    pub(crate) async fn until_running(&self, count: usize) {
        until(|| self.running.load(SeqCst) == count).await;
    }
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, polled).await.expect("in time");
}

/// Counts itself while it exists.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

pub(crate) struct TestService(pub(crate) Arc<Shared>);

impl Service for TestService {
    type Request = ClientMessage<Call>;
    type Response = ServerMessage<Call>;
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
}

impl RpcService for TestService {
    type Protocol = Call;

    async fn handle_call(
        self: &Arc<Self>,
        context: CallContext<'_, Call>,
        _: &(),
        call: Call,
    ) -> Result<Reply, Failure> {
        let method = call.method();
        self.0.calls.lock().unwrap().push(call.clone());
        let value = match call {
            Call::Subtract(a, b) => Ok((a - b).into()),
            Call::Sum(a, b, c) => Ok((a + b + c).into()),
            Call::GetData => Ok(json!(["hello", 5])),
            Call::NotifyHello(_) | Call::Update(..) => Ok(Value::Null),
            Call::Fail(error) => Err(error),
            Call::FailAs(failure) => {
                return Err(match failure.as_str() {
                    "overloaded" => Failure::Overloaded { retry_after: Duration::from_micros(1_500) },
                    "deadline" => Failure::Deadline,
                    "cancelled" => Failure::Cancelled,
                    "closed" => Failure::Closed,
                    "lost" => Failure::Lost,
                    _ => panic!("as asked"),
                });
            }
            Call::Whole(params) => Ok(params),
            Call::Hang => {
                let _running = Running::new(&self.0.running);
                pending().await
            }
            Call::Wait => {
                let _running = Running::new(&self.0.running);
                self.0.release.notified().await;
                Ok(Value::Null)
            }
            Call::Text(length) => Ok("x".repeat(length).into()),
            Call::Count(items) => {
                let count = async |numbers: portcullis_runtime::Sender<u32>| {
                    for number in 0..items {
                        numbers.send_async(number).await.unwrap();
                    }
                };
                context.with_items(item_of_count, count).await;
                Ok(items.into())
            }
        };
        Ok(Reply { method, value })
    }
}

pub(crate) struct Fixture {
    pub(crate) server: RunningServer,
    pub(crate) shared: Arc<Shared>,
}

impl Fixture {
    pub(crate) async fn new(codec: JsonRpc) -> Self {
        let shared = Arc::new(Shared::default());
        let server = Server::new(TestService(Arc::clone(&shared))).codec(codec);
        let server = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        Self { server, shared }
    }

    pub(crate) async fn connect(&self) -> TextClient {
        let stream = TcpStream::connect(self.server.local_addr()).await.unwrap();
        TextClient { stream: BufReader::new(stream) }
    }
}

/// A server of `codec`, and a client that sends lines.
pub(crate) async fn lines(codec: JsonRpc) -> (Fixture, TextClient) {
    let fixture = Fixture::new(codec).await;
    let client = fixture.connect().await;
    (fixture, client)
}

/// A client that sends text.
pub(crate) struct TextClient {
    pub(crate) stream: BufReader<TcpStream>,
}

impl TextClient {
    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    pub(crate) async fn send_line(&mut self, text: &str) {
        self.send(format!("{text}\n")).await;
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(LIMIT, self.stream.read_line(&mut line)).await.expect("in time").unwrap();
        assert_eq!(line.pop(), Some('\n'), "a whole line: {line}");
        line
    }

    pub(crate) async fn receive(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("JSON")
    }

    pub(crate) async fn call(&mut self, text: &str) -> Value {
        self.send_line(text).await;
        self.receive().await
    }

    /// Asserts that nothing was answered since the last answer: the next answer is that of another
    /// call.
    pub(crate) async fn assert_silent(&mut self) {
        let answer = self.call(r#"{"jsonrpc":"2.0","method":"get_data","id":"barrier"}"#).await;
        assert_eq!(answer["id"], "barrier", "{answer}");
    }

    /// Closes the writing side, and returns what is left to read.
    pub(crate) async fn finish(mut self) -> String {
        self.stream.shutdown().await.unwrap();
        let mut text = String::new();
        timeout(LIMIT, self.stream.read_to_string(&mut text)).await.expect("in time").unwrap();
        text
    }
}
