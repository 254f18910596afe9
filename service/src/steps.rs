//! [`Step`] and [`StateLimits`]: what a session does after a handler, and how long it may stay in a
//! state.

use std::fmt;
use std::slice;
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
    /// The responses, in order.
    pub responses: Responses<S::Response>,
}

impl<S: Service> Step<S> {
    /// Sends these responses, and continues in `state`.
    #[inline]
    pub fn new(state: S::State, responses: Responses<S::Response>) -> Self {
        Self { state, responses }
    }

    /// Sends one response, and continues in `state`.
    #[inline]
    pub fn reply(state: S::State, response: S::Response) -> Self {
        Self::new(state, Responses::One(response))
    }

    /// Continues in `state` without a response.
    #[inline]
    pub fn go(state: S::State) -> Self {
        Self::new(state, Responses::None)
    }
}

impl<S: Service> fmt::Debug for Step<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("responses", &self.responses.as_slice().len()).finish_non_exhaustive()
    }
}

/// The responses to one request, event or timeout: none, one, or several, which are sent in order.
///
/// It is made of any iterator by `collect`, and allocates only for two responses or more.
///
/// ```
/// # use portcullis_service::Responses;
/// let evens = |up_to: u32| (0..up_to).filter(|n| n % 2 == 0).collect::<Responses<u32>>();
/// assert_eq!(evens(0), Responses::None);
/// assert_eq!(evens(1), Responses::One(0));
/// assert_eq!(evens(5), Responses::Many(vec![0, 2, 4]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Responses<Rsp> {
    /// No response. The client must know from the protocol that none follows.
    None,
    /// One response.
    One(Rsp),
    /// Any number of responses, also none or one.
    Many(Vec<Rsp>),
}

impl<Rsp> Responses<Rsp> {
    /// The responses, in order.
    #[inline]
    pub fn as_slice(&self) -> &[Rsp] {
        match self {
            Self::None => &[],
            Self::One(response) => slice::from_ref(response),
            Self::Many(responses) => responses,
        }
    }
}

impl<Rsp> FromIterator<Rsp> for Responses<Rsp> {
    fn from_iter<I: IntoIterator<Item = Rsp>>(responses: I) -> Self {
        let mut responses = responses.into_iter();
        let Some(first) = responses.next() else { return Self::None };
        match responses.next() {
            None => Self::One(first),
            Some(second) => Self::Many([first, second].into_iter().chain(responses).collect()),
        }
    }
}
