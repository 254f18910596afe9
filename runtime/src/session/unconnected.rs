//! [`Unconnected`]: a peer with nobody behind it but a test.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use super::hub::Seat;
use super::mail::Gate;
use super::peer::Peer;
use super::post::Post;
use super::watch::{Bounds, Limits, Watch};
use crate::service::Service;

/// The driver's side of a [`Peer`] that belongs to no connection.
pub(crate) struct Unconnected<Rsp, Ev>(Arc<Post<Rsp, Ev>>);

impl<Rsp: Send + 'static, Ev: Send + 'static> Unconnected<Rsp, Ev> {
    pub(crate) fn new(addr: Option<SocketAddr>, bound: usize) -> (Peer<Rsp, Ev>, Self) {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let bounds = Bounds { responses: bound, scales: None, events: bound, decode_on: None };
        let watch = Arc::new(Watch::new(Limits::default(), bounds));
        let post = Post::new(IDS.fetch_add(1, Ordering::Relaxed), addr.into(), watch);
        (Peer::of(&post), Self(post))
    }
}

impl<Rsp, Ev> Unconnected<Rsp, Ev> {
    pub(crate) fn response(&self) -> Option<Rsp> {
        self.0.pop()
    }

    pub(crate) fn event(&self) -> Option<Ev> {
        self.0.pop_event()
    }

    /// The next of what `take` takes; `None` when the peer is closed and nothing is left.
    pub(crate) async fn next<T>(&self, take: impl Fn(&Self) -> Option<T>) -> Option<T> {
        poll_fn(|cx| {
            loop {
                self.0.awake(cx.waker());
                // Asked before it is looked: what was sent before the close is still there.
                let closed = self.0.is_closed();
                if let Some(item) = take(self) {
                    return Poll::Ready(Some(item));
                }
                if closed {
                    return Poll::Ready(None);
                }
                if self.0.sleep() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Whether the session would end when what is queued has been written.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.with_mail(|mail| (mail.gate() != Gate::Open, None))
    }

    /// The connection is gone.
    pub(crate) fn end(&self) {
        self.0.leave();
    }
}

impl<S: Service> Seat<S> {
    /// A handle on the session that sits here.
    pub(crate) fn peer(&self) -> Peer<S::Response, S::Event> {
        Peer::of(self.post())
    }
}
