//! The calls of a service's handlers for one request, one event, or one time limit of the state,
//! and what becomes of their results.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::debug;

use super::decoding::{Found, Later, decoded};
use super::driver::IdleSession;
use super::io::{ReadEnd, SessionIo};
use super::lifecycle::run_on_error;
use super::registry::SessionRegistry;
use super::run_with_io::{NoDemand, resume_with_io, run_with_io};
use crate::codec::{Codec, DecodeError};
use crate::service::internal::{SessionShared, is_yield_requested};
use crate::service::{Limit, Peer, Reason, Responses, Service, SessionError, Step};
use crate::transport::Transport;

/// A session whose handlers are given requests, in its active phase.
pub(super) struct ActiveSession<'a, S: Service, IO, C> {
    pub(super) registry: &'a SessionRegistry<S>,
    pub(super) peer: &'a Peer<S::Response, S::Event>,
    pub(super) idle: &'a mut IdleSession<S, IO, C>,
    pub(super) handling: &'a mut Handling<S::Event>,
}

/// What an active session has taken to handle it.
pub(super) struct Handling<Ev> {
    /// The index of the state that the last handler has taken. Not in the idle session, which is to
    /// be small.
    pub(super) state: u16,
    /// Events that were taken from the mailbox all at once, and are handled one by one. They are
    /// put back before the session waits, so that they count against the bound of the queue for no
    /// longer than they wait.
    events: VecDeque<Ev>,
    has_taken_events: bool,
}

impl<Ev> Default for Handling<Ev> {
    fn default() -> Self {
        Self { state: 0, events: VecDeque::new(), has_taken_events: false }
    }
}

impl<Ev> Handling<Ev> {
    /// The name of the state whose handler was dropped or has panicked, and kept the state's data.
    pub(super) fn active_state<S: Service>(&self, state: &Option<S::State>) -> Option<&'static str> {
        let name = S::state_name(self.state);
        (state.is_none() && !name.is_empty()).then_some(name)
    }

    /// The next event, if there is one and the server does not stop.
    #[inline]
    fn next_event<Rsp>(&mut self, shared: &SessionShared<Rsp, Ev>) -> Option<Ev> {
        if self.events.is_empty() {
            if !self.has_taken_events && !shared.is_dirty() {
                return None;
            }
            self.put_back_events(shared);
            self.has_taken_events = !shared.stopping() && shared.take_events(&mut self.events);
        } else if shared.stopping() {
            return None;
        }
        self.events.pop_front()
    }

    /// Puts the events back into the mailbox that were not handled.
    #[inline]
    pub(super) fn put_back_events<Rsp>(&mut self, shared: &SessionShared<Rsp, Ev>) {
        if self.has_taken_events {
            self.has_taken_events = false;
            shared.put_back_events(&mut self.events);
        }
    }
}

/// Requests that are handled together.
struct Batch<Req> {
    requests: Vec<Req>,
    /// What follows them: a request that a pool is to decode, or malformed input.
    next: Option<Result<Later<Req>, DecodeError>>,
}

/// What an event handler, or the handler of a time limit, has returned: `Break` gives back the
/// state that has no such handler.
type Outcome<S> = Result<ControlFlow<<S as Service>::State, Step<S>>, <S as Service>::Error>;

impl<S, IO, C> ActiveSession<'_, S, IO, C>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    /// Whether the session handles requests in its state.
    #[inline]
    pub(super) fn takes_requests(&self) -> bool {
        self.idle.state.as_ref().is_none_or(S::takes_requests)
    }

    /// Handles one request. Returns false if there is none, or the state takes none.
    pub(super) async fn handle_request(&mut self) -> ControlFlow<Reason, bool> {
        if !self.takes_requests() {
            return ControlFlow::Continue(false);
        }
        if S::MAX_BATCH > 0 {
            return match self.decode_batch() {
                None => ControlFlow::Continue(false),
                // Boxed to keep the future of each active phase small.
                Some(batch) => Box::pin(self.handle_batch(batch)).await,
            };
        }
        let request = match self.idle.io.decode_request() {
            Ok(None) => return ControlFlow::Continue(false),
            Ok(Some(Found::Request(request))) => Ok(request),
            Ok(Some(Found::Later(later))) => {
                self.handling.put_back_events(self.idle.io.shared());
                // Boxed to keep the future of each active phase small.
                match Box::pin(decoded(&mut self.idle.io, later)).await {
                    Ok(request) => request,
                    Err(reason) => return ControlFlow::Break(reason),
                }
            }
            Err(error) => Err(error),
        };
        let error = match request {
            Err(error) => SessionError::Decode(error),
            Ok(request) => {
                let Self { registry, peer, idle, handling } = self;
                let IdleSession { io, conn, state } = &mut **idle;
                let before = take_state::<S>(state, &mut handling.state)?;
                let half_close = S::half_close(&before);
                let mut handler = pin!(registry.service().on_request(before, peer, conn, request));
                // Many handlers never wait: their response is encoded here, where it is returned,
                // because each move of a message is a copy of it.
                let at_once = InlinePollFn(|cx: &mut Context<'_>| {
                    let polled = handler.as_mut().poll(cx);
                    Poll::Ready(
                        polled.map(|done| apply_step(registry.service(), io, state, handling.state, done)),
                    )
                });
                let applied = match at_once.await {
                    Poll::Ready(applied) => applied,
                    Poll::Pending => {
                        handling.put_back_events(io.shared());
                        match resume_with_io(io, half_close.into(), handler).await {
                            Ok(done) => apply_step(registry.service(), io, state, handling.state, done),
                            Err(reason) => return ControlFlow::Break(reason),
                        }
                    }
                };
                match applied {
                    Ok(()) => return ControlFlow::Continue(true),
                    Err(error) => error,
                }
            }
        };
        Box::pin(self.handle_error(error)).await?;
        ControlFlow::Continue(true)
    }

    /// Decodes the requests that were read. Returns `None` if there are none.
    fn decode_batch(&mut self) -> Option<Batch<S::Request>> {
        let mut requests = Vec::new();
        while requests.len() < S::MAX_BATCH {
            match self.idle.io.decode_request() {
                Ok(None) => break,
                Ok(Some(Found::Request(request))) => requests.push(request),
                Ok(Some(Found::Later(later))) => return Some(Batch { requests, next: Some(Ok(later)) }),
                Err(error) => return Some(Batch { requests, next: Some(Err(error)) }),
            }
        }
        (!requests.is_empty()).then_some(Batch { requests, next: None })
    }

    /// Handles a batch, and after it what ended it.
    async fn handle_batch(&mut self, batch: Batch<S::Request>) -> ControlFlow<Reason, bool> {
        let Batch { mut requests, mut next } = batch;
        loop {
            if !requests.is_empty() {
                self.handle_requests(mem::take(&mut requests)).await?;
            }
            // No handler is called any more if the batch has closed the session.
            let found = match next.take() {
                Some(found) if !self.idle.io.shared().is_closing() => found,
                _ => return ControlFlow::Continue(true),
            };
            let decoded = match found {
                Err(error) => Err(error),
                Ok(later) => {
                    self.handling.put_back_events(self.idle.io.shared());
                    match decoded(&mut self.idle.io, later).await {
                        Ok(request) => request,
                        Err(reason) => return ControlFlow::Break(reason),
                    }
                }
            };
            match decoded {
                Ok(request) => requests.push(request),
                Err(error) => self.handle_error(SessionError::Decode(error)).await?,
            }
        }
    }

    /// Calls the handler for a batch. An error ends the session.
    async fn handle_requests(&mut self, requests: Vec<S::Request>) -> ControlFlow<Reason> {
        self.handling.put_back_events(self.idle.io.shared());
        let applied = {
            let Self { registry, peer, idle, handling } = &mut *self;
            let IdleSession { io, conn, state } = &mut **idle;
            let before = take_state::<S>(state, &mut handling.state)?;
            let half_close = S::half_close(&before);
            let handler = pin!(registry.service().on_requests(before, peer, conn, requests));
            match run_with_io(io, half_close.into(), &mut NoDemand, handler).await {
                Ok(done) => apply_step(registry.service(), io, state, handling.state, done),
                Err(reason) => return ControlFlow::Break(reason),
            }
        };
        match applied {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                let reason = Reason::from_error(&error);
                self.handle_error(error).await?;
                ControlFlow::Break(reason)
            }
        }
    }

    /// Handles events, until there are none, `max` are handled, or the session has something else
    /// to do. Returns how many it has handled.
    #[inline]
    pub(super) async fn handle_events(&mut self, max: usize) -> ControlFlow<Reason, usize> {
        let mut handled = 0;
        while let Some(event) = self.handling.next_event(self.idle.io.shared()) {
            // As a rule, an event does not end the wait for a request, which continues afterwards.
            if self.idle.state.as_ref().is_some_and(S::event_restarts_idle) {
                self.idle.io.restart_state_idle();
            }
            self.idle.io.pause_read_wait();
            let applied = {
                let Self { registry, peer, idle, handling } = &mut *self;
                let IdleSession { io, conn, state } = &mut **idle;
                let before = take_state::<S>(state, &mut handling.state)?;
                let half_close = S::half_close(&before);
                let mut handler = pin!(registry.service().on_event(before, peer, conn, event));
                let at_once = InlinePollFn(|cx: &mut Context<'_>| {
                    let polled = handler.as_mut().poll(cx);
                    Poll::Ready(
                        polled.map(|done| apply_outcome(registry.service(), io, state, handling.state, done)),
                    )
                });
                match at_once.await {
                    Poll::Ready(applied) => applied,
                    Poll::Pending => {
                        handling.put_back_events(io.shared());
                        match resume_with_io(io, half_close.into(), handler).await {
                            Ok(done) => apply_outcome(registry.service(), io, state, handling.state, done),
                            Err(reason) => return ControlFlow::Break(reason),
                        }
                    }
                }
            };
            match applied {
                Ok(true) => {}
                Ok(false) => {
                    let state = S::state_name(self.handling.state);
                    debug!(state, "event ignored: no handler for this state");
                }
                Err(error) => Box::pin(self.handle_error(error)).await?,
            }
            handled += 1;
            if handled == max || self.has_more_than_events() {
                break;
            }
        }
        ControlFlow::Continue(handled)
    }

    /// Whether something comes before the next event: a request, the end, a response that was sent
    /// to the peer, a write, a time limit of the state, or a receiver that is to run first.
    #[inline]
    fn has_more_than_events(&self) -> bool {
        let IdleSession { io, state, .. } = &*self.idle;
        io.may_have_request()
            || io.shared().is_dirty()
            || io.is_full()
            || state.as_ref().is_none_or(S::closes)
            || io.state_expired()
            || is_yield_requested()
    }

    /// Handles a time limit of the state, which has passed.
    pub(super) async fn handle_state_timeout(&mut self, limit: Limit) -> ControlFlow<Reason> {
        self.handling.put_back_events(self.idle.io.shared());
        self.idle.io.pause_read_wait();
        let applied = {
            let Self { registry, peer, idle, handling } = &mut *self;
            let IdleSession { io, conn, state } = &mut **idle;
            let before = take_state::<S>(state, &mut handling.state)?;
            let half_close = S::half_close(&before);
            let handler = pin!(registry.service().on_timeout(before, peer, conn));
            match run_with_io(io, half_close.into(), &mut NoDemand, handler).await {
                Ok(done) => apply_outcome(registry.service(), io, state, handling.state, done),
                Err(reason) => return ControlFlow::Break(reason),
            }
        };
        match applied {
            Ok(true) => {}
            Ok(false) => return ControlFlow::Break(Reason::Timeout(limit)),
            Err(error) => Box::pin(self.handle_error(error)).await?,
        }
        // Also if the state is the same: its limits begin anew, or they would have passed at once.
        self.enter_state();
        ControlFlow::Continue(())
    }

    /// Starts the time limits of the state.
    pub(super) fn enter_state(&mut self) {
        if let Some(state) = &self.idle.state {
            enter_state(self.registry.service(), &mut self.idle.io, state);
        }
    }

    /// Has `on_error` answer an error. Then the session is in the state that it can recover.
    async fn handle_error(&mut self, error: SessionError<S::Error>) -> ControlFlow<Reason> {
        let Self { registry, idle, handling, .. } = self;
        handling.put_back_events(idle.io.shared());
        if idle.io.end() == Some(ReadEnd::Failed) && !matches!(error, SessionError::Decode(_)) {
            return ControlFlow::Break(Reason::Reset);
        }
        let reason = Reason::from_error(&error);
        run_on_error(registry, &mut idle.io, &mut idle.conn, error).await?;
        if idle.state.is_some() {
            return ControlFlow::Continue(());
        }
        let Some(state) = registry.service().recover(handling.state) else {
            return ControlFlow::Break(reason);
        };
        if S::state_index(&state) != handling.state {
            enter_state(registry.service(), &mut idle.io, &state);
        }
        idle.state = Some(state);
        ControlFlow::Continue(())
    }
}

/// Starts the time limits of a state.
fn enter_state<S, IO, C>(service: &Arc<S>, io: &mut SessionIo<S, IO, C>, state: &S::State)
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    io.shared().set_state(S::state_index(state));
    io.enter_state(service.state_limits(state));
}

/// Takes the state for a handler that is about to run.
fn take_state<S: Service>(
    state: &mut Option<S::State>,
    active_state: &mut u16,
) -> ControlFlow<Reason, S::State> {
    match state.take() {
        Some(state) => {
            *active_state = S::state_index(&state);
            ControlFlow::Continue(state)
        }
        None => ControlFlow::Break(Reason::Failed("no state to go on in".to_owned())),
    }
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

/// Takes the state back from a handler, and encodes its responses.
#[inline(always)]
fn apply_step<S, IO, C>(
    service: &Arc<S>,
    io: &mut SessionIo<S, IO, C>,
    state: &mut Option<S::State>,
    came_from: u16,
    done: Result<Step<S>, S::Error>,
) -> Result<(), SessionError<S::Error>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    let Step { state: next, responses } = done.map_err(SessionError::Handler)?;
    if S::state_index(&next) != came_from {
        enter_state(service, io, &next);
    }
    *state = Some(next);
    match responses {
        Responses::One(response) => io.queue_response(response),
        Responses::None => Ok(()),
        Responses::Many(responses) => io.queue_responses(responses),
    }
    .map_err(SessionError::Encode)
}

/// As [`apply_step`]. Returns false if the state has no handler, and takes it back unchanged.
#[inline(always)]
fn apply_outcome<S, IO, C>(
    service: &Arc<S>,
    io: &mut SessionIo<S, IO, C>,
    state: &mut Option<S::State>,
    came_from: u16,
    done: Outcome<S>,
) -> Result<bool, SessionError<S::Error>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    match done {
        Ok(ControlFlow::Break(same)) => {
            *state = Some(same);
            Ok(false)
        }
        Ok(ControlFlow::Continue(step)) => apply_step(service, io, state, came_from, Ok(step)).map(|()| true),
        Err(error) => Err(SessionError::Handler(error)),
    }
}
