//! [`Step`] and [`StateLimits`]: what a session does after a handler, and how long it may stay in a
//! state.

use std::fmt;
use std::time::Duration;

use super::Service;

/// How long a session may be in a state. Both count while it is idle: a handler that runs is not
/// cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateLimits {
    /// From one whole request to the next; begins with the state, too. In its place the server's
    /// `idle_timeout` does not count.
    pub idle: Option<Duration>,
    /// From entering the state, from another one, to leaving it.
    pub max_duration: Option<Duration>,
}

impl StateLimits {
    /// As long as it likes.
    pub const NONE: Self = Self { idle: None, max_duration: None };
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
