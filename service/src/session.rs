//! [`Session`]: one connection as a handler sees that asks for its requests; and the [`RequestSlot`] by which its driver gives
//! it one request at a time.
//!
//! | step | who | `requested` | `waker` | `item` |
//! |---|---|---|---|---|
//! | the handler calls `next` and waits | handler | true | the handler's | |
//! | the driver sees that, decodes one request and puts it in | driver | | taken, and woken if it is not the driver's own | the request |
//! | the driver polls the handler again, which takes it out | handler | | | |
//!
//! The driver decodes no request before the handler asks for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;

use super::error::SessionError;
use super::peer::Peer;
use portcullis_runtime::internal::sync::Mutex;

/// One connection, in a handler that asks for its requests and sends responses.
pub struct Session<Req, Rsp> {
    peer: Peer<Rsp>,
    slot: RequestSlot<Req>,
}

impl<Req, Rsp> Session<Req, Rsp> {
    /// The next request.
    ///
    /// # Errors
    /// [`SessionError::Decode`] if what came is no request; asking again goes on with the next one,
    /// if the codec can. [`SessionError::Ended`] when none will come: the peer has closed, the
    /// server stops, the session was closed.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next(&mut self) -> Result<Req, SessionError> {
        NextRequest { slot: &self.slot.0, only_received: false }.await
    }

    /// The next request, if it comes within `limit`.
    ///
    /// With a limit of zero, it returns a request that has been received already, and does not wait
    /// for another one. So a handler can take together what a client has pipelined: call it until
    /// it returns [`SessionError::Timeout`], or the batch is large enough.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`SessionError::Timeout`] if none came in time: the session can go
    /// on, and what has arrived of a request is kept.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next_timeout(&mut self, limit: Duration) -> Result<Req, SessionError> {
        let next = NextRequest { slot: &self.slot.0, only_received: limit.is_zero() };
        if limit.is_zero() {
            return next.await;
        }
        tokio::time::timeout(limit, next).await.unwrap_or(Err(SessionError::Timeout))
    }

    /// Sends a response; waits while the peer's queue is full.
    ///
    /// # Errors
    /// [`SessionError::Ended`] if the connection is closed or closing.
    ///
    /// # Cancellation
    /// Dropped while it waits, it sends nothing.
    pub async fn send(&self, response: Rsp) -> Result<(), SessionError> {
        self.peer.send(response).await.map_err(|_| SessionError::Ended(self.peer.inner().end_reason()))
    }

    /// Sends each item of a stream, as fast as the peer reads; ends with the stream, or with the
    /// session.
    ///
    /// The stream is dropped then, whichever ends first, also while its next item is waited for. So
    /// its producer stops: a thread that sends into a [`channel`](portcullis_runtime::channel())
    /// gets an error from its next `send`. See [`Peer::forward`].
    ///
    /// # Errors
    /// [`SessionError::Ended`] with the reason, if the connection is closed or closing before the
    /// stream has ended.
    ///
    /// # Cancellation
    /// Dropped, it drops the stream, and one item at most that was taken from it.
    pub async fn forward(&self, stream: impl Stream<Item = Rsp>) -> Result<(), SessionError> {
        self.peer.forward(stream).await
    }

    /// The connection's other end: clone it to send from elsewhere.
    #[inline]
    pub fn peer(&self) -> &Peer<Rsp> {
        &self.peer
    }
}

impl<Req, Rsp> fmt::Debug for Session<Req, Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.peer).finish_non_exhaustive()
    }
}

struct NextRequest<'a, Req> {
    slot: &'a Mutex<Slot<Req>>,
    only_received: bool,
}

impl<Req> Future for NextRequest<'_, Req> {
    type Output = Result<Req, SessionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler that goes on asking after the end must not hold the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut slot = self.slot.lock();
        slot.requested = true;
        slot.only_received = self.only_received;
        if let Some(item) = slot.item.take() {
            slot.waker = None;
            coop.made_progress();
            return Poll::Ready(item);
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<Req> Drop for NextRequest<'_, Req> {
    fn drop(&mut self) {
        let mut slot = self.slot.lock();
        slot.waker = None;
        // The timeout of this call, if it was dropped before it could return it, is not for the
        // next one. A request stays.
        if self.only_received {
            slot.item.take_if(|item| matches!(item, Err(SessionError::Timeout)));
        }
    }
}

/// A place for one request. The handler's [`Session`] has one clone of it, the driver the other.
pub struct RequestSlot<Req>(Arc<Mutex<Slot<Req>>>);

struct Slot<Req> {
    /// The handler's, exactly while a `next` is pending.
    waker: Option<Waker>,
    /// `next` was called in this run of the handler.
    requested: bool,
    /// The `next` that is pending takes only a request that has been received already.
    only_received: bool,
    item: Option<Result<Req, SessionError>>,
}

impl<Req> RequestSlot<Req> {
    /// A session of `peer`, and the slot that it takes its requests from.
    #[inline]
    pub fn session<Rsp>(peer: Peer<Rsp>) -> (Session<Req, Rsp>, Self) {
        let slot =
            Arc::new(Mutex::new(Slot { waker: None, requested: false, only_received: false, item: None }));
        (Session { peer, slot: Self(Arc::clone(&slot)) }, Self(slot))
    }

    /// A run of the handler begins.
    #[inline]
    pub fn begin_run(&self) {
        self.0.lock().requested = false;
    }

    /// Whether the handler has called `next` in this run.
    #[inline]
    pub fn was_requested(&self) -> bool {
        self.0.lock().requested
    }

    /// Whether a `next` is pending.
    #[inline]
    pub fn is_awaited(&self) -> bool {
        self.0.lock().waker.is_some()
    }

    /// Whether a `next` is pending that takes only a request that has been received already.
    #[inline]
    pub fn is_only_received_awaited(&self) -> bool {
        let slot = self.0.lock();
        slot.waker.is_some() && slot.only_received
    }

    /// Whether there is an item that the handler has not taken.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.lock().item.is_some()
    }

    /// Puts in an item before the handler asks for it.
    #[inline]
    pub fn prefetch(&self, item: Result<Req, SessionError>) {
        self.0.lock().item = Some(item);
    }

    /// Puts in an item for the `next` that is pending. Returns its waker, which the driver wakes
    /// unless it is the driver's own.
    #[must_use]
    #[inline]
    pub fn deliver(&self, item: Result<Req, SessionError>) -> Option<Waker> {
        let mut slot = self.0.lock();
        slot.item = Some(item);
        slot.waker.take()
    }
}
