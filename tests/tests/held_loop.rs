//! Handlers that block loop threads: what still works, and how a stop ends (S10).
//!
//! A handler that blocks is a mistake, but one that occurs in production. It must affect its own
//! session, and must not prevent the stop.

#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::{BlockingClient, Portal, ServerHandle, StopReport};
use portcullis_tests::served::{TestServer, client};
use portcullis_tests::{Gate, LIMIT, eventually, eventually_async, on_multi_thread};
use tokio::runtime::{self, Runtime};
use tokio::sync::Semaphore;

const GRACE: Duration = Duration::from_millis(200);
/// The grace, 1.5 s, and a margin for a loaded machine.
const IN_TIME: Duration = Duration::from_secs(8);

#[derive(Default)]
struct Held {
    inside: AtomicUsize,
    /// How often `on(stop)` has run.
    stopped: AtomicUsize,
    release: Gate,
    /// For the handler that stops its own server.
    handle: OnceLock<ServerHandle>,
}

#[service]
impl Held {
    #[request]
    async fn hold(&self, line: String) -> String {
        if line == "hold" {
            self.inside.fetch_add(1, SeqCst);
            self.release.pass();
        }
        if line == "stop and hold" {
            self.handle.get().unwrap().stop();
            self.inside.fetch_add(1, SeqCst);
            self.release.pass();
        }
        if line == "in place" {
            self.inside.fetch_add(1, SeqCst);
            tokio::task::block_in_place(|| self.release.pass());
        }
        line
    }

    #[on(stop)]
    async fn stop(&self) {
        self.stopped.fetch_add(1, SeqCst);
    }
}

impl Held {
    fn server(self: &Arc<Self>) -> Server<Self, Lines, portcullis::Bound> {
        Server::new(Arc::clone(self)).codec(Lines::new()).grace(GRACE).bind("127.0.0.1:0").unwrap()
    }
}

/// Opens as many sessions as block every thread of the loop of `spawn_thread`.
fn hold_all(addr: SocketAddr, held: &Held) -> Vec<TcpStream> {
    hold("hold", thread::available_parallelism().unwrap().get().max(2), addr, held)
}

/// Opens `threads` sessions that block a thread each with this request.
fn hold(request: &str, threads: usize, addr: SocketAddr, held: &Held) -> Vec<TcpStream> {
    hold_beside(request, threads, addr, held, || ())
}

/// As [`hold`], on a runtime of the test's own.
///
/// If a worker of tokio's gets its task from the I/O driver and the task blocks, no other worker
/// polls the driver until something wakes one. A task from outside does.
fn hold_on(runtime: &runtime::Handle, addr: SocketAddr, held: &Held) -> Vec<TcpStream> {
    hold_beside("hold", 2, addr, held, || drop(runtime.spawn(async {})))
}

fn hold_beside(
    request: &str,
    threads: usize,
    addr: SocketAddr,
    held: &Held,
    wake_a_worker: impl Fn(),
) -> Vec<TcpStream> {
    let holding = |n: usize| {
        let mut stream = TcpStream::connect(addr).unwrap();
        writeln!(stream, "{request}").unwrap();
        eventually(|| {
            wake_a_worker();
            held.inside.load(SeqCst) > n
        });
        stream
    };
    (0..threads).map(holding).collect()
}

/// Checks that the stop ended in time without the loop and reports all these sessions. Then
/// releases the handlers.
fn ends_held(held: &Held, report: &StopReport, began: Instant, streams: &[TcpStream]) {
    let took = began.elapsed();
    let stopped = held.stopped.load(SeqCst);
    held.release.open();
    assert!(took < IN_TIME, "{took:?}");
    assert!(report.loop_held && !report.is_clean(), "{report}");
    assert_eq!(stopped, 0, "on(stop) has not run");
    assert_eq!(
        (report.sessions_stuck, report.sessions_cancelled),
        (streams.len(), streams.len()),
        "{report}"
    );
    let peers: Vec<_> = report.stuck_sessions.iter().map(|session| session.peer).collect();
    assert!(streams.iter().all(|stream| peers.contains(&Some(stream.local_addr().unwrap()))), "{report}");
}

/// Responds with the number of threads of its loop.
struct Threads;

#[service]
impl Threads {
    #[request]
    async fn count(&self, _request: String) -> String {
        tokio::runtime::Handle::current().metrics().num_workers().to_string()
    }
}

#[test]
fn a_server_thread_has_as_many_loop_threads_as_it_is_given() {
    for threads in [1, 5] {
        let server = Server::new(Threads).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
        let server = server.loop_threads(threads).spawn_thread().unwrap();
        let mut client =
            BlockingClient::<String, String, _>::connect(server.local_addr(), Lines::new()).unwrap();
        assert_eq!(client.call("?".into()).unwrap(), threads.to_string());
        server.stop().unwrap();
    }
}

#[test]
fn s10_a_server_thread_stops_although_handlers_block_every_loop_thread() {
    let held = Arc::new(Held::default());
    let server = held.server().spawn_thread().unwrap();
    let streams = hold_all(server.local_addr(), &held);
    let began = Instant::now();
    let report = server.stop().unwrap();
    ends_held(&held, &report, began, &streams);
    let says = report.to_string();
    assert!(says.contains("`Held::hold` blocks a thread"), "{says}");
    assert!(says.contains("the event loop is blocked"), "{says}");
}

/// Spawns as many tasks as there are threads; each blocks its loop thread once there is a permit.
struct Busy(Arc<Held>, Arc<Semaphore>);

#[service]
impl Busy {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        for _ in 0..thread::available_parallelism().unwrap().get().max(2) {
            let (held, permits) = (Arc::clone(&self.0), Arc::clone(&self.1));
            cleanup.spawn(async move {
                permits.acquire().await.unwrap().forget();
                held.inside.fetch_add(1, SeqCst);
                held.release.pass();
            });
        }
    }

    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

#[test]
fn s10_tasks_that_block_the_loop_are_reported_with_their_spawn_location() {
    let held = Arc::new(Held::default());
    let permits = Arc::new(Semaphore::new(0));
    let server = Server::new(Busy(Arc::clone(&held), Arc::clone(&permits))).codec(Lines::new()).grace(GRACE);
    let server = server.bind("127.0.0.1:0").unwrap().spawn_thread().unwrap();
    let threads = thread::available_parallelism().unwrap().get().max(2);
    // The server accepts connections now.
    permits.add_permits(threads);
    eventually(|| held.inside.load(SeqCst) == threads);
    let report = server.stop().unwrap();
    held.release.open();
    assert!(report.loop_held && report.took < IN_TIME, "{report}");
    assert_eq!(report.tasks_cancelled.len(), threads, "{report}");
    assert!(report.tasks_cancelled.iter().all(|at| at.file().ends_with("held_loop.rs")), "{report}");
}

#[test]
fn s10_a_handler_that_blocks_one_loop_thread_is_reported_and_hooks_run() {
    let held = Arc::new(Held::default());
    let server = held.server().spawn_thread().unwrap();
    let addr = server.local_addr();
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(b"hold\n").unwrap();
    eventually(|| held.inside.load(SeqCst) == 1);
    // Other sessions are served, even if the blocked thread was the one that polled the I/O driver.
    let mut other = TcpStream::connect(addr).unwrap();
    other.set_read_timeout(Some(LIMIT)).unwrap();
    other.write_all(b"other\n").unwrap();
    let mut line = String::new();
    BufReader::new(&other).read_line(&mut line).unwrap();
    assert_eq!(line, "other\n");
    let began = Instant::now();
    let report = server.stop().unwrap();
    let took = began.elapsed();
    held.release.open();
    assert!(took < IN_TIME, "{took:?}");
    assert!(!report.loop_held, "{report}");
    assert_eq!((report.sessions_stuck, report.stuck_sessions.len()), (1, 1), "{report}");
    assert_eq!(report.stuck_sessions[0].peer, Some(stream.local_addr().unwrap()));
    assert_eq!(report.stuck_sessions[0].handler, "Held::hold");
}

#[test]
fn s10_a_blocked_thread_of_the_users_runtime_blocks_neither_sockets_nor_the_stop() {
    on_multi_thread(async {
        let held = Arc::new(Held::default());
        let served = TestServer::new(held.server()).await;
        let mut holding = client(served.addr).await;
        holding.send("hold".into()).await.unwrap();
        eventually_async(|| held.inside.load(SeqCst) == 1).await;
        assert_eq!(client(served.addr).await.call("other".into()).await.unwrap(), "other");
        let began = Instant::now();
        let report = served.stop().await;
        let took = began.elapsed();
        held.release.open();
        assert!(took < IN_TIME, "{took:?}");
        assert_eq!(report.stuck_sessions.len(), 1, "{report}");
    });
}

#[test]
fn s10_a_handler_that_stops_its_server_and_then_blocks_does_not_block_the_stop() {
    // A task that is woken by the running task is placed in its thread's LIFO slot, from which
    // other threads cannot steal it at once.
    on_multi_thread(async {
        let held = Arc::new(Held::default());
        let served = TestServer::new(held.server()).await;
        held.handle.set(served.handle.clone()).unwrap();
        let mut holding = client(served.addr).await;
        holding.send("stop and hold".into()).await.unwrap();
        eventually_async(|| held.inside.load(SeqCst) == 1).await;
        let began = Instant::now();
        let report = served.stop().await;
        let took = began.elapsed();
        held.release.open();
        assert!(took < IN_TIME, "{took:?}");
        assert_eq!(report.stuck_sessions.len(), 1, "{report}");
    });
}

/// A runtime of two worker threads; the thread in `block_on` is a third.
fn two_threads() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn s10_awaiting_a_stop_beside_a_blocked_loop_ends_in_time() {
    let held = Arc::new(Held::default());
    let runtime = two_threads();
    let server = runtime.block_on(held.server().spawn()).unwrap();
    let streams = hold_on(runtime.handle(), server.local_addr(), &held);
    let began = Instant::now();
    let report = runtime.block_on(server.stop()).unwrap();
    ends_held(&held, &report, began, &streams);
    // The loop is free again, and the server's task runs to its end.
    eventually(|| held.stopped.load(SeqCst) == 1);
}

#[test]
fn s10_an_end_that_was_reported_without_the_loop_is_reported_once() {
    let held = Arc::new(Held::default());
    let runtime = two_threads();
    let mut server = runtime.block_on(held.server().spawn()).unwrap();
    let streams = hold_on(runtime.handle(), server.local_addr(), &held);
    let began = Instant::now();
    server.handle().stop_within(Duration::ZERO);
    let report = runtime.block_on(server.join()).unwrap();
    ends_held(&held, &report, began, &streams);
    assert!(runtime.block_on(server.join()).is_err());
    assert!(server.blocking_join().is_err());
}

#[test]
fn s10_a_server_beside_a_blocked_loop_runs_its_hooks_at_the_stop() {
    let held = Arc::new(Held::default());
    let runtime = two_threads();
    let server = held.server();
    let (addr, handle) = (server.local_addr(), server.handle());
    let stopping = Arc::clone(&held);
    let loops = runtime.handle().clone();
    let stops = thread::spawn(move || {
        let streams = catch_unwind(AssertUnwindSafe(|| hold_on(&loops, addr, &stopping)));
        // Whatever has failed, the server ends, and with it the test.
        handle.stop();
        streams.unwrap()
    });
    let began = Instant::now();
    let report = runtime.block_on(server.serve()).unwrap();
    let took = began.elapsed();
    let stopped = held.stopped.load(SeqCst);
    held.release.open();
    assert!(took < IN_TIME, "{took:?}");
    assert!(!report.loop_held, "{report}");
    assert_eq!((stopped, report.sessions_stuck, report.stuck_sessions.len()), (1, 2, 2), "{report}");
    drop(stops.join().unwrap());
}

#[test]
fn s10_a_blocking_stop_ends_in_time_although_the_only_loop_thread_is_blocked() {
    let held = Arc::new(Held::default());
    let (send, server) = mpsc::channel();
    let serving = Arc::clone(&held);
    let one = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            send.send(serving.server().spawn().await.unwrap()).unwrap();
            // The runtime runs until the server has ended.
            eventually_async(|| serving.stopped.load(SeqCst) == 1).await;
        });
    });
    let server = server.recv_timeout(LIMIT).unwrap();
    let streams = hold("hold", 1, server.local_addr(), &held);
    let began = Instant::now();
    let report = server.blocking_stop().unwrap();
    ends_held(&held, &report, began, &streams);
    one.join().unwrap();
}

#[test]
fn s10_a_blocking_stop_ends_in_time_although_every_loop_thread_is_blocked() {
    let held = Arc::new(Held::default());
    let runtime = two_threads();
    let server = runtime.block_on(held.server().spawn()).unwrap();
    let streams = hold_on(runtime.handle(), server.local_addr(), &held);
    let began = Instant::now();
    let report = server.blocking_stop().unwrap();
    ends_held(&held, &report, began, &streams);
}

#[test]
fn a_blocking_stop_of_an_idle_loop_is_clean() {
    let held = Arc::new(Held::default());
    let runtime = two_threads();
    let server = runtime.block_on(held.server().spawn()).unwrap();
    let report = server.blocking_stop().unwrap();
    assert!(report.is_clean() && held.stopped.load(SeqCst) == 1, "{report}");
    // In a task it would block the loop; the server continues.
    runtime.block_on(async {
        let mut server = held.server().spawn().await.unwrap();
        let error = server.blocking_join().unwrap_err();
        assert!(error.to_string().contains("await `stop` or `join`"), "{error}");
        assert_eq!(client(server.local_addr()).await.call("on".into()).await.unwrap(), "on");
        assert!(server.stop().await.unwrap().is_clean());
    });
}

#[test]
fn s10_handlers_in_block_in_place_are_reported_and_block_neither_the_loop_nor_the_stop() {
    let held = Arc::new(Held::default());
    let server = held.server().spawn_thread().unwrap();
    // More sessions than the loop has threads.
    let streams = hold(
        "in place",
        2 * thread::available_parallelism().unwrap().get().max(2),
        server.local_addr(),
        &held,
    );
    let mut other = BlockingClient::<String, String, _>::connect(server.local_addr(), Lines::new()).unwrap();
    assert_eq!(other.call("other".into()).unwrap(), "other");
    let began = Instant::now();
    let report = server.stop().unwrap();
    let took = began.elapsed();
    let stopped = held.stopped.load(SeqCst);
    held.release.open();
    assert!(took < IN_TIME, "{took:?}");
    assert!(!report.loop_held && stopped == 1, "{report}");
    assert_eq!(report.stuck_sessions.len(), streams.len(), "{report}");
}

/// `run_until_signal`, stopped by a handle.
fn runs(server: Server<Held, Lines, portcullis::Bound>) -> std::io::Result<portcullis::StopReport> {
    server.handle().stop();
    server.run_until_signal()
}

#[test]
fn run_until_signal_works_wherever_a_thread_may_block() {
    let held = Arc::new(Held::default());
    let stops = || runs(held.server()).is_ok_and(|report| report.is_clean());
    assert!(stops(), "on a thread of no runtime");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let guard = runtime.enter();
    assert!(stops(), "under an enter guard");
    drop(guard);
    let server = held.server();
    let ran = runtime.block_on(async { tokio::task::spawn_blocking(move || runs(server)).await }).unwrap();
    assert!(ran.unwrap().is_clean(), "in `spawn_blocking`");
    let server = held.server();
    let running = async move { tokio::task::block_in_place(|| runs(server)) };
    let ran = runtime.block_on(async { tokio::spawn(running).await }).unwrap();
    assert!(ran.unwrap().is_clean(), "in `block_in_place`");
    let pool = Pool::builder("servers").threads(1).build().unwrap();
    let server = held.server();
    let ran = runtime.block_on(pool.run(move |_| runs(server))).unwrap();
    assert!(ran.unwrap().is_clean(), "in a job of a pool");
}

/// Calls each blocking function once: a server thread, a client, a portal and a pool.
fn blocks(held: &Arc<Held>, portal: &Portal) {
    let server = held.server().spawn_thread().unwrap();
    let mut client = BlockingClient::<String, String, _>::connect(server.local_addr(), Lines::new()).unwrap();
    assert_eq!(client.call("hello".into()).unwrap(), "hello");
    drop(client);
    assert_eq!(portal.enter_thread(|worker| async { 6 * 7 }.wait(worker)).unwrap().unwrap(), 42);
    let pool = Pool::builder("blocks").threads(1).build().unwrap();
    assert_eq!(futures::executor::block_on(pool.run(|_| 7)).unwrap(), 7);
    assert!(futures::executor::block_on(pool.drain(LIMIT)).is_clean());
    assert!(server.stop().unwrap().is_clean());
}

#[test]
fn blocking_forms_work_wherever_a_thread_may_block() {
    let held = Arc::new(Held::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let guard = runtime.enter();
    let portal = Portal::current().unwrap();
    blocks(&held, &portal);
    drop(guard);
    blocks(&held, &portal);
    let (inside, server_addr) = (Arc::clone(&held), portal.clone());
    runtime
        .block_on(async { tokio::task::spawn_blocking(move || blocks(&inside, &server_addr)).await })
        .unwrap();
    let (inside, server_addr) = (Arc::clone(&held), portal.clone());
    let running = async move { tokio::task::block_in_place(|| blocks(&inside, &server_addr)) };
    runtime.block_on(async { tokio::spawn(running).await }).unwrap();
}

#[test]
fn run_until_signal_in_a_task_panics_with_a_suggestion() {
    let held = Arc::new(Held::default());
    for current_thread in [true, false] {
        let mut builder = if current_thread {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        let runtime = builder.enable_all().build().unwrap();
        let (first, second) = (held.server(), held.server());
        let error = runtime.block_on(async { runs(first) }).unwrap_err();
        assert!(error.to_string().contains("use `serve().await`"), "{error}");
        let error =
            runtime.block_on(async { tokio::spawn(async { runs(second) }).await }).unwrap().unwrap_err();
        assert!(error.to_string().contains("use `serve().await`"), "{error}");
    }
}
