//! The scenarios of EasyNetwork's guide on threads in servers, and those of the quickstart: each
//! with `#[request]` and with `#[session]`, on both tokio flavours, over real sockets.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::future::pending;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use std::{array, io};

use portcullis::codec::{Codec, JsonLines, LengthPrefixed, Postcard};
use portcullis::prelude::*;
use portcullis::{Client, Interrupted, ServerHandle, Service, StopReport, as_completed};
use portcullis_tests::{Gate, on_loops};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Ping,
    SharedPool,
    OwnPool,
    CallAsync,
    SetEvent,
    SpawnTasks,
    WaitForever,
    Parse(Vec<u8>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Response {
    Pong,
    RanOn { thread: String },
    CalledFrom { thread: String, in_the_task_of_the_handler: bool },
    EventSet,
    Results(Vec<(usize, String)>),
    Parsed { serial: u64, text: String },
    Failed(String),
}

/// The service of the scenarios; the tests hold the gates.
struct Demo {
    pool: Pool,
    gate: Gate,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    turns: [Notify; 4],
    started: AtomicUsize,
    dropped: [AtomicBool; 4],
    completed: AtomicUsize,
    event_set_on: Mutex<Option<String>>,
    wait_ended_with: Mutex<Option<Interrupted>>,
    parsed: AtomicU64,
}

impl Demo {
    fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            pool: Pool::builder("own").threads(threads).queue_capacity(1).build().expect("threads"),
            gate: Gate::default(),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            turns: Default::default(),
            started: AtomicUsize::new(0),
            dropped: Default::default(),
            completed: AtomicUsize::new(0),
            event_set_on: Mutex::default(),
            wait_ended_with: Mutex::default(),
            parsed: AtomicU64::new(0),
        })
    }

    /// Blocks this thread until the test opens the gate.
    fn hold(&self) {
        let inside = self.inside.fetch_add(1, SeqCst) + 1;
        self.most_inside.fetch_max(inside, SeqCst);
        assert!(self.gate.pass(), "the gate was not opened");
        self.inside.fetch_sub(1, SeqCst);
    }
}

fn this_thread() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

#[service]
impl Demo {
    async fn answer(&self, request: Request) -> Result<Response, Error> {
        Ok(match request {
            Request::Ping => Response::Pong,
            Request::SharedPool => Response::RanOn { thread: self.in_shared_pool().await? },
            Request::OwnPool => Response::RanOn { thread: self.in_own_pool().await? },
            Request::CallAsync => {
                let (thread, task) = self.call_async().await?;
                let in_the_task_of_the_handler = task.is_some() && task == tokio::task::try_id();
                Response::CalledFrom { thread, in_the_task_of_the_handler }
            }
            Request::SetEvent => {
                let event = Arc::new(Notify::new());
                self.set_event(Arc::clone(&event)).detach();
                event.notified().await;
                Response::EventSet
            }
            Request::SpawnTasks => Response::Results(self.spawn_tasks().await?),
            Request::WaitForever => {
                self.wait_forever().await?;
                Response::Pong
            }
            Request::Parse(bytes) => self.parse(bytes).await?,
        })
    }

    #[blocking]
    fn in_shared_pool(&self) -> String {
        self.hold();
        this_thread()
    }

    #[blocking(pool = self.pool)]
    fn in_own_pool(&self) -> String {
        self.hold();
        this_thread()
    }

    #[blocking(pool = self.pool)]
    fn call_async(&self, worker: &Worker) -> Result<(String, Option<tokio::task::Id>), Interrupted> {
        let task = worker.run_on_loop(self.wait_for_turn())?;
        // A plain wait polls here, on the thread, outside of every task.
        assert_eq!(async { tokio::task::try_id() }.wait(worker)?, None);
        assert_eq!(task, worker.call(tokio::task::try_id)?);
        Ok((this_thread(), task))
    }

    /// Waits on the loop for the test.
    async fn wait_for_turn(&self) -> Option<tokio::task::Id> {
        self.started.fetch_add(1, SeqCst);
        self.turns[0].notified().await;
        tokio::task::try_id()
    }

    #[blocking(pool = self.pool)]
    fn set_event(&self, worker: &Worker, event: Arc<Notify>) -> Result<(), Interrupted> {
        self.hold();
        let set_on = worker.call(move || {
            event.notify_one();
            this_thread()
        })?;
        *self.event_set_on.lock().unwrap() = Some(set_on);
        Ok(())
    }

    #[blocking(pool = self.pool)]
    fn spawn_tasks(&self, worker: &Worker) -> Vec<(usize, String)> {
        let tasks: Vec<_> = (0..4).map(|index| worker.spawn(self.long_running_task(index))).collect();
        self.hold();
        assert!(tasks[2].cancel());
        as_completed(worker, tasks)
            .map(|(place, result)| {
                self.completed.fetch_add(1, SeqCst);
                (place, result.unwrap_or_else(|why| why.to_string()))
            })
            .collect()
    }

    async fn long_running_task(&self, index: usize) -> String {
        struct OpenOnDrop<'a>(&'a AtomicBool);
        impl Drop for OpenOnDrop<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _guard = OpenOnDrop(&self.dropped[index]);
        self.started.fetch_add(1, SeqCst);
        self.turns[index].notified().await;
        format!("task {index}")
    }

    #[blocking(pool = self.pool)]
    fn wait_forever(&self, worker: &Worker) {
        self.inside.fetch_add(1, SeqCst);
        let ended = pending::<()>().wait(worker);
        *self.wait_ended_with.lock().unwrap() = ended.err();
    }

    /// The `shrink` method of the quickstart, with text instead of pictures.
    #[blocking(pool = self.pool, deadline = "1m")]
    fn parse(&self, worker: &Worker, bytes: Vec<u8>) -> Result<Response, Error> {
        let text = String::from_utf8(bytes)?;
        worker.check()?;
        self.hold();
        let serial = self.count(1).wait(worker)?;
        Ok(Response::Parsed { serial, text })
    }

    async fn count(&self, n: u64) -> u64 {
        self.parsed.fetch_add(n, SeqCst) + n
    }
}

struct ByRequest(Arc<Demo>);

#[service]
impl ByRequest {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.0.pool.clone());
    }

    #[request]
    async fn handle(&self, request: Request) -> Result<Response, Error> {
        self.0.answer(request).await
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Error>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Failed(error.to_string()))
    }
}

struct BySession(Arc<Demo>);

#[service]
impl BySession {
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.0.pool.clone());
    }

    #[session]
    async fn handle(&self, session: &mut Session<Request, Response>) -> Result<(), Error> {
        let request = session.next().await?;
        let response = self.0.answer(request).await?;
        session.send(response).await?;
        Ok(())
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Error>) -> ControlFlow<Reason, Response> {
        ControlFlow::Continue(Response::Failed(error.to_string()))
    }
}

/// A running server of one of the services.
struct TestServer<C> {
    demo: Arc<Demo>,
    codec: C,
    addr: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<io::Result<StopReport>>,
}

impl<C: Codec<Request, Response> + Codec<Response, Request>> TestServer<C> {
    fn start<S: Service<Request = Request, Response = Response>>(
        demo: &Arc<Demo>,
        service: S,
        codec: C,
    ) -> Self {
        let server = Server::new(service).codec(codec.clone()).bind("127.0.0.1:0").expect("a free port");
        let (addr, handle) = (server.local_addr(), server.handle());
        Self { demo: Arc::clone(demo), codec, addr, handle, serving: tokio::spawn(server.serve()) }
    }

    async fn client(&self) -> Client<Request, Response, C> {
        Client::connect(self.addr, self.codec.clone()).await.expect("a connection")
    }

    /// Clients that have sent `request` and wait for the response.
    async fn clients_awaiting<const N: usize>(
        &self,
        request: impl Fn() -> Request,
    ) -> Vec<Client<Request, Response, C>> {
        let mut clients = Vec::new();
        for _ in 0..N {
            let mut client = self.client().await;
            client.send(request()).await.expect("sent");
            clients.push(client);
        }
        clients
    }

    async fn stop(self) -> StopReport {
        self.handle.stop();
        self.serving.await.expect("no panic").expect("a report")
    }
}

async fn answer<C: Codec<Response, Request>>(client: &mut Client<Request, Response, C>) -> Response {
    client.next().await.expect("an answer").expect("a connection that is still there")
}

/// Yields to the loop until `done`; each test has a time limit.
async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        yield_now().await;
    }
}

/// Defines each test with a `#[request]` service (and postcard), and with a `#[session]` service
/// (and JSON).
macro_rules! scenarios {
    ($( $(#[$meta:meta])* async fn $name:ident($served:ident: $threads:literal threads) $body:block )*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;
            on_loops! {
                async fn request() {
                    let demo = Demo::new($threads);
                    let $served = TestServer::start(&demo, ByRequest(Arc::clone(&demo)), LengthPrefixed::<Postcard>::new());
                    $body
                }
                async fn session() {
                    let demo = Demo::new($threads);
                    let $served = TestServer::start(&demo, BySession(Arc::clone(&demo)), JsonLines::new());
                    $body
                }
            }
        }
    )*};
}

scenarios! {
    async fn a_blocking_function_runs_on_the_shared_pool_without_blocking_the_loop(served: 1 threads) {
        let mut clients_awaiting = served.clients_awaiting::<1>(|| Request::SharedPool).await;
        until(|| served.demo.inside.load(SeqCst) == 1).await;
        // If the job ran on the loop, no other client would be answered now.
        assert_eq!(served.client().await.call(Request::Ping).await.unwrap(), Response::Pong);
        assert_eq!(served.demo.inside.load(SeqCst), 1);
        served.demo.gate.open();
        let Response::RanOn { thread } = answer(&mut clients_awaiting[0]).await else { panic!("another answer") };
        assert!(thread.starts_with("shared-"), "{thread}");
        assert!(served.stop().await.is_clean());
        assert_eq!(Pool::shared().run(|_| 1).await.unwrap(), 1, "the stop does not drain the shared pool");
    }

    async fn a_pool_of_four_threads_runs_four_at_once_and_stops_with_the_server(served: 4 threads) {
        let mut clients_awaiting = served.clients_awaiting::<5>(|| Request::OwnPool).await;
        let stats = || served.demo.pool.stats();
        until(|| served.demo.inside.load(SeqCst) == 4 && stats().queued == 1).await;
        served.demo.gate.open();
        let mut threads = BTreeSet::new();
        for client in &mut clients_awaiting {
            let Response::RanOn { thread } = answer(client).await else { panic!("another answer") };
            threads.insert(thread);
        }
        assert_eq!(served.demo.most_inside.load(SeqCst), 4);
        assert_eq!(threads, array::from_fn::<_, 4, _>(|n| format!("own-{n}")).into());
        let pool = served.demo.pool.clone();
        assert!(pool.run(|_| ()).await.is_ok());
        let report = served.stop().await;
        assert!(report.is_clean() && report.drained.len() == 1, "{report:?}");
        assert!(matches!(pool.run(|_| ()).await, Err(Interrupted::Closed)));
    }

    async fn a_worker_runs_async_code_in_the_task_of_its_handler(served: 1 threads) {
        let mut clients_awaiting = served.clients_awaiting::<1>(|| Request::CallAsync).await;
        until(|| served.demo.started.load(SeqCst) == 1).await;
        // The thread waits, but the loop does not.
        assert_eq!(served.client().await.call(Request::Ping).await.unwrap(), Response::Pong);
        assert_eq!(served.demo.pool.stats().running, 1);
        served.demo.turns[0].notify_one();
        let expected = Response::CalledFrom { thread: "own-0".to_owned(), in_the_task_of_the_handler: true };
        assert_eq!(answer(&mut clients_awaiting[0]).await, expected);
        assert!(served.stop().await.is_clean());
    }

    async fn a_detached_job_sets_an_event_on_the_loop(served: 1 threads) {
        let mut clients_awaiting = served.clients_awaiting::<1>(|| Request::SetEvent).await;
        until(|| served.demo.inside.load(SeqCst) == 1).await;
        assert_eq!(*served.demo.event_set_on.lock().unwrap(), None);
        served.demo.gate.open();
        assert_eq!(answer(&mut clients_awaiting[0]).await, Response::EventSet);
        let demo = Arc::clone(&served.demo);
        assert!(served.stop().await.is_clean());
        // The stop has waited for the detached job.
        let set_on = demo.event_set_on.lock().unwrap().take().expect("`worker.call` has returned");
        assert!(!set_on.starts_with("own-"), "{set_on} is no thread of the loop");
    }

    async fn a_workers_tasks_are_returned_as_they_complete_and_one_is_cancelled(served: 1 threads) {
        let mut clients_awaiting = served.clients_awaiting::<1>(|| Request::SpawnTasks).await;
        let demo = &served.demo;
        until(|| demo.started.load(SeqCst) == 4).await;
        demo.gate.open();
        until(|| demo.completed.load(SeqCst) == 1 && demo.dropped[2].load(SeqCst)).await;
        for (before, index) in [(1, 3), (2, 0), (3, 1)] {
            until(|| demo.completed.load(SeqCst) == before).await;
            assert!(!demo.dropped[index].load(SeqCst));
            demo.turns[index].notify_one();
        }
        let expected = [(2, "cancelled"), (3, "task 3"), (0, "task 0"), (1, "task 1")];
        let expected = expected.map(|(place, text)| (place, text.to_owned())).to_vec();
        assert_eq!(answer(&mut clients_awaiting[0]).await, Response::Results(expected));
        assert!(served.stop().await.is_clean());
    }

    /// The pattern of EasyNetwork's guide hangs here (H1 and H3).
    async fn a_stop_ends_although_a_thread_waits_for_the_loop(served: 1 threads) {
        let _asking = served.clients_awaiting::<1>(|| Request::WaitForever).await;
        until(|| served.demo.inside.load(SeqCst) == 1).await;
        served.handle.stop_within(Duration::from_millis(10));
        let demo = Arc::clone(&served.demo);
        let report = served.stop().await;
        assert_eq!(report.sessions_cancelled, 1, "{report}");
        until(|| demo.wait_ended_with.lock().unwrap().is_some()).await;
        let why = demo.wait_ended_with.lock().unwrap().take();
        assert!(matches!(why, Some(Interrupted::Abandoned | Interrupted::Cancelled { .. })), "{why:?}");
    }

    async fn quickstart_corrupt_input_is_answered_and_the_session_continues(served: 1 threads) {
        served.demo.gate.open();
        let mut client = served.client().await;
        let good = |serial| Response::Parsed { serial, text: "fine".to_owned() };
        assert_eq!(client.call(Request::Parse(b"fine".to_vec())).await.unwrap(), good(1));
        let Response::Failed(why) = client.call(Request::Parse(b"\xff\xfe".to_vec())).await.unwrap() else { panic!("taken for text") };
        assert!(why.contains("utf-8"), "{why}");
        assert_eq!(client.call(Request::Parse(b"fine".to_vec())).await.unwrap(), good(2));
        assert!(served.stop().await.is_clean());
    }

    async fn quickstart_the_loop_responds_while_the_pool_is_saturated(served: 2 threads) {
        let mut pinging = served.client().await;
        let mut clients_awaiting = served.clients_awaiting::<4>(|| Request::Parse(b"text".to_vec())).await;
        let stats = || served.demo.pool.stats();
        until(|| (stats().running, stats().queued, stats().waiting_for_capacity) == (2, 1, 1)).await;
        for _ in 0..100 {
            assert_eq!(pinging.call(Request::Ping).await.unwrap(), Response::Pong);
        }
        assert_eq!((stats().running, stats().queued, stats().waiting_for_capacity), (2, 1, 1), "nothing has moved meanwhile");
        served.demo.gate.open();
        let mut serials = BTreeSet::new();
        for client in &mut clients_awaiting {
            let Response::Parsed { serial, .. } = answer(client).await else { panic!("another answer") };
            serials.insert(serial);
        }
        assert_eq!(serials, BTreeSet::from([1, 2, 3, 4]));
        assert!(served.stop().await.is_clean());
    }
}

on_loops! {
    async fn a_disconnected_client_ends_the_wait_of_its_thread() {
        let demo = Demo::new(1);
        let served = TestServer::start(&demo, BySession(Arc::clone(&demo)), JsonLines::new());
        let clients_awaiting = served.clients_awaiting::<1>(|| Request::WaitForever).await;
        until(|| demo.inside.load(SeqCst) == 1).await;
        drop(clients_awaiting);
        until(|| demo.wait_ended_with.lock().unwrap().is_some()).await;
        let why = demo.wait_ended_with.lock().unwrap().take();
        assert!(matches!(why, Some(Interrupted::Abandoned | Interrupted::Cancelled { .. })), "{why:?}");
        // Its thread runs the next job.
        demo.gate.open();
        assert!(matches!(served.client().await.call(Request::OwnPool).await, Ok(Response::RanOn { .. })));
        assert!(served.stop().await.is_clean());
    }
}
