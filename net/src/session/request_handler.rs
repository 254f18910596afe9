//! The active phase of a session whose handlers are given requests
//! ([`PerRequest`](crate::service::PerRequest)): the loop around the calls of the
//! [`handlers`](super::transitions).
//!
//! | step | until |
//! |---|---|
//! | handle requests and events, alternately | none is left, or [`Server::max_unwritten_bytes`](crate::Server::max_unwritten_bytes) wait to be written |
//! | read again before writing, if the last read filled the buffer | [`MAX_READ_BEFORE_WRITE`] bytes are read |
//! | write once | |
//! | all is written: read once | nothing was read: the session is idle |
//! | the state takes only events, and one buffer was read ahead: wait for an event and deadlines | any of these |
//! | the peer has not taken all: wait for it to read, for requests, events and deadlines | any of these |
//!
//! During a stop, the requests that were read are answered; nothing more is read, and no event is
//! handled.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::yield_now;

use super::driver::{Activation, IdleSession};
use super::give_way::give_way;
use super::lifecycle::{
    end_reason, reason_after_abort, run_on_connect, run_on_disconnect, run_until_aborted,
};
use super::registry::SessionRegistry;
use super::run_with_io::{NoDemand, run_with_io};
use super::transitions::{ActiveSession, Handling};
use crate::codec::Codec;
use crate::codec::private::take_decode_cost;
use crate::service::internal::{ShutdownPhase, take_yield_request};
use crate::service::{By, HalfClose, Limit, Reason, Service};
use crate::transport::Transport;

/// After this many events in a row, without a request between them, the session writes and reads.
const MAX_CONSECUTIVE_EVENTS: usize = 32;

/// One read may bring thousands of small requests whose handlers never wait, so the session yields
/// after this many turns. The loop's own budget has as many units, but would cost a tenth of a
/// small request.
const YIELD_EVERY: usize = 128;
/// Decoding this many bytes counts as a turn: all turns take a millisecond or so.
const BYTES_PER_TURN: usize = 1024;

/// The session reads again before it writes, while its reads fill the buffer and have brought fewer
/// bytes than this. A client that waits for its answers is not left to wait for more than these.
const MAX_READ_BEFORE_WRITE: usize = 64 * 1024;

/// Runs the active phase. Returns the idle session, or `None` if the session has ended.
pub(crate) async fn run_active<S, IO, C>(
    registry: Arc<SessionRegistry<S>>,
    activation: Activation<S, IO, C>,
) -> Option<Box<IdleSession<S, IO, C>>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let is_new = matches!(activation, Activation::New(_));
    let mut idle = match activation {
        Activation::Resumed(idle) => idle,
        // Boxed, because it runs once in a session's life: the future of each active phase is
        // small.
        Activation::New(io) => Box::pin(run_on_connect(&registry, *io)).await?,
    };
    let (shared, peer) = (Arc::clone(idle.io.shared()), idle.io.peer());
    // Outside of the work, because it is needed after the work was dropped or has panicked.
    let mut handling = Handling::default();
    let result = {
        let mut session =
            ActiveSession { registry: &registry, peer: &peer, idle: &mut idle, handling: &mut handling };
        let work = pin!(Some(session.run(is_new)));
        run_until_aborted(|| shared.abort_reason(ShutdownPhase::Cancelling), work).await
    };
    handling.put_back_events(&shared);
    let reason = match result {
        Ok(ControlFlow::Continue(())) => return Some(idle),
        Ok(ControlFlow::Break(reason)) => reason,
        Err(abort) => {
            let active_state = handling.active_state::<S>(&idle.state);
            Box::pin(reason_after_abort(&registry, &mut idle, active_state, abort)).await
        }
    };
    Box::pin(run_on_disconnect(&registry, idle, S::state_name(handling.state), reason)).await;
    None
}

/// Whether the session has handled all requests that it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handled {
    All,
    /// All events. The state takes no requests.
    Events,
    /// The peer has to read before the next request is handled.
    Blocked,
}

impl<S, IO, C> ActiveSession<'_, S, IO, C>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    /// Works until the session is idle (`Continue`) or ends.
    async fn run(&mut self, is_new: bool) -> ControlFlow<Reason> {
        if is_new {
            self.enter_state();
        }
        // How many bytes were read since the session wrote.
        let (mut turns, mut read) = (0, self.idle.io.unread());
        loop {
            let handled = self.handle_ready(&mut turns).await?;
            if handled == Handled::All
                && self.idle.io.last_read_was_full()
                && read < MAX_READ_BEFORE_WRITE
                && self.may_read_more()
                && self.try_read(&mut read).await
            {
                continue;
            }
            read = 0;
            self.write().await?;
            let is_written = !self.idle.io.has_output();
            if handled != Handled::Blocked {
                if let Some(reason) = self.end_reason() {
                    if is_written {
                        return ControlFlow::Break(reason);
                    }
                    self.flush().await?;
                    continue;
                }
            }
            if !is_written {
                self.wait_for_peer(handled).await?;
                continue;
            }
            if handled == Handled::Blocked {
                continue;
            }
            if handled == Handled::Events && !self.idle.io.may_read_ahead() {
                // Boxed to keep the future of each active phase small.
                Box::pin(self.wait_for_event()).await?;
                continue;
            }
            self.begin_read_wait();
            if self.try_read(&mut read).await {
                continue;
            }
            // Not before the read: a request that has come in time counts, also if the event loop
            // was blocked until now.
            match self.idle.io.shared().abort_reason(ShutdownPhase::Cancelling) {
                None => return ControlFlow::Continue(()),
                Some(reason) => self.handle_deadline(reason).await?,
            }
        }
    }

    /// Handles the requests and events that are there.
    async fn handle_ready(&mut self, turns: &mut usize) -> ControlFlow<Reason, Handled> {
        let mut consecutive_events = 0;
        while !self.check_ended()? {
            if self.idle.io.is_full() {
                self.idle.io.try_flush().await;
                if self.idle.io.exceeds_max_unwritten() {
                    return ControlFlow::Continue(Handled::Blocked);
                }
            }
            // Alternately, so that neither requests nor events can starve the others.
            let events = self.handle_events(MAX_CONSECUTIVE_EVENTS - consecutive_events).await?;
            *turns += events.max(1);
            if self.idle.io.may_have_request() && !self.check_ended()? && self.handle_request().await? {
                consecutive_events = 0;
                *turns += take_decode_cost() / BYTES_PER_TURN;
            } else {
                consecutive_events += events;
                if events == 0 || consecutive_events >= MAX_CONSECUTIVE_EVENTS {
                    break;
                }
            }
            // Here, too: a session that always has requests is never idle.
            if self.idle.io.state_expired() && !self.check_ended()? {
                self.handle_state_timeout(Limit::MaxDuration).await?;
            }
            // What handlers send to their own peer would fill its queue before the session writes.
            if self.idle.io.shared().is_dirty() {
                self.encode_queued()?;
            }
            if *turns >= YIELD_EVERY {
                *turns = 0;
                self.put_back_events();
                yield_now().await;
            }
            if take_yield_request() {
                *turns = 0;
                self.put_back_events();
                // Boxed to keep the future of each active phase small.
                Box::pin(give_way(Arc::clone(self.idle.io.shared()))).await;
            }
        }
        ControlFlow::Continue(if self.takes_requests() { Handled::All } else { Handled::Events })
    }

    /// Returns whether no handler is to be called any more, because the session was closed (what is
    /// queued is written first). `Break` if the state is one that closes.
    fn check_ended(&self) -> ControlFlow<Reason, bool> {
        match &self.idle.state {
            Some(state) if S::closes(state) => ControlFlow::Break(Reason::Closed(By::Handler)),
            _ if !self.idle.io.shared().is_dirty() => ControlFlow::Continue(false),
            _ if self.idle.io.shared().is_aborted() => {
                ControlFlow::Break(self.idle.io.shared().close_reason())
            }
            _ => ControlFlow::Continue(self.idle.io.shared().is_closing()),
        }
    }

    fn may_read_more(&self) -> bool {
        !self.idle.io.is_full() && end_reason(&self.idle.io).is_none()
    }

    /// Why the session ends now that everything is handled. The end of the peer's input does not
    /// end it in a state without requests that has `half_close = answer`.
    fn end_reason(&self) -> Option<Reason> {
        let IdleSession { io, state, .. } = &*self.idle;
        let reason = end_reason(io)?;
        let outlasts = |state| !S::takes_requests(state) && S::half_close(state) == HalfClose::Answer;
        if reason != Reason::PeerClosed || !state.as_ref().is_some_and(outlasts) {
            return Some(reason);
        }
        match io.shared().is_closing() {
            true => Some(io.shared().close_reason()),
            false => io.shared().stopping().then_some(Reason::Stopped),
        }
    }

    /// Starts the limits of a wait for a request, or for an event in a state that takes no
    /// requests.
    fn begin_read_wait(&mut self) {
        let IdleSession { io, state, .. } = &mut *self.idle;
        let Some(state) = state else { return };
        let limits = self.registry.service().state_limits(state);
        if S::takes_requests(state) {
            io.begin_read_wait(limits);
        } else {
            io.begin_event_wait(limits);
        }
    }

    /// Reads once, and adds the bytes to `read`. Returns false if nothing was there.
    async fn try_read(&mut self, read: &mut usize) -> bool {
        let before = self.idle.io.unread();
        let has_read = poll_fn(|cx| Poll::Ready(self.idle.io.poll_read(cx).is_ready())).await;
        *read += self.idle.io.unread().saturating_sub(before);
        has_read
    }

    fn encode_queued(&mut self) -> ControlFlow<Reason> {
        match self.idle.io.encode_queued() {
            Ok(()) => {
                self.idle.io.begin_requested_shutdown();
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Reason::Failed(error.to_string())),
        }
    }

    /// Writes the answers, and what was sent to the peer, as far as the peer takes them.
    async fn write(&mut self) -> ControlFlow<Reason> {
        loop {
            if self.idle.io.shared().is_dirty() {
                self.encode_queued()?;
            }
            let is_full = self.idle.io.is_full();
            if !self.idle.io.try_flush().await || !is_full {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Writes all answers of a session that is about to end. The state's time goes on while the
    /// peer does not read.
    async fn flush(&mut self) -> ControlFlow<Reason> {
        self.put_back_events();
        while let Some(limit) = self.idle.io.flush_within_state().await {
            // Boxed to keep the future of each active phase small.
            Box::pin(self.handle_state_timeout(limit)).await?;
            self.check_ended()?;
        }
        ControlFlow::Continue(())
    }

    /// Waits until the peer has read, or there is something else to do. Limits of reading and of
    /// writing count.
    async fn wait_for_peer(&mut self, handled: Handled) -> ControlFlow<Reason> {
        self.put_back_events();
        // A request that is there and not handled is not awaited. (Codecs may keep one inside,
        // which cannot be seen: then the time counts too.)
        if handled != Handled::Blocked || self.idle.io.is_decoder_empty() || self.idle.io.unread() == 0 {
            self.begin_read_wait();
        } else {
            self.idle.io.pause_read_wait();
        }
        match poll_fn(|cx| self.poll_progress(handled, cx)).await {
            None => ControlFlow::Continue(()),
            Some(reason) => Box::pin(self.handle_deadline(reason)).await,
        }
    }

    /// Ready when the loop has something to do; with a reason if a deadline has passed or the
    /// server cancels its sessions.
    fn poll_progress(&mut self, handled: Handled, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        if self.idle.io.poll_flush(cx).is_ready() {
            return Poll::Ready(None);
        }
        let shared = Arc::clone(self.idle.io.shared());
        let (may_read, has_work) = match handled {
            Handled::All | Handled::Events => {
                let may_read = handled == Handled::All || self.idle.io.may_read_ahead();
                let has_work = self.end_reason().is_some()
                    || shared.queued_events() > 0
                    || !self.idle.io.is_full() && shared.queued_responses() > 0;
                (may_read, has_work)
            }
            // Read on all the same, to notice the end of the connection.
            Handled::Blocked => {
                let IdleSession { io, .. } = &*self.idle;
                (io.may_read_ahead(), !io.exceeds_max_unwritten() || shared.is_closing())
            }
        };
        if has_work || (may_read && self.idle.io.poll_read(cx).is_ready()) {
            return Poll::Ready(None);
        }
        match shared.abort_reason(ShutdownPhase::Cancelling) {
            None => Poll::Pending,
            reason => Poll::Ready(reason),
        }
    }

    /// Waits for an event in a state that takes no requests, when nothing more is to be read.
    async fn wait_for_event(&mut self) -> ControlFlow<Reason> {
        self.put_back_events();
        self.begin_read_wait();
        let IdleSession { io, state, .. } = &mut *self.idle;
        let half_close = state.as_ref().map_or(S::HALF_CLOSE, S::half_close);
        let shared = Arc::clone(io.shared());
        let has_work = || shared.queued_events() > 0 || shared.is_closing() || shared.stopping();
        let event = pin!(poll_fn(|_| match shared.abort_reason(ShutdownPhase::Cancelling) {
            None if !has_work() => Poll::Pending,
            reason => Poll::Ready(reason),
        }));
        match run_with_io(io, half_close.into(), &mut NoDemand, event).await {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(reason)) => self.handle_deadline(reason).await,
            Err(reason) => ControlFlow::Break(reason),
        }
    }

    /// Handles a limit of the state that has passed. Any other reason ends the session.
    async fn handle_deadline(&mut self, reason: Reason) -> ControlFlow<Reason> {
        match self.idle.io.passed_state_limit() {
            Some(limit) if matches!(reason, Reason::Timeout(_)) => self.handle_state_timeout(limit).await,
            _ => ControlFlow::Break(reason),
        }
    }

    fn put_back_events(&mut self) {
        self.handling.put_back_events(self.idle.io.shared());
    }
}
