//! Waiting for a place in one of a session's two queues: the futures [`SendFuture`] and
//! [`PostFuture`].

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::mailbox::{Mailbox, SendState};
use super::queue::{BoundedQueue, Cost};
use crate::encoded::QueuedResponse;
use crate::{Peer, SendError, TrySendError};

/// One of the two queues.
trait QueueKind<Rsp, Ev> {
    type Item;
    fn queue(mailbox: &mut Mailbox<Rsp, Ev>) -> &mut BoundedQueue<Self::Item>;
    fn takes_items(state: SendState) -> bool;
    /// Called before the lock is taken: weighing is the user's code.
    fn cost(peer: &Peer<Rsp, Ev>, item: &Self::Item) -> Cost;
}

struct Responses;
struct Events;

impl<Rsp, Ev> QueueKind<Rsp, Ev> for Responses {
    type Item = QueuedResponse<Rsp>;

    fn queue(mailbox: &mut Mailbox<Rsp, Ev>) -> &mut BoundedQueue<QueuedResponse<Rsp>> {
        &mut mailbox.queues().responses
    }

    fn takes_items(state: SendState) -> bool {
        state.takes_responses()
    }

    fn cost(peer: &Peer<Rsp, Ev>, response: &QueuedResponse<Rsp>) -> Cost {
        peer.cost_of(response.message())
    }
}

impl<Rsp, Ev> QueueKind<Rsp, Ev> for Events {
    type Item = Ev;

    fn queue(mailbox: &mut Mailbox<Rsp, Ev>) -> &mut BoundedQueue<Ev> {
        &mut mailbox.queues().events
    }

    fn takes_items(state: SendState) -> bool {
        state.takes_events()
    }

    fn cost(peer: &Peer<Rsp, Ev>, _: &Ev) -> Cost {
        peer.cost_of_event()
    }
}

struct Enqueue<Rsp, Ev, Q: QueueKind<Rsp, Ev>> {
    peer: Peer<Rsp, Ev>,
    state: EnqueueState<Q::Item>,
}

enum EnqueueState<T> {
    New(T),
    Weighed(Cost, T),
    Waiting(u64),
    Done,
}

impl<Rsp, Ev, Q: QueueKind<Rsp, Ev>> Enqueue<Rsp, Ev, Q> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<Q::Item>>> {
        let state = mem::replace(&mut self.state, EnqueueState::Done);
        // Not under the lock.
        assert!(!matches!(state, EnqueueState::Done), "polled after it was done");
        let state = match state {
            EnqueueState::New(item) => EnqueueState::Weighed(Q::cost(&self.peer, &item), item),
            other => other,
        };
        let mut is_half_full = false;
        let (state, polled) = self.peer.inner().with_mailbox(|mailbox| {
            let is_open = Q::takes_items(mailbox.send_state());
            let queue = Q::queue(mailbox);
            match state {
                EnqueueState::Weighed(_, item) if !is_open => {
                    ((EnqueueState::Done, Poll::Ready(Err(SendError(item)))), None)
                }
                EnqueueState::Weighed(cost, item) if queue.has_room(cost) => {
                    is_half_full = queue.push(item, cost);
                    ((EnqueueState::Done, Poll::Ready(Ok(()))), mailbox.notify())
                }
                EnqueueState::Weighed(cost, item) => {
                    let waiter_id = queue.wait(item, cost, cx.waker().clone());
                    ((EnqueueState::Waiting(waiter_id), Poll::Pending), None)
                }
                EnqueueState::Waiting(waiter_id) if !is_open => {
                    // What was moved to the queue before the end counts as put, like everything in
                    // the queue.
                    let back = queue.cancel_wait(waiter_id);
                    (
                        (EnqueueState::Done, Poll::Ready(back.map_or(Ok(()), |back| Err(SendError(back))))),
                        None,
                    )
                }
                EnqueueState::Waiting(waiter_id) if queue.is_waiting(waiter_id, cx.waker()) => {
                    ((EnqueueState::Waiting(waiter_id), Poll::Pending), None)
                }
                EnqueueState::Waiting(_) => ((EnqueueState::Done, Poll::Ready(Ok(()))), None),
                EnqueueState::New(_) | EnqueueState::Done => unreachable!("looked at above"),
            }
        });
        self.state = state;
        if is_half_full {
            self.peer.report_congestion();
        }
        polled
    }
}

impl<Rsp, Ev, Q: QueueKind<Rsp, Ev>> Enqueue<Rsp, Ev, Q> {
    /// Takes the item back if it still waits.
    fn cancel(&mut self) -> Option<Q::Item> {
        match mem::replace(&mut self.state, EnqueueState::Done) {
            EnqueueState::New(item) | EnqueueState::Weighed(_, item) => Some(item),
            EnqueueState::Waiting(id) => {
                self.peer.inner().with_mailbox(|mailbox| (Q::queue(mailbox).cancel_wait(id), None))
            }
            EnqueueState::Done => None,
        }
    }

    /// Completes within `timeout`. The timer is made only if the queue is full.
    async fn with_timeout(mut self, timeout: Duration) -> Result<(), TrySendError<Q::Item>> {
        let mut sleep = pin!(None);
        poll_fn(|cx| {
            if let Poll::Ready(sent) = self.poll(cx) {
                return Poll::Ready(sent.map_err(|SendError(item)| TrySendError::Closed(item)));
            }
            if sleep.is_none() {
                sleep.set(Some(tokio::time::sleep(timeout)));
            }
            if sleep.as_mut().as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_pending()) {
                return Poll::Pending;
            }
            // An item that does not wait any more was moved to the queue.
            Poll::Ready(self.cancel().map_or(Ok(()), |item| Err(TrySendError::Full(item))))
        })
        .await
    }
}

impl<Rsp, Ev, Q: QueueKind<Rsp, Ev>> Drop for Enqueue<Rsp, Ev, Q> {
    fn drop(&mut self) {
        if let EnqueueState::Waiting(waiter_id) = self.state {
            // The item is dropped after the lock is released: its drop is the user's code.
            let item =
                self.peer.inner().with_mailbox(|mailbox| (Q::queue(mailbox).cancel_wait(waiter_id), None));
            drop(item);
        }
    }
}

/// The future of [`Peer::send`].
#[must_use = "nothing is sent before the future is awaited"]
pub struct SendFuture<Rsp, Ev = Infallible>(Enqueue<Rsp, Ev, Responses>);

/// The future of [`Peer::post`].
#[must_use = "nothing is posted before the future is awaited"]
pub struct PostFuture<Rsp, Ev>(Enqueue<Rsp, Ev, Events>);

impl<Rsp, Ev> SendFuture<Rsp, Ev> {
    pub(crate) async fn with_timeout(self, timeout: Duration) -> Result<(), TrySendError<Rsp>> {
        self.0.with_timeout(timeout).await.map_err(|error| error.map(QueuedResponse::into_message))
    }

    /// As the future itself, with what was queued if it could not be sent.
    pub(crate) async fn sent(mut self) -> Result<(), SendError<QueuedResponse<Rsp>>> {
        poll_fn(|cx| self.0.poll(cx)).await
    }

    pub(crate) fn new(peer: Peer<Rsp, Ev>, response: QueuedResponse<Rsp>) -> Self {
        Self(Enqueue { peer, state: EnqueueState::New(response) })
    }
}

impl<Rsp, Ev> PostFuture<Rsp, Ev> {
    pub(crate) async fn with_timeout(self, timeout: Duration) -> Result<(), TrySendError<Ev>> {
        self.0.with_timeout(timeout).await
    }

    pub(crate) fn new(peer: Peer<Rsp, Ev>, event: Ev) -> Self {
        Self(Enqueue { peer, state: EnqueueState::New(event) })
    }
}

// The item is never pinned: it is only moved.
impl<Rsp, Ev> Unpin for SendFuture<Rsp, Ev> {}
impl<Rsp, Ev> Unpin for PostFuture<Rsp, Ev> {}

impl<Rsp, Ev> Future for SendFuture<Rsp, Ev> {
    type Output = Result<(), SendError<Rsp>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map_err(|SendError(queued)| SendError(queued.into_message()))
    }
}

impl<Rsp, Ev> Future for PostFuture<Rsp, Ev> {
    type Output = Result<(), SendError<Ev>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<Rsp, Ev> fmt::Debug for SendFuture<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl<Rsp, Ev> fmt::Debug for PostFuture<Rsp, Ev> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostFuture").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}
