//! [`Peer`]: a handle on the other end of a connection.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
#[cfg(all(feature = "fds", unix))]
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_core::Stream;

use super::closed::Closed;
#[cfg(all(feature = "fds", unix))]
use super::error::SendError;
use super::error::{SessionError, TrySendError};
use super::mail::{Gate, Mail};
use super::post::Post;
use super::put::{Posting, Sending};
use super::queue::{Load, Queue};
#[cfg(unix)]
use crate::transport::origin::Credentials;
#[cfg(feature = "tls")]
use crate::transport::tls::TlsInfo;

/// The other end of a connection: a clonable handle to send to, from anywhere.
///
/// What is sent goes out in order, between the responses of the session's own handler. At most
/// [`max_outbound`](crate::Server::max_outbound) responses wait for a peer that does not read, or as many as
/// [`max_outbound_bytes`](crate::Server::max_outbound_bytes) lets:
/// [`send`](Self::send) then waits for a place, [`try_send`](Self::try_send) gives the response back.
///
/// Where the service has `#[event]` handlers, [`post`](Self::post) and [`try_post`](Self::try_post) leave an event of
/// type `Ev` for the session's own state machine; elsewhere `Ev` is a type without values, and nothing can be posted.
///
/// Two handles are equal if they are of the same connection. A handle may be kept after the session's end: it
/// then only says that it [is closed](Self::is_closed).
// Behind a trait, because clippy's `mutable_key_type` would see the lock otherwise, and warn whoever keeps peers in
// a set. What a peer hashes and compares by never changes.
pub struct Peer<Rsp, Ev = Infallible>(Arc<dyn Connection<Rsp, Ev>>);

trait Connection<Rsp, Ev>: Send + Sync {
    fn inner(&self) -> &Post<Rsp, Ev>;
    fn load_of(&self, response: &Rsp) -> Load;
}

impl<Rsp: Send + 'static, Ev: Send> Connection<Rsp, Ev> for Post<Rsp, Ev> {
    fn inner(&self) -> &Self {
        self
    }

    fn load_of(&self, response: &Rsp) -> Load {
        let bounds = self.watch().bounds();
        let weight = bounds.scales.as_ref().and_then(|scales| scales.weigh(response));
        Load { count: bounds.responses, weight }
    }
}

impl<Rsp: Send + 'static, Ev: Send + 'static> Peer<Rsp, Ev> {
    pub(super) fn of(post: &Arc<Post<Rsp, Ev>>) -> Self {
        let post: Arc<Post<Rsp, Ev>> = Arc::clone(post);
        Self(post)
    }
}

impl<Rsp, Ev> Peer<Rsp, Ev> {
    pub(super) fn inner(&self) -> &Post<Rsp, Ev> {
        self.0.inner()
    }

    pub(super) fn load_of(&self, response: &Rsp) -> Load {
        self.0.load_of(response)
    }

    pub(super) fn load_of_event(&self) -> Load {
        Load { count: self.inner().watch().bounds().events, weight: None }
    }

    /// A number that no other connection of this server has, or had.
    pub fn id(&self) -> u64 {
        self.inner().id()
    }

    /// The address of the other end, if the transport has addresses.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.inner().origin().addr()
    }

    /// Who is at the other end of a Unix socket; `None` on other transports, or where the system does not tell.
    #[cfg(unix)]
    pub fn credentials(&self) -> Option<Credentials> {
        self.inner().origin().credentials()
    }

    /// The next descriptor that has come from the other end, with or before the request that is handled now. Only on
    /// listeners that [pass descriptors](crate::UnixOptions::pass_fds); what nobody has taken when the session ends is
    /// closed.
    #[cfg(all(feature = "fds", unix))]
    pub fn take_fd(&self) -> Option<OwnedFd> {
        self.inner().origin().pouch()?.take()
    }

    /// Has a descriptor go out with the next bytes that are written, so no later than a response that is sent from here on.
    ///
    /// # Errors
    /// The descriptor is given back: the listener does not [pass any](crate::UnixOptions::pass_fds), as many as may are
    /// waiting already, or the session has ended.
    #[cfg(all(feature = "fds", unix))]
    pub fn attach_fd(&self, fd: OwnedFd) -> Result<(), SendError<OwnedFd>> {
        match self.inner().origin().pouch() {
            Some(pouch) => pouch.attach(fd).map_err(SendError),
            None => Err(SendError(fd)),
        }
    }

    /// What the TLS handshake has told of the other end: its certificates, the application protocol. `None` without TLS.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.inner().origin().tls()
    }

    /// Sends a response, waiting for a place in the peer's queue if it is full; first come, first served.
    ///
    /// The future is `Send + 'static`: await it on the loop, or `.wait(worker)?` for it on a thread. Nothing is
    /// sent before its first poll. Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the response, if the session has ended or is closing.
    pub fn send(&self, response: Rsp) -> Sending<Rsp, Ev> {
        Sending::new(self.clone(), response)
    }

    /// Sends a response if the peer's queue has a place. Never waits.
    ///
    /// # Errors
    /// [`TrySendError`] with the response: the queue is full, or the session has ended.
    pub fn try_send(&self, response: Rsp) -> Result<(), TrySendError<Rsp>> {
        let load = self.load_of(&response);
        self.put(response, load, |mail| &mut mail.queues().responses)
    }

    /// Sends each item of a stream, as fast as the peer reads; ends with the stream, or with the session.
    ///
    /// The stream is dropped then, whichever ends first, also while its next item is waited for. So whoever fills it is told:
    /// the thread behind a [`channel`](crate::channel()) gets an error from its next `send`. The future is `Send + 'static`
    /// if the stream is.
    ///
    /// # Errors
    /// [`SessionError::Ended`] with the reason, if the session has ended or is closing before the stream has.
    ///
    /// # Cancellation
    /// Dropped, it drops the stream, and one item at most that was taken from it.
    pub fn forward<St>(&self, stream: St) -> impl Future<Output = Result<(), SessionError>> + use<St, Rsp, Ev>
    where
        St: Stream<Item = Rsp>,
    {
        forward(self.clone(), stream)
    }

    /// Posts an event to the session's `#[event]` handler, waiting for a place if the queue is full; first come, first
    /// served. At most [`max_events`](crate::Server::max_events) wait to be handled.
    ///
    /// Events are handled one at a time, between requests, in the order in which they were posted. In a state that has no
    /// handler for them they are passed over. The future is `Send + 'static`, as that of [`send`](Self::send). A handler that
    /// posts to its own full queue would wait for itself: it uses [`try_post`](Self::try_post).
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the event, if the session has ended or is closing. An event that was posted is dropped if the
    /// session ends before it is handled.
    ///
    /// # Cancellation
    /// Nothing is posted before the first poll. Dropped while it waits, it posts nothing.
    pub fn post(&self, event: Ev) -> Posting<Rsp, Ev> {
        Posting::new(self.clone(), event)
    }

    /// Posts an event if the queue has a place. Never waits: a broadcast is not held up by the slowest.
    ///
    /// # Errors
    /// [`TrySendError`] with the event: the queue is full, or the session has ended.
    pub fn try_post(&self, event: Ev) -> Result<(), TrySendError<Ev>> {
        self.put(event, self.load_of_event(), |mail| &mut mail.queues().events)
    }

    fn put<T>(
        &self,
        item: T,
        load: Load,
        queue: impl FnOnce(&mut Mail<Rsp, Ev>) -> &mut Queue<T>,
    ) -> Result<(), TrySendError<T>> {
        self.inner().with_mail(|mail| {
            if mail.gate() != Gate::Open {
                return (Err(TrySendError::Closed(item)), None);
            }
            let queue = queue(mail);
            if !queue.has_room(load) {
                return (Err(TrySendError::Full(item)), None);
            }
            queue.push(item, load);
            (Ok(()), mail.ring())
        })
    }

    /// Ends the session once what is queued has been written; a handler that runs is finished first.
    ///
    /// Requests that were not begun are dropped. Returns at once; closing twice is closing once.
    pub fn close(&self) {
        self.inner().close();
    }

    /// Whether nothing can be sent any more: the session has ended or is closing.
    pub fn is_closed(&self) -> bool {
        self.inner().is_closed()
    }

    /// Ready once nothing can be sent any more: the session has ended or is closing. (tokio: `mpsc::Sender::closed`.)
    ///
    /// In `#[on(disconnect)]` the peer still takes a last response, so it is closed only after that hook: one that waits for a
    /// task which waits for this calls [`close`](Self::close) first.
    ///
    /// For tasks that work for this peer alone, which a session neither has nor ends: they `select!` between it and their work. The
    /// future is `Send + 'static` and cancel-safe.
    ///
    /// ```
    /// # use portcullis_runtime::{Interrupted, Peer, Portal};
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
    pub fn closed(&self) -> Closed<Rsp, Ev> {
        Closed::new(self.clone())
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
