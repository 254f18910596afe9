//! Calls of `#[rpc]` methods over a real NATS server.

#![forbid(unsafe_code)]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{NatsServer, soon};
use portcullis::nats::{CallClient, Calls};
use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure};
use portcullis::{Datagrams, Interrupted, RunningServer};

struct Math {
    cpu: Pool,
    name: &'static str,
    calls: Arc<AtomicUsize>,
}

#[service(rpc(half_close = answer))]
impl Math {
    #[rpc]
    async fn add(&self, a: u32, b: u32) -> u32 {
        self.calls.fetch_add(1, SeqCst);
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
        std::future::pending().await
    }

    #[rpc]
    async fn panic(&self) {
        panic!("as asked")
    }
}

fn codec() -> Datagrams<Json> {
    Datagrams::new()
}

async fn node(nats: &NatsServer, name: &'static str) -> (RunningServer, Arc<AtomicUsize>) {
    let calls = Calls::builder(nats.client().await, "math", codec()).subscribe().await.expect("subscribed");
    let cpu = Pool::builder("cpu").threads(2).build().expect("a pool");
    let service = Math { cpu, name, calls: Arc::default() };
    let count = Arc::clone(&service.calls);
    (Server::new(service).listen(calls).expect("a listener").spawn().await.expect("a server"), count)
}

async fn client(nats: &NatsServer) -> MathClient {
    MathClient::from(CallClient::new(nats.client().await, "math", codec()).into_rpc_client())
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
    assert_eq!(soon(math.add(1, 2)).await, Err(CallError::Failure(Failure::Closed)));
}

#[tokio::test]
async fn calls_are_spread_over_the_nodes() {
    let nats = nats_server!();
    let ((_one, first), (_two, second)) = (node(&nats, "one").await, node(&nats, "two").await);
    let math = client(&nats).await;
    for n in 0..100 {
        assert_eq!(soon(math.add(n, 1)).await, Ok(n + 1));
    }
    let counts = (first.load(SeqCst), second.load(SeqCst));
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
