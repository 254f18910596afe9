//! Servers that run in a task, and clients for them: typed clients, and raw streams with a limit on
//! every wait.

use std::io;
use std::net::SocketAddr;

use portcullis::codec::Codec;
use portcullis::{Bound, Client, Lines, Server, ServerHandle, Service, StopReport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::LIMIT;

/// A client for lines of text.
pub type LinesClient = Client<String, String, Lines>;
/// The task that runs the server.
pub type ServeTask = JoinHandle<io::Result<StopReport>>;

/// Runs the server in a task and waits until it is ready.
///
/// # Panics
/// If the server does not become ready.
pub async fn start<S: Service, C: Codec<S::Request, S::Response>>(
    server: Server<S, C, Bound>,
) -> (ServerHandle, ServeTask) {
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    assert!(handle.ready().await);
    (handle, serving)
}

/// Waits until a stopping server has ended, and returns its report.
///
/// # Panics
/// If that takes longer than [`LIMIT`], or the server failed.
pub async fn stopped(serving: ServeTask) -> StopReport {
    timeout(LIMIT, serving).await.expect("in time").expect("no panic").expect("a report")
}

/// A running server and its address.
#[derive(Debug)]
pub struct TestServer {
    /// The address of the first listener.
    pub addr: SocketAddr,
    /// Stops the server.
    pub handle: ServerHandle,
    /// The task that runs the server.
    pub serving: ServeTask,
}

impl TestServer {
    /// Starts the server; see [`start`].
    pub async fn new<S: Service, C: Codec<S::Request, S::Response>>(server: Server<S, C, Bound>) -> Self {
        let addr = server.local_addr();
        let (handle, serving) = start(server).await;
        Self { addr, handle, serving }
    }

    /// Opens a raw connection.
    ///
    /// # Panics
    /// If nothing listens at the address.
    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).await.expect("it listens");
        stream.set_nodelay(true).expect("a connection");
        stream
    }

    /// Stops the server and returns its report.
    ///
    /// # Panics
    /// As [`stopped`].
    pub async fn stop(self) -> StopReport {
        self.handle.stop();
        stopped(self.serving).await
    }
}

/// Connects a client for lines of text to `addr`.
///
/// # Panics
/// If nothing listens at the address.
pub async fn client(addr: SocketAddr) -> LinesClient {
    Client::connect(addr, Lines::new()).await.expect("it listens").timeout(LIMIT)
}

/// Reads the next line.
///
/// # Panics
/// If the stream ends first, or within [`LIMIT`] no line arrives.
pub async fn line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    let reading = async {
        loop {
            match stream.read_u8().await {
                Ok(b'\n') => return String::from_utf8(line).expect("text"),
                Ok(byte) => line.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&line)),
            }
        }
    };
    timeout(LIMIT, reading).await.expect("in time")
}

/// Sends a line, and returns the next line that arrives.
///
/// # Panics
/// If the connection is closed, or no line arrives.
pub async fn call(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> String {
    stream.write_all(format!("{text}\n").as_bytes()).await.expect("it is taken");
    stream.flush().await.expect("it is taken");
    line(stream).await
}

/// Reads everything up to a regular end of the stream.
///
/// # Panics
/// If the stream ends otherwise: by a reset, or without `close_notify` in TLS.
pub async fn read_remaining(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("in time").expect("a proper end");
    rest
}
