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
        NextRequest { slot: &self.slot.0, patience: Patience::Idle }.await
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
        if limit.is_zero() {
            return NextRequest { slot: &self.slot.0, patience: Patience::None }.await;
        }
        tokio::time::timeout(limit, self.next()).await.unwrap_or(Err(SessionError::Timeout))
    }

    /// As [`next`](Self::next), for a handler that does something else meanwhile: the wait is no
    /// idle time.
    #[doc(hidden)]
    pub async fn next_while_busy(&mut self) -> Result<Req, SessionError> {
        NextRequest { slot: &self.slot.0, patience: Patience::Busy }.await
    }

    /// Waits until there is a request, or an error, that the next run of the handler takes. Returns
    /// false if the session has ended.
    #[doc(hidden)]
    pub async fn received(&mut self) -> bool {
        let item = self.next().await;
        let is_open = !matches!(item, Err(SessionError::Ended(_)));
        self.slot.prefetch(item);
        is_open
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

/// How a handler waits for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It does nothing else.
    Idle,
    /// It does something else meanwhile.
    Busy,
    /// It takes only a request that has been received already.
    None,
}

struct NextRequest<'a, Req> {
    slot: &'a Mutex<Slot<Req>>,
    patience: Patience,
}

impl<Req> Future for NextRequest<'_, Req> {
    type Output = Result<Req, SessionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler that goes on asking after the end must not hold the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut slot = self.slot.lock();
        if !slot.requested {
            slot.requested = true;
            slot.began_without_waiting = self.patience == Patience::None;
        }
        slot.patience = self.patience;
        if let Some(item) = slot.item.take() {
            slot.waker = None;
            slot.found_nothing =
                self.patience == Patience::None && matches!(item, Err(SessionError::Timeout));
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
        if self.patience == Patience::None {
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
    /// The first `next` of this run took only a request that had been received already.
    began_without_waiting: bool,
    /// The last `next` was such a one, and there was no request.
    found_nothing: bool,
    /// Of the `next` that is pending.
    patience: Patience,
    item: Option<Result<Req, SessionError>>,
}

impl<Req> RequestSlot<Req> {
    /// A session of `peer`, and the slot that it takes its requests from.
    #[inline]
    pub fn session<Rsp>(peer: Peer<Rsp>) -> (Session<Req, Rsp>, Self) {
        let slot = Arc::new(Mutex::new(Slot {
            waker: None,
            requested: false,
            began_without_waiting: false,
            found_nothing: false,
            patience: Patience::Idle,
            item: None,
        }));
        (Session { peer, slot: Self(Arc::clone(&slot)) }, Self(slot))
    }

    /// A run of the handler begins.
    #[inline]
    pub fn begin_run(&self) {
        let mut slot = self.0.lock();
        slot.requested = false;
        slot.found_nothing = false;
    }

    /// Whether the run of the handler that has returned neither began nor ended with a wait for a
    /// request, and found none at its end. Started again, it would find none either, so that waits
    /// until there is one.
    #[inline]
    pub fn needs_request_to_run(&self) -> bool {
        let slot = self.0.lock();
        slot.began_without_waiting && slot.found_nothing
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

    /// How the `next` that is pending waits, if one is pending.
    #[inline]
    pub fn patience(&self) -> Option<Patience> {
        let slot = self.0.lock();
        slot.waker.is_some().then_some(slot.patience)
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
