//! Calls of `#[rpc]` methods over a real NATS server.

#![forbid(unsafe_code)]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{LIMIT, NatsServer, eventually, soon};
use portcullis::nats::{CallClient, Calls};
use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure};
use portcullis::{Datagrams, Interrupted, RunningServer, Sender};

#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    running: AtomicUsize,
}

impl Counts {
    async fn until_running(&self, count: usize) {
        eventually("the calls run", async || self.running.load(SeqCst) == count).await;
    }
}

/// Counts a call while it runs.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

struct Math {
    cpu: Pool,
    name: &'static str,
    counts: Arc<Counts>,
}

#[service]
impl Math {
    #[rpc]
    async fn add(&self, a: u32, b: u32) -> u32 {
        self.counts.calls.fetch_add(1, SeqCst);
        a + b
    }

    #[rpc]
    async fn divide(&self, a: u32, b: u32) -> Result<u32, String> {
        a.checked_div(b).ok_or_else(|| format!("{a} / {b} on {}", self.name))
    }

    /// Answers when other calls have had time to.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn square(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        worker.sleep(Duration::from_millis(20))?;
        Ok(n * n)
    }

    #[rpc]
    async fn hang(&self) {
        let _running = Running::new(&self.counts.running);
        std::future::pending().await
    }

    /// Runs on a thread until it is cancelled.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn spin(&self, worker: &Worker) -> Result<(), Interrupted> {
        let _running = Running::new(&self.counts.running);
        loop {
            worker.sleep(Duration::from_millis(1))?;
        }
    }

    #[rpc]
    async fn list(&self, numbers: &Sender<u32>) {
        self.counts.calls.fetch_add(1, SeqCst);
        let _ = numbers.send_async(1).await;
    }

    #[rpc]
    async fn panic(&self) {
        panic!("as asked")
    }
}

fn codec() -> Datagrams<Json> {
    Datagrams::new()
}

async fn node(nats: &NatsServer, name: &'static str) -> (RunningServer, Arc<Counts>) {
    let calls = Calls::builder(nats.client().await, "math", codec()).subscribe().await.expect("subscribed");
    let cpu = Pool::builder("cpu").threads(2).build().expect("a pool");
    let service = Math { cpu, name, counts: Arc::default() };
    let counts = Arc::clone(&service.counts);
    (Server::new(service).listen(calls).expect("a listener").spawn().await.expect("a server"), counts)
}

async fn client(nats: &NatsServer) -> MathClient {
    let calls = CallClient::new(nats.client().await, "math", codec());
    // Longer than the tests wait: a call that ends was not ended by this.
    MathClient::from(calls.timeout(4 * LIMIT).into_rpc_client())
}

#[tokio::test]
async fn typed_calls_are_answered() {
    let nats = nats_server!();
    let (server, _) = node(&nats, "one").await;
    let math = client(&nats).await;
    assert_eq!(soon(math.add(1, 2)).await, Ok(3));
    assert_eq!(soon(math.divide(1, 0)).await, Err(CallError::Method("1 / 0 on one".to_owned())));
    assert_eq!(soon(math.panic()).await, Err(CallError::Failure(Failure::Internal)));
    let (slow, quick) = soon(async { tokio::join!(math.square(12), math.add(3, 4)) }).await;
    assert_eq!((slow, quick), (Ok(144), Ok(7)));
    assert!(soon(server.stop()).await.expect("a report").is_clean());
    // A call is lost if the NATS server gives it to the node before it has seen it leave.
    eventually("no node is there", async || {
        let call = math.add(1, 2).deadline(Duration::from_millis(500)).await;
        call == Err(CallError::Failure(Failure::Closed))
    })
    .await;
}

#[tokio::test]
async fn calls_are_spread_over_the_nodes() {
    let nats = nats_server!();
    let ((_one, first), (_two, second)) = (node(&nats, "one").await, node(&nats, "two").await);
    let math = client(&nats).await;
    for n in 0..100 {
        assert_eq!(soon(math.add(n, 1)).await, Ok(n + 1));
    }
    let counts = (first.calls.load(SeqCst), second.calls.load(SeqCst));
    assert_eq!(counts.0 + counts.1, 100);
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
}

#[tokio::test]
async fn a_call_that_ends_early_ends_alone() {
    let nats = nats_server!();
    let (_server, _) = node(&nats, "one").await;
    let math = client(&nats).await;
    let late = math.hang().deadline(Duration::from_millis(50));
    assert_eq!(soon(late).await, Err(CallError::Failure(Failure::Deadline)));
    let mut dropped = math.hang();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut dropped).poll(&mut cx).is_pending());
    drop(dropped);
    let long = math.divide(1, 0).deadline(Duration::ZERO);
    assert_eq!(soon(long).await, Err(CallError::Failure(Failure::Deadline)));
    assert_eq!(soon(math.add(1, 2)).await, Ok(3));
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_on_its_node() {
    let nats = nats_server!();
    let ((_one, first), (_two, second)) = (node(&nats, "one").await, node(&nats, "two").await);
    let math = client(&nats).await;
    let running = async || first.running.load(SeqCst) + second.running.load(SeqCst);
    for _ in 0..4 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let math = math.clone();
                tokio::spawn(async move { tokio::join!(math.hang(), math.spin()) })
            })
            .collect();
        // A node has two threads, so some of the jobs may wait in the queue.
        eventually("the calls run", async || running().await >= 6).await;
        assert_eq!(soon(math.add(1, 2)).await, Ok(3));
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        eventually("the calls are cancelled", async || running().await == 0).await;
    }
}

#[tokio::test]
async fn the_calls_of_a_dropped_client_are_cancelled() {
    let nats = nats_server!();
    let (server, counts) = node(&nats, "one").await;
    let math = client(&nats).await;
    let call = tokio::spawn(async move { math.hang().await });
    counts.until_running(1).await;
    call.abort();
    counts.until_running(0).await;
    assert!(soon(server.stop()).await.expect("a report").is_clean());
}

#[tokio::test]
async fn a_method_that_sends_items_is_not_called() {
    let nats = nats_server!();
    let (_server, counts) = node(&nats, "one").await;
    let math = client(&nats).await;
    let refused = soon(math.list().finish()).await;
    let Err(CallError::Failure(Failure::InvalidParams(text))) = refused else { panic!("{refused:?}") };
    assert_eq!(text, "a method that sends items cannot be called over NATS");
    assert_eq!(soon(math.add(1, 2)).await, Ok(3));
    assert_eq!(counts.calls.load(SeqCst), 1, "it was not sent");
}
