//! Calls whose method sends items, with credit.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use portcullis_rpc::{CallError, ClientMessage, Failure, ServerMessage};

use crate::echo::{EchoCall, EchoReply};
use crate::peer::{KINDS, Peer, connect, in_memory, in_time};
use crate::{failed, poll_once};

/// How many items a call may send before it is granted more.
const WINDOW: u32 = 32;

async fn send_items(peer: &mut Peer, id: u64, items: impl IntoIterator<Item = u32>) {
    for item in items {
        peer.send(ServerMessage::Item { id, item: EchoReply::CountItem(item) }).await;
    }
}

async fn end(peer: &mut Peer, id: u64, value: Result<&str, &str>) {
    let value = value.map(str::to_owned).map_err(str::to_owned);
    peer.send(ServerMessage::Reply { id, reply: EchoReply::Count(value) }).await;
}

#[tokio::test]
async fn items_arrive_in_order_and_the_value_after_them() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let mut numbers = client.count();
        let server = async {
            let (id, call) = peer.next_call().await;
            assert_eq!(call, EchoCall::Count {});
            send_items(&mut peer, id, 0..10).await;
            end(&mut peer, id, Ok("ten")).await;
        };
        let caller = async {
            let mut received = Vec::new();
            while let Some(number) = numbers.next().await.unwrap() {
                received.push(number);
            }
            assert_eq!(received, (0..10).collect::<Vec<_>>(), "{kind:?}");
            assert_eq!(numbers.next().await, Ok(None));
            assert_eq!(numbers.finish().await, Ok("ten".to_owned()), "{kind:?}");
        };
        in_time(async { tokio::join!(caller, server) }).await;
    }
}

#[tokio::test]
async fn c15_credit_is_granted_as_items_are_taken() {
    let (client, mut peer) = in_memory(64 * 1024);
    let mut numbers = client.count();
    let mut next = Box::pin(numbers.next());
    assert!(poll_once(&mut next).is_pending());
    let (id, _) = peer.next_call().await;
    drop(next);
    send_items(&mut peer, id, 0..WINDOW).await;
    for n in 0..WINDOW / 2 {
        assert_eq!(in_time(numbers.next()).await, Ok(Some(n)));
    }
    assert_eq!(peer.next().await, Some(ClientMessage::Credit { id, items: WINDOW / 2 }));
    // A caller that does not take its items delays no other call.
    let other = in_time(async { tokio::join!(client.echo("other"), peer.serve_one("other")) }).await.0;
    assert_eq!(other, Ok("other".to_owned()));
    send_items(&mut peer, id, WINDOW..WINDOW + WINDOW / 2).await;
    for n in WINDOW / 2..WINDOW {
        assert_eq!(in_time(numbers.next()).await, Ok(Some(n)));
    }
    assert_eq!(peer.next().await, Some(ClientMessage::Credit { id, items: WINDOW / 2 }));
}

#[tokio::test]
async fn c15_a_server_that_sends_more_items_than_its_credit_ends_the_call() {
    let (client, mut peer) = in_memory(64 * 1024);
    let mut numbers = client.count();
    let mut next = Box::pin(numbers.next());
    assert!(poll_once(&mut next).is_pending());
    let (id, _) = peer.next_call().await;
    drop(next);
    send_items(&mut peer, id, 0..WINDOW + 1).await;
    assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id }));
    let (items, errors): (Vec<_>, Vec<_>) =
        in_time(numbers.by_ref().collect::<Vec<_>>()).await.into_iter().partition(Result::is_ok);
    assert_eq!(items.len(), WINDOW as usize);
    let [Err(CallError::Failure(Failure::InvalidReply(text)))] = &errors[..] else { panic!("{errors:?}") };
    assert!(text.contains("credit"), "{text}");
}

#[tokio::test]
async fn finish_drops_the_items() {
    let (client, mut peer) = in_memory(64 * 1024);
    let server = async {
        let (id, _) = peer.next_call().await;
        send_items(&mut peer, id, 0..20).await;
        assert_eq!(peer.next().await, Some(ClientMessage::Credit { id, items: WINDOW / 2 }));
        end(&mut peer, id, Err("a mistake")).await;
    };
    let (result, ()) = in_time(async { tokio::join!(client.count().finish(), server) }).await;
    assert_eq!(result, Err(CallError::Method("a mistake".to_owned())));
}

#[tokio::test]
async fn c15_a_dropped_stream_is_cancelled() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let mut numbers = client.count();
        let server = async {
            let (id, _) = peer.next_call().await;
            send_items(&mut peer, id, [1, 2]).await;
            id
        };
        let (first, id) = in_time(async { tokio::join!(numbers.next(), server) }).await;
        assert_eq!(first, Ok(Some(1)));
        drop(numbers);
        assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id }), "{kind:?}");
        // Items that have crossed the cancel message are ignored.
        send_items(&mut peer, id, 0..100).await;
        let other = in_time(async { tokio::join!(client.echo("other"), peer.serve_one("other")) }).await.0;
        assert_eq!(other, Ok("other".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_also_while_items_arrive() {
    let (client, mut peer) = in_memory(64 * 1024);
    let mut numbers = client.count().deadline(Duration::from_secs(5));
    let server = async {
        let (id, _) = peer.next_call().await;
        send_items(&mut peer, id, [1]).await;
        assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id }));
    };
    let caller = async {
        assert_eq!(numbers.next().await, Ok(Some(1)));
        assert_eq!(numbers.next().await, failed(Failure::Deadline));
        assert_eq!(numbers.next().await, Ok(None));
    };
    tokio::join!(caller, server);
}

#[tokio::test]
async fn a_lost_connection_ends_a_stream_after_its_items() {
    let (client, mut peer) = in_memory(64 * 1024);
    let calls = join_all([client.count().collect::<Vec<_>>(), client.count().collect::<Vec<_>>()]);
    let server = async {
        let (first, _) = peer.next_call().await;
        peer.next_call().await;
        send_items(&mut peer, first, [1, 2]).await;
        drop(peer);
    };
    let (results, ()) = in_time(async { tokio::join!(calls, server) }).await;
    assert_eq!(results, [vec![Ok(1), Ok(2), failed(Failure::Lost)], vec![failed(Failure::Lost)]]);
}
