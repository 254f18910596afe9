//! The guarantees of sessions on every kind of stream: TCP, Unix sockets, and TLS over both.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod batches;
mod closing;
mod encoded;
mod ending;
mod events_only;
mod idle;
mod life;
mod limits;
mod responses;
mod shutdown;
mod unfinished;
mod unread;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::codec::Codec;
use portcullis::prelude::*;
use portcullis::{ServerHandle, Service, StopReport, Unbound};
use portcullis_tests::served::{ServeTask, start, stopped};
use portcullis_tests::streams::{Conn, Kind, ServerAddr, bind};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

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
                async fn passing() { over(Kind::Passing).await }
            }
        }
    )*};
}
use on_streams;

struct TestServer {
    server_addr: ServerAddr,
    handle: ServerHandle,
    serving: ServeTask,
}

async fn serve<S: Service, C: Codec<S::Request, S::Response>>(
    kind: Kind,
    server: Server<S, C, Unbound>,
) -> TestServer {
    let (server, server_addr) = bind(kind, server);
    let (handle, serving) = start(server).await;
    TestServer { server_addr, handle, serving }
}

impl TestServer {
    async fn connect(&self) -> Conn {
        self.server_addr.connect().await
    }

    async fn stop(self) -> StopReport {
        self.handle.stop();
        stopped(self.serving).await
    }

    /// Checks that the server still serves new clients.
    async fn still_echoes(&self) {
        assert_eq!(self.connect().await.call("still there?").await, "still there?");
    }
}

/// Echoes lines, runs those that are commands, and counts sessions.
#[derive(Default)]
struct TestService {
    connected: AtomicUsize,
    asked: AtomicUsize,
    holding: AtomicUsize,
    dropped: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    peers: Mutex<Vec<Peer<String>>>,
    release: Held,
}

struct Held(Semaphore);

impl Default for Held {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

struct OpenOnDrop<'a>(&'a AtomicUsize);

impl Drop for OpenOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl TestService {
    fn server(self: &Arc<Self>) -> Server<Self, Lines> {
        Server::new(Arc::clone(self)).codec(Lines::new().max_length(1 << 24))
    }

    /// Waits until `count` sessions have ended, and returns the last reason.
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() >= count).await;
        let ended = self.ended.lock().unwrap();
        assert_eq!(ended.len(), count, "{ended:?}");
        ended[count - 1].clone()
    }

    async fn holds(&self, count: usize) {
        wait(|| self.holding.load(SeqCst) == count).await;
    }
}

#[service]
impl TestService {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.connected.fetch_add(1, SeqCst);
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> Result<String, String> {
        self.asked.fetch_add(1, SeqCst);
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "hold" => {
                let guard = OpenOnDrop(&self.dropped);
                self.holding.fetch_add(1, SeqCst);
                self.release.0.acquire().await.unwrap().forget();
                std::mem::forget(guard);
                Ok("held".into())
            }
            "big" => Ok("b".repeat(rest.parse().unwrap())),
            "panic" => panic!("on request"),
            "wait" => {
                self.holding.fetch_add(1, SeqCst);
                peer.stopping().wait().await;
                Ok("the server stops".into())
            }
            "close" => {
                peer.close();
                Ok(line)
            }
            _ => Ok(line),
        }
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn ended_for(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}
