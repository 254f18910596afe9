//! Datagram sessions, one for each address, over real UDP sockets (D1 to D7, D11, S2, S3, S5, S11).

#![forbid(unsafe_code)]

mod endpoints;
mod limits;
mod malformed;
mod options;
mod sessions;
mod stops;
mod streams;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::codec::{Raw, Utf8};
use portcullis::prelude::*;
use portcullis::{Bound, Client, ClientError, Datagrams, Endpoint, NoCodec, RunningServer, StopReport, Udp};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Short enough to wait for, and long enough for what must happen in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

/// Counts the requests of each peer. Some requests are commands.
struct Counter {
    connected: AtomicUsize,
    begun: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    /// `hold` requests wait for a permit.
    gate: Semaphore,
}

impl Default for Counter {
    fn default() -> Self {
        let (connected, begun) = Default::default();
        Self { connected, begun, ended: Mutex::default(), gate: Semaphore::new(0) }
    }
}

impl Counter {
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() >= count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }

    fn bound(self: &Arc<Self>) -> Server<Self, NoCodec, Bound> {
        Server::new(Arc::clone(self)).listen(Udp::new("127.0.0.1:0", text())).unwrap()
    }
}

fn text() -> Datagrams<Utf8> {
    Datagrams::new().max_size(1000)
}

#[service]
impl Counter {
    #[on(connect)]
    async fn connected(&self) -> usize {
        self.connected.fetch_add(1, SeqCst);
        0
    }

    #[request]
    async fn handle(
        &self,
        peer: &Peer<String>,
        count: &mut usize,
        request: String,
    ) -> Result<String, String> {
        self.begun.fetch_add(1, SeqCst);
        *count += 1;
        match request.split_once(' ') {
            Some(("big", size)) => return Ok("b".repeat(size.parse().unwrap())),
            Some(("fail", why)) => return Err(why.to_owned()),
            _ => {}
        }
        match request.as_str() {
            "hold" => self.gate.acquire().await.unwrap().forget(),
            "close" => peer.close(),
            "panic" => panic!("asked to"),
            _ => {}
        }
        Ok(format!("{count}: {request}"))
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn disconnected(&self, _: usize, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

async fn client(to: SocketAddr) -> Endpoint<String, String, Datagrams<Utf8>> {
    Endpoint::connect(Udp::new(to, Datagrams::new())).await.unwrap().timeout(LIMIT)
}

async fn raw(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

/// A socket at another address of this host, on systems where 127.0.0.0/8 is local.
async fn from_another_ip(to: SocketAddr) -> Option<UdpSocket> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    socket.connect(to).await.unwrap();
    Some(socket)
}

async fn answer(socket: &UdpSocket) -> String {
    let mut buffer = [0; 2000];
    let length = timeout(LIMIT, socket.recv(&mut buffer)).await.expect("in time").unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

async fn call(socket: &UdpSocket, request: &str) -> String {
    socket.send(request.as_bytes()).await.unwrap();
    answer(socket).await
}

async fn stop(server: RunningServer) -> StopReport {
    timeout(LIMIT, server.stop()).await.expect("in time").unwrap()
}
