//! [`Session`]: one connection, for a handler that asks for its requests. [`RequestSlot`]: how the
//! driver of the session gives it these requests.
//!
//! | step | by | `requested` | `awaited` | `item` |
//! |---|---|---|---|---|
//! | the handler calls `next` and waits | handler | true | true | |
//! | the driver sees that, decodes a request, puts it in, and wakes the handler unless its waker is the driver's own | driver | | false | the request |
//! | the driver polls the handler again, which takes it out | handler | | | |
//!
//! The driver decodes no request before the handler asks for it. A handler that asks for a batch
//! ([`Session::poll_batch`]) is given up to that many at once, in `more`.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;

use super::error::{SessionError, TrySendError};
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
    /// If it is dropped before it completes, no request was taken.
    pub async fn next(&mut self) -> Result<Req, SessionError> {
        NextRequest::new(&self.slot, Patience::Idle).await
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
    /// If it is dropped before it completes, no request was taken.
    pub async fn next_timeout(&mut self, limit: Duration) -> Result<Req, SessionError> {
        if limit.is_zero() {
            return NextRequest::new(&self.slot, Patience::None).await;
        }
        tokio::time::timeout(limit, self.next()).await.unwrap_or(Err(SessionError::Timeout))
    }

    /// Polls for requests that are taken together: returns the next one, and appends those that
    /// have been received after it to `batch`, which is empty, so that there are up to `max` in
    /// all. An error is the last of them.
    ///
    /// If `waits`, it waits for the next one, and the wait is no idle time: the handler does
    /// something else meanwhile. Otherwise it is as [`next_timeout`](Self::next_timeout) with a
    /// limit of zero.
    ///
    /// A handler that no longer wants what it was not given yet calls [`withdraw`](Self::withdraw).
    #[doc(hidden)]
    pub fn poll_batch(
        &mut self,
        batch: &mut VecDeque<Result<Req, SessionError>>,
        max: usize,
        waits: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Req, SessionError>> {
        debug_assert!(batch.is_empty(), "the requests before were taken");
        // A handler that goes on asking after the end must not hold the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut slot = self.slot.0.lock();
        let patience = if waits { Patience::Busy } else { Patience::None };
        slot.request(patience, max);
        if slot.more.is_empty() {
            // For the driver to fill.
            mem::swap(&mut slot.more, batch);
        }
        let Some(item) = slot.take_item(patience) else {
            slot.wait(cx);
            return Poll::Pending;
        };
        mem::swap(&mut slot.more, batch);
        drop(slot);
        coop.made_progress();
        Poll::Ready(item)
    }

    /// Asks for no request. One that was given already stays for the next time.
    #[doc(hidden)]
    pub fn withdraw(&mut self) {
        self.slot.0.lock().awaited = false;
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

    /// Whether the end of the input may mean that the peer has disconnected, as with sockets. If
    /// not, the peer waits for its answers.
    #[doc(hidden)]
    pub fn half_closes(&self) -> bool {
        self.slot.0.lock().half_closes
    }

    /// Sends a response; waits while the peer's queue is full.
    ///
    /// # Errors
    /// [`SessionError::Ended`] if the connection is closed or closing.
    ///
    /// # Cancellation
    /// Dropped while it waits, it sends nothing.
    pub async fn send(&self, response: Rsp) -> Result<(), SessionError> {
        let ended = || SessionError::Ended(self.peer.inner().end_reason());
        match self.peer.try_send(response) {
            Ok(()) => Ok(()),
            // Most responses fit in the queue, and need no future that owns the peer.
            Err(TrySendError::Full(response)) => self.peer.send(response).await.map_err(|_| ended()),
            Err(TrySendError::Closed(_)) => Err(ended()),
        }
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
    /// This call waits for an item.
    is_waiting: bool,
}

impl<'a, Req> NextRequest<'a, Req> {
    fn new(slot: &'a RequestSlot<Req>, patience: Patience) -> Self {
        Self { slot: &slot.0, patience, is_waiting: false }
    }
}

impl<Req> Future for NextRequest<'_, Req> {
    type Output = Result<Req, SessionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler that goes on asking after the end must not hold the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let this = &mut *self;
        let mut slot = this.slot.lock();
        slot.request(this.patience, 1);
        let item = slot.take_item(this.patience);
        this.is_waiting = item.is_none();
        match item {
            Some(item) => {
                coop.made_progress();
                Poll::Ready(item)
            }
            None => {
                slot.wait(cx);
                Poll::Pending
            }
        }
    }
}

impl<Req> Drop for NextRequest<'_, Req> {
    fn drop(&mut self) {
        if !self.is_waiting {
            return;
        }
        let mut slot = self.slot.lock();
        slot.awaited = false;
        // The timeout of this call, if it was dropped before it could return it, is not for the
        // next one. A request stays.
        if self.patience == Patience::None {
            slot.item.take_if(|item| matches!(item, Err(SessionError::Timeout)));
        }
    }
}

/// What the handler's [`Session`] and the driver share: the request that is passed on.
pub struct RequestSlot<Req>(Arc<Mutex<Slot<Req>>>);

struct Slot<Req> {
    /// Of the `next` that was pending last.
    waker: Option<Waker>,
    /// A `next` is pending.
    awaited: bool,
    /// `next` was called in this run of the handler.
    requested: bool,
    /// The first `next` of this run took only a request that had been received already.
    began_without_waiting: bool,
    /// The last `next` was such a one, and there was no request.
    found_nothing: bool,
    /// Of the transport.
    half_closes: bool,
    /// Of the `next` that is pending.
    patience: Patience,
    /// How many requests it takes.
    max: usize,
    item: Option<Result<Req, SessionError>>,
    /// Items that follow. Its memory goes to the handler and back.
    more: VecDeque<Result<Req, SessionError>>,
}

impl<Req> Slot<Req> {
    /// The handler asks for up to `max` requests.
    fn request(&mut self, patience: Patience, max: usize) {
        if !self.requested {
            self.requested = true;
            self.began_without_waiting = patience == Patience::None;
        }
        self.patience = patience;
        self.max = max;
    }

    /// The handler takes the first item.
    fn take_item(&mut self, patience: Patience) -> Option<Result<Req, SessionError>> {
        let item = self.item.take().or_else(|| self.more.pop_front())?;
        self.awaited = false;
        self.found_nothing = patience == Patience::None && matches!(item, Err(SessionError::Timeout));
        Some(item)
    }

    /// The handler waits for an item.
    fn wait(&mut self, cx: &Context<'_>) {
        self.awaited = true;
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
    }
}

impl<Req> RequestSlot<Req> {
    /// A session of `peer`, and the slot that it takes its requests from. `half_closes` is that of
    /// the transport.
    #[inline]
    pub fn session<Rsp>(peer: Peer<Rsp>, half_closes: bool) -> (Session<Req, Rsp>, Self) {
        let slot = Arc::new(Mutex::new(Slot {
            waker: None,
            awaited: false,
            requested: false,
            began_without_waiting: false,
            found_nothing: false,
            half_closes,
            patience: Patience::Idle,
            max: 1,
            item: None,
            more: VecDeque::new(),
        }));
        (Session { peer, slot: Self(Arc::clone(&slot)) }, Self(slot))
    }

    /// A run of the handler begins.
    #[inline]
    pub fn begin_run(&self) {
        let mut slot = self.0.lock();
        slot.requested = false;
        slot.awaited = false;
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
        self.0.lock().awaited
    }

    /// How the `next` that is pending waits, if one is pending, and how many requests it takes.
    #[inline]
    pub fn demand(&self) -> Option<(Patience, usize)> {
        let slot = self.0.lock();
        slot.awaited.then_some((slot.patience, slot.max))
    }

    /// Whether there is an item that the handler has not taken.
    #[inline]
    pub fn is_full(&self) -> bool {
        let slot = self.0.lock();
        slot.item.is_some() || !slot.more.is_empty()
    }

    /// Puts in an item before the handler asks for it.
    #[inline]
    pub fn prefetch(&self, item: Result<Req, SessionError>) {
        self.0.lock().item = Some(item);
    }

    /// Puts in an item for the `next` that is pending, and those that follow it. Returns its waker
    /// if it is not that of the driver, which polls the handler after this.
    #[must_use]
    #[inline]
    pub fn deliver(
        &self,
        item: Result<Req, SessionError>,
        more: VecDeque<Result<Req, SessionError>>,
        driver: &Waker,
    ) -> Option<Waker> {
        let mut slot = self.0.lock();
        slot.item = Some(item);
        if more.capacity() > 0 {
            slot.more = more;
        }
        slot.awaited = false;
        slot.waker.as_ref().filter(|waker| !waker.will_wake(driver)).cloned()
    }

    /// Takes the empty memory for what follows an item.
    #[inline]
    pub fn take_memory(&self) -> VecDeque<Result<Req, SessionError>> {
        mem::take(&mut self.0.lock().more)
    }
}
