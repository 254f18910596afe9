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
use super::error::SessionError;
use super::hub::Hub;
use super::inbox::{Feed, Session, pair};
use super::reason::Reason;
use super::watch::Phase;
use crate::codec::Codec;
use crate::service::Linear;
use crate::transport::Transport;

/// A whole session. Never goes idle, so it never gives anything back.
pub(crate) async fn whole<S, IO, C>(hub: Arc<Hub<S>>, entry: Entry<S, IO, C>) -> Option<Box<Idle<S, IO, C>>>
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Entry::Again(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep the session's small.
        Entry::New(link) => Box::pin(open(&hub, *link)).await?,
    };
    let post = Arc::clone(idle.link.post());
    let ended = {
        let rounds = pin!(Some(rounds(&hub, &mut idle)));
        unless(|| post.interrupted(Phase::Cancelling), rounds).await
    };
    let reason = match ended {
        Ok(reason) => reason,
        Err(off) => Box::pin(cut(&hub, &mut idle, off)).await,
    };
    Box::pin(close(&hub, idle, "", reason)).await;
    None
}

/// Starts the handler again and again, until the session ends.
async fn rounds<S, IO, C>(hub: &Hub<S>, idle: &mut Idle<S, IO, C>) -> Reason
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (mut session, mut feed) = pair(idle.link.peer());
    loop {
        feed.begin();
        match round(hub, idle, &mut session, &mut feed).await {
            Err(SessionError::Ended(reason)) => return reason,
            Err(error) => {
                // An error that only tells of the end is not one; what the codec can't read is.
                if let Some(
                    reason @ (Reason::PeerClosed | Reason::Reset | Reason::Stopped | Reason::Closed),
                ) = feed.ended()
                {
                    return reason.clone();
                }
                let answered = Box::pin(answer(hub, &mut idle.link, &mut idle.conn, error)).await;
                if let ControlFlow::Break(reason) = answered {
                    return reason;
                }
            }
            Ok(()) => {}
        }
        if let Some(reason) = feed.ended() {
            return reason.clone();
        }
        if !feed.asked() {
            return Reason::Closed;
        }
        // A handler is not started to be told of the end at once.
        if over(&idle.link).is_some() {
            if let Err(reason) = feed.prepare(&mut idle.link) {
                return reason;
            }
        }
        // One that asks with no patience and returns must not hold the loop.
        tokio::task::coop::consume_budget().await;
    }
}

/// One run of the handler.
async fn round<S, IO, C>(
    hub: &Hub<S>,
    idle: &mut Idle<S, IO, C>,
    session: &mut Session<S::Request, S::Response>,
    feed: &mut Feed<S::Request>,
) -> Result<(), SessionError<S::Error>>
where
    S: Linear,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (link, conn) = (&mut idle.link, &mut idle.conn);
    let handler = pin!(hub.service().session(conn, session));
    let ran = attend(link, S::HALF_CLOSE.into(), feed, handler).await;
    link.asks_no_more();
    ran.map_err(SessionError::Ended)?.map_err(SessionError::Handler)
}
