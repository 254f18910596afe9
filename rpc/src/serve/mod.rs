//! [`serve`]: the session of a service of calls.
//!
//! | what | where |
//! |---|---|
//! | messages | asked for as by every `#[session]` handler, together with those that have been received, unless a reply waits in the outbox or too many calls wait |
//! | calls that wait | those that were read while [`RpcService::max_in_flight`] calls were in flight, up to as many again |
//! | calls in flight | a set of futures beside that, which the same task polls ([`in_flight`]) |
//! | deadlines | one timer, for the earliest of them |
//! | replies | the session's queue, which the driver writes; if it is full, the [`outbox`] |
//!
//! The handler returns, and the session is idle, when nothing is in flight and nothing has been
//! received.
//!
//! Messages are read while as many calls are in flight as may be, because one of them may cancel a
//! call or grant it credit. Calls that are read meanwhile wait: a call that is cancelled or whose
//! deadline passes by then never begins.
//!
//! What a client can make a session hold is bounded: [`RpcService::max_in_flight`] calls in flight
//! and as many that wait; the session's queue; and in the outbox one reply for each of these calls,
//! because calls go on while the client does not read, but no message is read.

mod alarm;
mod in_flight;
mod outbox;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use portcullis_codec::DecodeError;
use portcullis_runtime::internal::context::DeadlineScope;
use portcullis_runtime::internal::error::{CatchUnwind, Panic, catch_and_log};
use portcullis_service::internal::is_yield_requested;
use portcullis_service::{HalfClose, Reason, Session, SessionError};
use tokio::task::coop;
use tracing::error;

use self::alarm::Alarm;
use self::in_flight::InFlight;
use self::outbox::Outbox;
use crate::context::{CallContext, CreditTable};
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::service::RpcService;
use crate::wire::{ClientMessage, Rejected, ServerMessage, WITHOUT_CREDIT};

/// How many messages are taken together at most.
const MAX_BATCH: usize = 32;

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
    let mut run = Run {
        make: |id, call, deadline: Option<Instant>| {
            let context = CallContext::new(&peer, &credits, id);
            CatchUnwind::new(async move {
                let mut handled = pin!(service.handle_call(context, conn, call));
                let mut scope = deadline.map(DeadlineScope::new);
                poll_fn(|cx| match &mut scope {
                    None => handled.as_mut().poll(cx),
                    Some(scope) => scope.enter(|| handled.as_mut().poll(cx)),
                })
                .await
            })
        },
        credits: &credits,
        max_in_flight: service.max_in_flight().max(1),
        half_close: S::HALF_CLOSE_OF_CALLS,
        half_closes: session.half_closes(),
        is_json_rpc: false,
        input: Input::Open,
        received: VecDeque::new(),
        received_at: None,
        waiting: VecDeque::new(),
        in_flight: InFlight::new(),
        alarm: Alarm::new(),
        outbox: Outbox::new(&peer),
        last_id: 0,
    };
    poll_fn(|cx| run.poll(session, cx)).await
}

type Outcome<P> = Result<Result<<P as Protocol>::Reply, Failure>, Panic>;
type Received<P> = Result<ClientMessage<P>, SessionError>;

/// A call that waits until fewer are in flight.
struct WaitingCall<P> {
    id: u64,
    deadline: Option<Instant>,
    call: P,
}

/// Whether further messages come.
enum Input {
    Open,
    /// None come, and the calls go on.
    Ended,
    /// None come, and the calls are dropped.
    Lost,
}

/// One run of the handler.
struct Run<'a, P: Protocol, F, B> {
    /// Makes the future of a call.
    make: B,
    credits: &'a CreditTable,
    max_in_flight: usize,
    /// What the end of the input means, if the service says so.
    half_close: Option<HalfClose>,
    /// Whether the end of the input may be the end of the client.
    half_closes: bool,
    is_json_rpc: bool,
    input: Input,
    /// Messages that were taken together and are not handled yet.
    received: VecDeque<Received<P>>,
    /// When they were taken, if that was needed.
    received_at: Option<Instant>,
    waiting: VecDeque<WaitingCall<P>>,
    in_flight: InFlight<F>,
    alarm: Alarm,
    outbox: Outbox<'a, P>,
    /// The highest number of a call that was read.
    last_id: u64,
}

impl<P, F, B> Run<'_, P, F, B>
where
    P: Protocol,
    F: Future<Output = Outcome<P>>,
    B: Fn(u64, P, Option<Instant>) -> F,
{
    fn poll(
        &mut self,
        session: &mut Session<ClientMessage<P>, ServerMessage<P>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SessionError>> {
        loop {
            let handled = self.handle_received(cx);
            self.in_flight.poll_woken(cx, |id, outcome| self.outbox.push(to_message(id, outcome)));
            self.end_expired(cx);
            self.outbox.flush(cx);
            if let Poll::Ready(Err(error)) = handled {
                return Poll::Ready(Err(error));
            }
            // The replies could not be sent, or the client would not read them.
            if self.outbox.is_closed() || matches!(self.input, Input::Lost) {
                return Poll::Ready(Ok(()));
            }
            if handled.is_pending() {
                return Poll::Pending;
            }
            if self.can_begin_waiting() {
                continue;
            }
            // Calls wait only while others are in flight.
            let is_busy = self.in_flight.len() > 0 || !self.outbox.is_empty();
            if matches!(self.input, Input::Ended) {
                return if is_busy { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            let read = self.in_flight.len() + self.waiting.len();
            let capacity = self.max_in_flight.saturating_mul(2).saturating_sub(read);
            if capacity == 0 || !self.outbox.is_empty() {
                session.withdraw();
                return Poll::Pending;
            }
            let max = MAX_BATCH.min(capacity);
            let Poll::Ready(first) = session.poll_batch(&mut self.received, max, is_busy, cx) else {
                return Poll::Pending;
            };
            if let Err(SessionError::Timeout) = first {
                return Poll::Ready(Ok(()));
            }
            self.received_at = None;
            self.outbox.reserve(1 + self.received.len());
            if let Err(error) = self.handle(first, cx) {
                self.outbox.flush(cx);
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Begins calls that wait, and handles the messages that were taken. Pending if the task
    /// yields before the last.
    fn handle_received(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SessionError>> {
        while self.can_begin_waiting() || !self.received.is_empty() {
            ready!(coop::poll_proceed(cx)).made_progress();
            if self.can_begin_waiting() {
                self.begin_waiting(cx);
            } else if let Some(message) = self.received.pop_front() {
                self.handle(message, cx)?;
            }
            // What calls send to other sessions should find capacity there.
            if is_yield_requested() && !self.received.is_empty() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn handle(&mut self, message: Received<P>, cx: &mut Context<'_>) -> Result<(), SessionError> {
        match message {
            Ok(ClientMessage::Call { id, time_left, call }) => {
                self.last_id = self.last_id.max(id);
                self.is_json_rpc |= id & WITHOUT_CREDIT != 0;
                let received_at = &mut self.received_at;
                // A time beyond the clock's range is no limit.
                let deadline =
                    time_left.and_then(|time| received_at.get_or_insert_with(Instant::now).checked_add(time));
                if self.in_flight.len() < self.max_in_flight && self.waiting.is_empty() {
                    self.begin(id, deadline, call, cx);
                } else {
                    deadline.into_iter().for_each(|at| self.alarm.limit(at));
                    self.waiting.push_back(WaitingCall { id, deadline, call });
                }
            }
            Ok(ClientMessage::Cancel { id }) => self.end_if(&Failure::Cancelled, |call, _| call == id),
            Ok(ClientMessage::Credit { id, items }) => self.credits.add(id, items),
            Ok(ClientMessage::Rejected { id, failure }) => {
                self.outbox.push(ServerMessage::Failed { id, failure });
            }
            Err(SessionError::Decode(mut error)) => {
                let answer = reject(&mut error).ok_or(SessionError::Decode(error))?;
                self.outbox.push(answer);
            }
            Err(SessionError::Ended(reason)) => self.end_input(&reason),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn cancels_at_half_close(&self) -> bool {
        match self.half_close {
            None => !self.is_json_rpc,
            Some(half_close) => half_close == HalfClose::Cancel,
        }
    }

    fn end_input(&mut self, reason: &Reason) {
        self.input = match reason {
            // A client that has closed the connection looks the same as one that only half-closes.
            Reason::PeerClosed if self.half_closes && self.cancels_at_half_close() => Input::Lost,
            Reason::PeerClosed => Input::Ended,
            Reason::Stopped => {
                // They have not begun.
                self.end_waiting(&Failure::Closed, |_, _| true);
                self.outbox.push(ServerMessage::Closing { last_id: self.last_id });
                Input::Ended
            }
            _ => Input::Lost,
        };
    }

    fn begin(&mut self, id: u64, deadline: Option<Instant>, call: P, cx: &mut Context<'_>) {
        match self.in_flight.begin(id, deadline, || (self.make)(id, call, deadline), cx) {
            Some(outcome) => self.outbox.push(to_message(id, outcome)),
            None => deadline.into_iter().for_each(|at| self.alarm.limit(at)),
        }
    }

    fn can_begin_waiting(&self) -> bool {
        !self.waiting.is_empty() && self.in_flight.len() < self.max_in_flight
    }

    fn begin_waiting(&mut self, cx: &mut Context<'_>) {
        let Some(WaitingCall { id, deadline, call }) = self.waiting.pop_front() else { return };
        if deadline.is_some_and(|at| at <= Instant::now()) {
            self.outbox.push(ServerMessage::Failed { id, failure: Failure::Deadline });
        } else {
            self.begin(id, deadline, call, cx);
        }
    }

    /// Ends the calls whose deadline has passed.
    fn end_expired(&mut self, cx: &mut Context<'_>) {
        if !self.alarm.is_set() {
            return;
        }
        if !self.in_flight.has_deadlines() && self.waiting.iter().all(|call| call.deadline.is_none()) {
            self.alarm.set(None);
        }
        while let Some(now) = self.alarm.poll(cx) {
            let mut next: Option<Instant> = None;
            self.end_if(&Failure::Deadline, |_, deadline| {
                let is_expired = deadline.is_some_and(|at| at <= now);
                if !is_expired {
                    next = next.into_iter().chain(deadline).min();
                }
                is_expired
            });
            self.alarm.set(next);
        }
    }

    /// Drops the calls for which `ends` returns true, by their numbers and deadlines, and answers
    /// each.
    fn end_if(&mut self, failure: &Failure, mut ends: impl FnMut(u64, Option<Instant>) -> bool) {
        let outbox = &mut self.outbox;
        self.in_flight.end_if(|id, deadline| {
            let ends = ends(id, deadline);
            if ends {
                outbox.push(ServerMessage::Failed { id, failure: failure.clone() });
            }
            ends
        });
        self.end_waiting(failure, ends);
    }

    fn end_waiting(&mut self, failure: &Failure, mut ends: impl FnMut(u64, Option<Instant>) -> bool) {
        let mut at = 0;
        while let Some(&WaitingCall { id, deadline, .. }) = self.waiting.get(at) {
            if ends(id, deadline) {
                self.outbox.push(ServerMessage::Failed { id, failure: failure.clone() });
                let call = self.waiting.remove(at);
                catch_and_log("the drop of a call", || drop(call));
            } else {
                at += 1;
            }
        }
    }
}

/// The answer of a call whose frame could not be read, if the error says which call it was.
fn reject<P: Protocol>(error: &mut DecodeError) -> Option<ServerMessage<P>> {
    error.take_attachment().map(|Rejected { id, failure }| ServerMessage::Failed { id, failure })
}

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
