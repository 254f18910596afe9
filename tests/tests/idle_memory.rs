//! An idle session is small: its live bytes on the heap, counted exactly.
//!
//! One test, because the count is that of the whole process. Of the system's memory a session takes a little more: tokio has its two
//! allocations aligned to 128 bytes, which leaves gaps. The bench `idle` weighs that.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use cap::Cap;
use portcullis::Lines;
use portcullis::prelude::*;
use portcullis_tests::{LIMIT, eventually};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Of these 256 are tokio's registration of the socket and 256 its task, 104 are what a session shares with its peers and its server,
/// and 88 its own, besides its codec, its connection's value and its state. Here the codec has 48, and the server's list of sessions
/// up to 16.
const BUDGET: usize = 768;
const SESSIONS: usize = 64;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

struct Counting;

#[service]
impl Counting {
    #[state(start)]
    async fn counting(&self, line: String) -> (String, CountingState) {
        (line, CountingState::Counting)
    }
}

/// A connection that has had two answers.
fn connect(addr: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(addr).expect("a connection");
    client.set_read_timeout(Some(LIMIT)).expect("a limit");
    for _ in 0..2 {
        client.write_all(b"hello\n").expect("a request sent");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"hello\n");
    }
    client
}

/// What the first sessions make for all that follow is not counted.
fn is_small(addr: SocketAddr) {
    let mut clients = Vec::with_capacity(2 * SESSIONS);
    clients.extend((0..SESSIONS).map(|_| connect(addr)));
    let before = HEAP.allocated();
    clients.extend((0..SESSIONS).map(|_| connect(addr)));
    // The last of them may be putting their things away still.
    eventually(|| HEAP.allocated().saturating_sub(before) <= BUDGET * SESSIONS);
    let each = HEAP.allocated().saturating_sub(before) / SESSIONS;
    assert!(each > 256, "{each} bytes for a session: counted wrongly");
}

#[test]
fn an_idle_session_takes_three_quarters_of_a_kibibyte() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let server = Server::new(Echo).codec(Lines::new()).max_connections(4 * SESSIONS);
    let echo = server.bind("127.0.0.1:0").expect("a port");
    let server = Server::new(Counting).codec(Lines::new()).max_connections(4 * SESSIONS);
    let counting = server.bind("127.0.0.1:0").expect("a port");
    let addrs = [echo.local_addr(), counting.local_addr()];
    runtime.spawn(echo.serve());
    runtime.spawn(counting.serve());
    addrs.into_iter().for_each(is_small);
}
