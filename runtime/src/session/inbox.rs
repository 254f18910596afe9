//! [`Session`]: the linear view of a connection, and the slot through which it is fed.
//!
//! The handler asks; the driver, which polls the handler, sees that it asks, decodes one request into the slot
//! and polls it again. Nothing is decoded before it is asked for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;

use super::attend::Appetite;
use super::decoding::{Found, Later};
use super::ends::over;
use super::error::SessionError;
use super::link::Link;
use super::peer::Peer;
use super::reason::Reason;
use crate::codec::Codec;
use crate::service::{Service, StateLimits};
use crate::sync::Mutex;
use crate::transport::Transport;

/// The linear view of one connection: ask for requests, send responses.
pub struct Session<Req, Rsp> {
    peer: Peer<Rsp>,
    slot: Arc<Mutex<Slot<Req>>>,
}

struct Slot<Req> {
    /// Whom to wake: there is one exactly while a `next` is pending.
    asks: Option<Waker>,
    /// `next` was called in this round.
    asked: bool,
    given: Option<Result<Req, SessionError>>,
}

impl<Req, Rsp> Session<Req, Rsp> {
    /// The next request.
    ///
    /// # Errors
    /// [`SessionError::Decode`] if what came is no request; asking again goes on with the next one, if the codec
    /// can. [`SessionError::Ended`] when none will come: the peer has closed, the server stops, the session was closed.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next(&mut self) -> Result<Req, SessionError> {
        Asking { slot: &self.slot }.await
    }

    /// The next request, if it comes within `limit`.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`SessionError::Timeout`] if none came in time: the session can go on, and what has
    /// arrived of a request is kept. A request that is already there is taken even with a limit of zero.
    ///
    /// # Cancellation
    /// Dropped before its end, it has taken nothing.
    pub async fn next_within(&mut self, limit: Duration) -> Result<Req, SessionError> {
        let asking = Asking { slot: &self.slot };
        tokio::time::timeout(limit, asking).await.unwrap_or(Err(SessionError::Timeout))
    }

    /// Sends a response; waits while the peer's queue is full.
    ///
    /// # Errors
    /// [`SessionError::Ended`] if the connection is gone or closing.
    ///
    /// # Cancellation
    /// Dropped while it waits, it sends nothing.
    pub async fn send(&self, response: Rsp) -> Result<(), SessionError> {
        self.peer.send(response).await.map_err(|_| SessionError::Ended(self.peer.inner().end_reason()))
    }

    /// Sends each item of a stream, as fast as the peer reads; ends with the stream, or with the session.
    ///
    /// The stream is dropped then, whichever ends first, also while its next item is waited for. So whoever fills it is told:
    /// the thread behind a [`channel`](crate::channel()) gets an error from its next `send`. See [`Peer::forward`].
    ///
    /// # Errors
    /// [`SessionError::Ended`] with the reason, if the connection is gone or closing before the stream has ended.
    ///
    /// # Cancellation
    /// Dropped, it drops the stream, and one item at most that was taken from it.
    pub async fn forward(&self, stream: impl Stream<Item = Rsp>) -> Result<(), SessionError> {
        self.peer.forward(stream).await
    }

    /// The connection's other end, to be cloned and sent to from elsewhere.
    pub fn peer(&self) -> &Peer<Rsp> {
        &self.peer
    }
}

impl<Req, Rsp> fmt::Debug for Session<Req, Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.peer).finish_non_exhaustive()
    }
}

struct Asking<'a, Req> {
    slot: &'a Mutex<Slot<Req>>,
}

impl<Req> Future for Asking<'_, Req> {
    type Output = Result<Req, SessionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler that goes on asking after the end must not hold the loop.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let mut slot = self.slot.lock();
        slot.asked = true;
        if let Some(given) = slot.given.take() {
            slot.asks = None;
            coop.made_progress();
            return Poll::Ready(given);
        }
        match &mut slot.asks {
            Some(waker) => waker.clone_from(cx.waker()),
            asks => *asks = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<Req> Drop for Asking<'_, Req> {
    fn drop(&mut self) {
        self.slot.lock().asks = None;
    }
}

/// The driver's side of a [`Session`].
pub(super) struct Feed<Req> {
    slot: Arc<Mutex<Slot<Req>>>,
    ended: Option<Reason>,
    /// The next request, if it is being decoded. Boxed, since most sessions never have one.
    later: Option<Box<Later<Req>>>,
}

pub(super) fn pair<Req, Rsp>(peer: Peer<Rsp>) -> (Session<Req, Rsp>, Feed<Req>) {
    let slot = Arc::new(Mutex::new(Slot { asks: None, asked: false, given: None }));
    (Session { peer, slot: Arc::clone(&slot) }, Feed { slot, ended: None, later: None })
}

/// What comes next.
enum Next<Req> {
    Given(Result<Req, SessionError>),
    /// A frame that is still being decoded.
    Later,
    Nothing,
}

impl<Req: Send + 'static> Feed<Req> {
    /// Why the handler was told that no request will come, if it was.
    pub(super) fn ended(&self) -> Option<&Reason> {
        self.ended.as_ref()
    }

    /// Begins a round.
    pub(super) fn begin(&self) {
        self.slot.lock().asked = false;
    }

    /// Whether the handler has asked in this round.
    pub(super) fn asked(&self) -> bool {
        self.slot.lock().asked
    }

    /// Puts the next request into the slot before it is asked for. `Err` if no request will come.
    pub(super) fn prepare<S, IO, C>(&mut self, link: &mut Link<S, IO, C>) -> Result<(), Reason>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        let there = self.slot.lock().given.is_some();
        if there {
            return Ok(());
        }
        match self.next(link, &mut Context::from_waker(Waker::noop())) {
            Next::Given(Err(SessionError::Ended(reason))) => Err(reason),
            Next::Given(given) => {
                self.slot.lock().given = Some(given);
                Ok(())
            }
            Next::Later | Next::Nothing => Ok(()),
        }
    }

    /// Whether the handler waits for a request.
    fn is_asked(&self) -> bool {
        self.slot.lock().asks.is_some()
    }

    fn next<S, IO, C>(&mut self, link: &mut Link<S, IO, C>, cx: &mut Context<'_>) -> Next<Req>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        if self.ended.is_none() && !link.post().is_closed() {
            let request = match self
                .later
                .take()
                .map_or_else(|| link.request(), |later| Ok(Some(Found::Later(*later))))
            {
                Ok(None) => None,
                Ok(Some(Found::Request(request))) => Some(Ok(request)),
                Ok(Some(Found::Later(mut later))) => match Pin::new(&mut later).poll(cx) {
                    Poll::Ready(request) => Some(request),
                    Poll::Pending => {
                        self.later = Some(Box::new(later));
                        return Next::Later;
                    }
                },
                Err(error) => Some(Err(error)),
            };
            if let Some(request) = request {
                if let Err(error) = &request {
                    if !error.resumes() {
                        self.ended = Some(Reason::Decode(error.to_string()));
                    }
                }
                return Next::Given(request.map_err(SessionError::Decode));
            }
        }
        self.later = None;
        self.ended = self.ended.take().or_else(|| over(link));
        match self.ended.clone() {
            Some(reason) => Next::Given(Err(SessionError::Ended(reason))),
            None => Next::Nothing,
        }
    }
}

impl<S, IO, C> Appetite<S, IO, C> for Feed<S::Request>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    fn asks(&self) -> bool {
        self.later.is_none() && self.is_asked()
    }

    fn is_busy(&self) -> bool {
        self.later.is_some() && self.is_asked()
    }

    fn feed(&mut self, link: &mut Link<S, IO, C>, cx: &Context<'_>) -> bool {
        if !self.is_asked() {
            link.asks_no_more();
            return false;
        }
        let next = match self.next(link, &mut Context::from_waker(cx.waker())) {
            Next::Given(next) => next,
            Next::Later => return false,
            Next::Nothing => {
                link.asks(StateLimits::NONE);
                return false;
            }
        };
        let mut slot = self.slot.lock();
        slot.given = Some(next);
        let asks = slot.asks.take();
        drop(slot);
        // The driver polls the handler again at once; only a waker of the handler's own needs the call.
        asks.filter(|waker| !waker.will_wake(cx.waker())).into_iter().for_each(Waker::wake);
        true
    }
}
