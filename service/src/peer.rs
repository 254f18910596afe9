//! [`Peer`]: a handle on the other end of a connection.

use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;

use super::encoded::{Encoded, QueuedResponse};
use super::error::{SendError, SessionError, TrySendError};
#[cfg(unix)]
use super::origin::Credentials;
use super::origin::Origin;
use super::reason::Reason;
use super::shared::SessionShared;
use super::shared::closed::{ClosedFuture, EndedFuture};
use super::shared::congestion::{self, Congested};
use super::shared::queue::Cost;
use super::shared::send::{PostFuture, SendFuture};
use super::stopping::Stopping;

/// The other end of a connection: a clonable handle to send to, from anywhere.
///
/// What is sent goes out in order, between the responses of the session's own handler. At most
/// `max_queued_responses` responses wait for a peer that does not read, or as many as
/// `max_queued_response_bytes` lets: [`send`](Self::send) then waits for a place,
/// [`try_send`](Self::try_send) gives the response back.
///
/// Where the service has `#[event]` handlers, [`post`](Self::post) and [`try_post`](Self::try_post)
/// leave an event of type `Ev` for the session's own state machine; elsewhere `Ev` is a type
/// without values, and nothing can be posted.
///
/// Two handles are equal if they are of the same connection. A handle may be kept after the
/// session's end: it then only says that it [is closed](Self::is_closed).
// Behind a trait, because clippy's `mutable_key_type` would see the lock otherwise, and warn about
// a set of peers. A peer hashes and compares by what never changes.
pub struct Peer<Rsp, Ev = Infallible>(Arc<dyn PeerInner<Rsp, Ev>>);

trait PeerInner<Rsp, Ev>: Send + Sync {
    fn inner(&self) -> &SessionShared<Rsp, Ev>;
    fn cost_of(&self, response: &Rsp) -> Cost;
    fn into_congested(self: Arc<Self>) -> Arc<dyn Congested>;
}

impl<Rsp: Send + 'static, Ev: Send + 'static> PeerInner<Rsp, Ev> for SessionShared<Rsp, Ev> {
    fn inner(&self) -> &Self {
        self
    }

    fn cost_of(&self, response: &Rsp) -> Cost {
        let limits = self.server().queue_limits();
        let weight = limits.response_weight.as_ref().and_then(|limit| limit.weigh(response));
        Cost { max_count: limits.responses, weight }
    }

    fn into_congested(self: Arc<Self>) -> Arc<dyn Congested> {
        self
    }
}

impl<Rsp: Send + 'static, Ev: Send + 'static> Peer<Rsp, Ev> {
    /// A handle on the session that `shared` belongs to.
    #[doc(hidden)]
    pub fn of(shared: &Arc<SessionShared<Rsp, Ev>>) -> Self {
        let shared: Arc<SessionShared<Rsp, Ev>> = Arc::clone(shared);
        Self(shared)
    }
}

impl<Rsp, Ev> Peer<Rsp, Ev> {
    pub(super) fn inner(&self) -> &SessionShared<Rsp, Ev> {
        self.0.inner()
    }

    pub(super) fn cost_of(&self, response: &Rsp) -> Cost {
        self.0.cost_of(response)
    }

    pub(super) fn cost_of_event(&self) -> Cost {
        self.inner().cost_of_event()
    }

    /// A number that no other connection of this server has, or had.
    pub fn id(&self) -> u64 {
        self.inner().id()
    }

    /// The address of the other end, if the transport has addresses.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.inner().origin().addr()
    }

    /// The process at the other end of a Unix socket; `None` on other transports, or where the
    /// system does not tell.
    #[cfg(unix)]
    pub fn credentials(&self) -> Option<Credentials> {
        self.inner().origin().credentials()
    }

    /// What the transport adds to this connection, if that is a `T`.
    ///
    /// A `Listener` of your own adds it by `Accepted::extension`. Extension
    /// traits such as `TlsPeer` give it methods.
    pub fn extension<T: Any>(&self) -> Option<&T> {
        self.inner().origin().extension()
    }

    /// Sends a response, waiting for a place in the peer's queue if it is full; first come, first
    /// served.
    ///
    /// The future is `Send + 'static`: await it on the loop, or `.wait(worker)?` for it on a
    /// thread. Nothing is sent before its first poll. Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the response, if the session has ended or is closing.
    pub fn send(&self, response: Rsp) -> SendFuture<Rsp, Ev> {
        SendFuture::new(self.clone(), QueuedResponse::Response(response))
    }

    /// Sends a response if the peer's queue has a place. Never waits.
    ///
    /// # Errors
    /// [`TrySendError`] with the response: the queue is full, or the session has ended.
    pub fn try_send(&self, response: Rsp) -> Result<(), TrySendError<Rsp>> {
        let cost = self.cost_of(&response);
        self.try_enqueue_response(QueuedResponse::Response(response), cost)
            .map_err(|error| error.map(QueuedResponse::into_message))
    }

    /// As [`try_send`](Self::try_send), for the first of `responses`, as many as the queue has
    /// capacity for. The others stay. Returns whether the session takes responses.
    #[doc(hidden)]
    pub fn try_send_all(&self, responses: &mut VecDeque<Rsp>) -> bool {
        let limits = self.inner().server().queue_limits();
        if limits.response_weight.is_none() {
            let cost = Cost { max_count: limits.responses, weight: None };
            let enqueued = self.inner().try_enqueue_responses(responses, cost);
            if enqueued == Some(true) {
                self.report_congestion();
            }
            return enqueued.is_some();
        }
        while let Some(response) = responses.pop_front() {
            match self.try_send(response) {
                Ok(()) => {}
                Err(TrySendError::Full(response)) => {
                    responses.push_front(response);
                    break;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        true
    }

    /// As [`send`](Self::send), for a message that many peers are sent: it is encoded once.
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the message, if the session has ended or is closing.
    ///
    /// # Cancellation
    /// Nothing is sent before the first poll. Dropped while it waits, it sends nothing.
    pub fn send_encoded(
        &self,
        response: Encoded<Rsp>,
    ) -> impl Future<Output = Result<(), SendError<Encoded<Rsp>>>> + use<Rsp, Ev> {
        let sent = SendFuture::new(self.clone(), QueuedResponse::Encoded(response.clone()));
        async move { sent.sent().await.map_err(|_| SendError(response)) }
    }

    /// As [`try_send`](Self::try_send), for a message that many peers are sent: it is encoded once.
    ///
    /// # Errors
    /// [`TrySendError`] with the message: the queue is full, or the session has ended.
    pub fn try_send_encoded(&self, response: Encoded<Rsp>) -> Result<(), TrySendError<Encoded<Rsp>>> {
        let cost = self.cost_of(response.message());
        self.try_enqueue_response(QueuedResponse::Encoded(response.clone()), cost)
            .map_err(|error| error.map(|_| response))
    }

    /// Sends each item of a stream, as fast as the peer reads; ends with the stream, or with the
    /// session.
    ///
    /// The stream is dropped then, whichever ends first, also while its next item is waited for. So
    /// its producer is notified: the sending thread of a [`channel`](portcullis_runtime::channel())
    /// gets an error from its next `send`. The future is `Send + 'static` if the stream is.
    ///
    /// # Errors
    /// [`SessionError::Ended`] with the reason, if the session has ended or is closing before the
    /// stream has.
    ///
    /// # Cancellation
    /// Dropped, it drops the stream, and one item at most that was taken from it.
    pub fn forward<St>(&self, stream: St) -> impl Future<Output = Result<(), SessionError>> + use<St, Rsp, Ev>
    where
        St: Stream<Item = Rsp>,
    {
        forward(self.clone(), stream)
    }

    /// Posts an event to the session's `#[event]` handler, waiting for a place if the queue is
    /// full; first come, first served. At most `max_queued_events` wait to be handled.
    ///
    /// Events are handled one at a time, between requests, in the order in which they were posted.
    /// In a state that has no handler for them they are passed over. The future is
    /// `Send + 'static`, as that of [`send`](Self::send). A handler that posts to its own full
    /// queue would wait for itself: it uses [`try_post`](Self::try_post).
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the event, if the session has ended or is closing. An
    /// event that was posted is dropped if the session ends before it is handled.
    ///
    /// # Cancellation
    /// Nothing is posted before the first poll. Dropped while it waits, it posts nothing.
    pub fn post(&self, event: Ev) -> PostFuture<Rsp, Ev> {
        PostFuture::new(self.clone(), event)
    }

    /// As [`send`](Self::send), for at most `timeout`.
    ///
    /// Only a queue that is full makes it wait; with a `timeout` of zero it hardly does.
    ///
    /// # Errors
    /// [`TrySendError`] with the response: the queue was full for the whole time, or the session
    /// has ended or is closing.
    ///
    /// # Cancellation
    /// Nothing is sent before the first poll. Dropped while it waits, it sends nothing.
    ///
    /// # Panics
    /// If it has to wait and is polled outside a tokio runtime that has time enabled.
    pub fn send_timeout(
        &self,
        response: Rsp,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), TrySendError<Rsp>>> + use<Rsp, Ev> {
        self.send(response).with_timeout(timeout)
    }

    /// As [`post`](Self::post), for at most `timeout`: a slow session delays a broadcast by no more
    /// than that.
    ///
    /// # Errors
    /// [`TrySendError`] with the event: the queue was full for the whole time, or the session has
    /// ended or is closing.
    ///
    /// # Cancellation
    /// Nothing is posted before the first poll. Dropped while it waits, it posts nothing.
    ///
    /// # Panics
    /// If it has to wait and is polled outside a tokio runtime that has time enabled.
    pub fn post_timeout(
        &self,
        event: Ev,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), TrySendError<Ev>>> + use<Rsp, Ev> {
        self.post(event).with_timeout(timeout)
    }

    /// Posts an event if the queue has a place. Never waits: a broadcast is not held up by the
    /// slowest.
    ///
    /// # Errors
    /// [`TrySendError`] with the event: the queue is full, or the session has ended.
    pub fn try_post(&self, event: Ev) -> Result<(), TrySendError<Ev>> {
        let inner = self.inner();
        let is_half_full = inner.try_enqueue(event, inner.cost_of_event(), |mailbox| {
            mailbox.send_state().takes_events().then(|| &mut mailbox.queues().events)
        })?;
        if is_half_full {
            self.report_congestion();
        }
        Ok(())
    }

    fn try_enqueue_response(
        &self,
        response: QueuedResponse<Rsp>,
        cost: Cost,
    ) -> Result<(), TrySendError<QueuedResponse<Rsp>>> {
        let is_half_full = self.inner().try_enqueue(response, cost, |mailbox| {
            mailbox.send_state().takes_responses().then(|| &mut mailbox.queues().responses)
        })?;
        if is_half_full {
            self.report_congestion();
        }
        Ok(())
    }

    /// Makes the session that runs on this thread, if one does, wait for this one.
    #[cold]
    pub(super) fn report_congestion(&self) {
        congestion::report(self.inner().address(), || Arc::clone(&self.0).into_congested());
    }

    /// Ends the session once what is queued has been written; a handler that runs is finished
    /// first.
    ///
    /// Requests that were not begun are dropped. Returns at once, and may be called on any thread;
    /// closing twice is closing once. For a peer that does not read, the session ends after
    /// `Server::write_timeout`: [`abort`](Self::abort) does not wait for it.
    pub fn close(&self) {
        self.inner().close();
    }

    /// As [`close`](Self::close), with a reason, which `#[on(disconnect)]` receives and the log
    /// names.
    ///
    /// Of several calls of `close`, `close_with` and [`abort`](Self::abort), the first one sets the
    /// reason. A session that ends for another reason before what is queued is written, such as a
    /// reset, ends with that one.
    ///
    /// ```
    /// use portcullis::{Peer, Reason};
    ///
    /// fn revoke(peer: &Peer<String>) {
    ///     let _ = peer.try_send("error: the token has expired".to_owned());
    ///     peer.close_with(Reason::Failed("the token has expired".to_owned()));
    /// }
    /// ```
    pub fn close_with(&self, reason: Reason) {
        self.inner().close_with(reason);
    }

    /// Closes the writing side of the connection once what is queued has been written: the peer
    /// sees the end of the stream. The session goes on: requests and events are still handled.
    ///
    /// From the call on, nothing can be sent: [`send`](Self::send) and [`try_send`](Self::try_send)
    /// return the response, and [`closed`](Self::closed) is ready. A handler of a request, a state
    /// or an event that is running is finished first, and its responses are still sent. Responses
    /// of later handlers and hooks are dropped: handlers that run after this call return none, or
    /// the client must not wait for them. A `#[session]` handler sends with
    /// [`Session::send`](crate::Session::send), so it is not waited for.
    ///
    /// The session ends as usual, for example when the peer closes its side. The peer has
    /// `Server::write_timeout` to read what is queued.
    ///
    /// | transport | what the peer sees |
    /// |---|---|
    /// | TCP, Unix sockets | the end of the stream |
    /// | TLS | `close_notify`. Some clients answer that by closing their own side |
    /// | datagrams, calls over NATS | nothing: they have no end of the stream |
    ///
    /// Returns at once, and may be called on any thread; it does nothing in a session that is
    /// closing. (std: `TcpStream::shutdown(Shutdown::Write)`.)
    pub fn shutdown_write(&self) {
        self.inner().shutdown_write();
    }

    /// Ends the session now: drops its handler if that is pending, and what is not yet written.
    ///
    /// `#[on(disconnect)]` runs at once, with [`By::Abort`](crate::By::Abort) or the reason of an
    /// earlier [`close_with`](Self::close_with); it cannot send any more. Then the connection is
    /// closed without waiting for the peer, which may see a reset.
    ///
    /// Use it for peers that do not read, also after [`close`](Self::close). Returns at once, and
    /// may be called on any thread. A handler that blocks its thread ends first. An
    /// `#[on(disconnect)]` that runs already is not dropped.
    pub fn abort(&self) {
        self.inner().abort();
    }

    /// Whether nothing can be sent any more: the session has ended or is closing, or its [writing
    /// side is closed](Self::shutdown_write).
    pub fn is_closed(&self) -> bool {
        self.inner().is_closed()
    }

    /// Ready once nothing can be sent any more: the session has ended or is closing, or its
    /// [writing side is closed](Self::shutdown_write). (tokio: `mpsc::Sender::closed`.)
    ///
    /// In `#[on(disconnect)]` the peer still takes a last response, so it is closed only after that
    /// hook: one that waits for a task which waits for this calls [`close`](Self::close) first.
    ///
    /// For tasks that work for this peer alone, which a session neither has nor ends: they
    /// `select!` between it and their work. The future is `Send + 'static` and cancel-safe.
    ///
    /// ```
    /// # use portcullis::{Interrupted, Peer, Portal};
    /// # async fn tick() -> String { String::new() }
    /// /// A task of the server (its stop waits for it, and ends it after the grace) that ends with the session.
    /// async fn push(peer: Peer<String>) -> Result<(), Interrupted> {
    ///     Portal::current()?.spawn(async move {
    ///         tokio::select! {
    ///             () = peer.closed() => {}
    ///             () = async { while peer.send(tick().await).await.is_ok() {} } => {}
    ///         }
    ///     }).detach();
    ///     Ok(())
    /// }
    /// ```
    pub fn closed(&self) -> ClosedFuture<Rsp, Ev> {
        ClosedFuture::new(self.clone())
    }

    /// Ready once the session has ended and `#[on(disconnect)]` has returned or was dropped.
    ///
    /// After that the session runs no more code of the service; what is left of its output may
    /// still be written. [`closed`](Self::closed) is ready earlier, when the end begins.
    ///
    /// A handler or hook of the session itself would wait for itself. The future is
    /// `Send + 'static` and cancel-safe; await it on the loop, or `.wait(worker)?` for it on a
    /// thread.
    pub fn ended(&self) -> EndedFuture<Rsp, Ev> {
        EndedFuture::new(self.clone())
    }

    /// The beginning of the server's stop, for handlers that wait for something else.
    ///
    /// A stop waits for pending handlers until the grace is over, and then drops them. A handler
    /// that waits for something which may take longer, such as a message from another client,
    /// selects between that and the stop:
    ///
    /// ```
    /// use portcullis::Peer;
    ///
    /// async fn pop(peer: &Peer<String>, queue: &mut tokio::sync::mpsc::Receiver<String>) -> Option<String> {
    ///     tokio::select! {
    ///         item = queue.recv() => item,
    ///         () = peer.stopping() => None,
    ///     }
    /// }
    /// ```
    ///
    /// Of a peer that belongs to no server, as that of a test, the stop never begins.
    pub fn stopping(&self) -> Stopping {
        self.inner().server().stopping().clone()
    }
}

async fn forward<Rsp, Ev, St: Stream<Item = Rsp>>(
    peer: Peer<Rsp, Ev>,
    stream: St,
) -> Result<(), SessionError> {
    let ended = || SessionError::Ended(peer.inner().end_reason());
    let (mut stream, mut closed) = (pin!(stream), pin!(peer.closed()));
    loop {
        let next = poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(ended())),
            Poll::Pending => stream.as_mut().poll_next(cx).map(Ok),
        });
        let Some(item) = next.await? else { return Ok(()) };
        peer.send(item).await.map_err(|_| ended())?;
    }
}

impl<Rsp, Ev> Clone for Peer<Rsp, Ev> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Rsp, Ev> PartialEq for Peer<Rsp, Ev> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<Rsp, Ev> Eq for Peer<Rsp, Ev> {}

impl<Rsp, Ev> Hash for Peer<Rsp, Ev> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<Rsp, Ev> fmt::Debug for Peer<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id()).field("addr", &self.addr()).finish_non_exhaustive()
    }
}

/// A handle on a session of any service: a [`Peer`] without the types of its messages.
///
/// `ServerHandle::peers` returns one for each session of a server.
#[derive(Clone)]
pub struct AnyPeer(Arc<dyn AnySession>);

trait AnySession: Send + Sync {
    fn id(&self) -> u64;
    fn origin(&self) -> &Origin;
    fn close_with(&self, reason: Option<Reason>);
    fn abort(&self);
    fn is_closed(&self) -> bool;
    fn state_name(&self) -> Option<&'static str>;
}

impl<Rsp: Send, Ev: Send> AnySession for SessionShared<Rsp, Ev> {
    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn origin(&self) -> &Origin {
        Self::origin(self)
    }

    fn close_with(&self, reason: Option<Reason>) {
        match reason {
            Some(reason) => Self::close_with(self, reason),
            None => Self::close(self),
        }
    }

    fn abort(&self) {
        Self::abort(self);
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }

    fn state_name(&self) -> Option<&'static str> {
        Self::state_name(self)
    }
}

impl AnyPeer {
    /// A handle on the session that `shared` belongs to.
    #[doc(hidden)]
    pub fn of<Rsp: Send + 'static, Ev: Send + 'static>(shared: &Arc<SessionShared<Rsp, Ev>>) -> Self {
        let shared: Arc<SessionShared<Rsp, Ev>> = Arc::clone(shared);
        Self(shared)
    }

    /// As [`Peer::id`].
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// As [`Peer::addr`].
    pub fn addr(&self) -> Option<SocketAddr> {
        self.0.origin().addr()
    }

    /// As [`Peer::credentials`].
    #[cfg(unix)]
    pub fn credentials(&self) -> Option<Credentials> {
        self.0.origin().credentials()
    }

    /// As [`Peer::extension`].
    pub fn extension<T: Any>(&self) -> Option<&T> {
        self.0.origin().extension()
    }

    /// The name of the `#[state]` that the session is in, as its handler is called: the state that
    /// waits for a request, or whose handler is running.
    ///
    /// `None` before `#[on(connect)]` has returned, and for services without states. The session
    /// may be in another state when this returns.
    pub fn state_name(&self) -> Option<&'static str> {
        self.0.state_name()
    }

    /// As [`Peer::close`].
    pub fn close(&self) {
        self.0.close_with(None);
    }

    /// As [`Peer::close_with`].
    pub fn close_with(&self, reason: Reason) {
        self.0.close_with(Some(reason));
    }

    /// As [`Peer::abort`].
    pub fn abort(&self) {
        self.0.abort();
    }

    /// As [`Peer::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl fmt::Debug for AnyPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyPeer").field("id", &self.id()).field("addr", &self.addr()).finish_non_exhaustive()
    }
}
