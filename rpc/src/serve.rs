//! [`serve`]: the session of a service of calls.
//!
//! | what | where |
//! |---|---|
//! | requests | asked for as by every `#[session]` handler, unless [`RpcService::max_in_flight`] calls are in flight |
//! | calls in flight | a set of futures beside that, which the same task polls |
//! | a call that is ready at its first poll | polled in a box that the next call uses again, and answered at once |
//! | replies | the session's queue, which the driver writes |
//!
//! The handler returns, and the session is idle, when nothing is in flight and nothing has been
//! received.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, Stream};
use portcullis_codec::DecodeError;
use portcullis_runtime::internal::error::CatchUnwind;
use portcullis_runtime::{DEADLINE, Panic};
use portcullis_service::{Session, SessionError, TrySendError};
use tokio::time::{Sleep, sleep_until};
use tracing::error;

use crate::failure::Failure;
use crate::protocol::{Protocol, RpcService};
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
    let max_in_flight = service.max_in_flight().max(1);
    let mut calls = InFlight::new(|call, deadline: Option<Instant>| {
        let handled = service.handle_call(&peer, conn, call);
        CatchUnwind::new(async move {
            match deadline {
                None => handled.await,
                Some(deadline) => DEADLINE.scope(deadline, handled).await,
            }
        })
    });
    let mut received = session.next().await;
    loop {
        match received {
            Ok(ClientMessage::Call { id, time_left, call }) => {
                if let Some(message) = calls.start(id, time_left, call).await {
                    send(session, message).await?;
                }
            }
            Ok(ClientMessage::Cancel { id }) => calls.cancel(id),
            Ok(ClientMessage::Rejected { id, failure }) => {
                send(session, ServerMessage::Failed { id, failure }).await?;
            }
            Err(SessionError::Decode(error)) => send(session, reject(error)?).await?,
            Err(SessionError::Ended(_)) => break,
            Err(error) => return Err(error),
        }
        received = loop {
            if calls.is_empty() {
                match session.next_timeout(Duration::ZERO).await {
                    Err(SessionError::Timeout) => return Ok(()),
                    received => break received,
                }
            }
            match next_event(session, &mut calls, max_in_flight).await {
                Event::Received(received) => break received,
                Event::Done(message) => send(session, message).await?,
            }
        };
    }
    while let Some(message) = poll_fn(|cx| calls.poll_done(cx)).await {
        send(session, message).await?;
    }
    Ok(())
}

/// The answer of a call whose frame could not be read.
///
/// # Errors
/// The error itself, if it does not say which call it was, or no further frame can be read.
fn reject<P: Protocol>(mut error: DecodeError) -> Result<ServerMessage<P>, SessionError> {
    match error.take_attachment() {
        Some(Rejected { id, failure }) if error.is_recoverable() => Ok(ServerMessage::Failed { id, failure }),
        _ => Err(SessionError::Decode(error)),
    }
}

async fn send<P: Protocol>(
    session: &Session<ClientMessage<P>, ServerMessage<P>>,
    message: ServerMessage<P>,
) -> Result<(), SessionError> {
    match session.peer().try_send(message) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(message) | TrySendError::Closed(message)) => session.send(message).await,
    }
}

enum Event<P: Protocol> {
    Received(Result<ClientMessage<P>, SessionError>),
    Done(ServerMessage<P>),
}

/// Waits for the next message, and for the end of a call. Calls that have ended come first.
async fn next_event<P, F, M>(
    session: &mut Session<ClientMessage<P>, ServerMessage<P>>,
    calls: &mut InFlight<P, F, M>,
    max_in_flight: usize,
) -> Event<P>
where
    P: Protocol,
    F: Future<Output = Outcome<P>>,
    M: Fn(P, Option<Instant>) -> F,
{
    let is_below_limit = calls.len() < max_in_flight;
    let mut next = pin!(session.next());
    poll_fn(|cx| {
        if let Poll::Ready(Some(message)) = calls.poll_done(cx) {
            return Poll::Ready(Event::Done(message));
        }
        // A cancelled call leaves the set without a message, so the length is read again.
        if is_below_limit || calls.len() < max_in_flight {
            return next.as_mut().poll(cx).map(Event::Received);
        }
        Poll::Pending
    })
    .await
}

type Outcome<P> = Result<Result<<P as Protocol>::Reply, Failure>, Panic>;

fn to_message<P: Protocol>(id: u64, outcome: Outcome<P>) -> ServerMessage<P> {
    match outcome {
        Ok(Ok(reply)) => ServerMessage::Reply { id, reply },
        Ok(Err(failure)) => ServerMessage::Failed { id, failure },
        Err(panic) => {
            error!(%panic, "the handler of a call panicked");
            ServerMessage::Failed { id, failure: Failure::Internal }
        }
    }
}

/// The box of a handler's future, which is empty between two calls.
type Slot<F> = Pin<Box<Option<F>>>;

/// The calls of a session that have begun. Dropping it cancels them.
struct InFlight<P, F, M> {
    handle: M,
    set: FuturesUnordered<InFlightCall<F>>,
    /// For the next call.
    spare: Option<Slot<F>>,
    protocol: PhantomData<fn(P)>,
}

impl<P: Protocol, F: Future<Output = Outcome<P>>, M: Fn(P, Option<Instant>) -> F> InFlight<P, F, M> {
    fn new(handle: M) -> Self {
        Self { handle, set: FuturesUnordered::new(), spare: None, protocol: PhantomData }
    }

    fn len(&self) -> usize {
        self.set.len()
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Begins a call. Returns its answer if that is ready at once.
    async fn start(&mut self, id: u64, time_left: Option<Duration>, call: P) -> Option<ServerMessage<P>> {
        // A time beyond the clock's range is no limit.
        let deadline = time_left.and_then(|time| Instant::now().checked_add(time));
        let mut slot = self.spare.take().unwrap_or_else(|| Box::pin(None));
        slot.set(Some((self.handle)(call, deadline)));
        let polled = poll_fn(|cx| Poll::Ready(poll_slot(&mut slot, cx))).await;
        if let Some(Poll::Ready(outcome)) = polled {
            slot.set(None);
            self.spare = Some(slot);
            return Some(to_message(id, outcome));
        }
        let limit = deadline.map(|deadline| Box::pin(sleep_until(deadline.into())));
        self.set.push(InFlightCall { id, slot: Some(slot), limit, waker: None });
        None
    }

    /// Drops the handler of a call, if it is in flight.
    fn cancel(&mut self, id: u64) {
        for mut call in Pin::new(&mut self.set).iter_pin_mut() {
            if call.id == id {
                call.cancel();
            }
        }
    }

    /// The answer of the next call that ends; `None` if no call is in flight.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Option<ServerMessage<P>>> {
        loop {
            let Some(Ended { id, outcome, slot }) = ready!(Pin::new(&mut self.set).poll_next(cx)) else {
                return Poll::Ready(None);
            };
            self.spare = self.spare.take().or(slot);
            if let Some(outcome) = outcome {
                return Poll::Ready(Some(to_message(id, outcome.unwrap_or(Ok(Err(Failure::Deadline))))));
            }
        }
    }
}

/// Polls the future of a slot; `None` if there is none.
fn poll_slot<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Option<Poll<F::Output>> {
    Some(slot.as_mut().as_pin_mut()?.poll(cx))
}

/// A call that was pending when it was polled first.
struct InFlightCall<F> {
    id: u64,
    /// Empty if the call was cancelled. `None` after the end.
    slot: Option<Slot<F>>,
    limit: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

/// A call that has left the set.
struct Ended<F: Future> {
    id: u64,
    /// `None` if it was cancelled, `Some(None)` if its deadline has passed.
    outcome: Option<Option<F::Output>>,
    slot: Option<Slot<F>>,
}

impl<F> InFlightCall<F> {
    fn cancel(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.set(None);
        }
        // The set removes it when it is polled.
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl<F: Future> Future for InFlightCall<F> {
    type Output = Ended<F>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<F>> {
        let Self { id, slot: held, limit, waker } = &mut *self;
        let slot = held.as_mut().expect("a future is not polled after its end");
        let outcome = match poll_slot(slot, cx) {
            None => None,
            Some(Poll::Ready(outcome)) => Some(Some(outcome)),
            Some(Poll::Pending) => match limit.as_mut().map(|limit| limit.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Some(None),
                Some(Poll::Pending) | None => {
                    *waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            },
        };
        slot.as_mut().set(None);
        Poll::Ready(Ended { id: *id, outcome, slot: held.take() })
    }
}
