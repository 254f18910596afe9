//! [`DetachedPeer`]: the driver's side of a peer without a connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use crate::service::internal::{QueueLimits, ServerShared, SessionLimits, SessionShared};
use crate::service::{Peer, Stopping};

/// The driver's side of a [`Peer`] that belongs to no connection.
pub(crate) struct DetachedPeer<Rsp, Ev>(Arc<SessionShared<Rsp, Ev>>);

impl<Rsp: Send + 'static, Ev: Send + 'static> DetachedPeer<Rsp, Ev> {
    pub(crate) fn new(addr: Option<SocketAddr>, bound: usize) -> (Peer<Rsp, Ev>, Self) {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let limits = QueueLimits {
            responses: bound,
            response_weight: None,
            unwritten: 0,
            events: bound,
            decode_on: None,
        };
        let server = Arc::new(ServerShared::new(SessionLimits::default(), limits, Stopping::never()));
        let shared = SessionShared::new(IDS.fetch_add(1, Ordering::Relaxed), addr.into(), server);
        (Peer::of(&shared), Self(shared))
    }
}

impl<Rsp, Ev> DetachedPeer<Rsp, Ev> {
    pub(crate) fn response(&self) -> Option<Rsp> {
        self.0.pop()
    }

    pub(crate) fn event(&self) -> Option<Ev> {
        self.0.pop_event()
    }

    /// The next response; `None` when no more are taken and none is left.
    pub(crate) async fn next_response(&self) -> Option<Rsp> {
        self.next(SessionShared::is_closed, SessionShared::pop).await
    }

    /// The next event; `None` when the peer is closing.
    pub(crate) async fn next_event(&self) -> Option<Ev> {
        self.next(SessionShared::is_closing, SessionShared::pop_event).await
    }

    async fn next<T>(
        &self,
        is_closed: impl Fn(&SessionShared<Rsp, Ev>) -> bool,
        take: impl Fn(&SessionShared<Rsp, Ev>) -> Option<T>,
    ) -> Option<T> {
        poll_fn(|cx| {
            loop {
                self.0.begin_poll(cx.waker());
                // Read before the queues: what was sent before the close is still there.
                let closed = is_closed(&self.0);
                if let Some(item) = take(&self.0) {
                    return Poll::Ready(Some(item));
                }
                if closed {
                    return Poll::Ready(None);
                }
                if self.0.try_park() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Whether the session would end when what is queued has been written.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    /// Ends the session, as if the connection had been reset.
    pub(crate) fn end(&self) {
        self.0.release_driver();
    }
}
