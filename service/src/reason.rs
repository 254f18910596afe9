//! [`Reason`]: why a session ended.

use std::fmt;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The peer closed its side, and everything that it had sent was dealt with (or dropped, by
    /// half-close `cancel`).
    PeerClosed,
    /// The connection broke: reset by the peer, or not writable any more.
    Reset,
    /// The server stopped.
    Stopped,
    /// The service closed the session, and gave no reason of its own
    /// ([`Peer::close_with`](crate::Peer::close_with)).
    Closed(By),
    /// A time limit passed.
    Timeout(Limit),
    /// The unfinished frames of all sessions had as much memory as they may have
    /// (`Server::max_unfinished_bytes`), and this session's needed more.
    Overload,
    /// What the peer sent is not a request.
    Decode(String),
    /// A handler failed, and its error did not answer.
    Failed(String),
    /// A handler panicked.
    Panicked(String),
    /// The session ended, for this reason, while a handler of this `#[state]` was at work: it held
    /// the state's data, so there is no last state to give. Services without states never see this.
    InState {
        /// The state's name, as its handler is called.
        state: &'static str,
        /// Why the session ended.
        reason: Box<Reason>,
    },
}

/// Which part of a service closed a session: see [`Reason::Closed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// A handler: the next state is `Closed`, or a `#[session]` handler has returned without asking
    /// for a request.
    Handler,
    /// [`Peer::close`](crate::Peer::close).
    Close,
    /// [`Peer::abort`](crate::Peer::abort).
    Abort,
    /// [`Peer::shutdown_write`](crate::Peer::shutdown_write): the reason in the error of a
    /// [`Session::send`](crate::Session::send) after it. The session itself goes on, unless the
    /// handler passes that error on.
    ShutdownWrite,
}

/// A time limit of a session: see [`Reason::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `Server::first_request_timeout`: the peer has not sent a request.
    FirstRequest,
    /// The `idle` of the state, or `Server::idle_timeout`: the peer has not sent another request.
    Idle,
    /// The `max_duration` of the state.
    MaxDuration,
    /// `Server::frame_timeout`: the peer has sent a part of a request, and not all of it.
    Frame,
    /// `Server::write_timeout`: the peer has not read what was sent to it.
    Write,
    /// [`Session::next_timeout`](crate::Session::next_timeout), whose error the handler passed on.
    Next,
}

impl Limit {
    /// All limits, in the order of their declaration.
    pub(crate) const ALL: [Self; 6] =
        [Self::FirstRequest, Self::Idle, Self::MaxDuration, Self::Frame, Self::Write, Self::Next];
}

impl Reason {
    /// The reason itself, whether or not a handler was at work.
    pub fn cause(&self) -> &Reason {
        match self {
            Self::InState { reason, .. } => reason.cause(),
            reason => reason,
        }
    }

    /// The same reason, for a session that ended while the handler of `state` was running; an empty
    /// name is a service without states.
    #[doc(hidden)]
    pub fn in_state(self, state: &'static str) -> Self {
        if state.is_empty() { self } else { Self::InState { state, reason: Box::new(self) } }
    }

    /// Whether someone should look: at the service, or at what talks to it.
    #[doc(hidden)]
    pub fn should_warn(&self) -> bool {
        matches!(self.cause(), Self::Decode(_) | Self::Failed(_) | Self::Panicked(_) | Self::Overload)
    }

    /// Whether a last word could still reach the peer: one that has closed its writing side may
    /// still be reading.
    #[doc(hidden)]
    pub fn can_still_send(&self) -> bool {
        !matches!(self.cause(), Self::Reset)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::Reset => f.write_str("connection reset"),
            Self::Stopped => f.write_str("the server stopped"),
            Self::Closed(by) => by.fmt(f),
            Self::Timeout(limit) => write!(f, "timed out: {limit}"),
            Self::Overload => f.write_str("the memory limit for incomplete frames was reached"),
            Self::Decode(text) => write!(f, "malformed input: {text}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::InState { state, reason } => write!(f, "in state `{state}`: {reason}"),
        }
    }
}

/// As in "closed by a handler".
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "closed by a handler",
            Self::Close => "closed by `Peer::close`",
            Self::Abort => "closed by `Peer::abort`",
            Self::ShutdownWrite => "closed for sending by `Peer::shutdown_write`",
        })
    }
}

/// What did not happen in time, as in "no first request".
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstRequest => "no first request",
            Self::Idle => "no further request",
            Self::MaxDuration => "the maximum duration of the state is over",
            Self::Frame => "an incomplete frame",
            Self::Write => "the peer does not read",
            Self::Next => "no request for the handler",
        })
    }
}
