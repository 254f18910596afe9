//! Servers against raw sockets that send in pieces, in floods or garbage, that stop half-way or
//! never read; and handlers, hooks and codecs that panic (S1, S3, S5, S7, S8, S9, O11).

#![forbid(unsafe_code)]

mod ends;
mod frames;
mod panics;
mod stops;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::Service;
use portcullis::codec::Codec;
use portcullis::prelude::*;
use portcullis_tests::served::{TestServer, call, line, read_remaining};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

async fn serve<S: Service, C: Codec<S::Request, S::Response>>(service: &Arc<S>, codec: C) -> TestServer {
    TestServer::new(Server::new(Arc::clone(service)).codec(codec).bind("127.0.0.1:0").unwrap()).await
}

/// Checks that the server still serves new clients.
async fn still_echoes(server: &TestServer) {
    assert_eq!(call(&mut server.connect().await, "still there?").await, "still there?");
}

fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Echoes lines, runs those that are commands, and counts sessions.
#[derive(Default)]
struct TestService {
    asked: AtomicUsize,
    connected: AtomicUsize,
    holding: AtomicUsize,
    dropped: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    peers: Mutex<Vec<Peer<String>>>,
    release: Held,
    /// Advanced by another task of the loop, to see how many requests are handled in between.
    ticks: AtomicUsize,
    last: Mutex<(usize, usize)>,
    most: AtomicUsize,
}

struct Held(Semaphore);

impl Default for Held {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

struct OpenOnDrop<'a>(&'a AtomicUsize, bool);

impl Drop for OpenOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        assert!(!self.1, "panics on drop");
    }
}

impl TestService {
    fn ended(&self) -> Vec<Reason> {
        self.ended.lock().unwrap().clone()
    }

    /// Waits until `count` sessions have ended, and returns the last reason.
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() >= count).await;
        let ended = self.ended();
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
            "hold" | "trap" => {
                let _guard = OpenOnDrop(&self.dropped, word == "trap");
                self.holding.fetch_add(1, SeqCst);
                self.release.0.acquire().await.unwrap().forget();
                Ok("held".into())
            }
            "big" => Ok("b".repeat(rest.parse().unwrap())),
            "panic" => panic!("on request"),
            "fail" => Err("on request".into()),
            "close" => {
                peer.close();
                Ok(line)
            }
            "tick" => {
                let mut last = self.last.lock().unwrap();
                let ticks = self.ticks.load(SeqCst);
                *last = if last.0 == ticks { (ticks, last.1 + 1) } else { (ticks, 1) };
                self.most.fetch_max(last.1, SeqCst);
                Ok(line)
            }
            _ => Ok(line),
        }
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        if error.to_string().contains("malformed") {
            return ControlFlow::Continue("what?".into());
        }
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn ended_for(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}
