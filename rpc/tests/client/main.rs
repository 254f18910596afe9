//! The client of calls, by the messages that it sends and by what it makes of the server's, also of
//! servers that misbehave.

#![forbid(unsafe_code)]

mod echo;
mod misbehaving;
mod peer;
mod reconnecting;
mod streaming;
mod threads;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::join_all;
use portcullis_rpc::{Call, CallError, CallQueue, ClientMessage, Failure, RpcClient, ServerMessage};
use tokio::task::yield_now;

use crate::echo::{EchoCall, EchoClient, EchoReply};
use crate::peer::{CountWrites, KINDS, Peer, codec, connect, in_memory, in_time};

pub(crate) fn failed<T, E>(failure: Failure) -> Result<T, CallError<E>> {
    Err(CallError::Failure(failure))
}

/// Polls a call once, which queues it.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn replies_reach_their_calls_in_any_order() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let calls = join_all(["one", "two", "three"].map(|text| client.echo(text)));
        let answers = async {
            let mut received = Vec::new();
            for _ in 0..3 {
                received.push(peer.next_echo().await);
            }
            assert_eq!(
                received.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
                ["one", "two", "three"]
            );
            for (id, text) in received.into_iter().rev() {
                peer.reply(id, format!("{text}!")).await;
            }
        };
        let (results, ()) = in_time(async { tokio::join!(calls, answers) }).await;
        assert_eq!(results, ["one!", "two!", "three!"].map(|text| Ok(text.to_owned())), "{kind:?}");
    }
}

#[tokio::test]
async fn errors_and_failures_reach_the_caller() {
    let (client, mut peer) = in_memory(1024);
    let answers = async {
        let (id, _) = peer.next_call().await;
        peer.send(ServerMessage::Reply { id, reply: EchoReply::Check(Err("odd".to_owned())) }).await;
        let (id, _) = peer.next_call().await;
        peer.fail(id, Failure::Overloaded { retry_after: Duration::from_millis(7) }).await;
        // The reply of another method.
        let (id, _) = peer.next_call().await;
        peer.reply(id, "text").await;
    };
    let calls = async {
        assert_eq!(client.check(1).await, Err(CallError::Method("odd".to_owned())));
        let overloaded = Failure::Overloaded { retry_after: Duration::from_millis(7) };
        assert_eq!(client.check(2).await, failed(overloaded));
        let error = client.check(3).await.unwrap_err();
        assert!(matches!(error, CallError::Failure(Failure::InvalidReply(_))), "{error}");
    };
    in_time(async { tokio::join!(calls, answers) }).await;
}

#[tokio::test]
async fn calls_made_together_are_sent_in_one_write() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let writes = Arc::new(AtomicUsize::new(0));
    let client =
        EchoClient(RpcClient::from_stream(CountWrites { io: near, writes: Arc::clone(&writes) }, codec()));
    let served = tokio::spawn(Peer::new(far).serve());
    let results = in_time(join_all((0..50).map(|n| client.echo(n.to_string())))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    drop(client);
    in_time(served).await.unwrap();
}

// On one thread, where a task that is woken by a caller is polled before the other callers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_next_calls_of_tasks_that_are_woken_together_share_a_write() {
    const TASKS: usize = 16;
    const CALLS: usize = 50;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let writes = Arc::new(AtomicUsize::new(0));
    let client =
        EchoClient(RpcClient::from_stream(CountWrites { io: near, writes: Arc::clone(&writes) }, codec()));
    let mut peer = Peer::new(far);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    client.echo("text").await.unwrap();
                }
            })
        })
        .collect();
    let mut first_writes = 0;
    for call in 0..CALLS {
        let mut ids = Vec::new();
        while ids.len() < TASKS {
            ids.push(peer.next_echo().await.0);
        }
        if call == 0 {
            // Nothing has woken these callers together.
            first_writes = writes.load(Ordering::SeqCst);
        }
        peer.reply_together(ids, "text").await;
    }
    in_time(join_all(tasks)).await.into_iter().for_each(Result::unwrap);
    assert_eq!(writes.load(Ordering::SeqCst) - first_writes, CALLS - 1);
}

#[tokio::test]
async fn c11_calls_over_the_limit_wait_in_their_order() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let client = EchoClient(client.0.max_in_flight(2));
        let mut calls = ["a", "b", "c", "d"].map(|text| client.echo(text));
        for call in &mut calls {
            assert!(poll_once(call).is_pending());
        }
        let (first, _) = peer.next_echo().await;
        let (second, text) = peer.next_echo().await;
        assert_eq!(text, "b");
        // The next message after each reply is the next call: none was sent before.
        peer.reply(second, "B").await;
        let (third, text) = peer.next_echo().await;
        assert_eq!(text, "c");
        // A dropped call makes way for another, after its cancel message.
        let [a, b, c, d] = calls;
        drop(c);
        assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id: third }));
        let (fourth, text) = peer.next_echo().await;
        assert_eq!(text, "d");
        peer.reply(first, "A").await;
        peer.reply(fourth, "D").await;
        let results = in_time(join_all([a, b, d])).await;
        assert_eq!(results, ["A", "B", "D"].map(|text| Ok(text.to_owned())), "{kind:?}");
    }
}

#[tokio::test]
async fn c12_a_call_that_cannot_be_encoded_fails_alone() {
    let (near, far) = tokio::io::duplex(1024);
    let codec = codec().max_frame(64);
    let client = EchoClient(RpcClient::from_stream(near, codec));
    let served = tokio::spawn(Peer::new(far).serve());
    let (long, short) = (client.echo("x".repeat(100)), client.echo("short"));
    let (long, short) = in_time(async { tokio::join!(long, short) }).await;
    let Err(CallError::Failure(Failure::InvalidParams(text))) = long else { panic!("{long:?}") };
    assert!(text.contains("64 bytes"), "{text}");
    assert_eq!(short, Ok("short".to_owned()));
    assert_eq!(in_time(client.echo("later")).await, Ok("later".to_owned()));
    drop(client);
    in_time(served).await.unwrap();
}

#[tokio::test]
async fn c10_a_call_that_is_dropped_before_it_is_sent_is_not_sent() {
    let (client, mut peer) = in_memory(1024);
    // The task of the connection has not run since.
    let mut dropped = client.echo("dropped");
    assert!(poll_once(&mut dropped).is_pending());
    drop(dropped);
    drop(client.echo("never polled"));
    let mut call = client.echo("sent");
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(peer.next_echo().await.1, "sent");
}

#[tokio::test]
async fn c10_a_call_that_is_dropped_after_it_was_sent_is_cancelled() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let mut call = client.echo("dropped");
        assert!(poll_once(&mut call).is_pending());
        let (id, _) = peer.next_echo().await;
        drop(call);
        assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id }), "{kind:?}");
        // The reply has crossed the cancel message: no other call gets it.
        peer.reply(id, "late").await;
        let mut next = client.echo("next");
        assert!(poll_once(&mut next).is_pending());
        let (id, _) = peer.next_echo().await;
        peer.reply(id, "in time").await;
        assert_eq!(in_time(next).await, Ok("in time".to_owned()));
    }
}

#[tokio::test]
async fn c10_a_deadline_of_zero_ends_a_call_that_is_not_sent() {
    let (client, mut peer) = in_memory(1024);
    assert_eq!(in_time(client.echo("late").deadline(Duration::ZERO)).await, failed(Failure::Deadline));
    let mut call = client.echo("sent");
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(peer.next_echo().await.1, "sent");
}

#[tokio::test(start_paused = true)]
async fn c10_a_deadline_is_sent_and_cancels_the_call() {
    let (client, mut peer) = in_memory(1024);
    let call = client.echo("slow").deadline(Duration::from_secs(9)).deadline(Duration::from_secs(3600));
    let server = async {
        let Some(ClientMessage::Call { id, time_left, .. }) = peer.next().await else { panic!("no call") };
        assert_eq!(time_left, Some(Duration::from_secs(9)));
        assert_eq!(peer.next().await, Some(ClientMessage::Cancel { id }));
    };
    let (result, ()) = tokio::join!(call, server);
    assert_eq!(result, failed(Failure::Deadline));
}

#[tokio::test(start_paused = true)]
async fn c10_a_deadline_ends_a_call_that_waits_for_capacity() {
    let (client, mut peer) = in_memory(1024);
    let client = EchoClient(client.0.max_in_flight(1));
    let mut slow = client.echo("slow");
    assert!(poll_once(&mut slow).is_pending());
    let (id, _) = peer.next_echo().await;
    let before = tokio::time::Instant::now();
    let (long, short) = tokio::join!(
        client.echo("long").deadline(Duration::from_secs(60)),
        client.echo("short").deadline(Duration::from_secs(2)),
    );
    assert_eq!((long, short), (failed(Failure::Deadline), failed(Failure::Deadline)));
    assert_eq!(before.elapsed().as_secs(), 60);
    // Neither was sent.
    peer.reply(id, "done").await;
    let mut last = client.echo("last");
    assert!(poll_once(&mut last).is_pending());
    assert_eq!(peer.next_echo().await.1, "last");
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_has_no_timer() {
    let (client, mut peer) = in_memory(1024);
    let mut call = client.echo("quick").deadline(Duration::from_secs(3600));
    assert!(poll_once(&mut call).is_pending());
    let Ok(Some(ClientMessage::Call { id, .. })) = peer.try_next().await else { panic!("no call") };
    peer.reply(id, "answered").await;
    assert_eq!(call.await, Ok("answered".to_owned()));
    // A paused clock advances to the next timer when the runtime has nothing to do.
    let before = tokio::time::Instant::now();
    let (done, is_done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        done.send(())
    });
    is_done.await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn c9_sent_calls_are_lost_and_others_are_not_sent() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let client = EchoClient(client.0.max_in_flight(1));
        let (mut sent, mut queued) = (client.echo("sent"), client.echo("queued"));
        assert!(poll_once(&mut sent).is_pending());
        assert!(poll_once(&mut queued).is_pending());
        peer.next_echo().await;
        assert!(!client.0.is_closed());
        drop(peer);
        assert_eq!(in_time(sent).await, failed(Failure::Lost), "{kind:?}");
        assert_eq!(in_time(queued).await, failed(Failure::Closed), "{kind:?}");
        in_time(client.0.closed()).await;
        assert!(client.0.is_closed());
        assert_eq!(in_time(client.echo("later")).await, failed(Failure::Closed));
    }
}

#[tokio::test]
async fn c14_the_connection_is_closed_when_the_last_client_is_dropped() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let clone = client.clone();
        drop(client);
        let mut call = clone.echo("still open");
        assert!(poll_once(&mut call).is_pending());
        peer.next_echo().await;
        drop(call);
        drop(clone);
        // A cancel message may come first.
        while let Some(message) = peer.next().await {
            assert!(matches!(message, ClientMessage::Cancel { .. }), "{kind:?}: {message:?}");
        }
    }
}

#[tokio::test]
async fn c14_a_call_outlives_its_clients() {
    let (client, mut peer) = in_memory(1024);
    let mut call = client.echo("last");
    drop(client);
    assert!(poll_once(&mut call).is_pending());
    let (id, _) = peer.next_echo().await;
    peer.reply(id, "answered").await;
    assert_eq!(in_time(call).await, Ok("answered".to_owned()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_call_wakes_the_task_that_has_polled_it_last() {
    let (client, mut peer) = in_memory(1024);
    let mut call = client.echo("moved");
    assert!(poll_once(&mut call).is_pending());
    let task = tokio::spawn(call);
    let (id, _) = peer.next_echo().await;
    yield_now().await;
    peer.reply(id, "arrived").await;
    assert_eq!(in_time(task).await.unwrap(), Ok("arrived".to_owned()));
}

/// Makes and drops another call when it is woken.
struct CallWhenWoken {
    client: EchoClient,
    calls: Mutex<Vec<Call<EchoCall, String>>>,
}

impl Wake for CallWhenWoken {
    fn wake(self: Arc<Self>) {
        let mut call = self.client.echo("from the waker");
        let _ = poll_once(&mut call);
        self.calls.lock().unwrap().push(call);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_are_woken_without_a_lock() {
    let (client, mut peer) = in_memory(1024);
    let waker = Arc::new(CallWhenWoken { client: client.clone(), calls: Mutex::default() });
    let mut call = client.echo("first");
    assert!(pin!(&mut call).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker)))).is_pending());
    let (id, _) = peer.next_echo().await;
    peer.reply(id, "done").await;
    assert_eq!(peer.next_echo().await.1, "from the waker");
    drop(peer);
    in_time(client.0.closed()).await;
    waker.calls.lock().unwrap().clear();
}

#[tokio::test]
async fn a_transport_of_ones_own_serves_the_queue() {
    let (client, mut queue): (_, CallQueue<EchoCall>) = RpcClient::with_queue();
    let client = EchoClient(client);
    let transport = tokio::spawn(async move {
        let mut cancelled = 0;
        while let Some(message) = queue.next().await {
            match message {
                ClientMessage::Call { id, call: EchoCall::Echo { text }, .. } if text == "refused" => {
                    queue.fail(id, Failure::UnknownMethod);
                }
                ClientMessage::Call { call: EchoCall::Echo { text }, .. } if text == "ignored" => {}
                ClientMessage::Call { id, call: EchoCall::Echo { text }, .. } => {
                    queue.deliver(ServerMessage::Reply { id, reply: EchoReply::Echo(text) });
                }
                ClientMessage::Cancel { .. } => cancelled += 1,
                other => panic!("{other:?}"),
            }
        }
        cancelled
    });
    assert_eq!(in_time(client.echo("text")).await, Ok("text".to_owned()));
    assert_eq!(in_time(client.echo("refused")).await, failed(Failure::UnknownMethod));
    let late = client.echo("ignored").deadline(Duration::from_millis(5));
    assert_eq!(in_time(late).await, failed(Failure::Deadline));
    assert_eq!(in_time(client.echo("text")).await, Ok("text".to_owned()));
    drop(client);
    assert_eq!(in_time(transport).await.unwrap(), 1);
}

#[test]
fn calls_and_clients_are_sent_between_threads() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Call<EchoCall, String>>();
    is_send::<EchoClient>();
    is_sync::<EchoClient>();
    is_send::<CallQueue<EchoCall>>();
}
