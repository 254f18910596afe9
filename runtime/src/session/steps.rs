//! Sessions of services with one request in, one response out ([`Steps`]).
//!
//! A burst answers every request that is there, writes the answers together, reads once more, and ends when
//! nothing is there. During a stop, what has been read is still answered and nothing more is read.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::attend::attend_pending;
use super::driver::{Entry, Idle};
use super::ends::{answer, close, cut, gather, open, over, respond, unless};
use super::error::SessionError;
use super::hub::Hub;
use super::link::End;
use super::reason::Reason;
use super::watch::Phase;
use crate::codec::Codec;
use crate::service::Steps;
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
        Entry::New(link) => open(&hub, link).await?,
    };
    let peer = idle.link.peer().clone();
    let reason = match unless(&peer, Phase::Cancelling, work(&hub, &mut idle)).await {
        Ok(ControlFlow::Continue(())) => return Some(idle),
        Ok(ControlFlow::Break(reason)) => reason,
        Err(off) => cut(&hub, &mut idle, off).await,
    };
    close(&hub, idle, reason).await;
    None
}

/// Works until nothing is there (`Continue`) or the session ends.
async fn work<S, IO, C>(hub: &Hub<S>, idle: &mut Idle<S, IO, C>) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        while !idle.link.peer().is_closed() {
            match idle.link.request() {
                Ok(None) => break,
                Ok(Some(request)) => step(hub, idle, request).await?,
                Err(error) => {
                    let error = SessionError::Decode(error);
                    answer(hub, &mut idle.link, &mut idle.conn, error).await?;
                }
            }
        }
        gather(&mut idle.link).await?;
        idle.link.flush().await;
        if let Some(reason) = over(&idle.link) {
            return ControlFlow::Break(reason);
        }
        idle.link.asks();
        if let Some(reason) = idle.link.peer().interrupted(Phase::Cancelling) {
            return ControlFlow::Break(reason);
        }
        if !poll_fn(|cx| Poll::Ready(idle.link.poll_fill(cx).is_ready())).await {
            return ControlFlow::Continue(());
        }
    }
}

/// One request, one response.
async fn step<S, IO, C>(hub: &Hub<S>, idle: &mut Idle<S, IO, C>, request: S::Request) -> ControlFlow<Reason>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Some(state) = idle.state.take() else {
        return ControlFlow::Break(Reason::Failed("no state to go on in".to_owned()));
    };
    let error = match handle(hub, idle, state, request).await? {
        Err(_) if idle.link.end() == Some(End::Broken) => return ControlFlow::Break(Reason::Reset),
        Err(error) => {
            idle.state = hub.service().recover();
            error
        }
        Ok(step) => {
            idle.state = Some(step.state);
            gather(&mut idle.link).await?;
            let sent = match step.response {
                Some(response) => respond(&mut idle.link, response).await,
                None => Ok(()),
            };
            match sent {
                Ok(()) if step.close => return ControlFlow::Break(Reason::Closed),
                Ok(()) => return ControlFlow::Continue(()),
                Err(error) => SessionError::Encode(error),
            }
        }
    };
    let reason = Reason::from_error(&error);
    answer(hub, &mut idle.link, &mut idle.conn, error).await?;
    if idle.state.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(reason) }
}

/// Runs the handler. `Break` if the connection ends meanwhile.
async fn handle<S, IO, C>(
    hub: &Hub<S>,
    idle: &mut Idle<S, IO, C>,
    state: S::State,
    request: S::Request,
) -> ControlFlow<Reason, Result<crate::service::Step<S>, SessionError<S::Error>>>
where
    S: Steps,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let peer = idle.link.peer().clone();
    let (link, conn) = (&mut idle.link, &mut idle.conn);
    let mut handler = pin!(hub.service().step(state, &peer, conn, request));
    // Many handlers never wait: then there is nothing to attend to.
    let at_once = poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await;
    let result = match at_once {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => attend_pending(link, S::HALF_CLOSE.into(), handler).await,
    };
    match result {
        Ok(result) => ControlFlow::Continue(result.map_err(SessionError::Handler)),
        Err(reason) => ControlFlow::Break(reason),
    }
}
