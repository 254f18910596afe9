//! Services and clients of `#[rpc]` methods, as `#[service]` generates them.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure, Protocol, method_number};
use portcullis::{Client, Interrupted, Overflow, RunningServer};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

type Binary = LengthPrefixed<Postcard>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum MathError {
    DividedByZero { dividend: u32 },
}

/// The value of a connection.
struct User {
    calls: AtomicUsize,
    may_divide: bool,
}

/// What the methods of a service have done, for the tests.
#[derive(Default)]
struct Seen {
    jobs: AtomicUsize,
    cancelled: AtomicUsize,
    running: AtomicUsize,
    replies: Mutex<Vec<&'static str>>,
    disconnected: AtomicUsize,
}

struct Math {
    cpu: Pool,
    seen: Arc<Seen>,
    refuses: bool,
    limit: usize,
}

/// Arithmetic.
#[service(max_in_flight = self.limit)]
impl Math {
    /// Adds two numbers.
    #[rpc]
    async fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }

    #[rpc(name = "math/divide", number = 7)]
    async fn divide(&self, dividend: u32, divisor: u32) -> Result<u32, MathError> {
        dividend.checked_div(divisor).ok_or(MathError::DividedByZero { dividend })
    }

    /// Sums the squares on a thread.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn sum_of_squares(&self, worker: &Worker, numbers: Vec<u32>) -> Result<u64, MathError> {
        self.seen.jobs.fetch_add(1, SeqCst);
        let sum = self.square_all(numbers).wait(worker).unwrap_or_default();
        if sum == 0 { Err(MathError::DividedByZero { dividend: 0 }) } else { Ok(sum) }
    }

    async fn square_all(&self, numbers: Vec<u32>) -> u64 {
        numbers.into_iter().map(|n| u64::from(n) * u64::from(n)).sum()
    }

    /// Runs until it is cancelled.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn spin(&self, worker: &Worker) -> Result<(), Interrupted> {
        self.seen.running.fetch_add(1, SeqCst);
        loop {
            if let Err(interrupted) = worker.sleep(Duration::from_millis(1)) {
                self.seen.cancelled.fetch_add(1, SeqCst);
                return Err(interrupted);
            }
        }
    }

    /// A job that has no result, and a method without a `Result`.
    #[rpc]
    #[blocking(pool = self.cpu, deadline = "20ms")]
    fn spin_for_a_while(&self, worker: &Worker) {
        while worker.sleep(Duration::from_millis(1)).is_ok() {}
    }

    #[rpc]
    async fn count(&self, peer: &MathPeer, user: &User) -> (bool, usize) {
        (peer.addr().is_some(), user.calls.load(SeqCst))
    }

    #[rpc]
    async fn nothing(&self) {}

    #[rpc]
    async fn time_left(&self) -> Option<Duration> {
        portcullis::deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    #[rpc]
    async fn panic(&self, _loudly: bool) {
        panic!("as asked")
    }

    #[on(connect)]
    async fn connected(&self, _peer: &MathPeer) -> Result<User, &'static str> {
        if self.refuses {
            return Err("no more users");
        }
        Ok(User { calls: AtomicUsize::new(0), may_divide: true })
    }

    #[on(disconnect)]
    async fn disconnected(&self, _user: User, _reason: Reason) {
        self.seen.disconnected.fetch_add(1, SeqCst);
    }

    #[before]
    async fn count_calls(&self, user: &User, call: MathCall) -> ControlFlow<MathReply, MathCall> {
        user.calls.fetch_add(1, SeqCst);
        match call {
            MathCall::Divide { dividend: 13, .. } => ControlFlow::Break(MathReply::Divide(Ok(0))),
            call if user.may_divide => ControlFlow::Continue(call),
            _ => ControlFlow::Break(MathReply::Nothing(())),
        }
    }

    #[after]
    async fn remember(&self, reply: &MathReply) {
        let method = MathCall::METHODS[MathCall::reply_method(reply)];
        self.seen.replies.lock().unwrap().push(method.name);
    }
}

async fn start(refuses: bool) -> (RunningServer, Arc<Seen>) {
    let cpu = Pool::builder("cpu").threads(1).queue_capacity(0).overflow(Overflow::Reject).build().unwrap();
    let seen = Arc::new(Seen::default());
    let math = Math { cpu, seen: Arc::clone(&seen), refuses, limit: 16 };
    let server = Server::new(math).codec(Binary::new()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    (server, seen)
}

async fn connect(server: &RunningServer) -> MathClient {
    MathClient::connect(server.local_addr(), Binary::new()).await.unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, polled).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_are_called_with_their_parameters() {
    let (server, _) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.add(1, 2).await, Ok(3));
    assert_eq!(client.divide(6, 3).await, Ok(2));
    assert_eq!(client.nothing().await, Ok(()));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_method_has_its_own_error() {
    let (server, _) = start(false).await;
    let client = connect(&server).await;
    let expected = CallError::Method(MathError::DividedByZero { dividend: 6 });
    assert_eq!(client.divide(6, 0).await, Err(expected));
    let expected = CallError::Method(MathError::DividedByZero { dividend: 0 });
    assert_eq!(client.sum_of_squares(Vec::new()).await, Err(expected));
    assert_eq!(client.add(1, 2).await, Ok(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_on_its_pool_and_calls_async_methods() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.sum_of_squares(vec![1, 2, 3]).await, Ok(14));
    assert_eq!(seen.jobs.load(SeqCst), 1);
}

#[tokio::test]
async fn the_deadline_reaches_the_method_and_its_job() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.time_left().await, Ok(None));
    let left = client.time_left().deadline(Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    let late = client.spin().deadline(Duration::from_millis(20)).await;
    assert_eq!(late, Err(CallError::Failure(Failure::Deadline)));
    until(|| seen.cancelled.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn the_deadline_of_the_attribute_is_a_failure() {
    let (server, _) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.spin_for_a_while().await, Err(CallError::Failure(Failure::Deadline)));
}

#[tokio::test]
async fn a_dropped_call_cancels_its_job() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.spin().await }
    });
    until(|| seen.running.load(SeqCst) == 1).await;
    call.abort();
    until(|| seen.cancelled.load(SeqCst) == 1).await;
    assert_eq!(client.add(1, 2).await, Ok(3));
}

#[tokio::test]
async fn a_lost_connection_cancels_its_jobs() {
    let (server, seen) = start(false).await;
    let stream = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
    let std = stream.into_std().unwrap();
    let closer = std.try_clone().unwrap();
    let client = MathClient::from_stream(tokio::net::TcpStream::from_std(std).unwrap(), Binary::new());
    let call = tokio::spawn(async move { client.spin().await });
    until(|| seen.running.load(SeqCst) == 1).await;
    closer.shutdown(std::net::Shutdown::Both).unwrap();
    until(|| seen.cancelled.load(SeqCst) == 1).await;
    assert_eq!(timeout(LIMIT, call).await.unwrap().unwrap(), Err(CallError::Failure(Failure::Lost)));
}

#[tokio::test]
async fn a_full_pool_is_a_failure_of_the_call() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.spin().await }
    });
    until(|| seen.running.load(SeqCst) == 1).await;
    let refused = client.sum_of_squares(vec![1]).await;
    assert!(matches!(refused, Err(CallError::Failure(Failure::Overloaded { .. }))), "{refused:?}");
    running.abort();
}

#[tokio::test]
async fn calls_see_the_peer_and_share_the_connections_value() {
    let (server, _) = start(false).await;
    let (one, other) = (connect(&server).await, connect(&server).await);
    assert_eq!(one.count().await, Ok((true, 1)));
    assert_eq!(one.clone().count().await, Ok((true, 2)));
    assert_eq!(other.count().await, Ok((true, 1)));
}

#[tokio::test]
async fn interceptors_run_around_every_call() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.add(1, 2).await, Ok(3));
    assert_eq!(client.divide(13, 0).await, Ok(0), "answered by `#[before]`");
    assert_eq!(client.sum_of_squares(vec![1]).await, Ok(1));
    assert_eq!(*seen.replies.lock().unwrap(), ["add", "math/divide", "sum_of_squares"]);
}

#[tokio::test]
async fn a_refused_connection_fails_its_calls() {
    let (server, seen) = start(true).await;
    let client = connect(&server).await;
    let failed = timeout(LIMIT, client.add(1, 2)).await.unwrap();
    assert!(matches!(failed, Err(CallError::Failure(Failure::Lost | Failure::Closed))), "{failed:?}");
    server.stop().await.unwrap();
    assert_eq!(seen.disconnected.load(SeqCst), 0);
}

#[tokio::test]
async fn hooks_run_for_each_connection() {
    let (server, seen) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.add(1, 2).await, Ok(3));
    drop(client);
    until(|| seen.disconnected.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn a_panic_is_an_internal_failure() {
    let (server, _) = start(false).await;
    let client = connect(&server).await;
    assert_eq!(client.panic(true).await, Err(CallError::Failure(Failure::Internal)));
    assert_eq!(client.add(1, 2).await, Ok(3));
}

#[tokio::test]
async fn names_and_numbers_are_those_of_the_attribute() {
    let [add, divide, ..] = MathCall::METHODS else { panic!("methods") };
    assert_eq!((add.name, add.number, add.params), ("add", method_number("add"), &["a", "b"][..]));
    assert_eq!((divide.name, divide.number, divide.params), ("math/divide", 7, &["dividend", "divisor"][..]));
    let panic = MathCall::METHODS.iter().find(|method| method.name == "panic").unwrap();
    assert_eq!(panic.params, ["loudly"], "the underscore says only that it is unused");
}

#[tokio::test]
async fn names_are_on_the_wire_in_text_formats() {
    let cpu = Pool::builder("cpu").threads(1).build().unwrap();
    let math = Math { cpu, seen: Arc::default(), refuses: false, limit: 1 };
    let server =
        Server::new(math).codec(JsonLines::new()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    let mut client = Client::<String, String, _>::connect(server.local_addr(), Lines::new()).await.unwrap();
    let mut call = async |text: &str| timeout(LIMIT, client.call(text.to_owned())).await.unwrap().unwrap();
    assert_eq!(
        call(r#"[0,1,["math/divide",0,{"dividend":6,"divisor":2}]]"#).await,
        r#"[0,1,["math/divide",3]]"#
    );
    assert_eq!(
        call(r#"[0,2,["math/divide",0,[6,0]]]"#).await,
        r#"[1,2,["math/divide",{"DividedByZero":{"dividend":6}}]]"#
    );
}
