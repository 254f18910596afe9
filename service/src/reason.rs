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
    /// The service closed the session: by [`Peer::close`](crate::Peer::close), or by its handler's
    /// return.
    Closed,
    /// A time limit passed: to the first request, idle, to finish a frame, or to write.
    Timeout,
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
            Self::Closed => f.write_str("closed by the service"),
            Self::Timeout => f.write_str("timed out"),
            Self::Overload => f.write_str("the memory limit for incomplete frames was reached"),
            Self::Decode(text) => write!(f, "malformed input: {text}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::InState { state, reason } => write!(f, "in state `{state}`: {reason}"),
        }
    }
}
