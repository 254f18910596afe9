//! [`ClosedFuture`]: the future of a session's end, for tasks that work for its peer elsewhere.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::mailbox::SendState;
use crate::Peer;

/// The future of [`Peer::closed`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ClosedFuture<Rsp, Ev = Infallible> {
    peer: Peer<Rsp, Ev>,
    /// Its id among the waiting tasks.
    waiter_id: Option<u64>,
}

impl<Rsp, Ev> ClosedFuture<Rsp, Ev> {
    pub(crate) fn new(peer: Peer<Rsp, Ev>) -> Self {
        Self { peer, waiter_id: None }
    }
}

impl<Rsp, Ev> Unpin for ClosedFuture<Rsp, Ev> {}

impl<Rsp, Ev> Future for ClosedFuture<Rsp, Ev> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (polled, before) = this.peer.inner().with_mailbox(|mailbox| {
            if mailbox.send_state() != SendState::Open {
                return ((Poll::Ready(()), None), None);
            }
            let (waiter_id, before) = mailbox.queues().close_waiters.register(this.waiter_id, cx.waker());
            this.waiter_id = Some(waiter_id);
            ((Poll::Pending, before), None)
        });
        drop(before); // outside the lock: it may be the last owner of its task
        polled
    }
}

impl<Rsp, Ev> Drop for ClosedFuture<Rsp, Ev> {
    fn drop(&mut self) {
        if let Some(waiter_id) = self.waiter_id {
            let waker = self
                .peer
                .inner()
                .with_mailbox(|mailbox| (mailbox.queues().close_waiters.unregister(waiter_id), None));
            drop(waker);
        }
    }
}

impl<Rsp, Ev> fmt::Debug for ClosedFuture<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedFuture").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// The tasks that wait for a session's end, each under an id.
#[derive(Debug, Default)]
pub(crate) struct CloseWaiters {
    wakers: Vec<(u64, Waker)>,
    next_id: u64,
}

impl CloseWaiters {
    /// Has `waker` woken at the end. With the id of an earlier call it replaces that waker, and
    /// returns it.
    pub(crate) fn register(&mut self, waiter_id: Option<u64>, waker: &Waker) -> (u64, Option<Waker>) {
        let known = self.wakers.iter_mut().find(|(known, _)| Some(*known) == waiter_id);
        if let Some((waiter_id, known)) = known {
            let before = if known.will_wake(waker) { None } else { Some(mem::replace(known, waker.clone())) };
            return (*waiter_id, before);
        }
        let waiter_id = self.next_id;
        self.next_id += 1;
        self.wakers.push((waiter_id, waker.clone()));
        (waiter_id, None)
    }

    pub(crate) fn unregister(&mut self, waiter_id: u64) -> Option<Waker> {
        let at = self.wakers.iter().position(|(known, _)| *known == waiter_id)?;
        Some(self.wakers.swap_remove(at).1)
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.wakers).into_iter().map(|(_, waker)| waker)
    }
}
