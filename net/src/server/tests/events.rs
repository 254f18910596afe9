//! What other tasks and threads post to a session.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::machine::{Phase, Report, ended, machine, peer, piped, within};
use super::*;
use crate::service::{PostFuture, SendError, TrySendError};
use portcullis_runtime::{Pool, Wait};

/// Whether it waits, and for what it waits no longer.
async fn poll(posting: &mut PostFuture<String, String>) -> Poll<Result<(), SendError<String>>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *posting).poll(cx))).await
}

/// A session whose handler holds on, with its peer.
async fn held(
    server: &Served,
    reports: &mut mpsc::UnboundedReceiver<Report>,
) -> (Client<String, String, Lines>, Peer<String, String>) {
    let mut client = server.connect().await;
    let peer = peer(reports).await;
    client.send("hold".to_owned()).await.expect("sent");
    assert_eq!(reports.recv().await, Some(Report::Holding));
    (client, peer)
}

on_both_flavours! {
    async fn an_event_wakes_an_idle_session_and_moves_it_on() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        assert_eq!(call(&mut client, "where").await, "fresh");
        peer.post("name Ada".to_owned()).await.expect("posted");
        assert_eq!(client.next().await.expect("read").as_deref(), Some("hello Ada"));
        // A request goes on where the event has led to, and so does an event where the request has.
        assert_eq!(call(&mut client, "who").await, "Ada");
        assert_eq!(call(&mut client, "name Bob").await, "hello Bob");
        peer.try_post("who".to_owned()).expect("capacity");
        assert_eq!(client.next().await.expect("read").as_deref(), Some("Bob"));
        peer.try_post("to closed".to_owned()).expect("capacity");
        assert_eq!(rest(&mut client).await, ["at closed"]);
        assert_eq!(ended(&mut reports).await.2, Reason::Closed(By::Handler));
        server.stop().await;
    }

    async fn s7_events_are_handled_in_the_order_in_which_they_were_posted() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service).max_queued_events(3)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        let posting = tokio::spawn(async move {
            for n in 0..1000 {
                peer.post(format!("tell {n}")).await.expect("posted");
            }
        });
        for n in 0..1000 {
            assert_eq!(client.next().await.expect("read"), Some(n.to_string()));
        }
        posting.await.expect("no panic");
        server.stop().await;
    }

    async fn s2_no_more_events_than_places_wait_for_a_busy_session() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service)).max_queued_events(2)).await;
        let (mut client, peer) = held(&server, &mut reports).await;
        peer.try_post("tell 1".to_owned()).expect("capacity");
        peer.post("tell 2".to_owned()).await.expect("posted");
        assert_eq!(peer.try_post("tell 9".to_owned()), Err(TrySendError::Full("tell 9".to_owned())));
        let (mut third, mut fourth) = (peer.post("tell 3".to_owned()), peer.post("tell 4".to_owned()));
        assert!(poll(&mut third).await.is_pending());
        assert!(poll(&mut fourth).await.is_pending());
        // A dropped post posts nothing, and does not block the next one.
        let mut given_up = peer.post("tell 8".to_owned());
        assert!(poll(&mut given_up).await.is_pending());
        drop(given_up);
        let mut fifth = peer.post("tell 5".to_owned());
        assert!(poll(&mut fifth).await.is_pending());
        service.release.add_permits(1);
        for posting in [third, fourth, fifth] {
            posting.await.expect("posted");
        }
        for expected in ["held", "1", "2", "3", "4", "5"] {
            assert_eq!(client.next().await.expect("read").as_deref(), Some(expected));
        }
        server.stop().await;
    }

    async fn post_timeout_gives_the_event_back_when_the_queue_stays_full() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service)).max_queued_events(1)).await;
        let (mut client, peer) = held(&server, &mut reports).await;
        let short = Duration::from_millis(20);
        assert_eq!(peer.post_timeout("tell 1".to_owned(), short).await, Ok(()));
        let event = "tell 2".to_owned();
        assert_eq!(peer.post_timeout(event.clone(), short).await, Err(TrySendError::Full(event.clone())));
        let posting = tokio::spawn(peer.post_timeout(event, LIMIT));
        service.release.add_permits(1);
        assert_eq!(posting.await.expect("no panic"), Ok(()));
        for expected in ["held", "1", "2"] {
            assert_eq!(client.next().await.expect("read").as_deref(), Some(expected));
        }
        peer.close();
        let event = "tell 3".to_owned();
        assert_eq!(peer.post_timeout(event.clone(), short).await, Err(TrySendError::Closed(event)));
        server.stop().await;
    }

    async fn an_event_that_finds_no_session_is_given_back() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service).max_queued_events(1)).await;
        let (client, peer) = held(&server, &mut reports).await;
        peer.try_post("tell 1".to_owned()).expect("capacity");
        let mut waiting = peer.post("tell 2".to_owned());
        assert!(poll(&mut waiting).await.is_pending());
        client.get_ref().set_zero_linger().expect("set");
        drop(client);
        assert_eq!(waiting.await, Err(SendError("tell 2".to_owned())));
        assert_eq!(peer.try_post("tell 3".to_owned()), Err(TrySendError::Closed("tell 3".to_owned())));
        assert_eq!(peer.post("tell 4".to_owned()).await, Err(SendError("tell 4".to_owned())));
        // The one that was posted is not handled any more.
        assert_eq!(ended(&mut reports).await, (vec!["hold".to_owned()], None, within("fresh", Reason::Reset)));
        server.stop().await;
    }

    async fn after_close_nothing_is_posted_and_nothing_that_was_is_handled() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service))).await;
        let (mut client, peer) = held(&server, &mut reports).await;
        peer.try_post("tell 1".to_owned()).expect("capacity");
        peer.close();
        assert_eq!(peer.try_post("tell 2".to_owned()), Err(TrySendError::Closed("tell 2".to_owned())));
        service.release.add_permits(1);
        assert_eq!(rest(&mut client).await, ["held"]);
        assert_eq!(ended(&mut reports).await, (vec!["hold".to_owned()], Some(Phase::Fresh), Reason::Closed(By::Close)));
        server.stop().await;
    }

    async fn an_event_is_passed_over_where_the_state_has_no_handler_for_it() {
        let (service, mut reports) = machine("deaf");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        for _ in 0..3 {
            peer.post("name Ada".to_owned()).await.expect("posted");
        }
        assert_eq!(call(&mut client, "where").await, "deaf");
        server.stop().await;
    }

    async fn requests_are_read_and_answered_beside_a_flood_of_events() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        // Each posts the next one: the queue is never empty.
        peer.try_post("again".to_owned()).expect("capacity");
        for n in 0..30 {
            assert_eq!(call(&mut client, &n.to_string()).await, n.to_string());
        }
        // And the answers to events are written.
        peer.post("tell more".to_owned()).await.expect("posted");
        assert_eq!(client.next().await.expect("read").as_deref(), Some("more"));
        client.finish().await.expect("half-closed");
        assert_eq!(rest(&mut client).await, [""; 0]);
        assert_eq!(ended(&mut reports).await.2, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s5_a_flood_of_events_does_not_hold_the_stop() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service).grace(Duration::from_secs(3600))).await;
        let mut client = server.connect().await;
        peer(&mut reports).await.try_post("again".to_owned()).expect("capacity");
        assert_eq!(call(&mut client, "x").await, "x");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 0), "{report}");
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, reason), (Some(Phase::Fresh), Reason::Stopped));
    }

    async fn s5_a_session_that_stops_answers_its_request_and_handles_no_events() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service)).grace(Duration::from_secs(3600))).await;
        let (mut client, peer) = held(&server, &mut reports).await;
        let mut idle = server.connect().await;
        assert_eq!(call(&mut idle, "x").await, "x");
        peer.try_post("tell 1".to_owned()).expect("capacity");
        server.handle.stop();
        // The stop has come to the sessions when an idle one has ended.
        assert_eq!(ended(&mut reports).await.2, Reason::Stopped);
        assert!(!peer.is_closed());
        service.release.add_permits(1);
        assert_eq!(rest(&mut client).await, ["held"]);
        assert_eq!(ended(&mut reports).await, (vec!["hold".to_owned()], Some(Phase::Fresh), Reason::Stopped));
        assert!(server.stop().await.is_clean());
    }

    async fn s1_an_error_of_an_event_goes_on_or_ends_as_that_of_a_request() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        peer.try_post("fail it".to_owned()).expect("capacity");
        assert_eq!(client.next().await.expect("read").as_deref(), Some("error: it"));
        assert_eq!(call(&mut client, "where").await, "fresh");
        assert_eq!(call(&mut client, "name Ada").await, "hello Ada");
        peer.try_post("fail it".to_owned()).expect("capacity");
        assert_eq!(rest(&mut client).await, ["error: it"]);
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, reason), (None, within("greeted", Reason::Failed("it".to_owned()))));
        server.stop().await;
    }

    async fn s1_a_panic_in_an_event_ends_its_session_and_no_other() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut other = server.connect().await;
        assert_eq!(call(&mut other, "one").await, "one");
        peer(&mut reports).await;
        let mut client = server.connect().await;
        peer(&mut reports).await.try_post("panic".to_owned()).expect("capacity");
        assert_eq!(rest(&mut client).await, ["panic: as asked"]);
        assert_eq!(ended(&mut reports).await.2, within("fresh", Reason::Panicked("as asked".to_owned())));
        assert_eq!(call(&mut other, "two").await, "two");
        server.stop().await;
    }

    async fn s8_a_reset_drops_an_event_that_is_being_handled() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        assert_eq!(call(&mut client, "name Ada").await, "hello Ada");
        peer.try_post("hold".to_owned()).expect("capacity");
        assert_eq!(reports.recv().await, Some(Report::Holding));
        client.get_ref().set_zero_linger().expect("set");
        drop(client);
        assert_eq!(reports.recv().await, Some(Report::Dropped));
        let (_, last, reason) = ended(&mut reports).await;
        assert_eq!((last, reason), (None, within("greeted", Reason::Reset)));
        server.stop().await;
    }

    async fn s8_half_close_finishes_or_cancels_an_event_as_the_state_says() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(Arc::clone(&service))).await;
        for (state, answered) in [("fresh", true), ("fickle", false)] {
            let mut client = server.connect().await;
            let peer = peer(&mut reports).await;
            assert_eq!(call(&mut client, &format!("to {state}")).await, format!("at {state}"));
            peer.try_post("hold".to_owned()).expect("capacity");
            assert_eq!(reports.recv().await, Some(Report::Holding));
            client.finish().await.expect("half-closed");
            if answered {
                service.release.add_permits(1);
                assert_eq!(rest(&mut client).await, ["held"]);
                assert_eq!(ended(&mut reports).await.2, Reason::PeerClosed);
            } else {
                assert_eq!(reports.recv().await, Some(Report::Dropped));
                assert_eq!(ended(&mut reports).await.2, within("fickle", Reason::PeerClosed));
            }
        }
        server.stop().await;
    }

    async fn a_thread_posts_and_waits_for_its_place() {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service).max_queued_events(1)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        let pool = Pool::builder("poster").threads(1).build().expect("a pool");
        let posted = pool.run(move |worker| {
            (0..50).all(|n| matches!(peer.post(format!("tell {n}")).wait(worker), Ok(Ok(()))))
        });
        assert!(posted.await.expect("it ran"));
        for n in 0..50 {
            assert_eq!(client.next().await.expect("read"), Some(n.to_string()));
        }
        server.stop().await;
    }
}

#[test]
fn events_and_pipelined_requests_take_turns() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (mut client, service, mut reports) = piped("fresh", |server| server);
        let peer = peer(&mut reports).await;
        client.send("hold".to_owned()).await.expect("sent");
        assert_eq!(reports.recv().await, Some(Report::Holding));
        for n in 0..50 {
            client.send(format!("request {n}")).await.expect("sent");
            peer.try_post(format!("event {n}")).expect("capacity");
        }
        client.finish().await.expect("half-closed");
        // The clock moves on when no task has anything to do: everything that was sent has been
        // read.
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.release.add_permits(1);
        let (handled, ..) = ended(&mut reports).await;
        let turns = (0..50).flat_map(|n| [format!("event {n}"), format!("request {n}")]);
        assert_eq!(handled[1..], turns.collect::<Vec<_>>());
    });
}

#[test]
fn a_flood_of_events_lets_the_loop_look_for_requests() {
    run(&mut tokio::runtime::Builder::new_current_thread(), async {
        let (service, mut reports) = machine("fresh");
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        let peer = peer(&mut reports).await;
        // Each posts the next one: the queue is never empty.
        peer.try_post("again".to_owned()).expect("capacity");
        for n in 0..20 {
            assert_eq!(call(&mut client, &n.to_string()).await, n.to_string());
        }
        client.finish().await.expect("half-closed");
        let (handled, ..) = ended(&mut reports).await;
        // A session that yields handles some hundred events in between. The client is a task of the
        // same loop, which looks for its response and then for its next request.
        let events = handled.split(|handled| handled != "again").map(<[_]>::len);
        let most = events.skip(1).take(19).max().expect("requests");
        assert!(most < 4000, "{most} events between two requests");
        server.stop().await;
    });
}
