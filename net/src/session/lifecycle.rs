//! Both ends of a connection's life, and what happens to errors in between; the same for every kind
//! of session.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tracing::{debug, error, warn};

use super::close::close_gracefully;
use super::driver::IdleSession;
use super::io::{ReadEnd, SessionIo};
use super::registry::SessionRegistry;
use super::run_with_io::{EofPolicy, NoDemand, run_with_io};
use crate::codec::Codec;
use crate::error::{CatchUnwind, Panic, catch_panic};
use crate::service::internal::ShutdownPhase;
use crate::service::{Reason, Service, SessionError, StateLimits};
use crate::transport::Transport;

/// Why work was dropped before its end.
pub(super) enum Abort {
    Reason(Reason),
    /// A handler, a hook or the codec panicked.
    Panicked(Panic),
}

/// Runs `work` until `abort` returns a reason: then `work` is dropped, as after a panic.
///
/// The driver is woken for a stop and for a deadline, so a look at each poll is enough. One look
/// and one catch for a whole burst: everything below may just panic.
///
/// The work is the caller's, pinned: by value, the caller's future would have room for it twice.
pub(super) async fn run_until_aborted<F: Future>(
    abort: impl Fn() -> Option<Reason>,
    mut work: Pin<&mut Option<F>>,
) -> Result<F::Output, Abort> {
    let done = poll_fn(|cx| {
        let Some(work) = work.as_mut().as_pin_mut() else { return Poll::Pending };
        match Pin::new(&mut CatchUnwind::new(work)).poll(cx) {
            Poll::Ready(result) => Poll::Ready(result.map_err(Abort::Panicked)),
            Poll::Pending => match abort() {
                Some(reason) => Poll::Ready(Err(Abort::Reason(reason))),
                None => Poll::Pending,
            },
        }
    })
    .await;
    // What the user's future holds may panic when it is dropped, which must not skip what comes
    // after this.
    if let Err(panic) = catch_panic(|| work.set(None)) {
        error!(%panic, "a handler panicked while it was dropped");
    }
    done
}

/// What a session ends with whose work was cut. A panic is answered by `on_error`. `active_state`
/// is the name of the state whose handler was running, if one was.
pub(super) async fn reason_after_abort<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: &mut IdleSession<S, IO, C>,
    active_state: Option<&'static str>,
    abort: Abort,
) -> Reason
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let error = match abort {
        Abort::Reason(reason) => return reason,
        Abort::Panicked(panic) => {
            error!(%panic, state = active_state, "a handler or the codec panicked");
            SessionError::Panicked(panic)
        }
    };
    let shared = Arc::clone(idle.io.shared());
    let reason = Reason::from_error(&error);
    let answering = pin!(Some(run_on_error(registry, &mut idle.io, &mut idle.conn, error)));
    match run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), answering).await {
        Ok(ControlFlow::Break(reason)) | Err(Abort::Reason(reason)) => reason,
        Ok(ControlFlow::Continue(())) | Err(Abort::Panicked(_)) => reason,
    }
}

/// Runs `on_connect`. `None` if the connection ends with it; then no other hook runs.
pub(super) async fn run_on_connect<S, IO, C>(
    registry: &SessionRegistry<S>,
    mut io: SessionIo<S, IO, C>,
) -> Option<Box<IdleSession<S, IO, C>>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    debug!("session accepted");
    let (shared, peer) = (Arc::clone(io.shared()), io.peer());
    // The time to the first request counts from here.
    io.begin_read_wait(StateLimits::NONE);
    let connected = {
        let connecting = pin!(Some(async {
            let hook = pin!(registry.service().on_connect(&peer));
            run_with_io(&mut io, S::HALF_CLOSE.into(), &mut NoDemand, hook).await
        }));
        run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), connecting).await
    };
    let reason = match connected {
        Ok(Ok(Ok(opened))) => {
            return Some(Box::new(IdleSession { io, conn: opened.conn, state: Some(opened.state) }));
        }
        // An error may panic when it is shown, or dropped.
        Ok(Ok(Err(error))) => catch_panic(move || Reason::Failed(error.to_string()))
            .unwrap_or_else(|panic| Reason::Panicked(panic.message().to_owned())),
        Ok(Err(reason)) | Err(Abort::Reason(reason)) => reason,
        Err(Abort::Panicked(panic)) => {
            error!(%panic, "on(connect) panicked");
            Reason::Panicked(panic.message().to_owned())
        }
    };
    registry.log_end(&reason);
    io.transport().session_ended(&reason);
    shared.mark_ended();
    close_gracefully(registry, &mut io).await;
    None
}

/// Runs `on_disconnect` and closes the connection. `active_state` is the name of the state whose
/// handler was running, if one was.
pub(super) async fn run_on_disconnect<S, IO, C>(
    registry: &SessionRegistry<S>,
    idle: Box<IdleSession<S, IO, C>>,
    active_state: &'static str,
    reason: Reason,
) where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    // Before anything that may take its time.
    registry.log_end(&reason);
    let IdleSession { mut io, conn, state } = *idle;
    io.transport().session_ended(&reason);
    let (shared, peer) = (Arc::clone(io.shared()), io.peer());
    // The time limits of the last handler must not cut the hook short.
    io.clear_deadlines();
    if shared.is_aborted() {
        io.mark_failed();
    }
    if !reason.can_still_send() {
        peer.close();
    }
    let disconnected = {
        let disconnecting = pin!(Some(async {
            let reason = if state.is_none() { reason.clone().in_state(active_state) } else { reason.clone() };
            let hook = pin!(registry.service().on_disconnect(&peer, conn, state, reason));
            run_with_io(&mut io, EofPolicy::Ignore, &mut NoDemand, hook).await
        }));
        run_until_aborted(|| shared.stop_reason(ShutdownPhase::Aborting), disconnecting).await
    };
    match disconnected {
        Ok(Ok(())) => {}
        Ok(Err(reason)) | Err(Abort::Reason(reason)) => warn!(%reason, "on(disconnect) was dropped"),
        Err(Abort::Panicked(panic)) => error!(%panic, "on(disconnect) panicked"),
    }
    shared.mark_ended();
    close_gracefully(registry, &mut io).await;
}

/// Has `on_error` answer an error. `Break` is the reason why the session ends; the answer is in the
/// batch.
pub(super) async fn run_on_error<S, IO, C>(
    registry: &SessionRegistry<S>,
    io: &mut SessionIo<S, IO, C>,
    conn: &mut S::Conn,
    error: SessionError<S::Error>,
) -> ControlFlow<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let recoverable = error.is_recoverable();
    let reason = Reason::from_error(&error);
    log(&error);
    let peer = io.peer();
    // Caught on its own: the error of a burst that panics would come here again.
    let hook = pin!(caught(|| registry.service().on_error(&peer, conn, error)));
    let response = match run_with_io(io, S::HALF_CLOSE.into(), &mut NoDemand, hook).await {
        Ok(Ok(ControlFlow::Continue(response))) => response,
        Ok(Ok(ControlFlow::Break(reason))) | Err(reason) => return ControlFlow::Break(reason),
        Ok(Err(panic)) => return hook_panicked(&panic),
    };
    if let Err(error) = io.queue_response(response) {
        return ControlFlow::Break(Reason::Failed(error.to_string()));
    }
    // A peer that causes errors and does not read their answers is held back as any other.
    if io.is_full() {
        io.flush().await;
    }
    if recoverable { ControlFlow::Continue(()) } else { ControlFlow::Break(reason) }
}

fn log<E: Display>(error: &SessionError<E>) {
    match error {
        // Logged where it was caught.
        SessionError::Panicked(_) => {}
        SessionError::Decode(error) => {
            debug!(%error, recoverable = error.is_recoverable(), "malformed input")
        }
        error => debug!(%error, "a handler failed"),
    }
}

/// Makes a future and runs it to its end, or to a panic of either.
async fn caught<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, Panic> {
    CatchUnwind::new(catch_panic(make)?).await
}

fn hook_panicked(panic: &Panic) -> ControlFlow<Reason> {
    error!(%panic, "on(error) panicked");
    ControlFlow::Break(Reason::Panicked(panic.message().to_owned()))
}

/// Why no request will come any more, if none will; asked when none is there.
pub(super) fn end_reason<S, IO, C>(io: &SessionIo<S, IO, C>) -> Option<Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    match io.end() {
        Some(ReadEnd::Failed) => Some(Reason::Reset),
        _ if io.is_out_of_memory() => Some(Reason::Overload),
        Some(ReadEnd::Eof) => Some(Reason::PeerClosed),
        None if io.shared().is_closing() => Some(io.shared().close_reason()),
        None => io.shared().stopping().then_some(Reason::Stopped),
    }
}
