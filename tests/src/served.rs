//! Servers in a task, and those who talk to them: typed clients, and raw streams whose every wait
//! has a limit.

use std::io;
use std::net::SocketAddr;

use portcullis::codec::Codec;
use portcullis::{Bound, Client, Lines, Server, ServerHandle, Service, StopReport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::LIMIT;

/// A client that talks in lines.
pub type LinesClient = Client<String, String, Lines>;
/// The task that serves.
pub type ServeTask = JoinHandle<io::Result<StopReport>>;

/// Serves in a task of its own, from now on.
///
/// # Panics
/// If it does not come to that.
pub async fn start<S: Service, C: Codec<S::Request, S::Response>>(
    server: Server<S, C, Bound>,
) -> (ServerHandle, ServeTask) {
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    assert!(handle.ready().await);
    (handle, serving)
}

/// What comes of a server that was told to stop.
///
/// # Panics
/// If that takes too long, or it failed.
pub async fn stopped(serving: ServeTask) -> StopReport {
    timeout(LIMIT, serving).await.expect("in time").expect("no panic").expect("a report")
}

/// A server that has a port.
#[derive(Debug)]
pub struct TestServer {
    /// Where.
    pub addr: SocketAddr,
    /// To stop it by.
    pub handle: ServerHandle,
    /// Its end.
    pub serving: ServeTask,
}

impl TestServer {
    /// As [`start`].
    pub async fn new<S: Service, C: Codec<S::Request, S::Response>>(server: Server<S, C, Bound>) -> Self {
        let addr = server.local_addr();
        let (handle, serving) = start(server).await;
        Self { addr, handle, serving }
    }

    /// A raw connection.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).await.expect("it listens");
        stream.set_nodelay(true).expect("a connection");
        stream
    }

    /// Stops it.
    ///
    /// # Panics
    /// As [`stopped`].
    pub async fn stop(self) -> StopReport {
        self.handle.stop();
        stopped(self.serving).await
    }
}

/// A client of who listens at `addr`.
///
/// # Panics
/// If nobody does.
pub async fn client(addr: SocketAddr) -> LinesClient {
    Client::connect(addr, Lines::new()).await.expect("it listens").timeout(LIMIT)
}

/// The next line.
///
/// # Panics
/// If none comes.
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

/// Says a line, and gives the next one back.
///
/// # Panics
/// If the connection is gone, or none comes.
pub async fn call(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> String {
    stream.write_all(format!("{text}\n").as_bytes()).await.expect("it is taken");
    stream.flush().await.expect("it is taken");
    line(stream).await
}

/// All that comes up to a proper end.
///
/// # Panics
/// If there is none: a reset, or TLS without its farewell.
pub async fn read_remaining(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("in time").expect("a proper end");
    rest
}
