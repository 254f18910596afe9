//! Sessions of services with one request in, one response out ([`Steps`]).
//!
//! A burst answers every request that is there, writes the answers together, reads once more, and ends when
//! nothing is there. During a stop, what has been read is still answered and nothing more is read.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::coop::consume_budget;

use super::attend::attend_pending;
use super::driver::{Entry, Idle};
use super::ends::{answer, close, cut, gather, open, over, unless};
use super::error::SessionError;
use super::hub::Hub;
use super::link::{End, Link};
use super::peer::Peer;
use super::reason::Reason;
use super::watch::Phase;
use crate::codec::Codec;
use crate::service::{Step, Steps};
use crate::transport::Transport;

/// A whole burst: the session's idle struct again, or `None` when the session has ended.
pub(crate) async fn burst<S, IO, C>(hub: Arc<Hub<S>>, entry: Entry<S, IO, C>) -> Option<Idle<S, IO, C>>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Entry::Again(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep that of each burst small.
        Entry::New(link) => Box::pin(open(&hub, link)).await?,
    };
    let (post, peer) = (Arc::clone(idle.link.post()), idle.link.peer());
    let reason = match unless(|| post.interrupted(Phase::Cancelling), work(&hub, &peer, &mut idle)).await {
        Ok(ControlFlow::Continue(())) => return Some(idle),
        Ok(ControlFlow::Break(reason)) => reason,
        Err(off) => Box::pin(cut(&hub, &mut idle, off)).await,
    };
    Box::pin(close(&hub, idle, reason)).await;
    None
}

/// Works until nothing is there (`Continue`) or the session ends.
async fn work<S, IO, C>(
    hub: &Hub<S>,
    peer: &Peer<S::Response>,
    idle: &mut Idle<S, IO, C>,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        while !idle.link.post().is_closed() && step(hub, peer, idle).await? {
            if idle.link.is_full() {
                idle.link.flush().await;
            }
            // One read may bring thousands of small requests, whose handlers never wait.
            consume_budget().await;
        }
        gather(&mut idle.link).await?;
        idle.link.flush().await;
        if let Some(reason) = over(&idle.link) {
            return ControlFlow::Break(reason);
        }
        idle.link.asks();
        if poll_fn(|cx| Poll::Ready(idle.link.poll_fill(cx).is_ready())).await {
            continue;
        }
        // Not before that look: a request that came in time counts, also if this loop was held up until now.
        return match idle.link.post().interrupted(Phase::Cancelling) {
            Some(reason) => ControlFlow::Break(reason),
            None => ControlFlow::Continue(()),
        };
    }
}

/// One request, one response; `false` if no request is there.
async fn step<S, IO, C>(
    hub: &Hub<S>,
    peer: &Peer<S::Response>,
    idle: &mut Idle<S, IO, C>,
) -> ControlFlow<Reason, bool>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Idle { link, conn, state } = idle;
    let error = match link.request() {
        Ok(None) => return ControlFlow::Continue(false),
        Err(error) => SessionError::Decode(error),
        Ok(Some(request)) => {
            let Some(before) = state.take() else {
                return ControlFlow::Break(Reason::Failed("no state to go on in".to_owned()));
            };
            let mut handler = pin!(hub.service().step(before, peer, conn, request));
            // Many handlers never wait: then there is nothing to attend to. The response goes into the batch
            // where it comes up, since every hand that a message goes through is a copy of it.
            let at_once =
                poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx).map(|done| take(link, state, done))));
            let taken = match at_once.await {
                Poll::Ready(taken) => taken,
                Poll::Pending => match attend_pending(link, S::HALF_CLOSE.into(), handler).await {
                    Ok(done) => take(link, state, done),
                    Err(reason) => return ControlFlow::Break(reason),
                },
            };
            match taken {
                Ok(true) => return ControlFlow::Break(Reason::Closed),
                Ok(false) => return ControlFlow::Continue(true),
                Err(_) if link.end() == Some(End::Broken) => return ControlFlow::Break(Reason::Reset),
                Err(error) => error,
            }
        }
    };
    Box::pin(failed(hub, idle, error)).await?;
    ControlFlow::Continue(true)
}

/// Puts a step's response into the batch. Whether the session ends with it.
fn take<S, IO, C>(
    link: &mut Link<S, IO, C>,
    state: &mut Option<S::State>,
    done: Result<Step<S>, S::Error>,
) -> Result<bool, SessionError<S::Error>>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let step = done.map_err(SessionError::Handler)?;
    *state = Some(step.state);
    if let Some(response) = step.response {
        link.respond(response).map_err(SessionError::Encode)?;
    }
    Ok(step.close)
}

/// An error that is answered leaves the session in the state that it can recover.
async fn failed<S, IO, C>(
    hub: &Hub<S>,
    idle: &mut Idle<S, IO, C>,
    error: SessionError<S::Error>,
) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let reason = Reason::from_error(&error);
    answer(hub, &mut idle.link, &mut idle.conn, error).await?;
    if idle.state.is_none() {
        idle.state = hub.service().recover();
    }
    if idle.state.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(reason) }
}
