//! Peers and their queues, without sockets.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::mailbox::Mailbox;
use super::*;
use crate::server_shared::{QueueLimits, SessionLimits, WeightLimit};
use crate::{Peer, SendError, SendFuture, TrySendError};

fn server(bound: usize, response_weight: Option<WeightLimit>) -> Arc<ServerShared> {
    let limits =
        QueueLimits { responses: bound, response_weight, unwritten: 0, events: bound, decode_on: None };
    Arc::new(ServerShared::new(SessionLimits::default(), limits, crate::Stopping::never()))
}

fn peer(id: u64, bound: usize) -> Peer<u32> {
    Peer::of(&SessionShared::new(id, Origin::Unnamed, server(bound, None)))
}

fn poll(sending: &mut SendFuture<u32>) -> Poll<Result<(), SendError<u32>>> {
    Pin::new(sending).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn s11_senders_wait_at_the_bound_in_order_of_arrival() {
    let peer = peer(1, 2);
    peer.try_send(1).expect("a place");
    peer.try_send(2).expect("a place");
    assert_eq!(peer.try_send(9), Err(TrySendError::Full(9)));
    let (mut third, mut fourth) = (peer.send(3), peer.send(4));
    assert!(poll(&mut third).is_pending());
    assert!(poll(&mut fourth).is_pending());

    assert_eq!(peer.inner().pop(), Some(1));
    assert_eq!(peer.try_send(9), Err(TrySendError::Full(9)), "no sender overtakes one that waits");
    assert_eq!(poll(&mut fourth), Poll::Pending);
    assert_eq!(poll(&mut third), Poll::Ready(Ok(())));
    assert_eq!(
        [peer.inner().pop(), peer.inner().pop(), peer.inner().pop(), peer.inner().pop()],
        [Some(2), Some(3), Some(4), None]
    );
    assert_eq!(poll(&mut fourth), Poll::Ready(Ok(())));
}

#[test]
fn s11_senders_wait_at_the_weight_too_and_one_always_has_room() {
    let limit = WeightLimit::new(10, |weight: &u32| usize::try_from(*weight).expect("small"));
    let peer: Peer<u32> = Peer::of(&SessionShared::new(1, Origin::Unnamed, server(4, Some(limit))));
    // Heavier than all may be, and the only one.
    peer.try_send(100).expect("a place");
    assert_eq!(peer.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(peer.inner().pop(), Some(100));
    for weight in [6, 3, 0] {
        peer.try_send(weight).expect("a place");
    }
    assert_eq!(peer.try_send(2), Err(TrySendError::Full(2)));
    let (mut heavy, mut light) = (peer.send(9), peer.send(1));
    assert!(poll(&mut heavy).is_pending());
    assert!(poll(&mut light).is_pending(), "no sender overtakes one that waits");
    // It waits until the messages that do not fit beside it were taken.
    assert_eq!([peer.inner().pop(), peer.inner().pop()], [Some(6), Some(3)]);
    assert_eq!(poll(&mut heavy), Poll::Ready(Ok(())), "0 beside 9 is no more than 10");
    assert!(poll(&mut light).is_pending(), "one place a time");
    assert_eq!(peer.inner().pop(), Some(0));
    assert_eq!(poll(&mut light), Poll::Ready(Ok(())));
    assert_eq!([peer.inner().pop(), peer.inner().pop(), peer.inner().pop()], [Some(9), Some(1), None]);
    // By their number as ever.
    for weight in [1, 1, 1, 1] {
        peer.try_send(weight).expect("a place");
    }
    assert_eq!(peer.try_send(1), Err(TrySendError::Full(1)));
}

#[test]
fn a_sender_that_is_dropped_sends_nothing() {
    let peer = peer(1, 1);
    peer.try_send(1).expect("a place");
    let mut second = peer.send(2);
    assert!(poll(&mut second).is_pending());
    drop(second);
    drop(peer.send(3));
    assert_eq!([peer.inner().pop(), peer.inner().pop()], [Some(1), None]);
}

#[test]
fn after_close_the_queue_is_kept_and_senders_get_their_responses_back() {
    let peer = peer(1, 1);
    peer.try_send(1).expect("a place");
    let mut second = peer.send(2);
    assert!(poll(&mut second).is_pending());
    peer.close();
    assert!(peer.is_closed());
    assert_eq!(poll(&mut second), Poll::Ready(Err(SendError(2))));
    assert_eq!(peer.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(peer.inner().pop(), Some(1));
}

#[test]
fn s24_after_shutdown_write_the_queue_is_kept_and_events_are_taken() {
    let shared = SessionShared::<u32, u32>::new(1, Origin::Unnamed, server(1, None));
    let peer = Peer::of(&shared);
    peer.try_send(1).expect("a place");
    let mut second = peer.send(2);
    let poll =
        |sending: &mut SendFuture<u32, u32>| Pin::new(sending).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll(&mut second).is_pending());
    peer.shutdown_write();
    assert_eq!(poll(&mut second), Poll::Ready(Err(SendError(2))));
    assert_eq!(peer.try_send(3), Err(TrySendError::Closed(3)));
    assert!(peer.is_closed() && !shared.is_closing() && !shared.is_shutdown_due());
    assert_eq!(peer.try_post(4), Ok(()));
    assert_eq!(shared.pop(), Some(1));
    assert!(shared.is_shutdown_due());
    shared.mark_shut_down();
    assert_eq!((shared.pop_event(), shared.is_dirty()), (Some(4), false));
    assert_eq!(peer.try_send(5), Err(TrySendError::Closed(5)));
    peer.close();
    peer.shutdown_write();
    assert!(shared.is_closing() && shared.is_dirty());
    assert_eq!(peer.try_post(6), Err(TrySendError::Closed(6)));
}

#[test]
fn s17_a_state_is_named_beside_the_deadline() {
    let server = Arc::into_inner(server(1, None)).expect("the only owner");
    let server = server.with_state_names(|index| ["one", "two"][usize::from(index)]);
    let shared = SessionShared::<u32, u32>::new(1, Origin::Unnamed, Arc::new(server));
    assert_eq!(shared.state_name(), None);
    shared.set_deadline(1, Limit::Next);
    shared.set_state(1);
    assert_eq!(shared.state_name(), Some("two"));
    assert!(!shared.is_past_deadline());
    shared.clear_deadline();
    assert_eq!(shared.state_name(), Some("two"));
    shared.set_deadline(0, Limit::Write);
    assert!(!shared.is_past_deadline(), "zero is none");
    shared.set_deadline(u64::MAX, Limit::Next);
    shared.set_state(0);
    assert_eq!((shared.state_name(), shared.is_past_deadline()), (Some("one"), false));
}

#[test]
fn s13_an_abort_drops_the_queue_also_after_a_close() {
    for close_first in [false, true] {
        let peer = peer(1, 1);
        peer.try_send(1).expect("a place");
        let mut second = peer.send(2);
        assert!(poll(&mut second).is_pending());
        if close_first {
            peer.close_with(Reason::Overload);
        }
        peer.abort();
        assert_eq!(peer.inner().pop(), None);
        assert_eq!(poll(&mut second), Poll::Ready(Err(SendError(2))));
        assert_eq!(peer.try_send(3), Err(TrySendError::Closed(3)));
        let expected = if close_first { Reason::Overload } else { Reason::Closed(By::Abort) };
        peer.close();
        assert_eq!(peer.inner().close_reason(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_with_a_timeout_gives_the_response_back() {
    let limit = Duration::from_secs(3);
    let began = Instant::now();
    let peer = peer(1, 1);
    assert_eq!(peer.send_timeout(1, Duration::ZERO).await, Ok(()));
    assert_eq!(peer.send_timeout(2, limit).await, Err(TrySendError::Full(2)));
    assert_eq!(began.elapsed().as_secs(), 3);
    // One that was dropped, or has timed out, does not block the next one.
    drop(peer.send_timeout(3, limit));
    let waiting = tokio::spawn(peer.send_timeout(4, limit));
    tokio::task::yield_now().await;
    assert_eq!(peer.inner().pop(), Some(1));
    assert_eq!(waiting.await.expect("no panic"), Ok(()));
    assert_eq!(peer.inner().pop(), Some(4));
    assert_eq!(peer.send_timeout(5, limit).await, Ok(()));
    let waiting = tokio::spawn(peer.send_timeout(6, limit));
    tokio::task::yield_now().await;
    peer.close();
    assert_eq!(waiting.await.expect("no panic"), Err(TrySendError::Closed(6)));
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn s14_a_deadline_names_its_limit() {
    let shared = SessionShared::<u32, Infallible>::new(1, Origin::Unnamed, server(1, None));
    tokio::time::advance(Duration::from_millis(1)).await;
    shared.server().tick();
    let reason = || shared.abort_reason(ShutdownPhase::Aborting);
    for limit in Limit::ALL {
        shared.set_deadline(1, limit);
        assert_eq!(reason(), Some(Reason::Timeout(limit)));
        for far in [2, u64::MAX >> CLOCK_SHIFT, u64::MAX] {
            shared.set_deadline(far, limit);
            assert_eq!(reason(), None);
        }
    }
    shared.clear_deadline();
    assert_eq!(reason(), None);
}

#[tokio::test]
async fn ended_is_ready_when_the_last_hook_has_run() {
    let peer = peer(1, 1);
    let (mut ended, mut closed) = (peer.ended(), peer.closed());
    let mut cx = Context::from_waker(Waker::noop());
    drop(peer.ended());
    peer.close();
    assert!(Pin::new(&mut closed).poll(&mut cx).is_ready());
    assert!(Pin::new(&mut ended).poll(&mut cx).is_pending());
    let waiting = tokio::spawn(peer.ended());
    tokio::task::yield_now().await;
    peer.inner().mark_ended();
    assert!(Pin::new(&mut ended).poll(&mut cx).is_ready());
    waiting.await.expect("no panic");
    peer.ended().await;
}

#[test]
fn what_is_queued_at_the_end_is_dropped_though_each_drop_panics() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::SeqCst);
            panic!("dropped");
        }
    }

    let shared = SessionShared::new(1, Origin::Unnamed, server(4, None));
    let peer: Peer<Bomb, Bomb> = Peer::of(&shared);
    for _ in 0..4 {
        assert!(peer.try_send(Bomb).is_ok() && peer.try_post(Bomb).is_ok());
    }
    peer.close();
    assert_eq!(DROPPED.load(Ordering::SeqCst), 4, "the events");
    shared.end();
    assert_eq!(DROPPED.load(Ordering::SeqCst), 8);
}

#[test]
fn sending_is_a_future_for_any_thread() {
    fn check<T: Send + 'static>(_: &T) {}
    check(&peer(1, 1).send(1));
}

#[test]
fn peers_are_equal_if_they_are_of_one_connection() {
    let (a, b) = (peer(1, 1), peer(2, 1));
    let set: HashSet<_> = [a.clone(), a.clone(), b.clone()].into();
    assert_eq!(set.len(), 2);
    assert!(a == a.clone() && a != b);
}

#[test]
fn the_driver_never_parks_over_a_change_and_is_woken_once() {
    let mut mailbox = Mailbox::<u32, Infallible>::new();
    mailbox.begin_poll(Waker::noop());
    assert!(mailbox.notify().is_none(), "a driver that is being polled is not woken");
    assert!(!mailbox.try_park().0, "it looks again");
    assert!(mailbox.try_park().0);
    assert!(mailbox.notify().is_some());
    assert!(mailbox.notify().is_none(), "it has been woken already");
}

#[test]
fn what_each_session_shares_is_small() {
    // With the two counts of its `Arc` 104 bytes, which malloc fits in beside the task.
    let size = size_of::<SessionShared<String, Infallible>>();
    assert!(size <= 88, "{size}");
}

#[test]
fn an_address_comes_back_as_it_was() {
    for addr in ["127.0.0.1:80", "[::1]:65535", "[fe80::1%7]:1"] {
        let addr = addr.parse().expect("an address");
        let shared = SessionShared::<u32, Infallible>::new(1, Some(addr).into(), server(1, None));
        assert_eq!(shared.origin().addr(), Some(addr));
    }
}
