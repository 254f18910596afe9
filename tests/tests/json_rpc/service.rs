//! The service of the tests, and a client that sends and receives JSON.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::rpc::{JsonRpc, NotifyError};
use portcullis::{AnyPeer, Interrupted, Sender, Server, ServerHandle, Unbound};
use portcullis_tests::served::{ServeTask, start};
use portcullis_tests::streams::{Kind, ServerAddr, bind};
use portcullis_tests::{LIMIT, wait};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, duplex,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What the tests see of the service.
pub(super) struct Shared {
    /// Calls of `hang`, `hold` and `spin` that exist.
    pub(super) running: AtomicUsize,
    /// Ends calls of `hold`.
    pub(super) release: Semaphore,
    pub(super) noted: Mutex<Vec<i64>>,
    /// How many notifications `announce` has sent.
    pub(super) notified: AtomicUsize,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            running: AtomicUsize::new(0),
            release: Semaphore::new(0),
            noted: Mutex::default(),
            notified: AtomicUsize::new(0),
        })
    }

    pub(super) async fn until_running(&self, count: usize) {
        wait(|| self.running.load(SeqCst) == count).await;
    }
}

/// Counts a call while it runs.
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

pub(super) struct Tools {
    pub(super) cpu: Pool,
    pub(super) shared: Arc<Shared>,
}

#[service]
impl Tools {
    #[rpc]
    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64 {
        minuend - subtrahend
    }

    #[rpc]
    async fn note(&self, number: i64) {
        self.shared.noted.lock().unwrap().push(number);
    }

    #[rpc]
    async fn text(&self, length: usize) -> String {
        "x".repeat(length)
    }

    #[rpc]
    async fn hang(&self) {
        let _running = Running::new(&self.shared.running);
        std::future::pending().await
    }

    #[rpc]
    async fn hold(&self) -> u32 {
        let _running = Running::new(&self.shared.running);
        self.shared.release.acquire().await.expect("not closed").forget();
        7
    }

    #[rpc]
    #[blocking(pool = self.cpu)]
    fn spin(&self, worker: &Worker) -> Result<(), Interrupted> {
        let _running = Running::new(&self.shared.running);
        loop {
            worker.sleep(Duration::from_millis(1))?;
        }
    }

    #[rpc]
    async fn count(&self, numbers: &Sender<u32>, to: u32) -> u32 {
        for number in 0..to {
            if numbers.send_async(number).await.is_err() {
                return number;
            }
        }
        to
    }

    /// Sends items of this many bytes.
    #[rpc]
    async fn texts(&self, texts: &Sender<String>, length: usize) -> u32 {
        for sent in 0..3 {
            if texts.send_async("x".repeat(length)).await.is_err() {
                return sent;
            }
        }
        3
    }

    /// Sends so many notifications before it returns.
    #[rpc]
    async fn announce(&self, peer: &ToolsPeer, count: u32) -> u32 {
        for number in 0..count {
            if peer.notify("progress", &json!({ "number": number })).await.is_err() {
                return number;
            }
            self.shared.notified.fetch_add(1, SeqCst);
        }
        count
    }

    /// Sends one notification with these parameters.
    #[rpc(name = "announce/one")]
    async fn announce_one(&self, peer: &ToolsPeer, method: String, params: Value) -> Result<(), String> {
        peer.notify(&method, &params).await.map_err(|error| error.to_string())
    }

    /// Sends one notification with a text of this many bytes.
    #[rpc(name = "announce/text")]
    async fn announce_text(&self, peer: &ToolsPeer, length: usize) -> bool {
        peer.notify("text", &["x".repeat(length)]).await.is_ok()
    }

    /// Sends notifications until the queue is full, and returns how many.
    #[rpc]
    async fn flood(&self, peer: &ToolsPeer) -> u32 {
        let mut sent = 0;
        while peer.try_notify("flood", &[sent]) != Err(NotifyError::Full) {
            sent += 1;
        }
        sent
    }
}

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A running server. In memory it has one connection.
pub(super) struct Fixture {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: ServerHandle,
    pub(super) serving: ServeTask,
    addr: Option<ServerAddr>,
    stream: Option<DuplexStream>,
}

impl Fixture {
    pub(super) async fn new(kind: Option<Kind>, codec: JsonRpc) -> Self {
        Self::with(kind, codec, |server| server).await
    }

    pub(super) async fn with(
        kind: Option<Kind>,
        codec: JsonRpc,
        configure: impl FnOnce(Server<Tools, JsonRpc, Unbound>) -> Server<Tools, JsonRpc, Unbound>,
    ) -> Self {
        let shared = Shared::new();
        let cpu = Pool::builder("cpu").threads(2).build().expect("a pool");
        let server = configure(Server::new(Tools { cpu, shared: Arc::clone(&shared) }).codec(codec));
        let Some(kind) = kind else {
            let (near, far) = duplex(1024);
            let handle = server.handle();
            let serving = tokio::spawn(server.serve_stream(far));
            return Self { shared, handle, serving, addr: None, stream: Some(near) };
        };
        let (server, addr) = bind(kind, server);
        let (handle, serving) = start(server).await;
        Self { shared, handle, serving, addr: Some(addr), stream: None }
    }

    /// Connects. In memory, once.
    pub(super) async fn connect(&mut self) -> Box<dyn Io> {
        match &self.addr {
            Some(addr) => Box::new(addr.connect().await),
            None => Box::new(self.stream.take().expect("one connection")),
        }
    }

    pub(super) async fn lines(&mut self) -> JsonClient {
        JsonClient { stream: BufReader::new(self.connect().await), has_headers: false }
    }

    pub(super) async fn headers(&mut self) -> JsonClient {
        JsonClient { stream: BufReader::new(self.connect().await), has_headers: true }
    }

    pub(super) fn abort_connections(&self) {
        self.handle.peers().iter().for_each(AnyPeer::abort);
    }
}

/// A client of text.
pub(super) struct JsonClient {
    pub(super) stream: BufReader<Box<dyn Io>>,
    /// Whether each message follows a header with its `Content-Length`.
    has_headers: bool,
}

impl JsonClient {
    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let write = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        timeout(LIMIT, write).await.expect("in time").expect("open");
    }

    pub(super) async fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let framed = match self.has_headers {
            true => format!("Content-Length: {}\r\n\r\n{text}", text.len()),
            false => format!("{text}\n"),
        };
        self.write(framed).await;
    }

    pub(super) async fn request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})).await;
    }

    pub(super) async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    pub(super) async fn cancel(&mut self, id: impl Into<Value>) {
        self.notify("$/cancelRequest", json!({ "id": id.into() })).await;
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Value {
        timeout(LIMIT, self.read()).await.expect("in time").expect("a message")
    }

    async fn read(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        if self.has_headers {
            let length = line.strip_prefix("Content-Length: ").expect("a header").trim();
            let mut body = vec![0; length.parse().expect("a length")];
            line.clear();
            self.stream.read_line(&mut line).await?;
            assert_eq!(line, "\r\n");
            self.stream.read_exact(&mut body).await?;
            return Ok(serde_json::from_slice(&body)?);
        }
        assert!(line.ends_with('\n'), "a whole line: {line}");
        Ok(serde_json::from_str(&line)?)
    }

    pub(super) async fn call(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        self.request(id, method, params).await;
        self.next().await
    }

    /// Asserts that the connection works, and that nothing else was sent before.
    pub(super) async fn still_answers(&mut self) {
        let answer = self.call("still there?", "subtract", json!([3, 1])).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "still there?", "result": 2}));
    }

    /// Closes the writing side.
    pub(super) async fn finish(&mut self) {
        timeout(LIMIT, self.stream.shutdown()).await.expect("in time").expect("open");
    }

    /// Everything until the end of the stream.
    pub(super) async fn remaining(&mut self) -> String {
        let mut text = String::new();
        timeout(LIMIT, self.stream.read_to_string(&mut text)).await.expect("in time").expect("a regular end");
        text
    }
}
