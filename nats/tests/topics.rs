//! Topics over a real NATS server.

#![forbid(unsafe_code)]

mod common;

use std::time::Duration;

use common::{NatsServer, eventually, soon};
use portcullis::nats::Topic;
use portcullis::nats::async_nats::ConnectOptions;
use portcullis::{Datagrams, Json};

type Lines = Topic<String, Datagrams<Json>>;

async fn topic(nats: &NatsServer) -> Lines {
    Topic::new(nats.client().await, "rooms.lobby", Datagrams::new())
}

#[tokio::test]
async fn an_event_reaches_every_subscription_its_publishers_included() {
    let nats = nats_server!();
    let (first, second) = (topic(&nats).await, topic(&nats).await);
    let mut subscriptions = [first.subscribe().await.expect("one"), second.subscribe().await.expect("two")];
    for n in 0..100 {
        let topic = if n % 2 == 0 { &first } else { &second };
        topic.publish(n.to_string()).await.expect("published");
    }
    for subscription in &mut subscriptions {
        let mut seen = Vec::new();
        for _ in 0..100 {
            let received = soon(subscription.next()).await.expect("an event");
            assert_eq!(received.missed, 0);
            seen.push(received.event);
        }
        let of = |rest: usize| (0..100).filter(move |n| n % 2 == rest).map(|n| n.to_string());
        for rest in 0..2 {
            let heard = seen.iter().filter(|n| n.parse::<usize>().expect("a number") % 2 == rest);
            assert!(heard.cloned().eq(of(rest)), "in the order of their publisher");
        }
        assert_eq!((subscription.missed(), subscription.malformed()), (0, 0));
    }
}

#[tokio::test]
async fn a_slow_subscriber_misses_events_and_counts_them() {
    let nats = nats_server!();
    let options = ConnectOptions::new().subscription_capacity(10);
    let slow =
        Lines::new(options.connect(nats.url()).await.expect("a connection"), "rooms.lobby", Datagrams::new());
    let mut subscription = slow.subscribe().await.expect("subscribed");
    let publisher = topic(&nats).await;
    publisher.publish("first".into()).await.expect("published");
    assert_eq!(soon(subscription.next()).await.expect("an event").event, "first");
    for n in 0..1000 {
        publisher.publish(n.to_string()).await.expect("published");
    }
    // All of them were delivered to the slow client, or dropped there, when one more has come back.
    let (mut seen, mut missed) = (0, 0);
    eventually("the gap is seen", async || {
        publisher.publish("again".into()).await.expect("published");
        if let Ok(Some(received)) =
            tokio::time::timeout(Duration::from_millis(100), subscription.next()).await
        {
            missed += received.missed;
            seen += 1;
        }
        missed > 0
    })
    .await;
    assert_eq!(subscription.missed(), missed);
    assert!(missed < 1000 + seen, "{missed} missed, {seen} seen");
}

#[tokio::test]
async fn a_message_that_is_no_event_is_passed_over_and_counted() {
    let nats = nats_server!();
    let topic = topic(&nats).await;
    let mut subscription = topic.subscribe().await.expect("subscribed");
    // Of another program, which does not number its events.
    let raw = nats.client().await;
    raw.publish("rooms.lobby", "no JSON".into()).await.expect("published");
    raw.publish("rooms.lobby", "\"raw\"".into()).await.expect("published");
    raw.flush().await.expect("sent");
    let received = soon(subscription.next()).await.expect("an event");
    assert_eq!((&*received.event, received.missed), ("raw", 0));
    assert_eq!(subscription.malformed(), 1);
}

#[tokio::test]
async fn events_during_a_restart_of_the_server_are_counted_as_missed_or_arrive() {
    let mut nats = nats_server!();
    let (publisher, listener) = (topic(&nats).await, topic(&nats).await);
    let mut subscription = listener.subscribe().await.expect("subscribed");
    publisher.publish("before".into()).await.expect("published");
    assert_eq!(soon(subscription.next()).await.expect("an event").event, "before");
    nats.kill();
    for n in 0..10 {
        publisher.publish(n.to_string()).await.expect("kept by the client, or lost");
    }
    nats.restart().await;
    let (mut seen, mut published) = (0, 0);
    eventually("events arrive again", async || {
        publisher.publish("after".into()).await.expect("published");
        published += 1;
        while let Ok(Some(received)) =
            tokio::time::timeout(Duration::from_millis(50), subscription.next()).await
        {
            seen += 1;
            if received.event == "after" {
                return true;
            }
        }
        false
    })
    .await;
    // Whatever was lost is counted, up to the event that came last.
    assert!(seen + subscription.missed() >= 11, "{seen} seen, {} missed", subscription.missed());
}
