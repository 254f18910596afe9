//! Sessions that go from state to state ([`Steps`]).
//!
//! A burst handles every request and every event that is there, writes the answers together, reads once more, and ends
//! when nothing is there. During a stop, what has been read is still answered; nothing more is read, and no event is handled.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::yield_now;
use tracing::debug;

use super::attend::{Sated, attend, attend_pending};
use super::decoding::{Found, decoded};
use super::driver::{Entry, Idle};
use super::ends::{answer, close, cut, open, over, unless};
use super::io::{End, SessionIo};
use super::registry::SessionRegistry;
use crate::codec::Codec;
use crate::codec::private::take_decode_cost;
use crate::service::server_shared::ShutdownPhase;
use crate::service::{Peer, Reason, SessionError, Step, Steps};
use crate::transport::Transport;

/// After so many events in a row, without a request between them, the connection is looked at: what was answered is
/// written, what has come is read.
const ALONE: usize = 32;

/// One read may bring thousands of small requests, whose handlers never wait: after so many turns, other tasks have theirs.
/// As many as the loop's own budget has units, which would cost a tenth of a small request.
const TURNS: usize = 128;
/// So many bytes of decoding count as a turn: with all turns of it a millisecond or so.
const EFFORT: usize = 1024;

/// A whole burst: the session's idle struct again, or `None` when the session has ended.
pub(crate) async fn burst<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    entry: Entry<S, IO, C>,
) -> Option<Box<Idle<S, IO, C>>>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Entry::Again(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep that of each burst small.
        Entry::New(link) => {
            let mut idle = Box::pin(open(&registry, *link)).await?;
            if let Some(first) = &idle.state {
                idle.link.enters(S::state_limits(first));
            }
            idle
        }
    };
    let (shared, peer) = (Arc::clone(idle.link.shared()), idle.link.peer());
    // The name of the state that a handler has taken. Not in the idle struct, which is to be small.
    let mut busy_in = "";
    let worked = {
        let working = pin!(Some(work(&registry, &peer, &mut idle, &mut busy_in)));
        unless(|| shared.abort_reason(ShutdownPhase::Cancelling), working).await
    };
    let reason = match worked {
        Ok(ControlFlow::Continue(())) => return Some(idle),
        Ok(ControlFlow::Break(reason)) => reason,
        Err(off) => Box::pin(cut(&registry, &mut idle, off)).await,
    };
    Box::pin(close(&registry, idle, busy_in, reason)).await;
    None
}

/// Works until nothing is there (`Continue`) or the session ends.
async fn work<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut turns = 0;
    loop {
        let mut alone = 0;
        while !idle.is_over()? {
            // One of each in turn, so that neither a flood of events nor one of requests starves the other.
            let moved = idle.link.shared().is_dirty() && event(registry, peer, idle, busy_in).await?;
            if !idle.is_over()? && step(registry, peer, idle, busy_in).await? {
                alone = 0;
            } else if moved && alone < ALONE {
                alone += 1;
            } else {
                break;
            }
            // A peer that is never silent does not stay for ever.
            if idle.link.must_leave() && !idle.is_over()? {
                timed_out(registry, peer, idle, busy_in).await?;
            }
            if idle.link.is_full() {
                flush(registry, peer, idle, busy_in).await?;
            }
            turns += 1 + take_decode_cost() / EFFORT;
            if turns >= TURNS {
                turns = 0;
                yield_now().await;
            }
        }
        // What was sent to the peer goes out with what it is answered.
        loop {
            if let Err(error) = idle.link.collect() {
                return ControlFlow::Break(Reason::Failed(error.to_string()));
            }
            let full = idle.link.is_full();
            flush(registry, peer, idle, busy_in).await?;
            if !full {
                break;
            }
        }
        if let Some(reason) = over(&idle.link) {
            return ControlFlow::Break(reason);
        }
        if let Some(state) = &idle.state {
            idle.link.asks(S::state_limits(state));
        }
        if poll_fn(|cx| Poll::Ready(idle.link.poll_fill(cx).is_ready())).await {
            continue;
        }
        // Not before that look: a request that came in time counts, also if this loop was held up until now.
        match idle.link.shared().abort_reason(ShutdownPhase::Cancelling) {
            None => return ControlFlow::Continue(()),
            Some(Reason::Timeout) if idle.link.state_is_over() => {
                timed_out(registry, peer, idle, busy_in).await?
            }
            Some(reason) => return ControlFlow::Break(reason),
        }
    }
}

impl<S: Steps, IO: Transport, C: Codec<S::Request, S::Response>> Idle<S, IO, C> {
    /// Whether no handler is to be called any more: the session was closed (what is queued is written first), or
    /// (`Break`) the state is one that closes.
    fn is_over(&self) -> ControlFlow<Reason, bool> {
        match &self.state {
            Some(state) if S::closes(state) => ControlFlow::Break(Reason::Closed),
            _ => ControlFlow::Continue(self.link.shared().is_closed()),
        }
    }

    /// The state, for a handler that is about to run, unless it is gone.
    fn lend(state: &mut Option<S::State>, busy_in: &mut &'static str) -> ControlFlow<Reason, S::State> {
        match state.take() {
            Some(state) => {
                *busy_in = S::state_name(&state);
                ControlFlow::Continue(state)
            }
            None => ControlFlow::Break(Reason::Failed("no state to go on in".to_owned())),
        }
    }
}

/// One request; `false` if none is there.
async fn step<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
) -> ControlFlow<Reason, bool>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Idle { link, conn, state } = idle;
    let request = match link.request() {
        Ok(None) => return ControlFlow::Continue(false),
        Ok(Some(Found::Request(request))) => Ok(request),
        // In a box, to keep that of each burst small.
        Ok(Some(Found::Later(later))) => match Box::pin(decoded(link, later)).await {
            Ok(request) => request,
            Err(reason) => return ControlFlow::Break(reason),
        },
        Err(error) => Err(error),
    };
    let error = match request {
        Err(error) => SessionError::Decode(error),
        Ok(request) => {
            let before = Idle::<S, IO, C>::lend(state, busy_in)?;
            let half_close = S::half_close(&before);
            let mut handler = pin!(registry.service().step(before, peer, conn, request));
            // Many handlers never wait: then there is nothing to attend to. The response goes into the batch
            // where it comes up, since every hand that a message goes through is a copy of it.
            let at_once = poll_fn(|cx| {
                Poll::Ready(handler.as_mut().poll(cx).map(|done| take(link, state, busy_in, done)))
            });
            let taken = match at_once.await {
                Poll::Ready(taken) => taken,
                Poll::Pending => match attend_pending(link, half_close.into(), handler).await {
                    Ok(done) => take(link, state, busy_in, done),
                    Err(reason) => return ControlFlow::Break(reason),
                },
            };
            match taken {
                Ok(()) => return ControlFlow::Continue(true),
                Err(error) => error,
            }
        }
    };
    Box::pin(failed(registry, idle, busy_in, error)).await?;
    ControlFlow::Continue(true)
}

/// One event; `false` if none is there.
async fn event<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
) -> ControlFlow<Reason, bool>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if idle.link.shared().stopping() {
        return ControlFlow::Continue(false);
    }
    let Some(event) = idle.link.shared().pop_event() else { return ControlFlow::Continue(false) };
    if !between(registry, peer, idle, busy_in, Some(event)).await? {
        debug!(state = *busy_in, "an event was passed over");
    }
    ControlFlow::Continue(true)
}

/// Writes the batch. While the peer does not read it, the state's time goes on.
async fn flush<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    while !idle.link.flush_in_time().await {
        // In a box, to keep that of each burst small.
        Box::pin(timed_out(registry, peer, idle, busy_in)).await?;
        idle.is_over()?;
    }
    ControlFlow::Continue(())
}

/// A state's time has passed.
async fn timed_out<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if !between(registry, peer, idle, busy_in, None).await? {
        return ControlFlow::Break(Reason::Timeout);
    }
    // Also if it is the same state again: its time begins anew, or it would be over at once.
    if let Some(state) = &idle.state {
        idle.link.enters(S::state_limits(state));
    }
    ControlFlow::Continue(())
}

/// Has the state deal with an event, or with its time that has passed; `false` if it has no handler for it.
async fn between<S, IO, C>(
    registry: &SessionRegistry<S>,
    peer: &Peer<S::Response, S::Event>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
    event: Option<S::Event>,
) -> ControlFlow<Reason, bool>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    // The wait for a request is not over, and goes on afterwards: what comes again and again is none.
    idle.link.pauses();
    let Idle { link, conn, state } = idle;
    let before = Idle::<S, IO, C>::lend(state, busy_in)?;
    let half_close = S::half_close(&before).into();
    let done = match event {
        Some(event) => {
            let handler = pin!(registry.service().event(before, peer, conn, event));
            attend(link, half_close, &mut Sated, handler).await
        }
        None => {
            let handler = pin!(registry.service().timed_out(before, peer, conn));
            attend(link, half_close, &mut Sated, handler).await
        }
    };
    let taken = match done {
        Err(reason) => return ControlFlow::Break(reason),
        Ok(Ok(ControlFlow::Break(same))) => {
            *state = Some(same);
            return ControlFlow::Continue(false);
        }
        Ok(Ok(ControlFlow::Continue(step))) => take(link, state, busy_in, Ok(step)),
        Ok(Err(error)) => Err(SessionError::Handler(error)),
    };
    if let Err(error) = taken {
        Box::pin(failed(registry, idle, busy_in, error)).await?;
    }
    ControlFlow::Continue(true)
}

/// Takes the state back from a handler, and puts its response into the batch.
fn take<S, IO, C>(
    link: &mut SessionIo<S, IO, C>,
    state: &mut Option<S::State>,
    came_from: &str,
    done: Result<Step<S>, S::Error>,
) -> Result<(), SessionError<S::Error>>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Step { state: next, response } = done.map_err(SessionError::Handler)?;
    if S::state_name(&next) != came_from {
        link.enters(S::state_limits(&next));
    }
    *state = Some(next);
    match response {
        Some(response) => link.respond(response).map_err(SessionError::Encode),
        None => Ok(()),
    }
}

/// An error that is answered leaves the session in the state that it can recover.
async fn failed<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut Idle<S, IO, C>,
    busy_in: &mut &'static str,
    error: SessionError<S::Error>,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    if idle.link.end() == Some(End::Broken) && !matches!(error, SessionError::Decode(_)) {
        return ControlFlow::Break(Reason::Reset);
    }
    let reason = Reason::from_error(&error);
    answer(registry, &mut idle.link, &mut idle.conn, error).await?;
    if idle.state.is_some() {
        return ControlFlow::Continue(());
    }
    let Some(state) = registry.service().recover(busy_in) else { return ControlFlow::Break(reason) };
    if S::state_name(&state) != *busy_in {
        idle.link.enters(S::state_limits(&state));
    }
    idle.state = Some(state);
    ControlFlow::Continue(())
}
