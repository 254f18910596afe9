//! The memory of sessions: a request allocates nothing, and an idle session holds no buffers.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cap::Cap;
use portcullis::codec::{Codec, FixedSize};
use portcullis::prelude::*;
use portcullis::{Bound, Lines, Service, StopReport};
use portcullis_tests::{LIMIT, eventually};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// One test at a time, because the heap is shared.
static TURN: Mutex<()> = Mutex::new(());

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, bytes: [u8; 8]) -> [u8; 8] {
        bytes
    }
}

struct Long;

#[service]
impl Long {
    #[request]
    async fn long(&self, line: String) -> String {
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

/// Never waits for a request.
struct Sleeping;

#[service]
impl Sleeping {
    #[session]
    async fn echo(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            match session.next_timeout(Duration::ZERO).await {
                Ok(line) => session.send(line).await?,
                Err(SessionError::Timeout) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// A client that allocates nothing.
fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

#[test]
fn a_request_of_an_open_session_allocates_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::new(Echo).codec(FixedSize::<8>::new()).bind("127.0.0.1:0").unwrap();
    // Each loop thread has its own buffers, and a session may move to a thread that has none yet.
    let (addr, handle) = (server.local_addr(), server.handle());
    let serving = on_one_thread(server);
    let mut stream = connect(addr);
    let mut call = |count: u64| {
        let before = HEAP.total_allocated();
        for n in 0..count {
            let mut back = [0; 8];
            stream.write_all(&n.to_be_bytes()).unwrap();
            stream.read_exact(&mut back).unwrap();
            assert_eq!(u64::from_be_bytes(back), n);
        }
        HEAP.total_allocated() - before
    };
    call(2000);
    // No allocation per request; the timer of the loop may allocate.
    let allocated = call(5000);
    assert!(allocated < 5000, "{allocated} bytes for 5000 requests");
    drop(stream);
    handle.stop();
    assert!(serving.join().unwrap().unwrap().is_clean());
}

/// Of these bytes, 256 are tokio's registration of the socket and 256 its task, 104 are shared by
/// the session, its peers and its server, and 88 are the session's own. Added are its codec, its
/// connection value and its state: here the codec has 48, and the server's list of sessions up to
/// 16. The resident memory is a little more, because tokio aligns to 128 bytes; the bench `idle`
/// measures that.
const IDLE: usize = 768;

#[test]
fn an_idle_session_takes_at_most_768_bytes() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    is_small(Server::new(Long).codec(Lines::new()).bind("127.0.0.1:0").unwrap());
    is_small(Server::new(Counting).codec(Lines::new()).bind("127.0.0.1:0").unwrap());
}

#[test]
fn s28_an_idle_session_whose_handler_never_waits_keeps_no_future() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    is_small(Server::new(Sleeping).codec(Lines::new()).bind("127.0.0.1:0").unwrap());
}

/// The allocations of the first sessions, which later ones reuse, are not counted, nor those of a
/// second loop thread.
fn is_small<S: Service, C: Codec<S::Request, S::Response>>(server: Server<S, C, Bound>) {
    const SESSIONS: usize = 64;
    let (addr, handle) = (server.local_addr(), server.handle());
    let serving = on_one_thread(server);
    let talk = || {
        let mut stream = connect(addr);
        for _ in 0..2 {
            stream.write_all(b"hello\n").unwrap();
            stream.read_exact(&mut [0; 6]).unwrap();
        }
        stream
    };
    let mut streams = Vec::with_capacity(2 * SESSIONS);
    streams.extend((0..SESSIONS).map(|_| talk()));
    let before = HEAP.allocated();
    streams.extend((0..SESSIONS).map(|_| talk()));
    let held = || HEAP.allocated().saturating_sub(before) / SESSIONS;
    // The last sessions may still be releasing their memory.
    eventually(|| held() <= IDLE);
    assert!(held() > IDLE / 2, "{} bytes for a session: counted wrongly", held());
    drop(streams);
    handle.stop();
    assert!(serving.join().unwrap().unwrap().is_clean());
}

fn on_one_thread<S, C>(server: Server<S, C, Bound>) -> JoinHandle<io::Result<StopReport>>
where
    S: Service,
    C: Codec<S::Request, S::Response>,
{
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server.serve())
    })
}

#[test]
fn idle_sessions_hold_no_buffers() {
    const SESSIONS: usize = 400;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::new(Long).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
    let (addr, handle) = (server.local_addr(), server.handle());
    // Each loop thread keeps a free list of buffers: for one thread at most sixty-four.
    let serving = on_one_thread(server);
    let line = [&[b'x'; 7000][..], b"\n"].concat();
    let mut back = vec![0; line.len()];
    let mut talk = |stream: &mut TcpStream| {
        stream.write_all(&line).unwrap();
        stream.read_exact(&mut back).unwrap();
    };
    // The shared allocations exist by now.
    for _ in 0..3 {
        talk(&mut connect(addr));
    }
    let before = HEAP.allocated();
    let mut streams: Vec<_> = (0..SESSIONS).map(|_| connect(addr)).collect();
    streams.iter_mut().for_each(&mut talk);
    // A buffer has eight kilobytes, and each session had two.
    let held = || HEAP.allocated().saturating_sub(before) / SESSIONS;
    eventually(|| held() < 6000);
    // A session with a partial line holds that, and no whole buffer.
    for stream in &mut streams {
        stream.write_all(b"half a li").unwrap();
    }
    eventually(|| held() < 6000);
    for stream in &mut streams {
        stream.write_all(b"ne\n").unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    eventually(|| held() < 6000);
    drop(streams);
    handle.stop();
    assert!(serving.join().unwrap().unwrap().is_clean());
}

/// Ready at once, after one wake-up of its own, and after a wake-up by another thread.
#[test]
fn p9_a_wait_allocates_nothing_after_the_first_of_its_job() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pool = Pool::builder("waits").threads(1).build().unwrap();
    let requests = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let answers = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let (asks, takes) = (requests.clone(), answers.clone());
    let answering = thread::spawn(move || {
        for _ in 0..200 {
            futures::executor::block_on(requests.acquire()).unwrap().forget();
            answers.add_permits(1);
        }
    });
    let job = pool.run(move |worker| {
        let round = || {
            assert_eq!(async { 1 }.wait(worker).unwrap(), 1);
            tokio::task::yield_now().wait(worker).unwrap();
            asks.add_permits(1);
            takes.acquire().wait(worker).unwrap().unwrap().forget();
        };
        (0..100).for_each(|_| round());
        let before = HEAP.total_allocated();
        (0..100).for_each(|_| round());
        HEAP.total_allocated() - before
    });
    assert_eq!(runtime.block_on(job).unwrap(), 0);
    answering.join().unwrap();
}
