//! Sessions of services that ask for their requests ([`Linear`]).
//!
//! The handler's future lives as long as it likes, across idle times too. One that returns without having asked
//! for a request ends the connection; one that returns after that is started again for what follows (S4).

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use super::attend::attend;
use super::driver::{Entry, Idle};
use super::ends::{answer, close, cut, open, over, unless};
use super::registry::SessionRegistry;
use super::request_source::{RequestSource, channel};
use crate::codec::Codec;
use crate::service::server_shared::ShutdownPhase;
use crate::service::{Linear, Reason, Session, SessionError};
use crate::transport::Transport;

/// A whole session. Never goes idle, so it never gives anything back.
pub(crate) async fn whole<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    entry: Entry<S, IO, C>,
) -> Option<Box<Idle<S, IO, C>>>
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Entry::Again(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep the session's small.
        Entry::New(link) => Box::pin(open(&registry, *link)).await?,
    };
    let shared = Arc::clone(idle.link.shared());
    let ended = {
        let rounds = pin!(Some(rounds(&registry, &mut idle)));
        unless(|| shared.abort_reason(ShutdownPhase::Cancelling), rounds).await
    };
    let reason = match ended {
        Ok(reason) => reason,
        Err(off) => Box::pin(cut(&registry, &mut idle, off)).await,
    };
    Box::pin(close(&registry, idle, "", reason)).await;
    None
}

/// Starts the handler again and again, until the session ends.
async fn rounds<S, IO, C>(registry: &SessionRegistry<S>, idle: &mut Idle<S, IO, C>) -> Reason
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (mut session, mut source) = channel(idle.link.peer());
    loop {
        source.begin_run();
        match round(registry, idle, &mut session, &mut source).await {
            Err(SessionError::Ended(reason)) => return reason,
            Err(error) => {
                // An error that only tells of the end is not one; what the codec can't read is.
                if let Some(
                    reason @ (Reason::PeerClosed | Reason::Reset | Reason::Stopped | Reason::Closed),
                ) = source.ended()
                {
                    return reason.clone();
                }
                let answered = Box::pin(answer(registry, &mut idle.link, &mut idle.conn, error)).await;
                if let ControlFlow::Break(reason) = answered {
                    return reason;
                }
            }
            Ok(()) => {}
        }
        if let Some(reason) = source.ended() {
            return reason.clone();
        }
        if !source.was_requested() {
            return Reason::Closed;
        }
        // A handler is not started to be told of the end at once.
        if over(&idle.link).is_some() {
            if let Err(reason) = source.prefetch(&mut idle.link) {
                return reason;
            }
        }
        // One that asks with no patience and returns must not hold the loop.
        tokio::task::coop::consume_budget().await;
    }
}

/// One run of the handler.
async fn round<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut Idle<S, IO, C>,
    session: &mut Session<S::Request, S::Response>,
    source: &mut RequestSource<S::Request>,
) -> Result<(), SessionError<S::Error>>
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (link, conn) = (&mut idle.link, &mut idle.conn);
    let handler = pin!(registry.service().session(conn, session));
    let ran = attend(link, S::HALF_CLOSE.into(), source, handler).await;
    link.asks_no_more();
    ran.map_err(SessionError::Ended)?.map_err(SessionError::Handler)
}
