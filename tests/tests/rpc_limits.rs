//! Services of calls at their limits: long messages, many calls, and replies that cannot be sent.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::future::join_all;
use portcullis::prelude::*;
use portcullis::rpc::{CallError, Failure, RpcClient};
use portcullis::{Sender, ServerHandle};
use portcullis_tests::served::start;
use portcullis_tests::streams::{Kind, ServerAddr, bind};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::sync::Semaphore;
use tokio::time::timeout;

type Binary = LengthPrefixed<Postcard>;

/// Defines each test on every kind of stream and on both tokio flavours.
macro_rules! on_streams {
    ($( async fn $name:ident($kind:ident) $body:block )*) => {$(
        mod $name {
            use super::*;
            async fn over($kind: Kind) $body
            on_loops! {
                async fn tcp() { over(Kind::Tcp).await }
                async fn tls() { over(Kind::Tls).await }
                async fn unix() { over(Kind::Unix).await }
            }
        }
    )*};
}

struct Shared {
    running: AtomicUsize,
    release: Semaphore,
}

struct Texts {
    shared: Arc<Shared>,
}

/// Counts a call while it runs.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[service(max_in_flight = 4_000)]
impl Texts {
    #[rpc]
    async fn echo(&self, text: String) -> String {
        text
    }

    #[rpc]
    async fn text(&self, length: usize) -> String {
        "x".repeat(length)
    }

    /// Sends texts of these lengths.
    #[rpc]
    async fn texts(&self, texts: &Sender<String>, lengths: Vec<usize>) {
        for length in lengths {
            if texts.send_async("x".repeat(length)).await.is_err() {
                return;
            }
        }
    }

    #[rpc]
    async fn announce(&self, peer: &TextsPeer, length: usize) -> bool {
        peer.notify("text", &["x".repeat(length)]).await.is_ok()
    }

    #[rpc]
    async fn hold(&self) -> u32 {
        self.shared.running.fetch_add(1, SeqCst);
        let _running = Running(&self.shared.running);
        self.shared.release.acquire().await.expect("not closed").forget();
        7
    }
}

async fn serve(kind: Kind, codec: Binary) -> (ServerHandle, ServerAddr, Arc<Shared>) {
    let shared = Arc::new(Shared { running: AtomicUsize::new(0), release: Semaphore::new(0) });
    let server = Server::new(Texts { shared: Arc::clone(&shared) }).codec(codec);
    let (server, addr) = bind(kind, server);
    let (handle, _) = start(server).await;
    (handle, addr, shared)
}

on_streams! {
    async fn c26_a_reply_over_the_limit_fails_its_call_alone(kind) {
        let (_handle, addr, shared) = serve(kind, Binary::new().max_frame(1000)).await;
        let client = TextsClient::from_stream(addr.connect().await, Binary::new());
        let held = tokio::spawn({
            let client = client.clone();
            async move { client.hold().await }
        });
        wait(|| shared.running.load(SeqCst) == 1).await;
        assert_eq!(client.text(2000).await, Err(CallError::Failure(Failure::Internal)));
        let mut texts = client.texts(vec![5, 2000, 5]);
        assert_eq!(texts.next().await, Ok(Some("xxxxx".to_owned())));
        assert_eq!(texts.next().await, Err(CallError::Failure(Failure::Internal)));
        assert_eq!(client.announce(2000).await, Ok(true), "it is left out");
        shared.release.add_permits(1);
        assert_eq!(timeout(LIMIT, held).await.expect("in time").expect("no panic"), Ok(7));
        assert_eq!(client.text(5).await, Ok("xxxxx".to_owned()));
    }

    async fn messages_of_a_mebibyte(kind) {
        let (_handle, addr, _) = serve(kind, Binary::new()).await;
        let client = TextsClient::from_stream(addr.connect().await, Binary::new());
        let text = "y".repeat(1 << 20);
        let calls = (0..50).map(|_| client.echo(text.clone()));
        for echo in timeout(LIMIT, join_all(calls)).await.expect("in time") {
            assert!(echo.as_ref() == Ok(&text));
        }
        // Over the limit of the server, which skips it.
        let long = client.echo("y".repeat(9 << 20)).await;
        assert!(matches!(long, Err(CallError::Failure(Failure::InvalidParams(_)))), "{long:?}");
        assert_eq!(client.text(5).await, Ok("xxxxx".to_owned()));
    }

    async fn c4_and_c11_thousands_of_calls_in_flight(kind) {
        let (_handle, addr, shared) = serve(kind, Binary::new()).await;
        let client = RpcClient::from_stream(addr.connect().await, Binary::new()).max_in_flight(4_000);
        let client = TextsClient::from(client);
        let begin = || {
            let calls = (0..4_000).map(|_| client.hold());
            let calls = join_all(calls);
            tokio::spawn(calls)
        };
        let calls = begin();
        wait(|| shared.running.load(SeqCst) == 4_000).await;
        shared.release.add_permits(4_000);
        let values = timeout(LIMIT, calls).await.expect("in time").expect("no panic");
        assert!(values.iter().all(|value| *value == Ok(7)));
        let calls = begin();
        wait(|| shared.running.load(SeqCst) == 4_000).await;
        calls.abort();
        wait(|| shared.running.load(SeqCst) == 0).await;
        assert_eq!(client.text(1).await, Ok("x".to_owned()));
    }
}
