//! [`Topic`]: events for all nodes.
//!
//! A peer's `post` reaches the sessions of its own server. A topic carries an event to every node,
//! and each node posts it to its own sessions. Events are numbered by their publisher, so that a
//! subscriber counts those that it has missed: because its buffer was full, or while its client was
//! not connected.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_nats::{Client, HeaderMap, Message, Subscriber};
use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use portcullis_codec::DatagramCodec;
use tokio::sync::Mutex;
use tracing::debug;

use crate::NatsError;
use crate::wire::{PUBLISHER, SEQUENCE, number, wait_until_processed};

/// A subscription remembers the last number of this many publishers. If there are more, it forgets
/// all of them and begins anew.
const MAX_PUBLISHERS: usize = 4096;
/// Publishers with a longer name are not remembered: any program may send any name.
const MAX_PUBLISHER_LEN: usize = 128;

/// Events of type `Ev` on a subject, for every node that subscribes.
///
/// Cheap to clone; clones are the same publisher. An event reaches the subscriptions that exist
/// when it is published, those of the publisher itself included. It is delivered at most once.
///
/// ```no_run
/// # use portcullis::nats::{Topic, async_nats};
/// # use portcullis::{Datagrams, Json};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), portcullis::nats::NatsError> {
/// # let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let room = Topic::<String, _>::new(client, "rooms.lobby", Datagrams::<Json>::new());
/// let mut lines = room.subscribe().await?;
/// room.publish("hello".to_owned()).await?;
/// if let Some(received) = lines.next().await {
///     println!("{} ({} missed before it)", received.event, received.missed);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Topic<Ev, D> {
    client: Client,
    subject: String,
    codec: D,
    publisher: Arc<Publisher>,
    events: PhantomData<fn(Ev) -> Ev>,
}

struct Publisher {
    id: String,
    /// The number of the last event. Locked while an event is handed to the client, so that events
    /// are published in the order of their numbers.
    last: Mutex<u64>,
}

impl<Ev, D: Clone> Clone for Topic<Ev, D> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            subject: self.subject.clone(),
            codec: self.codec.clone(),
            publisher: Arc::clone(&self.publisher),
            events: PhantomData,
        }
    }
}

impl<Ev, D> fmt::Debug for Topic<Ev, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl<Ev, D: DatagramCodec<Ev, Ev>> Topic<Ev, D> {
    /// The topic on `subject`.
    pub fn new(client: Client, subject: impl Into<String>, codec: D) -> Self {
        let publisher = Arc::new(Publisher { id: client.new_inbox(), last: Mutex::new(0) });
        Self { client, subject: subject.into(), codec, publisher, events: PhantomData }
    }

    /// Publishes an event. Waits while the client's queue of commands is full, which is also the
    /// case while it is not connected.
    ///
    /// # Errors
    /// The event cannot be encoded, is larger than the NATS server allows, or the client is closed.
    ///
    /// # Cancellation
    /// A future that is dropped may have published the event.
    pub async fn publish(&self, event: Ev) -> Result<(), NatsError> {
        let mut payload = BytesMut::new();
        self.codec.clone().encode(event, &mut payload)?;
        let mut headers = HeaderMap::new();
        headers.insert(PUBLISHER, self.publisher.id.as_str());
        let mut last = self.publisher.last.lock().await;
        let sequence = *last + 1;
        headers.insert(SEQUENCE, sequence.to_string());
        self.client.publish_with_headers(self.subject.clone(), headers, payload.freeze()).await?;
        *last = sequence;
        Ok(())
    }

    /// Subscribes. Events wait in a buffer of the client, whose capacity is
    /// [`ConnectOptions::subscription_capacity`](async_nats::ConnectOptions::subscription_capacity)
    /// events; those that do not fit are missed.
    ///
    /// Returns when the NATS server has the subscription: an event that is published after that is
    /// received. A client that is not connected subscribes as soon as it is, and this returns at
    /// once.
    ///
    /// # Errors
    /// The subject is invalid, the client is closed, or the server does not answer.
    pub async fn subscribe(&self) -> Result<Subscription<Ev, D>, NatsError> {
        let subscriber = self.client.subscribe(self.subject.clone()).await?;
        wait_until_processed(&self.client).await?;
        Ok(Subscription {
            subscriber,
            codec: self.codec.clone(),
            gaps: Gaps::default(),
            malformed: 0,
            events: PhantomData,
        })
    }
}

/// An event that a [`Subscription`] has received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received<Ev> {
    /// The event.
    pub event: Ev,
    /// How many events of the same publisher were missed immediately before this one.
    pub missed: u64,
}

/// The events of a [`Topic`] since it was subscribed to. Also a [`Stream`].
///
/// Dropping it ends the subscription.
pub struct Subscription<Ev, D> {
    subscriber: Subscriber,
    codec: D,
    gaps: Gaps,
    malformed: u64,
    events: PhantomData<fn() -> Ev>,
}

impl<Ev, D> fmt::Debug for Subscription<Ev, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("missed", &self.gaps.total).finish_non_exhaustive()
    }
}

// Nothing in it is pinned.
impl<Ev, D> Unpin for Subscription<Ev, D> {}

impl<Ev, D> Subscription<Ev, D> {
    /// How many events were missed since the subscription began, of publishers that were heard
    /// before. Events from programs that do not number them are not counted.
    pub fn missed(&self) -> u64 {
        self.gaps.total
    }

    /// How many messages on the subject were no events in the codec's format. They are passed over.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}

impl<Ev, D: DatagramCodec<Ev, Ev>> Subscription<Ev, D> {
    /// The next event. `None` when the client is closed.
    ///
    /// # Cancellation
    /// Safe: a future that is dropped has not taken an event.
    pub async fn next(&mut self) -> Option<Received<Ev>> {
        StreamExt::next(self).await
    }
}

impl<Ev, D: DatagramCodec<Ev, Ev>> Stream for Subscription<Ev, D> {
    type Item = Received<Ev>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received<Ev>>> {
        let this = self.get_mut();
        loop {
            let Some(message) = ready!(this.subscriber.poll_next_unpin(cx)) else { return Poll::Ready(None) };
            let missed = this.gaps.before(&message);
            match this.codec.decode(&message.payload) {
                Ok(event) => return Poll::Ready(Some(Received { event, missed })),
                Err(error) => {
                    this.malformed += 1;
                    debug!(%error, subject = %message.subject, "a message is no event");
                }
            }
        }
    }
}

/// The numbers of the events that were received, by publisher.
#[derive(Default)]
struct Gaps {
    last: HashMap<String, u64>,
    total: u64,
}

impl Gaps {
    /// How many events of the message's publisher are missing immediately before it.
    fn before(&mut self, message: &Message) -> u64 {
        let headers = message.headers.as_ref();
        let publisher = headers.and_then(|headers| headers.get(PUBLISHER));
        let Some((publisher, sequence)) = publisher.zip(number(headers, SEQUENCE)) else { return 0 };
        self.record(publisher.as_str(), sequence)
    }

    fn record(&mut self, publisher: &str, sequence: u64) -> u64 {
        if let Some(last) = self.last.get_mut(publisher) {
            let missed = sequence.saturating_sub(*last).saturating_sub(1);
            *last = sequence.max(*last);
            self.total = self.total.saturating_add(missed);
            return missed;
        }
        if publisher.len() > MAX_PUBLISHER_LEN {
            return 0;
        }
        if self.last.len() >= MAX_PUBLISHERS {
            self.last.clear();
        }
        self.last.insert(publisher.to_owned(), sequence);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_for_each_publisher_since_it_was_first_heard() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.record("a", 7), 0);
        assert_eq!(gaps.record("b", 1), 0);
        assert_eq!(gaps.record("a", 8), 0);
        assert_eq!(gaps.record("a", 12), 3);
        assert_eq!(gaps.record("b", 3), 1);
        assert_eq!(gaps.record("a", 10), 0, "a message that is late");
        assert_eq!(gaps.record("a", 13), 0);
        assert_eq!(gaps.total, 4);
    }

    #[test]
    fn the_memory_of_publishers_is_bounded() {
        let mut gaps = Gaps::default();
        for publisher in 0..=MAX_PUBLISHERS {
            gaps.record(&publisher.to_string(), 1);
        }
        assert_eq!(gaps.last.len(), 1);
        gaps.record(&"x".repeat(1_000_000), 1);
        assert!(gaps.last.keys().all(|publisher| publisher.len() < 1000), "names of any length");
        assert_eq!(gaps.record("0", u64::MAX), 0);
        assert_eq!(gaps.record("0", 1), 0);
        assert_eq!(gaps.total, 0);
    }
}
