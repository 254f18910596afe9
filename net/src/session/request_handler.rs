//! Sessions that go from state to state ([`PerRequest`](crate::service::PerRequest)).
//!
//! A burst handles every request and every event that is there, writes the answers together, reads
//! once more, and ends when nothing is there. During a stop, what has been read is still answered;
//! nothing more is read, and no event is handled.

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::yield_now;
use tracing::debug;

use super::decoding::{Found, decoded};
use super::driver::{Activation, IdleSession};
use super::io::{ReadEnd, SessionIo};
use super::lifecycle::{
    end_reason, reason_after_abort, run_on_connect, run_on_disconnect, run_on_error, run_until_aborted,
};
use super::registry::SessionRegistry;
use super::run_with_io::{NoDemand, resume_with_io, run_with_io};
use crate::codec::Codec;
use crate::codec::private::take_decode_cost;
use crate::service::internal::ShutdownPhase;
use crate::service::{Peer, Reason, Service, SessionError, Step};
use crate::transport::Transport;

/// After so many events in a row, without a request between them, the connection is looked at: what
/// was answered is written, what has come is read.
const MAX_CONSECUTIVE_EVENTS: usize = 32;

/// One read may bring thousands of small requests, whose handlers never wait: after so many turns,
/// other tasks have theirs. As many as the loop's own budget has units, which would cost a tenth of
/// a small request.
const YIELD_EVERY: usize = 128;
/// So many bytes of decoding count as a turn: with all turns of it a millisecond or so.
const BYTES_PER_TURN: usize = 1024;

/// A whole burst: the session's idle struct again, or `None` when the session has ended.
pub(crate) async fn run_active<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    entry: Activation<S, IO, C>,
) -> Option<Box<IdleSession<S, IO, C>>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Activation::Resumed(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep that of each burst
        // small.
        Activation::New(io) => {
            let mut idle = Box::pin(run_on_connect(&registry, *io)).await?;
            if let Some(first) = &idle.state {
                idle.io.enter_state(S::state_limits(first));
            }
            idle
        }
    };
    let (shared, peer) = (Arc::clone(idle.io.shared()), idle.io.peer());
    // The name of the state that a handler has taken. Not in the idle struct, which is to be small.
    let mut active_state = "";
    let worked = {
        let working = pin!(Some(process(&registry, &peer, &mut idle, &mut active_state)));
        run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), working).await
    };
    let reason = match worked {
        Ok(ControlFlow::Continue(())) => return Some(idle),
        Ok(ControlFlow::Break(reason)) => reason,
        Err(off) => Box::pin(reason_after_abort(&registry, &mut idle, off)).await,
    };
    Box::pin(run_on_disconnect(&registry, idle, active_state, reason)).await;
    None
}

/// Works until nothing is there (`Continue`) or the session ends.
async fn process<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut turns = 0;
    loop {
        let mut consecutive_events = 0;
        while !idle.check_ended()? {
            // One of each in turn, so that neither a flood of events nor one of requests starves
            // the other.
            let handled_event =
                idle.io.shared().is_dirty() && handle_event(registry, peer, idle, active_state).await?;
            if !idle.check_ended()? && handle_request(registry, peer, idle, active_state).await? {
                consecutive_events = 0;
            } else if handled_event && consecutive_events < MAX_CONSECUTIVE_EVENTS {
                consecutive_events += 1;
            } else {
                break;
            }
            // A peer that is never silent does not stay for ever.
            if idle.io.state_expired() && !idle.check_ended()? {
                handle_state_timeout(registry, peer, idle, active_state).await?;
            }
            if idle.io.is_full() {
                flush(registry, peer, idle, active_state).await?;
            }
            turns += 1 + take_decode_cost() / BYTES_PER_TURN;
            if turns >= YIELD_EVERY {
                turns = 0;
                yield_now().await;
            }
        }
        // What was sent to the peer goes out with what it is answered.
        loop {
            if let Err(error) = idle.io.encode_queued() {
                return ControlFlow::Break(Reason::Failed(error.to_string()));
            }
            let full = idle.io.is_full();
            flush(registry, peer, idle, active_state).await?;
            if !full {
                break;
            }
        }
        if let Some(reason) = end_reason(&idle.io) {
            return ControlFlow::Break(reason);
        }
        if let Some(state) = &idle.state {
            idle.io.begin_read_wait(S::state_limits(state));
        }
        if poll_fn(|cx| Poll::Ready(idle.io.poll_read(cx).is_ready())).await {
            continue;
        }
        // Not before that look: a request that came in time counts, also if this loop was held up
        // until now.
        match idle.io.shared().abort_reason(ShutdownPhase::Cancelling) {
            None => return ControlFlow::Continue(()),
            Some(Reason::Timeout) if idle.io.state_timed_out() => {
                handle_state_timeout(registry, peer, idle, active_state).await?
            }
            Some(reason) => return ControlFlow::Break(reason),
        }
    }
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> IdleSession<S, IO, C> {
    /// Whether no handler is to be called any more: the session was closed (what is queued is
    /// written first), or (`Break`) the state is one that closes.
    fn check_ended(&self) -> ControlFlow<Reason, bool> {
        match &self.state {
            Some(state) if S::closes(state) => ControlFlow::Break(Reason::Closed),
            _ => ControlFlow::Continue(self.io.shared().is_closed()),
        }
    }

    /// The state, for a handler that is about to run, unless it is gone.
    fn take_state(
        state: &mut Option<S::State>,
        active_state: &mut &'static str,
    ) -> ControlFlow<Reason, S::State> {
        match state.take() {
            Some(state) => {
                *active_state = S::state_name(&state);
                ControlFlow::Continue(state)
            }
            None => ControlFlow::Break(Reason::Failed("no state to go on in".to_owned())),
        }
    }
}

/// One request; `false` if none is there.
async fn handle_request<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
) -> ControlFlow<Reason, bool>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let IdleSession { io, conn, state } = idle;
    let request = match io.decode_request() {
        Ok(None) => return ControlFlow::Continue(false),
        Ok(Some(Found::Request(request))) => Ok(request),
        // In a box, to keep that of each burst small.
        Ok(Some(Found::Later(later))) => match Box::pin(decoded(io, later)).await {
            Ok(request) => request,
            Err(reason) => return ControlFlow::Break(reason),
        },
        Err(error) => Err(error),
    };
    let error = match request {
        Err(error) => SessionError::Decode(error),
        Ok(request) => {
            let before = IdleSession::<S, IO, C>::take_state(state, active_state)?;
            let half_close = S::half_close(&before);
            let mut handler = pin!(registry.service().on_request(before, peer, conn, request));
            // Many handlers never wait: then there is nothing to attend to. The response goes into
            // the batch where it comes up, since every hand that a message goes through is a copy
            // of it.
            let at_once = InlinePollFn(|cx: &mut Context<'_>| {
                Poll::Ready(handler.as_mut().poll(cx).map(|done| apply_step(io, state, active_state, done)))
            });
            let taken = match at_once.await {
                Poll::Ready(taken) => taken,
                Poll::Pending => match resume_with_io(io, half_close.into(), handler).await {
                    Ok(done) => apply_step(io, state, active_state, done),
                    Err(reason) => return ControlFlow::Break(reason),
                },
            };
            match taken {
                Ok(()) => return ControlFlow::Continue(true),
                Err(error) => error,
            }
        }
    };
    Box::pin(handle_error(registry, idle, active_state, error)).await?;
    ControlFlow::Continue(true)
}

/// One event; `false` if none is there.
async fn handle_event<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
) -> ControlFlow<Reason, bool>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if idle.io.shared().stopping() {
        return ControlFlow::Continue(false);
    }
    let Some(event) = idle.io.shared().pop_event() else { return ControlFlow::Continue(false) };
    if !run_between_requests(registry, peer, idle, active_state, Some(event)).await? {
        debug!(state = *active_state, "an event was passed over");
    }
    ControlFlow::Continue(true)
}

/// Writes the batch. While the peer does not read it, the state's time goes on.
async fn flush<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    while !idle.io.flush_within_state().await {
        // In a box, to keep that of each burst small.
        Box::pin(handle_state_timeout(registry, peer, idle, active_state)).await?;
        idle.check_ended()?;
    }
    ControlFlow::Continue(())
}

/// A state's time has passed.
async fn handle_state_timeout<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if !run_between_requests(registry, peer, idle, active_state, None).await? {
        return ControlFlow::Break(Reason::Timeout);
    }
    // Also if it is the same state again: its time begins anew, or it would be over at once.
    if let Some(state) = &idle.state {
        idle.io.enter_state(S::state_limits(state));
    }
    ControlFlow::Continue(())
}

/// Has the state deal with an event, or with its time that has passed; `false` if it has no handler
/// for it.
async fn run_between_requests<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
    event: Option<S::Event>,
) -> ControlFlow<Reason, bool>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    // The wait for a request is not over, and goes on afterwards: what comes again and again is
    // none.
    idle.io.pause_read_wait();
    let IdleSession { io, conn, state } = idle;
    let before = IdleSession::<S, IO, C>::take_state(state, active_state)?;
    let half_close = S::half_close(&before).into();
    let done = match event {
        Some(event) => {
            let handler = pin!(registry.service().on_event(before, peer, conn, event));
            run_with_io(io, half_close, &mut NoDemand, handler).await
        }
        None => {
            let handler = pin!(registry.service().on_timeout(before, peer, conn));
            run_with_io(io, half_close, &mut NoDemand, handler).await
        }
    };
    let taken = match done {
        Err(reason) => return ControlFlow::Break(reason),
        Ok(Ok(ControlFlow::Break(same))) => {
            *state = Some(same);
            return ControlFlow::Continue(false);
        }
        Ok(Ok(ControlFlow::Continue(step))) => apply_step(io, state, active_state, Ok(step)),
        Ok(Err(error)) => Err(SessionError::Handler(error)),
    };
    if let Err(error) = taken {
        Box::pin(handle_error(registry, idle, active_state, error)).await?;
    }
    ControlFlow::Continue(true)
}

/// As `std::future::PollFn`, and always inlined: each request goes through it.
struct InlinePollFn<F>(F);

impl<F> Unpin for InlinePollFn<F> {}

impl<T, F: FnMut(&mut Context<'_>) -> Poll<T>> Future for InlinePollFn<F> {
    type Output = T;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.0)(cx)
    }
}

/// Takes the state back from a handler, and puts its response into the batch.
#[inline(always)]
fn apply_step<S, IO, C>(
    io: &mut SessionIo<S, IO, C>,
    state: &mut Option<S::State>,
    came_from: &str,
    done: Result<Step<S>, S::Error>,
) -> Result<(), SessionError<S::Error>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Step { state: next, response } = done.map_err(SessionError::Handler)?;
    if S::state_name(&next) != came_from {
        io.enter_state(S::state_limits(&next));
    }
    *state = Some(next);
    match response {
        Some(response) => io.queue_response(response).map_err(SessionError::Encode),
        None => Ok(()),
    }
}

/// An error that is answered leaves the session in the state that it can recover.
async fn handle_error<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: &mut &'static str,
    error: SessionError<S::Error>,
) -> ControlFlow<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if idle.io.end() == Some(ReadEnd::Failed) && !matches!(error, SessionError::Decode(_)) {
        return ControlFlow::Break(Reason::Reset);
    }
    let reason = Reason::from_error(&error);
    run_on_error(registry, &mut idle.io, &mut idle.conn, error).await?;
    if idle.state.is_some() {
        return ControlFlow::Continue(());
    }
    let Some(state) = registry.service().recover(active_state) else { return ControlFlow::Break(reason) };
    if S::state_name(&state) != *active_state {
        idle.io.enter_state(S::state_limits(&state));
    }
    idle.state = Some(state);
    ControlFlow::Continue(())
}
