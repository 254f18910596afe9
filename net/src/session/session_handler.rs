//! Sessions of services that ask for their requests ([`PerSession`](crate::service::PerSession)).
//!
//! The handler's future lives as long as it likes, across idle times too. One that returns without
//! having asked for a request ends the connection; one that returns after that is started again for
//! what follows (S4).

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use super::driver::{Activation, IdleSession};
use super::lifecycle::{
    end_reason, reason_after_abort, run_on_connect, run_on_disconnect, run_on_error, run_until_aborted,
};
use super::registry::SessionRegistry;
use super::request_source::{RequestSource, channel};
use super::run_with_io::run_with_io;
use crate::codec::Codec;
use crate::service::internal::ShutdownPhase;
use crate::service::{By, Reason, Service, Session, SessionError};
use crate::transport::Transport;

/// A whole session. Never goes idle, so it never gives anything back.
pub(crate) async fn run<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    entry: Activation<S, IO, C>,
) -> Option<Box<IdleSession<S, IO, C>>>
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let mut idle = match entry {
        Activation::Resumed(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep the session's
        // small.
        Activation::New(io) => Box::pin(run_on_connect(&registry, *io)).await?,
    };
    let shared = Arc::clone(idle.io.shared());
    let ended = {
        let running = pin!(Some(run_handler_loop(&registry, &mut idle)));
        run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), running).await
    };
    let reason = match ended {
        Ok(reason) => reason,
        Err(off) => Box::pin(reason_after_abort(&registry, &mut idle, None, off)).await,
    };
    Box::pin(run_on_disconnect(&registry, idle, "", reason)).await;
    None
}

/// Starts the handler again and again, until the session ends.
async fn run_handler_loop<S, IO, C>(registry: &SessionRegistry<S>, idle: &mut IdleSession<S, IO, C>) -> Reason
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (mut session, mut source) = channel(idle.io.peer());
    loop {
        source.begin_run();
        match run_handler_once(registry, idle, &mut session, &mut source).await {
            Err(SessionError::Ended(reason)) => return reason,
            Err(error) => {
                // After the session has ended, the handler's error only passes on the reason. Input
                // that the codec cannot read is an error, however.
                let is_closed = idle.io.shared().is_closed();
                match source.ended() {
                    Some(Reason::Decode(_) | Reason::Overload) if !is_closed => {}
                    Some(reason) => return reason.clone(),
                    None => {}
                }
                let answered = Box::pin(run_on_error(registry, &mut idle.io, &mut idle.conn, error)).await;
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
            return Reason::Closed(By::Handler);
        }
        // A handler is not started if the session has ended already.
        if end_reason(&idle.io).is_some() {
            if let Err(reason) = source.prefetch(&mut idle.io) {
                return reason;
            }
        }
        // One that asks with no patience and returns must not hold the loop.
        tokio::task::coop::consume_budget().await;
    }
}

/// One run of the handler.
async fn run_handler_once<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut IdleSession<S, IO, C>,
    session: &mut Session<S::Request, S::Response>,
    source: &mut RequestSource<S::Request>,
) -> Result<(), SessionError<S::Error>>
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (io, conn) = (&mut idle.io, &mut idle.conn);
    let handler = pin!(registry.service().on_session(conn, session));
    let ran = run_with_io(io, S::HALF_CLOSE.into(), source, handler).await;
    io.end_read_wait();
    ran.map_err(SessionError::Ended)?.map_err(SessionError::Handler)
}
