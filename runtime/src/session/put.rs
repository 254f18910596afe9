//! Putting something into one of a session's two queues: the futures [`Sending`] and [`Posting`].

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::error::SendError;
use super::mail::{Gate, Mail};
use super::peer::Peer;
use super::queue::{Load, Queue};

/// One of the two queues.
trait Lane<Rsp, Ev> {
    type Item;
    fn queue(mail: &mut Mail<Rsp, Ev>) -> &mut Queue<Self::Item>;
    /// To be asked before the lock is taken: weighing is the user's code.
    fn load(peer: &Peer<Rsp, Ev>, item: &Self::Item) -> Load;
}

struct Responses;
struct Events;

impl<Rsp, Ev> Lane<Rsp, Ev> for Responses {
    type Item = Rsp;

    fn queue(mail: &mut Mail<Rsp, Ev>) -> &mut Queue<Rsp> {
        &mut mail.queues().responses
    }

    fn load(peer: &Peer<Rsp, Ev>, response: &Rsp) -> Load {
        peer.load_of(response)
    }
}

impl<Rsp, Ev> Lane<Rsp, Ev> for Events {
    type Item = Ev;

    fn queue(mail: &mut Mail<Rsp, Ev>) -> &mut Queue<Ev> {
        &mut mail.queues().events
    }

    fn load(peer: &Peer<Rsp, Ev>, _: &Ev) -> Load {
        peer.load_of_event()
    }
}

struct Put<Rsp, Ev, Q: Lane<Rsp, Ev>> {
    peer: Peer<Rsp, Ev>,
    progress: Progress<Q::Item>,
}

enum Progress<T> {
    New(T),
    Weighed(Load, T),
    Waiting(u64),
    Over,
}

impl<Rsp, Ev, Q: Lane<Rsp, Ev>> Put<Rsp, Ev, Q> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<Q::Item>>> {
        let progress = mem::replace(&mut self.progress, Progress::Over);
        // Not under the lock.
        assert!(!matches!(progress, Progress::Over), "polled after it was done");
        let progress = match progress {
            Progress::New(item) => Progress::Weighed(Q::load(&self.peer, &item), item),
            other => other,
        };
        let (progress, polled) = self.peer.inner().with_mail(|mail| {
            let gate = mail.gate();
            let queue = Q::queue(mail);
            match progress {
                Progress::Weighed(_, item) if gate != Gate::Open => {
                    ((Progress::Over, Poll::Ready(Err(SendError(item)))), None)
                }
                Progress::Weighed(load, item) if queue.has_room(load) => {
                    queue.push(item, load);
                    ((Progress::Over, Poll::Ready(Ok(()))), mail.ring())
                }
                Progress::Weighed(load, item) => {
                    let ticket = queue.wait(item, load, cx.waker().clone());
                    ((Progress::Waiting(ticket), Poll::Pending), None)
                }
                Progress::Waiting(ticket) if gate != Gate::Open => {
                    // What was moved to the queue before the end counts as put, like everything in the queue.
                    let back = queue.take_back(ticket);
                    ((Progress::Over, Poll::Ready(back.map_or(Ok(()), |back| Err(SendError(back))))), None)
                }
                Progress::Waiting(ticket) if queue.still_waits(ticket, cx.waker()) => {
                    ((Progress::Waiting(ticket), Poll::Pending), None)
                }
                Progress::Waiting(_) => ((Progress::Over, Poll::Ready(Ok(()))), None),
                Progress::New(_) | Progress::Over => unreachable!("looked at above"),
            }
        });
        self.progress = progress;
        polled
    }
}

impl<Rsp, Ev, Q: Lane<Rsp, Ev>> Drop for Put<Rsp, Ev, Q> {
    fn drop(&mut self) {
        if let Progress::Waiting(ticket) = self.progress {
            // The item is dropped after the lock is released: its drop is the user's code.
            let item = self.peer.inner().with_mail(|mail| (Q::queue(mail).take_back(ticket), None));
            drop(item);
        }
    }
}

/// The future of [`Peer::send`].
#[must_use = "nothing is sent before the future is awaited"]
pub struct Sending<Rsp, Ev = Infallible>(Put<Rsp, Ev, Responses>);

/// The future of [`Peer::post`].
#[must_use = "nothing is posted before the future is awaited"]
pub struct Posting<Rsp, Ev>(Put<Rsp, Ev, Events>);

impl<Rsp, Ev> Sending<Rsp, Ev> {
    pub(super) fn new(peer: Peer<Rsp, Ev>, response: Rsp) -> Self {
        Self(Put { peer, progress: Progress::New(response) })
    }
}

impl<Rsp, Ev> Posting<Rsp, Ev> {
    pub(super) fn new(peer: Peer<Rsp, Ev>, event: Ev) -> Self {
        Self(Put { peer, progress: Progress::New(event) })
    }
}

// The item is never pinned: it is only moved.
impl<Rsp, Ev> Unpin for Sending<Rsp, Ev> {}
impl<Rsp, Ev> Unpin for Posting<Rsp, Ev> {}

impl<Rsp, Ev> Future for Sending<Rsp, Ev> {
    type Output = Result<(), SendError<Rsp>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<Rsp, Ev> Future for Posting<Rsp, Ev> {
    type Output = Result<(), SendError<Ev>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<Rsp, Ev> fmt::Debug for Sending<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl<Rsp, Ev> fmt::Debug for Posting<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posting").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}
