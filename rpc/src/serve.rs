//! [`serve`]: the session of a service of calls.
//!
//! | what | where |
//! |---|---|
//! | requests | asked for as by every `#[session]` handler, unless [`RpcService::max_in_flight`] calls are in flight or a reply waits in the outbox |
//! | calls in flight | a set of futures beside that, which the same task polls |
//! | a call that is ready at its first poll | polled in a box that the next call uses again, and answered at once |
//! | replies | the session's queue, which the driver writes; if it is full, the outbox |
//!
//! The handler returns, and the session is idle, when nothing is in flight and nothing has been
//! received.
//!
//! What a client can make a session hold is bounded: [`RpcService::max_in_flight`] calls; the
//! session's queue; and in the outbox one reply for each of these calls, because calls go on while
//! the client does not read, but no message is read.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, Stream};
use portcullis_codec::DecodeError;
use portcullis_runtime::DEADLINE;
use portcullis_runtime::internal::error::{CatchUnwind, Panic, catch_and_log};
use portcullis_service::{HalfClose, Peer, Reason, SendFuture, Session, SessionError, TrySendError};
use tracing::error;

use crate::context::{CallContext, CreditTable};
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::service::RpcService;
use crate::wire::{ClientMessage, Rejected, ServerMessage};

/// Runs the session of `service` until it is idle or ends: the `on_session` of a service of calls.
///
/// # Errors
/// What arrived is not a message. In-flight calls are dropped then.
pub async fn serve<S>(
    service: &Arc<S>,
    conn: &S::Conn,
    session: &mut Session<ClientMessage<S::Protocol>, ServerMessage<S::Protocol>>,
) -> Result<(), SessionError>
where
    S: RpcService,
    S::Conn: Sync,
{
    let peer = session.peer().clone();
    let credits = CreditTable::default();
    let max_in_flight = service.max_in_flight().max(1);
    let mut outbox = Outbox::new(&peer);
    let mut calls = InFlight::new(|id, call, deadline: Option<Instant>| {
        let context = CallContext::new(&peer, &credits, id);
        CatchUnwind::new(async move {
            let handled = pin!(service.handle_call(context, conn, call));
            match deadline {
                None => handled.await,
                Some(deadline) => DEADLINE.scope(deadline, handled).await,
            }
        })
    });
    let mut last_id = 0;
    let reason = loop {
        let received = if calls.is_empty() && outbox.is_empty() {
            session.next_timeout(Duration::ZERO).await
        } else {
            match next_event(session, &mut calls, &mut outbox, max_in_flight).await {
                Some(received) => received,
                None => continue,
            }
        };
        match received {
            Ok(ClientMessage::Call { id, time_left, call }) => {
                last_id = last_id.max(id);
                if let Some(message) = calls.start(id, time_left, call).await {
                    outbox.send(message);
                }
            }
            Ok(ClientMessage::Cancel { id }) => calls.cancel(id, |message| outbox.send(message)),
            Ok(ClientMessage::Credit { id, items }) => credits.add(id, items),
            Ok(ClientMessage::Rejected { id, failure }) => {
                outbox.send(ServerMessage::Failed { id, failure });
            }
            Err(SessionError::Timeout) => return Ok(()),
            Err(SessionError::Decode(mut error)) => {
                outbox.send(reject(&mut error).ok_or(SessionError::Decode(error))?);
            }
            Err(SessionError::Ended(reason)) => break reason,
            Err(error) => return Err(error),
        }
    };
    match reason {
        // A client that has closed the connection looks the same as one that only half-closes.
        Reason::PeerClosed if S::HALF_CLOSE == HalfClose::Cancel => return Ok(()),
        Reason::PeerClosed => {}
        Reason::Stopped => outbox.send(ServerMessage::Closing { last_id }),
        // The replies could not be sent.
        _ => return Ok(()),
    }
    poll_fn(|cx| poll_calls(&mut calls, &mut outbox, cx)).await;
    Ok(())
}

/// The answer of a call whose frame could not be read, if the error says which call it was.
fn reject<P: Protocol>(error: &mut DecodeError) -> Option<ServerMessage<P>> {
    error.take_attachment().map(|Rejected { id, failure }| ServerMessage::Failed { id, failure })
}

/// Waits for the next message. `None` once no call is in flight and no reply waits.
async fn next_event<P, F, M>(
    session: &mut Session<ClientMessage<P>, ServerMessage<P>>,
    calls: &mut InFlight<P, F, M>,
    outbox: &mut Outbox<'_, P>,
    max_in_flight: usize,
) -> Option<Result<ClientMessage<P>, SessionError>>
where
    P: Protocol,
    F: Future<Output = Outcome<P>>,
    M: Fn(u64, P, Option<Instant>) -> F,
{
    let mut next = pin!(session.next_while_busy());
    poll_fn(|cx| {
        let ended = poll_calls(calls, outbox, cx);
        if outbox.is_closed || outbox.is_empty() && calls.len() < max_in_flight {
            if let Poll::Ready(received) = next.as_mut().poll(cx) {
                return Poll::Ready(Some(received));
            }
        }
        ended.map(|()| None)
    })
    .await
}

/// Polls the calls in flight, and sends their replies. Ready when there are no more of either.
fn poll_calls<P, F, M>(
    calls: &mut InFlight<P, F, M>,
    outbox: &mut Outbox<'_, P>,
    cx: &mut Context<'_>,
) -> Poll<()>
where
    P: Protocol,
    F: Future<Output = Outcome<P>>,
    M: Fn(u64, P, Option<Instant>) -> F,
{
    outbox.poll(cx);
    while let Poll::Ready(Some(message)) = calls.poll_next(cx) {
        outbox.send(message);
    }
    // Again, because a reply may wait since then.
    outbox.poll(cx);
    let is_done = outbox.is_closed || calls.is_empty() && outbox.is_empty();
    if is_done { Poll::Ready(()) } else { Poll::Pending }
}

/// The replies that the session's queue has no capacity for.
struct Outbox<'a, P: Protocol> {
    peer: &'a Peer<ServerMessage<P>>,
    sending: Option<SendFuture<ServerMessage<P>>>,
    waiting: VecDeque<ServerMessage<P>>,
    /// The session takes no more messages.
    is_closed: bool,
}

impl<'a, P: Protocol> Outbox<'a, P> {
    fn new(peer: &'a Peer<ServerMessage<P>>) -> Self {
        Self { peer, sending: None, waiting: VecDeque::new(), is_closed: false }
    }

    /// Whether every message is in the session's queue.
    fn is_empty(&self) -> bool {
        self.sending.is_none()
    }

    fn send(&mut self, message: ServerMessage<P>) {
        if self.sending.is_some() {
            self.waiting.push_back(message);
            return;
        }
        match self.peer.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => self.sending = Some(self.peer.send(message)),
            Err(TrySendError::Closed(_)) => self.is_closed = true,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some(sending) = &mut self.sending {
            match Pin::new(sending).poll(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => self.sending = None,
                Poll::Ready(Err(_)) => {
                    self.sending = None;
                    self.waiting.clear();
                    self.is_closed = true;
                }
            }
            // Until the queue is full again.
            while let (None, Some(message)) = (&self.sending, self.waiting.pop_front()) {
                self.send(message);
            }
        }
    }
}

type Outcome<P> = Result<Result<<P as Protocol>::Reply, Failure>, Panic>;

fn to_message<P: Protocol>(id: u64, outcome: Outcome<P>) -> ServerMessage<P> {
    match outcome {
        Ok(Ok(reply)) => ServerMessage::Reply { id, reply },
        Ok(Err(failure)) => ServerMessage::Failed { id, failure },
        Err(panic) => {
            error!(%panic, call = id, "the handler of a call panicked");
            ServerMessage::Failed { id, failure: Failure::Internal }
        }
    }
}

/// The box of a call's future, which another call uses after that.
type Slot<F> = Pin<Box<Option<F>>>;

/// Drops the future of a call. Its drop is the user's code, and a panic in it must not end the
/// session, nor the drop of other calls.
fn empty<F>(slot: &mut Slot<F>) {
    catch_and_log("the drop of a call", || slot.set(None));
}

/// The calls of a session that have begun. Dropping it cancels them.
struct InFlight<P: Protocol, F, M> {
    make: M,
    set: FuturesUnordered<InFlightCall<F>>,
    /// How many calls of the set have been cancelled, and leave it when it is polled.
    cancelled: usize,
    /// For the next calls.
    spare: Vec<Slot<F>>,
    protocol: PhantomData<fn() -> P>,
}

impl<P, F, M> InFlight<P, F, M>
where
    P: Protocol,
    F: Future<Output = Outcome<P>>,
    M: Fn(u64, P, Option<Instant>) -> F,
{
    fn new(make: M) -> Self {
        Self { make, set: FuturesUnordered::new(), cancelled: 0, spare: Vec::new(), protocol: PhantomData }
    }

    fn len(&self) -> usize {
        self.set.len() - self.cancelled
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a call. Returns its answer if that is ready at once.
    async fn start(&mut self, id: u64, time_left: Option<Duration>, call: P) -> Option<ServerMessage<P>> {
        // A time beyond the clock's range is no limit.
        let deadline = time_left.and_then(|time| Instant::now().checked_add(time));
        let mut slot = self.spare.pop().unwrap_or_else(|| Box::pin(None));
        slot.set(Some((self.make)(id, call, deadline)));
        let first = poll_fn(|cx| Poll::Ready(poll_slot(&mut slot, cx))).await;
        match first {
            Poll::Ready(outcome) => {
                empty(&mut slot);
                self.spare.push(slot);
                Some(to_message(id, outcome?))
            }
            Poll::Pending => {
                let limit = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
                self.set.push(InFlightCall { id, slot: Some(slot), limit, waker: None });
                None
            }
        }
    }

    /// Drops the calls in flight with this number, and answers each.
    fn cancel(&mut self, id: u64, mut answer: impl FnMut(ServerMessage<P>)) {
        for mut call in Pin::new(&mut self.set).iter_pin_mut() {
            if call.id != id || call.slot.is_none() {
                continue;
            }
            self.spare.extend(call.end());
            // The set drops it when it is polled.
            call.waker.take().into_iter().for_each(Waker::wake);
            self.cancelled += 1;
            answer(ServerMessage::Failed { id, failure: Failure::Cancelled });
        }
    }

    /// The answer of the next call that ends; `None` if no call is in flight.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ServerMessage<P>>> {
        while !self.set.is_empty() {
            match Pin::new(&mut self.set).poll_next(cx) {
                Poll::Ready(Some(Some((id, outcome, slot)))) => {
                    self.spare.extend(slot);
                    return Poll::Ready(Some(to_message(id, outcome)));
                }
                Poll::Ready(Some(None)) => self.cancelled -= 1,
                Poll::Ready(None) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(None)
    }
}

impl<P: Protocol, F, M> Drop for InFlight<P, F, M> {
    fn drop(&mut self) {
        for mut call in Pin::new(&mut self.set).iter_pin_mut() {
            drop(call.end());
        }
    }
}

/// Polls the future in the slot. Ready with `None` if there is none.
fn poll_slot<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
    match slot.as_mut().as_pin_mut() {
        Some(future) => future.poll(cx).map(Some),
        None => Poll::Ready(None),
    }
}

/// A call in flight. Its output is `None` if it was cancelled.
struct InFlightCall<F> {
    id: u64,
    /// `None` if the call was cancelled.
    slot: Option<Slot<F>>,
    limit: Option<Pin<Box<tokio::time::Sleep>>>,
    waker: Option<Waker>,
}

impl<F> InFlightCall<F> {
    /// Drops the future, and returns its box.
    fn end(&mut self) -> Option<Slot<F>> {
        let mut slot = self.slot.take()?;
        empty(&mut slot);
        Some(slot)
    }
}

impl<P, T, F> Future for InFlightCall<F>
where
    F: Future<Output = Result<Result<T, Failure>, P>>,
{
    type Output = Option<(u64, F::Output, Option<Slot<F>>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(slot) = &mut this.slot else { return Poll::Ready(None) };
        let outcome = match poll_slot(slot, cx) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(outcome)) => outcome,
            Poll::Pending => {
                let is_late = this.limit.as_mut().is_some_and(|limit| limit.as_mut().poll(cx).is_ready());
                if !is_late {
                    match &mut this.waker {
                        Some(waker) => waker.clone_from(cx.waker()),
                        waker => *waker = Some(cx.waker().clone()),
                    }
                    return Poll::Pending;
                }
                Ok(Err(Failure::Deadline))
            }
        };
        Poll::Ready(Some((this.id, outcome, this.end())))
    }
}
