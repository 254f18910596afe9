//! Sessions of services that ask for their requests ([`PerSession`](crate::service::PerSession)).
//!
//! The handler's future lives as long as it likes, across idle times too. When it returns (S4):
//!
//! | it has | then |
//! |---|---|
//! | not asked for a request | the session ends |
//! | begun by asking for a request that has been received already, and ended by finding none | the session is idle: a plain struct, without a future. The handler is started again for the next request |
//! | asked otherwise | the handler is started again at once: it may send first, or limit its wait |

use std::convert::Infallible;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tracing::debug;

use super::driver::{Activation, IdleSession};
use super::lifecycle::{
    end_reason, reason_after_abort, run_on_connect, run_on_disconnect, run_on_error, run_until_aborted,
};
use super::registry::SessionRegistry;
use super::request_source::{RequestSource, channel};
use super::run_with_io::{encode_pending, run_with_io};
use crate::codec::Codec;
use crate::service::internal::ShutdownPhase;
use crate::service::{By, Reason, Service, Session, SessionError, StateLimits};
use crate::transport::Transport;

/// Runs a session until it is idle, which it then returns, or ends.
pub(crate) async fn run<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    entry: Activation<S, IO, C>,
) -> Option<Box<IdleSession<S, IO, C>>>
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let is_new = matches!(entry, Activation::New(_));
    let mut idle = match entry {
        Activation::Resumed(idle) => idle,
        // What happens once in a connection's life has a box of its own, to keep the session's
        // small.
        Activation::New(io) => Box::pin(run_on_connect(&registry, *io)).await?,
    };
    let shared = Arc::clone(idle.io.shared());
    let ended = {
        let running = pin!(Some(run_handler_loop(&registry, &mut idle, is_new)));
        run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), running).await
    };
    let reason = match ended {
        Ok(None) => return Some(idle),
        Ok(Some(reason)) => reason,
        Err(off) => Box::pin(reason_after_abort(&registry, &mut idle, None, off)).await,
    };
    Box::pin(run_on_disconnect(&registry, idle, "", reason)).await;
    None
}

/// Starts the handler again and again, until the session is idle or ends, with this reason. The
/// handler of a new session is started at once.
async fn run_handler_loop<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut IdleSession<S, IO, C>,
    is_new: bool,
) -> Option<Reason>
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let (mut session, mut source) = channel(idle.io.peer(), idle.io.transport().half_closes());
    let mut needs_request = !is_new;
    loop {
        if needs_request {
            if let ControlFlow::Break(ended) = receive(idle, &mut session, &mut source).await {
                if let (Some(Reason::Stopped), Some(message)) = (&ended, S::stop_message()) {
                    if let Err(error) = idle.io.queue_response(message) {
                        debug!(%error, "the message of a stop cannot be written");
                    }
                }
                return ended;
            }
        }
        source.begin_run();
        match run_handler_once(registry, idle, &mut session, &mut source).await {
            Err(SessionError::Ended(reason)) => return Some(reason),
            Err(error) => {
                // After the session has ended, the handler's error only passes on the reason. Input
                // that the codec cannot read is an error, however.
                let is_closing = idle.io.shared().is_closing();
                match source.ended() {
                    Some(Reason::Decode(_) | Reason::Overload) if !is_closing => {}
                    Some(reason) => return Some(reason.clone()),
                    None => {}
                }
                let answered = Box::pin(run_on_error(registry, &mut idle.io, &mut idle.conn, error)).await;
                if let ControlFlow::Break(reason) = answered {
                    return Some(reason);
                }
            }
            Ok(()) => {}
        }
        if let Some(reason) = source.ended() {
            return Some(reason.clone());
        }
        if !source.was_requested() {
            return Some(Reason::Closed(By::Handler));
        }
        needs_request = source.needs_request_to_run();
        // A handler is not started if the session has ended already.
        if !needs_request && end_reason(&idle.io).is_some() {
            if let Err(reason) = source.prefetch(&mut idle.io) {
                return Some(reason);
            }
        }
        // One that asks with no patience and returns must not hold the loop.
        tokio::task::coop::consume_budget().await;
    }
}

/// Waits until there is something for the handler. `Break` if the session ends, with a reason, or
/// if it is idle: nothing has been received, and everything is written.
async fn receive<S, IO, C>(
    idle: &mut IdleSession<S, IO, C>,
    session: &mut Session<S::Request, S::Response>,
    source: &mut RequestSource<S::Request>,
) -> ControlFlow<Option<Reason>>
where
    S: Service<Event = Infallible>,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let io = &mut idle.io;
    loop {
        if let Err(reason) = source.prefetch(io) {
            return ControlFlow::Break(Some(reason));
        }
        if source.is_full() {
            return ControlFlow::Continue(());
        }
        if let Err(reason) = encode_pending(io, true) {
            return ControlFlow::Break(Some(reason));
        }
        if !io.try_flush().await || source.is_pending() {
            let received = pin!(session.received());
            return match run_with_io(io, S::HALF_CLOSE.into(), source, received).await {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(source.ended().cloned()),
                Err(reason) => ControlFlow::Break(Some(reason)),
            };
        }
        io.begin_read_wait(StateLimits::NONE);
        if poll_fn(|cx| Poll::Ready(io.poll_read(cx).is_ready())).await {
            continue;
        }
        // Not before the read: a request that has come in time counts.
        let reason = io.shared().abort_reason(ShutdownPhase::Cancelling);
        io.shared().release_queues();
        return ControlFlow::Break(reason);
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
