//! [`Steps`]: a session as a state machine, which requests, events and time limits move on.

use std::any::Any;
use std::fmt;
use std::future::{Future, ready};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{HalfClose, Peer, Service};

/// A service whose sessions go from state to state: `#[state]`, and `#[request]`, which has one.
///
/// A session holds its state between steps, and lends it to one handler at a time: while the handler runs, the state's
/// data is its own. If the handler fails, panics or is dropped, the data is gone, and only the state's
/// [name](Self::state_name) is left.
pub trait Steps: Service {
    /// The shortest of all times in [`state_limits`](Self::state_limits).
    const SHORTEST_LIMIT: Option<Duration> = None;

    /// Handles one request. Requests of one session are handled one after the other, in order.
    ///
    /// # Errors
    /// The error goes to [`Service::on_error`].
    fn step(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        request: Self::Request,
    ) -> impl Future<Output = Result<Step<Self>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
        Self::Request: Send,
        Self::Response: Send;

    /// Handles one event that was [posted](Peer::post), between two requests. `Break` gives back the state: it has no
    /// handler for events, and this one is passed over.
    ///
    /// # Errors
    /// The error goes to [`Service::on_error`].
    fn event(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        event: Self::Event,
    ) -> impl Future<Output = Result<ControlFlow<Self::State, Step<Self>>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
        Self::Event: Send,
    {
        let _ = (peer, conn, event);
        ready(Ok(ControlFlow::Break(state)))
    }

    /// One of the state's [limits](Self::state_limits) has passed while the session was idle. `Break` gives back the
    /// state: the session ends, with that as its last.
    ///
    /// # Errors
    /// The error goes to [`Service::on_error`].
    fn timed_out(
        self: &Arc<Self>,
        state: Self::State,
        peer: &Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
    ) -> impl Future<Output = Result<ControlFlow<Self::State, Step<Self>>, Self::Error>> + Send
    where
        Self: Send + Sync + 'static,
        Self::State: Send,
        Self::Conn: Send,
    {
        let _ = (peer, conn);
        ready(Ok(ControlFlow::Break(state)))
    }

    /// The state's name, for reasons and logs; empty where there is only one state.
    fn state_name(state: &Self::State) -> &'static str {
        let _ = state;
        ""
    }

    /// How long a session may be in the state.
    fn state_limits(state: &Self::State) -> StateLimits {
        let _ = state;
        StateLimits::NONE
    }

    /// What becomes of a pending handler of the state when the peer closes its writing side.
    fn half_close(state: &Self::State) -> HalfClose {
        let _ = state;
        Self::HALF_CLOSE
    }

    /// Whether the session ends in this state, once what it has to say is written.
    fn closes(state: &Self::State) -> bool {
        let _ = state;
        false
    }

    /// The state in which a session goes on after a handler of the state called `name` has failed and its error was
    /// answered: the same one, if it has no data that is gone with the handler.
    ///
    /// Without one (the default, unless the state is `()`) the session ends after the error's answer.
    fn recover(self: &Arc<Self>, name: &'static str) -> Option<Self::State> {
        let _ = name;
        let mut unit = Some(());
        let unit: &mut dyn Any = &mut unit;
        unit.downcast_mut::<Option<Self::State>>().and_then(Option::take)
    }
}

/// How long a session may be in a state. Both count while it is idle: a handler that runs is not cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateLimits {
    /// From one whole request to the next; begins with the state, too. In its place the server's
    /// [`idle_within`](crate::Server::idle_within) does not count.
    pub idle: Option<Duration>,
    /// From entering the state, from another one, to leaving it.
    pub within: Option<Duration>,
}

impl StateLimits {
    /// As long as it likes.
    pub const NONE: Self = Self { idle: None, within: None };
}

/// What a step leads to.
pub struct Step<S: Service> {
    /// The state before the next request.
    pub state: S::State,
    /// The answer, if there is one.
    pub response: Option<S::Response>,
}

impl<S: Service> Step<S> {
    /// Answers, and goes on in `state`.
    pub fn reply(state: S::State, response: S::Response) -> Self {
        Self { state, response: Some(response) }
    }

    /// Goes on in `state`, with nothing to say.
    pub fn go(state: S::State) -> Self {
        Self { state, response: None }
    }
}

impl<S: Service> fmt::Debug for Step<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("responds", &self.response.is_some()).finish_non_exhaustive()
    }
}
