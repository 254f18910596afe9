//! Hostile clients: each test attacks a server that serves other clients meanwhile.
//!
//! In all tests, the attacker gets no more than its limits allow, its resources are freed when its
//! time is over, other clients are not delayed, and no panic, session or socket is left.

#![forbid(unsafe_code)]
#![cfg(unix)]

// Uses addresses of this host that only Linux has.
#[cfg(target_os = "linux")]
mod datagrams;
mod handshakes;
mod places;
mod streams;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{RunningServer, Unbound};
use portcullis_tests::streams::{Conn, Kind, ServerAddr, bind, tcp};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Short enough to wait for, and long enough for what must happen in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

/// Defines each test on every kind of stream and on both tokio flavours.
macro_rules! on_streams {
    ($( async fn $name:ident($kind:ident) $body:block )*) => {$(
        mod $name {
            use super::*;
            async fn over($kind: Kind) $body
            on_loops! {
                async fn tcp() { over(Kind::Tcp).await }
                async fn tls() { over(Kind::Tls).await }
                async fn unix() { over(Kind::Unix).await }
                async fn unix_tls() { over(Kind::UnixTls).await }
            }
        }
    )*};
}
use on_streams;

/// Echoes lines, runs those that are commands, and counts sessions.
struct TestService {
    connected: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    asked: AtomicUsize,
    release: Semaphore,
}

fn service() -> Arc<TestService> {
    Arc::new(TestService {
        connected: AtomicUsize::new(0),
        ended: Mutex::default(),
        asked: AtomicUsize::new(0),
        release: Semaphore::new(0),
    })
}

impl TestService {
    fn server(self: &Arc<Self>) -> Server<Self, Lines> {
        Server::new(Arc::clone(self)).codec(Lines::new().max_length(1 << 20))
    }

    fn ended(&self) -> usize {
        self.ended.lock().unwrap().len()
    }

    /// Waits until `count` sessions have ended, and returns their reasons.
    async fn ends(&self, count: usize) -> Vec<Reason> {
        wait(|| self.ended() >= count).await;
        let ended = self.ended.lock().unwrap().clone();
        assert_eq!(ended.len(), count, "{ended:?}");
        ended
    }

    /// Waits until no session is left.
    async fn wait_until_empty(&self) {
        wait(|| self.ended() == self.connected.load(SeqCst)).await;
    }
}

#[service]
impl TestService {
    #[on(connect)]
    async fn connected(&self) {
        self.connected.fetch_add(1, SeqCst);
    }

    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> Result<String, String> {
        self.asked.fetch_add(1, SeqCst);
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("hold", _) => self.release.acquire().await.unwrap().forget(),
            ("big", size) => return Ok("b".repeat(size.parse().unwrap())),
            ("close", _) => peer.close(),
            _ => {}
        }
        Ok(line)
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

struct TestServer {
    server: RunningServer,
    server_addr: ServerAddr,
}

async fn serve(kind: Kind, server: Server<TestService, Lines, Unbound>) -> TestServer {
    let (server, server_addr) = bind(kind, server);
    TestServer { server: server.spawn().await.unwrap(), server_addr }
}

impl TestServer {
    async fn connect(&self) -> Conn {
        self.server_addr.connect().await
    }

    /// Checks that the server still serves new clients.
    async fn still_echoes(&self) {
        assert_eq!(self.connect().await.call("still there?").await, "still there?");
    }

    async fn stop(self) {
        let report = timeout(LIMIT, self.server.stop()).await.expect("in time").unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

/// Reads until the stream ends in any way.
async fn read_until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut back = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut back)).await.expect("in time");
    back
}
