//! [`Peer`]: a handle on the other end of a connection.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use super::error::{SendError, TrySendError};
use super::outbox::Gate;
use super::post::Post;

/// The other end of a connection: a clonable handle to send to, from anywhere.
///
/// What is sent goes out in order, between the responses of the session's own handler. At most
/// [`max_outbound`](crate::Server::max_outbound) responses wait for a peer that does not read:
/// [`send`](Self::send) then waits for a place, [`try_send`](Self::try_send) gives the response back.
///
/// Two handles are equal if they are of the same connection. A handle may be kept after the session's end: it
/// then only says that it [is closed](Self::is_closed).
// Behind a trait, because clippy's `mutable_key_type` would see the lock otherwise, and warn whoever keeps peers in
// a set. What a peer hashes and compares by never changes.
pub struct Peer<Rsp>(Arc<dyn Connection<Rsp>>);

trait Connection<Rsp>: Send + Sync {
    fn post(&self) -> &Post<Rsp>;
}

impl<Rsp: Send> Connection<Rsp> for Post<Rsp> {
    fn post(&self) -> &Self {
        self
    }
}

impl<Rsp: Send + 'static> Peer<Rsp> {
    pub(super) fn of(post: &Arc<Post<Rsp>>) -> Self {
        let post: Arc<Post<Rsp>> = Arc::clone(post);
        Self(post)
    }
}

impl<Rsp> Peer<Rsp> {
    pub(super) fn post(&self) -> &Post<Rsp> {
        self.0.post()
    }

    /// A number that no other connection of this server has, or had.
    pub fn id(&self) -> u64 {
        self.post().id()
    }

    /// The address of the other end, if the transport has addresses.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.post().addr()
    }

    /// Sends a response, waiting for a place in the peer's queue if it is full; first come, first served.
    ///
    /// The future is `Send + 'static`: await it on the loop, or `.wait(worker)?` for it on a thread. Nothing is
    /// sent before its first poll. Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    /// [`SendError`] with the response, if the session has ended or is closing.
    pub fn send(&self, response: Rsp) -> Sending<Rsp> {
        Sending { peer: self.clone(), progress: Progress::Unsent(response) }
    }

    /// Sends a response if the peer's queue has a place. Never waits.
    ///
    /// # Errors
    /// [`TrySendError`] with the response: the queue is full, or the session has ended.
    pub fn try_send(&self, response: Rsp) -> Result<(), TrySendError<Rsp>> {
        self.post().with_outbox(|outbox| match outbox.gate() {
            Gate::Open if outbox.has_room() => (Ok(()), outbox.push(response)),
            Gate::Open => (Err(TrySendError::Full(response)), None),
            Gate::Closing | Gate::Ended => (Err(TrySendError::Closed(response)), None),
        })
    }

    /// Ends the session once what is queued has been written; a handler that runs is finished first.
    ///
    /// Requests that were not begun are dropped. Returns at once; closing twice is closing once.
    pub fn close(&self) {
        self.post().close();
    }

    /// Whether nothing can be sent any more: the session has ended or is closing.
    pub fn is_closed(&self) -> bool {
        self.post().is_closed()
    }
}

impl<Rsp> Clone for Peer<Rsp> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Rsp> PartialEq for Peer<Rsp> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<Rsp> Eq for Peer<Rsp> {}

impl<Rsp> Hash for Peer<Rsp> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<Rsp> fmt::Debug for Peer<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id()).field("addr", &self.addr()).finish_non_exhaustive()
    }
}

/// The future of [`Peer::send`].
#[must_use = "nothing is sent before the future is awaited"]
pub struct Sending<Rsp> {
    peer: Peer<Rsp>,
    progress: Progress<Rsp>,
}

enum Progress<Rsp> {
    Unsent(Rsp),
    Waiting(u64),
    Over,
}

// The response is never pinned: it is only moved.
impl<Rsp> Unpin for Sending<Rsp> {}

impl<Rsp> Future for Sending<Rsp> {
    type Output = Result<(), SendError<Rsp>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let progress = mem::replace(&mut this.progress, Progress::Over);
        // Not under the lock.
        assert!(!matches!(progress, Progress::Over), "`Sending` was polled after it was done");
        let (progress, polled) = this.peer.post().with_outbox(|outbox| match progress {
            Progress::Unsent(response) if outbox.gate() != Gate::Open => {
                ((Progress::Over, Poll::Ready(Err(SendError(response)))), None)
            }
            Progress::Unsent(response) if outbox.has_room() => {
                ((Progress::Over, Poll::Ready(Ok(()))), outbox.push(response))
            }
            Progress::Unsent(response) => {
                let ticket = outbox.wait(response, cx.waker().clone());
                ((Progress::Waiting(ticket), Poll::Pending), None)
            }
            Progress::Waiting(ticket) if outbox.gate() != Gate::Open => {
                // What was moved to the queue before the end counts as sent, like everything in the queue.
                let back = outbox.take_back(ticket);
                ((Progress::Over, Poll::Ready(back.map_or(Ok(()), |back| Err(SendError(back))))), None)
            }
            Progress::Waiting(ticket) if outbox.still_waits(ticket, cx.waker()) => {
                ((Progress::Waiting(ticket), Poll::Pending), None)
            }
            Progress::Waiting(_) => ((Progress::Over, Poll::Ready(Ok(()))), None),
            Progress::Over => unreachable!("looked at above"),
        });
        this.progress = progress;
        polled
    }
}

impl<Rsp> Drop for Sending<Rsp> {
    fn drop(&mut self) {
        if let Progress::Waiting(ticket) = self.progress {
            // The response is dropped after the lock is released: its drop is the user's code.
            let response = self.peer.post().with_outbox(|outbox| (outbox.take_back(ticket), None));
            drop(response);
        }
    }
}

impl<Rsp> fmt::Debug for Sending<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("peer", &self.peer).finish_non_exhaustive()
    }
}
