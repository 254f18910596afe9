//! The service of the tests, as `#[rpc]` would write it, and a client that sends and receives
//! single messages.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use portcullis::__private::{Connected, HalfClose, PerSession};
use portcullis::codec::Codec;
use portcullis::prelude::*;
use portcullis::rpc::private::{self, Deserialize, Deserializer, Params, Serialize, Serializer};
use portcullis::rpc::{
    CallContext, ClientMessage, Failure, Method, Protocol, RpcService, ServerMessage, method_number,
};
use portcullis::{
    ChannelError, Client, ClientError, Interrupted, LengthPrefixed, Overflow, Pool, Postcard, Sender,
    ServerHandle, Service, Unbound,
};
use portcullis_tests::served::{ServeTask, start};
use portcullis_tests::streams::{Kind, ServerAddr, bind};
use portcullis_tests::{LIMIT, wait};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio::sync::Semaphore;
use tokio::time::timeout;

#[derive(Debug, PartialEq)]
pub(super) enum TestCall {
    /// Returns the text.
    Echo { text: String },
    /// Returns when the test releases it.
    Hold {},
    /// Panics: before its future is made, when it is polled, or when it is dropped.
    Panic { when: String },
    /// Runs a job for as long as it is not interrupted, and returns how many milliseconds it had.
    Job {},
    /// Sends numbers from a thread.
    Rows { count: u32 },
    /// Sends numbers from a task.
    Ticks { count: u32 },
}

#[derive(Debug, PartialEq)]
pub(super) enum TestReply {
    Echo(String),
    Hold(()),
    Panic(()),
    Job(u64),
    Rows(u32),
    RowsItem(u32),
    Ticks(()),
    TicksItem(u32),
}

impl Protocol for TestCall {
    type Reply = TestReply;
    type Client = portcullis::rpc::RpcClient<Self>;

    const METHODS: &'static [Method] = &[
        Method::new("echo", method_number("echo"), &["text"]),
        Method::new("hold", method_number("hold"), &[]),
        Method::new("panic", method_number("panic"), &["when"]),
        Method::new("job", method_number("job"), &[]),
        Method::new("rows", method_number("rows"), &["count"]),
        Method::new("ticks", method_number("ticks"), &["count"]),
    ];

    fn method(&self) -> usize {
        match self {
            Self::Echo { .. } => 0,
            Self::Hold {} => 1,
            Self::Panic { .. } => 2,
            Self::Job {} => 3,
            Self::Rows { .. } => 4,
            Self::Ticks { .. } => 5,
        }
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Echo { text } | Self::Panic { when: text } => (text,).serialize(serializer),
            Self::Hold {} | Self::Job {} => ().serialize(serializer),
            Self::Rows { count } | Self::Ticks { count } => (count,).serialize(serializer),
        }
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<Self, D::Error> {
        let names = Self::METHODS[method].params;
        Ok(match method {
            0 => Self::Echo { text: <(String,) as Params>::deserialize(names, from)?.0 },
            1 => <() as Params>::deserialize(names, from).map(|()| Self::Hold {})?,
            2 => Self::Panic { when: <(String,) as Params>::deserialize(names, from)?.0 },
            3 => <() as Params>::deserialize(names, from).map(|()| Self::Job {})?,
            4 => Self::Rows { count: <(u32,) as Params>::deserialize(names, from)?.0 },
            5 => Self::Ticks { count: <(u32,) as Params>::deserialize(names, from)?.0 },
            _ => return private::unexpected(),
        })
    }

    fn reply_method(reply: &TestReply) -> usize {
        match reply {
            TestReply::Echo(_) => 0,
            TestReply::Hold(()) => 1,
            TestReply::Panic(()) => 2,
            TestReply::Job(_) => 3,
            TestReply::Rows(_) | TestReply::RowsItem(_) => 4,
            TestReply::Ticks(()) | TestReply::TicksItem(_) => 5,
        }
    }

    fn is_error(_: &TestReply) -> bool {
        false
    }

    fn serialize_reply<S: Serializer>(reply: &TestReply, serializer: S) -> Result<S::Ok, S::Error> {
        match reply {
            TestReply::Echo(value) => value.serialize(serializer),
            TestReply::Hold(()) | TestReply::Panic(()) | TestReply::Ticks(()) => ().serialize(serializer),
            TestReply::Job(value) => value.serialize(serializer),
            TestReply::Rows(value) | TestReply::RowsItem(value) | TestReply::TicksItem(value) => {
                value.serialize(serializer)
            }
        }
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(
        method: usize,
        is_error: bool,
        from: D,
    ) -> Result<TestReply, D::Error> {
        match (method, is_error) {
            (0, false) => Deserialize::deserialize(from).map(TestReply::Echo),
            (1, false) => Deserialize::deserialize(from).map(TestReply::Hold),
            (2, false) => Deserialize::deserialize(from).map(TestReply::Panic),
            (3, false) => Deserialize::deserialize(from).map(TestReply::Job),
            (4, false) => Deserialize::deserialize(from).map(TestReply::Rows),
            (5, false) => Deserialize::deserialize(from).map(TestReply::Ticks),
            _ => private::unexpected(),
        }
    }

    fn deserialize_item<'de, D: Deserializer<'de>>(method: usize, from: D) -> Result<TestReply, D::Error> {
        match method {
            4 => Deserialize::deserialize(from).map(TestReply::RowsItem),
            5 => Deserialize::deserialize(from).map(TestReply::TicksItem),
            _ => private::unexpected(),
        }
    }
}

pub(super) struct Calls {
    pub(super) max_in_flight: usize,
    /// The handlers of `hold` and `panic`, and the jobs, that exist.
    pub(super) running: AtomicUsize,
    /// The calls that have begun.
    pub(super) begun: AtomicUsize,
    /// The items that were sent without an error.
    pub(super) items: AtomicUsize,
    /// Why producers have ended.
    pub(super) interrupted: AtomicUsize,
    pub(super) release: Semaphore,
    pub(super) pool: Pool,
}

impl Calls {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            max_in_flight: 4,
            running: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            interrupted: AtomicUsize::new(0),
            release: Semaphore::new(0),
            pool: Pool::builder("calls")
                .threads(1)
                .queue_capacity(1)
                .overflow(Overflow::Reject)
                .build()
                .expect("a thread"),
        })
    }

    pub(super) async fn until_running(&self, count: usize) {
        wait(|| self.running.load(SeqCst) == count).await;
    }
}

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

struct PanicInDrop<'a>(Running<'a>);

impl Drop for PanicInDrop<'_> {
    fn drop(&mut self) {
        assert!(self.0.0.load(SeqCst) == usize::MAX, "in a drop, as asked");
    }
}

impl Service for Calls {
    type Request = ClientMessage<TestCall>;
    type Response = ServerMessage<TestCall>;
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

impl RpcService for Calls {
    type Protocol = TestCall;

    const HALF_CLOSE_OF_CALLS: Option<HalfClose> = Some(HalfClose::Answer);

    fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    fn handle_call(
        self: &Arc<Self>,
        context: CallContext<'_, TestCall>,
        _: &(),
        call: TestCall,
    ) -> impl Future<Output = Result<TestReply, Failure>> + Send {
        self.begun.fetch_add(1, SeqCst);
        if let TestCall::Panic { when } = &call {
            assert!(when != "made", "before the future is made, as asked");
        }
        async move {
            Ok(match call {
                TestCall::Echo { text } => TestReply::Echo(text),
                TestCall::Hold {} => {
                    let _running = Running::new(&self.running);
                    self.release.acquire().await.expect("not closed").forget();
                    TestReply::Hold(())
                }
                TestCall::Panic { when } => {
                    let running = Running::new(&self.running);
                    assert!(when != "polled", "when polled, as asked");
                    let _panic = PanicInDrop(running);
                    pending().await
                }
                TestCall::Job {} => {
                    let service = Arc::clone(self);
                    let job = self.pool.run(move |worker| {
                        let _running = Running::new(&service.running);
                        let left = worker.deadline().map(|at| at.saturating_duration_since(Instant::now()));
                        while worker.check().is_ok() {
                            if service.release.try_acquire().map(|permit| permit.forget()).is_ok() {
                                break;
                            }
                            std::thread::yield_now();
                        }
                        left.map_or(u64::MAX, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
                    });
                    TestReply::Job(job.await?)
                }
                TestCall::Rows { count } => {
                    let send = |rows: Sender<u32>| {
                        let service = Arc::clone(self);
                        self.pool.run(move |worker| {
                            for row in 0..count {
                                match rows.send(worker, row) {
                                    Ok(()) => service.items.fetch_add(1, SeqCst),
                                    Err(ChannelError::Closed(_)) => {
                                        service.interrupted.fetch_add(1, SeqCst);
                                        return row;
                                    }
                                    Err(error) => {
                                        service.interrupted.fetch_add(1, SeqCst);
                                        let _: Interrupted = error.into();
                                        return row;
                                    }
                                };
                            }
                            count
                        })
                    };
                    TestReply::Rows(context.with_items(TestReply::RowsItem, send).await?)
                }
                TestCall::Ticks { count } => {
                    let send = |ticks: Sender<u32>| async move {
                        for tick in 0..count {
                            ticks.send_async(tick).await.expect("the call goes on");
                            self.items.fetch_add(1, SeqCst);
                        }
                    };
                    let () = context.with_items(TestReply::TicksItem, send).await;
                    TestReply::Ticks(())
                }
            })
        }
    }
}

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub(super) type Format = LengthPrefixed<Postcard>;
type Messages = Client<ClientMessage<TestCall>, ServerMessage<TestCall>, Format, Box<dyn Io>>;

/// A client of single messages.
pub(super) struct TestClient {
    messages: Messages,
}

impl TestClient {
    pub(super) fn new(io: impl Io + 'static) -> Self {
        let messages = Client::from_stream(Box::new(io) as Box<dyn Io>, Format::new());
        Self { messages: messages.read_ahead(1 << 20) }
    }

    pub(super) async fn send(&mut self, message: ClientMessage<TestCall>) {
        timeout(LIMIT, self.messages.send(message)).await.expect("in time").expect("open");
    }

    pub(super) async fn call(&mut self, id: u64, call: TestCall) {
        self.send(ClientMessage::Call { id, time_left: None, call }).await;
    }

    /// Returns false if neither side can go on before this one reads.
    pub(super) async fn try_call(&mut self, id: u64, call: TestCall) -> bool {
        let message = ClientMessage::Call { id, time_left: None, call };
        match timeout(LIMIT, self.messages.send(message)).await.expect("in time") {
            Ok(()) => true,
            Err(ClientError::Unread { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) async fn call_within(&mut self, id: u64, call: TestCall, time_left: Duration) {
        self.send(ClientMessage::Call { id, time_left: Some(time_left), call }).await;
    }

    pub(super) async fn cancel(&mut self, id: u64) {
        self.send(ClientMessage::Cancel { id }).await;
    }

    /// The next message, as text; "end" at the end of the connection.
    pub(super) async fn next(&mut self) -> String {
        match timeout(LIMIT, self.messages.next()).await.expect("in time") {
            Ok(Some(ServerMessage::Reply { id, reply })) => format!("{id}: {reply:?}"),
            Ok(Some(ServerMessage::Item { id, item })) => format!("{id}: {item:?}"),
            Ok(Some(ServerMessage::Failed { id, failure })) => format!("{id}: {failure:?}"),
            Ok(Some(ServerMessage::Closing { last_id })) => format!("closing after {last_id}"),
            Ok(Some(other)) => format!("{other:?}"),
            Ok(None) | Err(_) => "end".to_owned(),
        }
    }

    /// The next `count` messages, in alphabetical order.
    pub(super) async fn next_sorted(&mut self, count: usize) -> Vec<String> {
        let mut messages = BTreeMap::<String, usize>::new();
        for _ in 0..count {
            *messages.entry(self.next().await).or_default() += 1;
        }
        messages.into_iter().flat_map(|(message, count)| vec![message; count]).collect()
    }

    /// Closes the writing side.
    pub(super) async fn finish(&mut self) {
        timeout(LIMIT, self.messages.finish()).await.expect("in time").expect("open");
    }

    /// Checks that the connection works.
    pub(super) async fn still_echoes(&mut self) {
        self.call(u64::MAX, echo("still there?")).await;
        assert_eq!(self.next().await, format!(r#"{}: Echo("still there?")"#, u64::MAX));
    }
}

/// The bytes of a message.
pub(super) fn encode(message: ClientMessage<TestCall>) -> BytesMut {
    let mut bytes = BytesMut::new();
    let encoded = Codec::<ServerMessage<TestCall>, ClientMessage<TestCall>>::encode(
        &mut Format::new(),
        message,
        &mut bytes,
    );
    encoded.expect("it is short");
    bytes
}

pub(super) fn echo(text: &str) -> TestCall {
    TestCall::Echo { text: text.to_owned() }
}

/// A running server. In memory it has one connection.
pub(super) struct Fixture {
    pub(super) service: Arc<Calls>,
    pub(super) handle: ServerHandle,
    pub(super) serving: ServeTask,
    pub(super) client: TestClient,
    /// How to connect again; `None` in memory.
    pub(super) addr: Option<ServerAddr>,
}

impl Fixture {
    pub(super) async fn new(kind: Option<Kind>) -> Self {
        Self::with(kind, Calls::new(), |server| server).await
    }

    pub(super) async fn with(
        kind: Option<Kind>,
        service: Arc<Calls>,
        configure: impl FnOnce(Server<Calls, Format, Unbound>) -> Server<Calls, Format, Unbound>,
    ) -> Self {
        let server = configure(Server::new(Arc::clone(&service)).codec(Format::new()));
        let Some(kind) = kind else {
            let (near, far) = duplex(1024);
            let handle = server.handle();
            let serving = tokio::spawn(server.serve_stream(far));
            return Self { service, handle, serving, client: TestClient::new(near), addr: None };
        };
        let (server, addr) = bind(kind, server);
        let (handle, serving) = start(server).await;
        let client = TestClient::new(addr.connect().await);
        Self { service, handle, serving, client, addr: Some(addr) }
    }
}
