//! A stop in the middle of a hundred thousand requests loses no response of a request that had
//! started (S5).
//!
//! The guarantee: a request that its session had begun when the stop came is answered within the
//! grace, and the response arrives. So in the end every request that was begun has been answered. A
//! client receives responses to the first of its requests, in order, each complete. Then the stream
//! ends with EOF and is not reset. (A client that keeps sending to a closed server gets a reset.
//! Linux has read the EOF by then, and keeps it.) A request that was not begun is not answered; a
//! client sends it to another server.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{Interrupted, RunningServer};
use portcullis_tests::{Gate, LIMIT};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Requests in all.
const REQUESTS: usize = 100_000;
/// The number of clients, if the limit of descriptors allows it.
const CLIENTS: usize = 1_000;
/// How many requests a client sends before it reads the responses; every third client sends all of
/// its requests first.
const BATCH: usize = 10;
/// One of this many clients has its middle request held until the stop.
const HELD: usize = 10;
/// Longer than the test takes: requests that have begun must end by themselves.
const GRACE: Duration = Duration::from_secs(60);

/// The number of clients, and of requests per client.
fn sizes() -> (usize, usize) {
    let needed = 2 * CLIENTS as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
    let clients = match getrlimit(Resource::Nofile).current {
        Some(current) if current < needed => {
            let clients = usize::try_from(current.saturating_sub(100) / 2).unwrap().max(HELD);
            eprintln!("only {current} descriptors: {clients} clients instead of {CLIENTS}");
            clients
        }
        _ => CLIENTS,
    };
    (clients, REQUESTS / clients)
}

/// Counts the started requests, and decides when to stop.
struct Tally {
    requests: usize,
    /// The number of started requests of each client.
    begun: Vec<AtomicU32>,
    in_all: AtomicUsize,
    held: AtomicUsize,
    middle: Notify,
    /// Signals that the stop has begun.
    stopped: watch::Sender<bool>,
}

impl Tally {
    fn new(clients: usize, requests: usize) -> Self {
        let begun = (0..clients).map(|_| AtomicU32::new(0)).collect();
        let (in_all, held) = Default::default();
        Self { requests, begun, in_all, held, middle: Notify::new(), stopped: watch::Sender::new(false) }
    }

    /// Counts a started request, and holds the middle request of each client that is held.
    async fn begin(&self, line: &str) {
        let (client, n) = line.split_once(' ').expect("what clients send");
        let (client, n): (usize, u32) = (client.parse().unwrap(), n.parse().unwrap());
        assert_eq!(self.begun[client].fetch_add(1, SeqCst), n, "in order");
        self.in_all.fetch_add(1, SeqCst);
        let is_waiting_for_jobs = client.is_multiple_of(HELD) && n as usize == self.requests / 2;
        if is_waiting_for_jobs {
            self.held.fetch_add(1, SeqCst);
        }
        if self.is_in_the_middle() {
            self.middle.notify_one();
        }
        if is_waiting_for_jobs {
            let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
        }
    }

    fn is_in_the_middle(&self) -> bool {
        self.held.load(SeqCst) == self.begun.len().div_ceil(HELD)
            && self.in_all.load(SeqCst) >= self.begun.len() * self.requests / 2
    }
}

/// Answers on the loop.
struct OnTheLoop {
    tally: Arc<Tally>,
}

#[service]
impl OnTheLoop {
    #[request]
    async fn handle(&self, line: String) -> String {
        self.tally.begin(&line).await;
        tokio::task::yield_now().await;
        answer(&line)
    }
}

/// Answers on pool threads. The threads are held at the stop, while requests wait in the queue.
struct OnThreads {
    tally: Arc<Tally>,
    pool: Pool,
    gate: Arc<Gate>,
}

#[service]
impl OnThreads {
    #[request]
    async fn handle(&self, line: String) -> Result<String, Interrupted> {
        self.tally.begin(&line).await;
        self.work(line).await
    }

    #[blocking(pool = self.pool)]
    fn work(&self, line: String) -> String {
        if self.tally.is_in_the_middle() {
            assert!(self.gate.pass(), "the stop comes");
        }
        answer(&line)
    }
}

fn answer(line: &str) -> String {
    format!("{line} is answered")
}

/// Sends its requests, and returns what it received before EOF.
async fn client(id: usize, requests: usize, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> String {
    let (mut got, mut lines) = (Vec::new(), 0);
    let batch = if id % 3 == 1 { requests } else { BATCH };
    for first in (0..requests).step_by(batch) {
        let last = requests.min(first + batch);
        let asked: String = (first..last).map(|n| format!("{id} {n}\n")).collect();
        to.write_all(asked.as_bytes()).await.expect("the server reads until we have seen its end");
        while lines < last {
            let before = got.len();
            if from.read_buf(&mut got).await.expect("an end, not a reset") == 0 {
                return String::from_utf8(got).expect("text");
            }
            lines += got[before..].iter().filter(|byte| **byte == b'\n').count();
        }
    }
    from.read_to_end(&mut got).await.expect("an end, not a reset");
    String::from_utf8(got).expect("text")
}

/// Runs the clients, stops the server in the middle, and checks the results.
async fn stop_in_the_middle(server: RunningServer, tally: &Tally, gate: &Gate) {
    let (clients, requests) = (tally.begun.len(), tally.requests);
    let mut talks = Vec::new();
    for id in 0..clients {
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (from, to) = stream.into_split();
        talks.push(tokio::spawn(client(id, requests, from, to)));
    }
    tally.middle.notified().await;

    let stopping = server.handle();
    stopping.stop();
    tally.stopped.send_replace(true);
    gate.open();
    let report = server.stop().await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.sessions_finished, clients, "{report}");

    let mut answered = 0;
    for (id, talk) in talks.into_iter().enumerate() {
        let got = talk.await.unwrap();
        let count = got.lines().count();
        let first: String = (0..count).map(|n| answer(&format!("{id} {n}")) + "\n").collect();
        assert_eq!(got, first, "client {id} got answers to its first requests, in order");
        assert_eq!(
            count,
            tally.begun[id].load(SeqCst) as usize,
            "client {id} got an answer to all that was begun"
        );
        answered += count;
    }
    assert_eq!(answered, tally.in_all.load(SeqCst));
    assert!(answered < clients * requests, "it was in the middle");
}

/// One test at a time, because each needs two thousand descriptors.
fn run(test: impl Future<Output = ()> + Send + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let limit = GRACE + 2 * LIMIT;
    runtime.block_on(async { timeout(limit, tokio::spawn(test)).await.expect("in time").unwrap() });
}

#[test]
fn s5_a_stop_during_100_000_requests_loses_no_response_of_a_started_request() {
    run(async {
        let (clients, requests) = sizes();
        let tally = Arc::new(Tally::new(clients, requests));
        let service = OnTheLoop { tally: tally.clone() };
        let server = Server::new(service).codec(Lines::new()).grace(GRACE).bind("127.0.0.1:0").unwrap();
        stop_in_the_middle(server.spawn().await.unwrap(), &tally, &Gate::default()).await;
    });
}

#[test]
fn s5_a_stop_during_100_000_requests_with_jobs_loses_no_response_of_a_started_request() {
    run(async {
        let (clients, requests) = sizes();
        let tally = Arc::new(Tally::new(clients, requests));
        let pool = Pool::builder("mass").threads(2).queue_capacity(clients).build().unwrap();
        let gate = Arc::new(Gate::default());
        let service = OnThreads { tally: tally.clone(), pool, gate: gate.clone() };
        let server = Server::new(service).codec(Lines::new()).grace(GRACE).bind("127.0.0.1:0").unwrap();
        stop_in_the_middle(server.spawn().await.unwrap(), &tally, &gate).await;
    });
}
