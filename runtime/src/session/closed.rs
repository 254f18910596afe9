//! [`Closed`]: the future of a session's end, for those who work for its peer elsewhere.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::mail::Gate;
use super::peer::Peer;

/// The future of [`Peer::closed`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Closed<Rsp, Ev = Infallible> {
    peer: Peer<Rsp, Ev>,
    /// The place among those who watch.
    ticket: Option<u64>,
}

impl<Rsp, Ev> Closed<Rsp, Ev> {
    pub(super) fn new(peer: Peer<Rsp, Ev>) -> Self {
        Self { peer, ticket: None }
    }
}

impl<Rsp, Ev> Unpin for Closed<Rsp, Ev> {}

impl<Rsp, Ev> Future for Closed<Rsp, Ev> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (polled, before) = this.peer.inner().with_mail(|mail| {
            if mail.gate() != Gate::Open {
                return ((Poll::Ready(()), None), None);
            }
            let (ticket, before) = mail.queues().watchers.watch(this.ticket, cx.waker());
            this.ticket = Some(ticket);
            ((Poll::Pending, before), None)
        });
        drop(before); // it may be the last to hold its task
        polled
    }
}

impl<Rsp, Ev> Drop for Closed<Rsp, Ev> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.peer.inner().with_mail(|mail| (mail.queues().watchers.leave(ticket), None));
            drop(waker);
        }
    }
}

impl<Rsp, Ev> fmt::Debug for Closed<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("peer", &self.peer).finish_non_exhaustive()
    }
}
