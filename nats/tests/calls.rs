//! Calls over a real NATS server.

#![forbid(unsafe_code)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{LIMIT, NatsServer, eventually, soon};
use futures_util::StreamExt;
use portcullis::nats::async_nats::{self, Client};
use portcullis::nats::{CallClient, CallError, Calls, NatsPeer};
use portcullis::prelude::*;
use portcullis::{Datagrams, Interrupted, RunningServer};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

#[derive(Serialize, Deserialize, Clone, Debug)]
enum Ask {
    Echo(String),
    /// The header of this name.
    Header(String),
    /// Whether the job's deadline is within this many milliseconds.
    JobDeadline(u64),
    Fail(String),
    /// Fails with a text of this many bytes.
    FailLarge(usize),
    Panic,
    /// Waits until the test releases it.
    Hold,
    /// A job that runs until it is cancelled.
    Spin,
    /// An answer of this many bytes.
    Large(usize),
}

/// What the test sees of a node.
#[derive(Clone, Default)]
struct Probe(Arc<ProbeState>);

struct ProbeState {
    holding: AtomicUsize,
    release: Semaphore,
    connected: AtomicUsize,
    disconnected: AtomicUsize,
    cancelled: Notify,
    spinning: Notify,
}

impl Default for ProbeState {
    fn default() -> Self {
        Self {
            holding: AtomicUsize::new(0),
            release: Semaphore::new(0),
            connected: AtomicUsize::new(0),
            disconnected: AtomicUsize::new(0),
            cancelled: Notify::new(),
            spinning: Notify::new(),
        }
    }
}

struct Node {
    name: &'static str,
    pool: Pool,
    probe: Probe,
}

#[service]
impl Node {
    #[request]
    async fn answer(&self, peer: &Peer<String>, ask: Ask) -> Result<String, String> {
        let text = |error: Interrupted| error.to_string();
        match ask {
            Ask::Echo(text) => Ok(format!("{} on {}", text, self.name)),
            Ask::Header(name) => {
                let call = peer.nats().ok_or("not over NATS")?;
                Ok(call.headers.get(name.as_str()).map(ToString::to_string).unwrap_or_default())
            }
            Ask::JobDeadline(millis) => self.has_deadline(millis).await.map_err(text),
            Ask::Fail(text) => Err(text),
            Ask::FailLarge(bytes) => Err("x".repeat(bytes)),
            Ask::Panic => panic!("a secret"),
            Ask::Hold => {
                self.probe.0.holding.fetch_add(1, Ordering::SeqCst);
                let permit = self.probe.0.release.acquire().await.map_err(|error| error.to_string())?;
                permit.forget();
                Ok(format!("held on {}", self.name))
            }
            Ask::Spin => self.spin().await.map_err(text),
            Ask::Large(bytes) => Ok("x".repeat(bytes)),
        }
    }

    #[blocking(pool = self.pool)]
    fn has_deadline(&self, worker: &Worker, millis: u64) -> Result<String, Interrupted> {
        let left = worker.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        Ok(left.is_some_and(|left| left <= Duration::from_millis(millis)).to_string())
    }

    #[blocking(pool = self.pool)]
    fn spin(&self, worker: &Worker) -> Result<String, Interrupted> {
        self.probe.0.spinning.notify_one();
        loop {
            if let Err(error) = worker.sleep(Duration::from_millis(1)) {
                self.probe.0.cancelled.notify_one();
                return Err(error);
            }
        }
    }

    #[on(connect)]
    async fn connected(&self) {
        self.probe.0.connected.fetch_add(1, Ordering::SeqCst);
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.probe.0.disconnected.fetch_add(1, Ordering::SeqCst);
    }
}

type Asks = CallClient<Ask, String, Datagrams<Json>>;

fn codec() -> Datagrams<Json> {
    Datagrams::new().max_size(2 << 20)
}

/// Starts a node with room for two calls.
async fn node(client: &Client, name: &'static str) -> (RunningServer, Probe) {
    let probe = Probe::default();
    let pool = Pool::builder("node").threads(2).build().expect("a pool");
    let calls = Calls::builder(client.clone(), "asks", codec()).max_in_flight(2).pool(&pool);
    let calls = calls.description("answers").version("1.2.3").subscribe().await.expect("subscribed");
    let service = Node { name, pool, probe: probe.clone() };
    let server = Server::new(service).listen(calls).expect("a listener").spawn().await.expect("a server");
    (server, probe)
}

async fn asks(server: &NatsServer) -> Asks {
    CallClient::new(server.client().await, "asks", codec())
}

#[tokio::test]
async fn a_call_is_answered_by_a_session_of_its_own() {
    let nats = nats_server!();
    let (server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    for n in 0..3 {
        let answer = soon(client.call(Ask::Echo(format!("call {n}"))).into_future()).await;
        assert_eq!(answer.expect("an answer"), format!("call {n} on one"));
    }
    let answer = client.call(Ask::Header("Trace".into())).header("Trace", "abc").await;
    assert_eq!(answer.expect("an answer"), "abc");
    let report = soon(server.stop()).await.expect("a report");
    assert!(report.is_clean(), "{report}");
    let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    assert_eq!((count(&probe.0.connected), count(&probe.0.disconnected)), (4, 4));
}

#[tokio::test]
async fn the_end_of_a_call_without_a_response_says_why() {
    let nats = nats_server!();
    let (_server, _probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let refused = async |ask: Ask| match soon(client.call(ask).into_future()).await {
        Err(CallError::Refused { code, message }) => (code, message),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Ask::Fail("no such\r\nshelf".into())).await, (500, "no such  shelf".into()));
    assert_eq!(refused(Ask::Panic).await, (500, "internal error".into()));
    // NATS would not take a header of this size.
    let (code, message) = refused(Ask::FailLarge(2_000_000)).await;
    assert!(code == 500 && message.starts_with("xxx"), "{code}");
    let (code, message) = refused(Ask::Large(1_100_000)).await;
    assert_eq!(code, 500, "{message}");
    assert!(message.contains("longer than 1048576 bytes"), "{message}");

    let raw = nats.client().await;
    let answer = soon(raw.request("asks", "no JSON".into())).await.expect("an answer");
    let headers = answer.headers.expect("headers");
    assert_eq!(headers.get("Nats-Service-Error-Code").expect("a code").as_str(), "400");
    // The node goes on.
    assert!(client.call(Ask::Echo("x".into())).await.is_ok());
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_is_an_error_at_once() {
    let nats = nats_server!();
    let client = asks(&nats).await;
    let error = soon(client.call(Ask::Echo("x".into())).into_future()).await.expect_err("no node");
    assert!(matches!(error, CallError::NoNode), "{error:?}");
    let error = client.call(Ask::Echo("x".repeat(1_500_000))).await.expect_err("too large");
    assert!(matches!(error, CallError::TooLarge { max: 1_048_576, .. }), "{error:?}");
    let error = client.call(Ask::Echo("x".into())).timeout(Duration::ZERO).await.expect_err("late");
    assert!(matches!(error, CallError::Deadline), "{error:?}");
    for (name, value) in [("Trace", "two\nlines"), ("Trace", "a\rb"), ("a name", "x"), ("", "x")] {
        let call =
            client.call(Ask::Echo("x".into())).header("Fine", "x").header(name, value).header("Fine", "y");
        let error = call.await.expect_err("no such header");
        assert!(matches!(&error, CallError::InvalidHeader(found) if found == name), "{error:?}");
    }
}

/// Cannot start.
struct Broken;

#[service]
impl Broken {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[on(start)]
    async fn start(&self) -> Result<(), String> {
        Err("no database".into())
    }
}

#[tokio::test]
async fn calls_to_a_node_that_cannot_start_are_refused() {
    let nats = nats_server!();
    let node = nats.client().await;
    let calls = Calls::builder(node.clone(), "broken", Datagrams::<Json>::new());
    let calls = calls.subscribe().await.expect("subscribed");
    let raw = nats.client().await;
    let inbox = raw.new_inbox();
    let mut answers = raw.subscribe(inbox.clone()).await.expect("subscribed");
    for _ in 0..3 {
        raw.publish_with_reply("broken", inbox.clone(), "\"x\"".into()).await.expect("published");
    }
    // After a round trip on both connections the calls wait at the node.
    for client in [&raw, &node] {
        soon(client.request(client.new_inbox(), "".into())).await.expect_err("nothing answers");
    }
    let server = Server::new(Broken).listen(calls).expect("a listener");
    let error = soon(server.serve()).await.expect_err("it cannot start");
    assert!(error.to_string().contains("no database"), "{error}");
    for _ in 0..3 {
        let answer = soon(answers.next()).await.expect("an answer");
        let headers = answer.headers.expect("headers");
        assert_eq!(headers.get("Nats-Service-Error-Code").expect("a code").as_str(), "503");
    }
}

#[tokio::test]
async fn a_call_beyond_the_limit_is_refused_at_once() {
    let nats = nats_server!();
    let (server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let held: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn({
                let client = client.clone();
                async move { client.call(Ask::Hold).await }
            })
        })
        .collect();
    eventually("two calls in flight", async || probe.0.holding.load(Ordering::SeqCst) == 2).await;
    let error = soon(client.call(Ask::Echo("x".into())).into_future()).await.expect_err("refused");
    let CallError::Unavailable { retry_after, .. } = error else { panic!("{error:?}") };
    assert!(!retry_after.is_zero());
    probe.0.release.add_permits(2);
    for call in held {
        assert_eq!(soon(call).await.expect("no panic").expect("an answer"), "held on one");
    }
    eventually("there is capacity again", async || client.call(Ask::Echo("x".into())).await.is_ok()).await;
    assert!(soon(server.stop()).await.expect("a report").is_clean());
}

#[tokio::test]
async fn the_callers_time_reaches_the_job_and_cancels_it() {
    let nats = nats_server!();
    let (_server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let answer = client.call(Ask::JobDeadline(5_000)).timeout(Duration::from_secs(5)).await;
    assert_eq!(answer.expect("an answer"), "true");
    let error = client.call(Ask::Spin).timeout(Duration::from_millis(300)).await.expect_err("late");
    assert!(matches!(error, CallError::Deadline), "{error:?}");
    soon(probe.0.cancelled.notified()).await;
    // Its slot is free again.
    let calls = [client.call(Ask::Echo("a".into())), client.call(Ask::Echo("b".into()))];
    for call in calls {
        assert!(soon(call.into_future()).await.is_ok());
    }
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_with_its_job() {
    let nats = nats_server!();
    let (server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call(Ask::Spin).timeout(4 * LIMIT).await }
    });
    soon(probe.0.spinning.notified()).await;
    call.abort();
    soon(probe.0.cancelled.notified()).await;
    // Its slot is free again.
    let calls = [client.call(Ask::Echo("a".into())), client.call(Ask::Echo("b".into()))];
    for call in calls {
        assert!(soon(call.into_future()).await.is_ok());
    }
    assert!(soon(server.stop()).await.expect("a report").is_clean());
}

#[tokio::test]
async fn a_call_that_a_thread_makes_is_cancelled_with_its_job() {
    let nats = nats_server!();
    let (_server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    // The connection must outlive the message, which is written later.
    let _open = client.clone();
    let pool = Pool::builder("callers").threads(1).build().expect("a pool");
    let job =
        pool.run(move |worker| client.call(Ask::Spin).timeout(4 * LIMIT).into_future().wait(worker).is_err());
    let job = tokio::spawn(job);
    soon(probe.0.spinning.notified()).await;
    job.abort();
    soon(probe.0.cancelled.notified()).await;
}

#[tokio::test]
async fn a_job_passes_its_deadline_on_to_the_call_that_it_makes() {
    let nats = nats_server!();
    let (_server, _probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let pool = Pool::builder("callers").threads(1).build().expect("a pool");
    let job = pool.job("ask").deadline(Duration::from_secs(4)).try_run(move |worker| {
        let call = client.call(Ask::JobDeadline(4_000)).timeout(Duration::from_secs(60));
        call.into_future().wait(worker)?.map_err(|error| {
            panic!("{error}");
        })
    });
    let answer: Result<String, Interrupted> = soon(job).await;
    assert_eq!(answer.expect("an answer"), "true");
}

#[tokio::test]
async fn a_node_that_stops_finishes_what_it_has_and_leaves_the_others() {
    let nats = nats_server!();
    let (first, probe) = node(&nats.client().await, "first").await;
    let client = asks(&nats).await;
    let held = tokio::spawn({
        let client = client.clone();
        async move { client.call(Ask::Hold).await }
    });
    eventually("a call in flight", async || probe.0.holding.load(Ordering::SeqCst) == 1).await;
    let (second, _probe) = node(&nats.client().await, "second").await;
    let stopping = tokio::spawn(first.stop());
    eventually("calls reach the other node only", async || {
        let mut on_second = 0;
        for _ in 0..20 {
            let answer = client.call(Ask::Echo("x".into())).timeout(Duration::from_secs(1)).await;
            on_second += usize::from(answer.is_ok_and(|answer| answer.ends_with("second")));
        }
        on_second == 20
    })
    .await;
    assert!(!stopping.is_finished(), "a call is still in flight");
    probe.0.release.add_permits(1);
    assert_eq!(soon(held).await.expect("no panic").expect("an answer"), "held on first");
    let report = soon(stopping).await.expect("no panic").expect("a report");
    assert!(report.is_clean(), "{report}");
    assert!(soon(second.stop()).await.expect("a report").is_clean());
}

#[tokio::test]
async fn calls_that_the_stop_cuts_short_are_answered() {
    let nats = nats_server!();
    let (server, probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    let held = tokio::spawn(async move { client.call(Ask::Hold).await });
    eventually("a call in flight", async || probe.0.holding.load(Ordering::SeqCst) == 1).await;
    let report = soon(server.stop_within(Duration::ZERO)).await.expect("a report");
    assert_eq!(report.sessions_cancelled, 1);
    let error = soon(held).await.expect("no panic").expect_err("cut short");
    // The node was the only one, so the attempts after the refusal find none.
    assert!(matches!(error, CallError::NoNode | CallError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn the_service_protocol_lists_the_node() {
    let nats = nats_server!();
    let (server, _probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    assert!(client.call(Ask::Echo("x".into())).await.is_ok());
    assert!(client.call(Ask::Fail("x".into())).await.is_err());
    let raw = nats.client().await;
    let ask = async |verb: &str| {
        let answer = soon(raw.request(format!("$SRV.{verb}.asks"), "".into())).await.expect("an answer");
        serde_json::from_slice::<serde_json::Value>(&answer.payload).expect("JSON")
    };
    let info = ask("INFO").await;
    assert_eq!((info["name"].as_str(), info["version"].as_str()), (Some("asks"), Some("1.2.3")));
    assert_eq!(info["endpoints"][0]["subject"], "asks");
    assert_eq!(info["endpoints"][0]["queue_group"], "asks");
    let stats = ask("STATS").await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 2);
    assert_eq!(stats["endpoints"][0]["num_errors"], 1);
    assert_eq!(stats["endpoints"][0]["data"]["node"]["running"], 0);
    assert!(ask("PING").await["id"].is_string());
    assert!(soon(server.stop()).await.is_ok());
    eventually("the node has left", async || {
        let ping = async_nats::Request::new().timeout(Some(Duration::from_millis(500)));
        let answer = raw.send_request("$SRV.PING.asks", ping).await;
        answer.is_err_and(|error| error.kind() == async_nats::RequestErrorKind::NoResponders)
    })
    .await;
}

#[tokio::test]
async fn calls_go_on_when_the_server_is_back() {
    let mut nats = nats_server!();
    let (_server, _probe) = node(&nats.client().await, "one").await;
    let client = asks(&nats).await;
    assert!(client.call(Ask::Echo("x".into())).await.is_ok());
    nats.kill();
    let error = client.call(Ask::Echo("x".into())).timeout(Duration::from_millis(200)).await;
    assert!(error.is_err(), "no server");
    nats.restart().await;
    eventually("calls are answered again", async || {
        client.call(Ask::Echo("x".into())).timeout(Duration::from_secs(1)).await.is_ok()
    })
    .await;
}

struct Silent;

#[service(response = String)]
impl Silent {
    #[request(half_close = cancel)]
    async fn answer(&self, peer: &Peer<String>, ask: bool) -> Option<String> {
        let _ = peer;
        ask.then(|| "yes".to_owned())
    }
}

#[tokio::test]
async fn a_call_without_a_response_ends_also_if_the_end_of_the_stream_would_cancel_it() {
    let nats = nats_server!();
    let calls = Calls::builder(nats.client().await, "silent", codec()).subscribe().await.expect("subscribed");
    let _server = Server::new(Silent).listen(calls).expect("a listener").spawn().await.expect("a server");
    let client = CallClient::<bool, String, _>::new(nats.client().await, "silent", codec());
    assert_eq!(soon(client.call(true).into_future()).await.expect("an answer"), "yes");
    let error = soon(client.call(false).into_future()).await.expect_err("no response");
    assert!(matches!(error, CallError::Refused { code: 204, .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_also_if_the_limit_was_unknown() {
    let mut nats = nats_server!();
    nats.kill();
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let options = options.reconnect_delay_callback(|_| Duration::from_millis(20));
    let (_server, _probe) = node(&options.connect(nats.url()).await.expect("a client"), "one").await;
    nats.restart().await;
    let client = asks(&nats).await;
    eventually("the node is there", async || client.call(Ask::Echo("x".into())).await.is_ok()).await;
    let error = soon(client.call(Ask::Large(1_100_000)).into_future()).await.expect_err("too large");
    assert!(matches!(error, CallError::Refused { code: 500, .. }), "{error:?}");
}
