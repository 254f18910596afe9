//! The client that connects again.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis_net::{Backoff, Connect, Tcp, Unix};
use portcullis_rpc::{Failure, RpcClient};
use tokio::net::{TcpListener, UnixListener};

use crate::echo::EchoClient;
use crate::peer::{Peer, SocketPath, Stream, codec, in_time, tls};
use crate::{failed, poll_once};

fn backoff() -> Backoff {
    Backoff::new().initial_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20))
}

fn client<A>(addr: A, backoff: Backoff) -> EchoClient
where
    A: Connect<Stream: Send> + Clone + Send + Sync + 'static,
{
    EchoClient(RpcClient::reconnecting(addr, codec(), backoff))
}

async fn listen(addr: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(addr).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn accept(listener: &TcpListener) -> Peer {
    Peer::new(in_time(listener.accept()).await.unwrap().0)
}

/// Answers a call, then loses the connection with a call in flight and one that waits, and answers
/// the one that waits on the next connection.
async fn is_not_sent_twice<IO: Stream + 'static>(client: EchoClient, accept: impl AsyncFn() -> IO) {
    let client = EchoClient(client.0.max_in_flight(1));
    let mut first = client.echo("first");
    assert!(poll_once(&mut first).is_pending());
    let mut peer = Peer::new(in_time(accept()).await);
    let (id, _) = peer.next_echo().await;
    peer.reply(id, "answered").await;
    assert_eq!(in_time(first).await, Ok("answered".to_owned()));

    let (mut sent, mut queued) = (client.echo("sent"), client.echo("queued"));
    assert!(poll_once(&mut sent).is_pending() && poll_once(&mut queued).is_pending());
    assert_eq!(peer.next_echo().await.1, "sent");
    drop(peer);
    assert_eq!(in_time(sent).await, failed(Failure::Lost));

    let mut peer = Peer::new(in_time(accept()).await);
    let (id, text) = peer.next_echo().await;
    assert_eq!(text, "queued");
    peer.reply(id, "answered").await;
    assert_eq!(in_time(queued).await, Ok("answered".to_owned()));
    assert!(!client.0.is_closed());
    drop(client);
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn c9_no_call_is_sent_twice_over_tcp() {
    let (listener, addr) = listen("127.0.0.1:0").await;
    is_not_sent_twice(client(addr, backoff()), async || listener.accept().await.unwrap().0).await;
}

#[tokio::test]
async fn c9_no_call_is_sent_twice_over_tls() {
    let (tls, acceptor) = tls();
    let (listener, addr) = listen("127.0.0.1:0").await;
    let accept = async || acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
    is_not_sent_twice(client(Tcp::new(addr).tls(tls), backoff()), accept).await;
}

#[tokio::test]
async fn c9_no_call_is_sent_twice_over_a_unix_socket() {
    let path = SocketPath::new();
    let listener = UnixListener::bind(&path.0).unwrap();
    is_not_sent_twice(client(Unix::new(&path.0), backoff()), async || listener.accept().await.unwrap().0)
        .await;
}

#[tokio::test]
async fn c9_calls_wait_for_a_server_that_starts_later() {
    let (listener, addr) = listen("127.0.0.1:0").await;
    drop(listener);
    let client = client(addr, backoff().max_attempts(u32::MAX));
    let mut call = client.echo("early");
    assert!(poll_once(&mut call).is_pending());
    // A deadline ends a call that waits for the connection.
    let late = client.echo("late").deadline(Duration::from_millis(30));
    assert_eq!(in_time(late).await, failed(Failure::Deadline));
    let (listener, _) = listen(&addr.to_string()).await;
    let mut peer = accept(&listener).await;
    let (id, text) = peer.next_echo().await;
    assert_eq!(text, "early");
    peer.reply(id, "answered").await;
    assert_eq!(in_time(call).await, Ok("answered".to_owned()));
}

#[tokio::test]
async fn c9_calls_end_when_no_attempt_succeeds() {
    let (listener, addr) = listen("127.0.0.1:0").await;
    drop(listener);
    let client = client(addr, backoff().max_attempts(3));
    let calls = futures::future::join_all(["one", "two"].map(|text| client.echo(text)));
    assert_eq!(in_time(calls).await, [failed(Failure::Closed), failed(Failure::Closed)]);
    assert!(!client.0.is_closed());
    // The next call begins anew.
    let mut call = client.echo("three");
    assert!(poll_once(&mut call).is_pending());
    let (listener, _) = listen(&addr.to_string()).await;
    let mut peer = accept(&listener).await;
    let (id, _) = peer.next_echo().await;
    peer.reply(id, "answered").await;
    assert_eq!(in_time(call).await, Ok("answered".to_owned()));
}

#[tokio::test]
async fn an_error_that_does_not_pass_ends_the_calls_at_once() {
    let (trusted, _) = tls();
    let (_, stranger) = tls();
    let (listener, addr) = listen("127.0.0.1:0").await;
    let client = client(Tcp::new(addr).tls(trusted), Backoff::new().max_attempts(u32::MAX));
    let accepting = async { stranger.accept(listener.accept().await.unwrap().0).await };
    let (called, accepted) = in_time(async { tokio::join!(client.echo("text"), accepting) }).await;
    assert_eq!(called, failed(Failure::Closed));
    assert!(accepted.is_err());
}

#[tokio::test]
async fn a_client_without_calls_does_not_connect() {
    let (listener, addr) = listen("127.0.0.1:0").await;
    let client = client(addr, backoff());
    let mut dropped = client.echo("dropped");
    assert!(poll_once(&mut dropped).is_pending());
    drop(dropped);
    assert_eq!(in_time(client.echo("late").deadline(Duration::ZERO)).await, failed(Failure::Deadline));
    let mut call = client.echo("text");
    assert!(poll_once(&mut call).is_pending());
    let mut peer = accept(&listener).await;
    assert_eq!(peer.next_echo().await.1, "text");
    // The connection is lost while nothing is in flight: no attempt follows until there is a call.
    drop(call);
    drop(peer);
    let mut call = client.echo("again");
    let mut peer = {
        let calling = async {
            // A call that is sent to the old connection is lost.
            while in_time(&mut call).await == failed(Failure::Lost) {
                call = client.echo("again");
            }
        };
        let serving = async {
            let mut peer = accept(&listener).await;
            let (id, _) = peer.next_echo().await;
            peer.reply(id, "answered").await;
            peer
        };
        in_time(async { tokio::join!(calling, serving) }).await.1
    };
    drop((client, call));
    while peer.next().await.is_some() {}
}
