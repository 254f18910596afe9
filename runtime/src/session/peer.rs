//! [`Peer`]: a handle on the other end of a connection.

use std::collections::VecDeque;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{fmt, mem};

use super::error::{SendError, TrySendError};
use super::outbox::{Gate, Outbox};
use super::reason::Reason;
use super::watch::{Phase, Watch};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    fn shared(&self) -> &Shared<Rsp>;
}

impl<Rsp: Send> Connection<Rsp> for Shared<Rsp> {
    fn shared(&self) -> &Self {
        self
    }
}

struct Shared<Rsp> {
    id: u64,
    addr: Option<SocketAddr>,
    watch: Arc<Watch>,
    /// A point of the watch's clock; zero is none. Written by the driver, read by the sweeper.
    deadline: AtomicU64,
    /// Whether there is anything in the outbox, or it is closed; written under its lock. What the driver has
    /// to do for each request it need not do for one that changes nothing here.
    touched: AtomicBool,
    outbox: Mutex<Outbox<Rsp>>,
}

impl<Rsp: Send + 'static> Peer<Rsp> {
    pub(super) fn new(id: u64, addr: Option<SocketAddr>, watch: Arc<Watch>, max_outbound: usize) -> Self {
        let outbox = Mutex::new(Outbox::new(max_outbound));
        let (deadline, touched) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Shared { id, addr, watch, deadline, touched, outbox }))
    }
}

impl<Rsp> Peer<Rsp> {
    fn shared(&self) -> &Shared<Rsp> {
        self.0.shared()
    }

    /// A number that no other connection of this server has, or had.
    pub fn id(&self) -> u64 {
        self.shared().id
    }

    /// The address of the other end, if the transport has addresses.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.shared().addr
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
        let mut outbox = self.shared().outbox.lock();
        if outbox.gate() != Gate::Open {
            return Err(TrySendError::Closed(response));
        }
        if !outbox.has_room() {
            return Err(TrySendError::Full(response));
        }
        let driver = outbox.push(response);
        self.shared().touched.store(true, Ordering::Release);
        drop(outbox);
        wake(driver);
        Ok(())
    }

    /// Ends the session once what is queued has been written; a handler that runs is finished first.
    ///
    /// Requests that were not begun are dropped. Returns at once; closing twice is closing once.
    pub fn close(&self) {
        self.shut(Gate::Closing);
    }

    /// Whether nothing can be sent any more: the session has ended or is closing.
    pub fn is_closed(&self) -> bool {
        self.is_touched() && self.shared().outbox.lock().gate() != Gate::Open
    }

    fn is_touched(&self) -> bool {
        self.shared().touched.load(Ordering::Acquire)
    }

    // ---- the driver's side

    /// As [`close`](Self::close), and what is queued is dropped.
    pub(super) fn end(&self) {
        self.shut(Gate::Ended);
    }

    fn shut(&self, gate: Gate) {
        let mut outbox = self.shared().outbox.lock();
        let (wakers, dropped): (Vec<Waker>, VecDeque<Rsp>) = outbox.shut(gate);
        self.shared().touched.store(true, Ordering::Release);
        drop(outbox);
        wake(wakers);
        drop(dropped);
    }

    pub(super) fn awake(&self, waker: &Waker) {
        self.shared().outbox.lock().awake(waker);
    }

    pub(super) fn sleep(&self) -> bool {
        self.shared().outbox.lock().sleep()
    }

    /// Has the driver look at the stop and at its deadline.
    pub(super) fn nudge(&self) {
        let driver = self.shared().outbox.lock().ring();
        wake(driver);
    }

    pub(super) fn pop(&self) -> Option<Rsp> {
        if !self.is_touched() {
            return None;
        }
        let mut outbox = self.shared().outbox.lock();
        let popped = outbox.pop();
        if outbox.len() == 0 && outbox.gate() == Gate::Open {
            self.shared().touched.store(false, Ordering::Release);
        }
        drop(outbox);
        let (response, sender) = popped?;
        wake(sender);
        Some(response)
    }

    /// How many responses are queued.
    pub(super) fn outgoing(&self) -> usize {
        if self.is_touched() { self.shared().outbox.lock().len() } else { 0 }
    }

    /// Whether an idle session has something to do that is not reading.
    pub(super) fn calls(&self) -> bool {
        self.is_touched() || self.stopping() || self.interrupted(Phase::Cancelling).is_some()
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.shared().watch
    }

    pub(super) fn stopping(&self) -> bool {
        self.shared().watch.phase() >= Phase::Stopping
    }

    /// Why nothing can be sent any more.
    pub(super) fn end_reason(&self) -> Reason {
        match self.shared().outbox.lock().gate() {
            Gate::Ended => Reason::Reset,
            Gate::Open | Gate::Closing => Reason::Closed,
        }
    }

    pub(super) fn set_deadline(&self, at: u64) {
        self.shared().deadline.store(at, Ordering::Relaxed);
    }

    pub(super) fn overdue(&self) -> bool {
        let deadline = self.shared().deadline.load(Ordering::Relaxed);
        deadline != 0 && deadline <= self.shared().watch.now()
    }

    /// Why work must be dropped now, if it must: the stop has come to `phase`, or the deadline has passed.
    pub(super) fn interrupted(&self, phase: Phase) -> Option<Reason> {
        if self.shared().watch.phase() >= phase {
            return Some(Reason::Stopped);
        }
        self.overdue().then_some(Reason::Timeout)
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
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
        self.shared().id.hash(state);
    }
}

impl<Rsp> fmt::Debug for Peer<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.shared().id)
            .field("addr", &self.shared().addr)
            .finish_non_exhaustive()
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
        let mut outbox = this.peer.shared().outbox.lock();
        match mem::replace(&mut this.progress, Progress::Over) {
            Progress::Unsent(response) => {
                if outbox.gate() != Gate::Open {
                    return Poll::Ready(Err(SendError(response)));
                }
                if !outbox.has_room() {
                    this.progress = Progress::Waiting(outbox.wait(response, cx.waker().clone()));
                    return Poll::Pending;
                }
                let driver = outbox.push(response);
                this.peer.shared().touched.store(true, Ordering::Release);
                drop(outbox);
                wake(driver);
                Poll::Ready(Ok(()))
            }
            Progress::Waiting(ticket) if outbox.gate() != Gate::Open => {
                // What was moved to the queue before the end counts as sent, like everything in the queue.
                Poll::Ready(outbox.take_back(ticket).map_or(Ok(()), |response| Err(SendError(response))))
            }
            Progress::Waiting(ticket) if outbox.still_waits(ticket, cx.waker()) => {
                this.progress = Progress::Waiting(ticket);
                Poll::Pending
            }
            Progress::Waiting(_) => Poll::Ready(Ok(())),
            Progress::Over => {
                drop(outbox);
                panic!("`Sending` was polled after it was done")
            }
        }
    }
}

impl<Rsp> Drop for Sending<Rsp> {
    fn drop(&mut self) {
        if let Progress::Waiting(ticket) = self.progress {
            // The response is dropped after the lock is released: its drop is the user's code.
            let response = self.peer.shared().outbox.lock().take_back(ticket);
            drop(response);
        }
    }
}

impl<Rsp> fmt::Debug for Sending<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("peer", &self.peer).finish_non_exhaustive()
    }
}
