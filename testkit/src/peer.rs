//! [`peer`]: a peer without a connection, for unit tests of handlers.

use std::convert::Infallible;
use std::fmt;

use super::TEST_TIMEOUT;
use super::detached::DetachedPeer;
use crate::service::Peer;

/// A [`Peer`] for unit tests of handlers and hooks, and what is sent to it. The queue is that of a
/// connection (128 wait), which only the test empties.
///
/// ```
/// # use portcullis::{Peer, test};
/// async fn greet(peer: &Peer<String>) {
///     let _ = peer.send("hello".to_owned()).await;
///     peer.close();
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (peer, mut sent) = test::peer();
/// greet(&peer).await;
/// assert_eq!(sent.next().await, Some("hello".to_owned()));
/// assert_eq!(sent.next().await, None); // closed by the handler
/// # }
/// ```
pub fn peer<Rsp: Send + 'static, Ev: Send + 'static>() -> (Peer<Rsp, Ev>, SentMessages<Rsp, Ev>) {
    bounded_peer(128)
}

/// As [`peer`], with a queue of `bound` responses (and as many events), at least one: to see what
/// happens when it is full.
///
/// ```
/// # use portcullis::{Peer, TrySendError, test};
/// let (peer, mut sent): (Peer<u32>, _) = test::bounded_peer(1);
/// assert!(peer.try_send(1).is_ok());
/// assert_eq!(peer.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(sent.try_next(), Some(1));
/// drop(sent); // closes the connection
/// assert_eq!(peer.try_send(3), Err(TrySendError::Closed(3)));
/// ```
pub fn bounded_peer<Rsp: Send + 'static, Ev: Send + 'static>(
    bound: usize,
) -> (Peer<Rsp, Ev>, SentMessages<Rsp, Ev>) {
    let (peer, detached) = DetachedPeer::new(None, bound);
    (peer, SentMessages { detached })
}

/// The messages that were sent and posted to a [`peer`], in order. Dropping it disconnects the
/// peer.
pub struct SentMessages<Rsp, Ev = Infallible> {
    detached: DetachedPeer<Rsp, Ev>,
}

impl<Rsp, Ev> SentMessages<Rsp, Ev> {
    /// The next response, which makes room for another; `None` if the peer is
    /// [closed](Peer::close), or its [writing side](Peer::shutdown_write) is, and nothing is left.
    ///
    /// # Panics
    /// If nothing comes for ten seconds of real time.
    pub async fn next(&mut self) -> Option<Rsp> {
        within_test_timeout(self.detached.next_response(), "was sent to the peer").await
    }

    /// Returns the next response, if there is one.
    pub fn try_next(&mut self) -> Option<Rsp> {
        self.detached.response()
    }

    /// The next event, which makes room for another; `None` if the peer is closed, which drops the
    /// events.
    ///
    /// # Panics
    /// If nothing comes for ten seconds of real time.
    pub async fn next_event(&mut self) -> Option<Ev> {
        within_test_timeout(self.detached.next_event(), "was posted to the peer").await
    }

    /// Returns the next event, if there is one.
    pub fn try_next_event(&mut self) -> Option<Ev> {
        self.detached.event()
    }

    /// Returns whether the peer was [closed](Peer::close): the session would end when what is
    /// queued has been written.
    pub fn is_closed(&self) -> bool {
        self.detached.is_closing()
    }
}

async fn within_test_timeout<T>(next: impl Future<Output = T>, what: &str) -> T {
    let next = super::clock::with_real_deadline(std::time::Instant::now() + TEST_TIMEOUT, next).await;
    next.unwrap_or_else(|| panic!("nothing {what} within {TEST_TIMEOUT:?}"))
}

impl<Rsp, Ev> Drop for SentMessages<Rsp, Ev> {
    fn drop(&mut self) {
        self.detached.end();
    }
}

impl<Rsp, Ev> fmt::Debug for SentMessages<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentMessages").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
