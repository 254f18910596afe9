//! [`ClosedFuture`] and [`EndedFuture`]: the end of a session, for tasks that work for its peer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::mailbox::Mailbox;
use crate::Peer;

/// The future of [`Peer::closed`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ClosedFuture<Rsp, Ev = Infallible>(Wait<Rsp, Ev>);

/// The future of [`Peer::ended`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct EndedFuture<Rsp, Ev = Infallible>(Wait<Rsp, Ev>);

impl<Rsp, Ev> ClosedFuture<Rsp, Ev> {
    pub(crate) fn new(peer: Peer<Rsp, Ev>) -> Self {
        Self(Wait { peer, milestone: Milestone::Closed, waiter_id: None })
    }
}

impl<Rsp, Ev> EndedFuture<Rsp, Ev> {
    pub(crate) fn new(peer: Peer<Rsp, Ev>) -> Self {
        Self(Wait { peer, milestone: Milestone::Ended, waiter_id: None })
    }
}

impl<Rsp, Ev> Future for ClosedFuture<Rsp, Ev> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl<Rsp, Ev> Future for EndedFuture<Rsp, Ev> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl<Rsp, Ev> fmt::Debug for ClosedFuture<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedFuture").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl<Rsp, Ev> fmt::Debug for EndedFuture<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndedFuture").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
enum Milestone {
    /// Nothing can be sent any more.
    Closed,
    /// The last hook has run.
    Ended,
}

impl Milestone {
    fn is_reached<Rsp, Ev>(self, mailbox: &Mailbox<Rsp, Ev>) -> bool {
        match self {
            Self::Closed => !mailbox.send_state().takes_responses(),
            Self::Ended => mailbox.has_ended(),
        }
    }

    fn waiters<Rsp, Ev>(self, mailbox: &mut Mailbox<Rsp, Ev>) -> &mut Waiters {
        match self {
            Self::Closed => &mut mailbox.queues().close_waiters,
            Self::Ended => &mut mailbox.queues().end_waiters,
        }
    }
}

struct Wait<Rsp, Ev> {
    peer: Peer<Rsp, Ev>,
    milestone: Milestone,
    /// Its id among the waiting tasks, after the first poll.
    waiter_id: Option<u64>,
}

impl<Rsp, Ev> Wait<Rsp, Ev> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Self { peer, milestone, waiter_id } = self;
        let (polled, before) = peer.inner().with_mailbox(|mailbox| {
            if milestone.is_reached(mailbox) {
                return ((Poll::Ready(()), None), None);
            }
            let (id, before) = milestone.waiters(mailbox).register(*waiter_id, cx.waker());
            *waiter_id = Some(id);
            ((Poll::Pending, before), None)
        });
        drop(before); // outside the lock: it may be the last owner of its task
        polled
    }
}

impl<Rsp, Ev> Drop for Wait<Rsp, Ev> {
    fn drop(&mut self) {
        if let Some(waiter_id) = self.waiter_id {
            let milestone = self.milestone;
            let waker = self
                .peer
                .inner()
                .with_mailbox(|mailbox| (milestone.waiters(mailbox).unregister(waiter_id), None));
            drop(waker);
        }
    }
}

/// Tasks that wait for something of a session, each under an id.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    wakers: Vec<(u64, Waker)>,
    next_id: u64,
}

impl Waiters {
    /// Has `waker` woken by [`take_all`](Self::take_all). With the id of an earlier call it
    /// replaces that waker, and returns it.
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

    /// Whether no task has ever waited.
    pub(crate) fn is_unused(&self) -> bool {
        self.next_id == 0
    }

    pub(crate) fn unregister(&mut self, waiter_id: u64) -> Option<Waker> {
        let at = self.wakers.iter().position(|(known, _)| *known == waiter_id)?;
        Some(self.wakers.swap_remove(at).1)
    }

    /// As [`take_all`](Self::take_all), without a move if no task waits.
    pub(crate) fn take_if_any(&mut self) -> Option<impl Iterator<Item = Waker> + use<>> {
        if self.wakers.is_empty() { None } else { Some(self.take_all()) }
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.wakers).into_iter().map(|(_, waker)| waker)
    }
}
