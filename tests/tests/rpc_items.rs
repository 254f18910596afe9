//! Methods of `#[rpc]` that send items before they return.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::rpc::CallError;
use portcullis::{Interrupted, RunningServer, Sender};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    n: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct TooMany;

#[derive(Default)]
struct Seen {
    sent: AtomicUsize,
    stopped: AtomicBool,
}

struct Table(Arc<Seen>);

#[service]
impl Table {
    /// Sends rows from the event loop.
    #[rpc]
    async fn list(&self, rows: &Sender<Row>, count: u32) -> Result<u32, TooMany> {
        for n in 0..count {
            if n == 100 || rows.send_async(Row { n }).await.is_err() {
                return Err(TooMany);
            }
        }
        Ok(count)
    }

    /// Sends rows from a thread, without an end.
    #[rpc]
    #[blocking]
    fn scan(&self, worker: &Worker, rows: &Sender<Row>, first: u32) -> Result<(), Interrupted> {
        for n in first.. {
            if rows.send(worker, Row { n }).is_err() {
                self.0.stopped.store(true, SeqCst);
                break;
            }
            self.0.sent.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    #[rpc]
    async fn ping(&self) -> u32 {
        1
    }
}

async fn start() -> (RunningServer, TableClient, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let codec = LengthPrefixed::<Postcard>::new();
    let server = Server::new(Table(Arc::clone(&seen))).codec(codec.clone());
    let server = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    let client = TableClient::connect(server.local_addr(), codec).await.unwrap();
    (server, client, seen)
}

async fn until(condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, polled).await.expect("in time");
}

#[tokio::test]
async fn items_come_before_the_result() {
    let (_server, client, _) = start().await;
    let mut rows = client.list(70);
    for n in 0..70 {
        assert_eq!(timeout(LIMIT, rows.next()).await.unwrap(), Ok(Some(Row { n })));
    }
    assert_eq!(rows.next().await, Ok(None));
    assert_eq!(rows.finish().await, Ok(70));
}

#[tokio::test]
async fn an_error_comes_after_the_items() {
    let (_server, client, _) = start().await;
    let mut rows = client.list(101);
    for n in 0..100 {
        assert_eq!(timeout(LIMIT, rows.next()).await.unwrap(), Ok(Some(Row { n })));
    }
    assert_eq!(rows.next().await, Err(CallError::Method(TooMany)));
}

#[tokio::test]
async fn a_caller_that_takes_no_items_stops_the_producer_and_no_other_call() {
    let (_server, client, seen) = start().await;
    let mut rows = client.scan(7);
    assert_eq!(timeout(LIMIT, rows.next()).await.unwrap(), Ok(Some(Row { n: 7 })));
    for _ in 0..100 {
        assert_eq!(timeout(LIMIT, client.ping()).await.unwrap(), Ok(1));
    }
    // The credit of the client, what the channel holds, and the item that waits.
    let sent = seen.sent.load(SeqCst);
    assert!(sent < 100, "{sent}");
    drop(rows);
    until(|| seen.stopped.load(SeqCst)).await;
    assert_eq!(timeout(LIMIT, client.ping()).await.unwrap(), Ok(1));
}
