//! What goes wrong in a session.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::{fmt, io};

use super::reason::{Limit, Reason};
use portcullis_codec::{DecodeError, EncodeError};
use portcullis_runtime::internal::error::Panic;

/// What went wrong in a session; `E` is what the service's handlers fail with.
///
/// `#[on(error)]` is given one and may answer it. [`Session::next`](crate::Session::next) fails
/// with a `SessionError<Infallible>`, which goes into a handler's own error by `From`.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError<E = Infallible> {
    /// A handler returned this error.
    Handler(E),
    /// The peer sent what is not a request.
    Decode(DecodeError),
    /// A response could not be written; nothing of it was sent.
    Encode(EncodeError),
    /// [`Session::next_timeout`](crate::Session::next_timeout) ran out of time; the session can go
    /// on.
    Timeout,
    /// A handler panicked. The session ends, after an answer if there is one.
    Panicked(Panic),
    /// The session is over: no more requests come, and nothing can be sent.
    Ended(Reason),
}

impl<E> SessionError<E> {
    /// Whether the session can go on once the error is answered.
    #[doc(hidden)]
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Decode(error) => error.is_recoverable(),
            Self::Panicked(_) | Self::Ended(_) => false,
            Self::Handler(_) | Self::Encode(_) | Self::Timeout => true,
        }
    }
}

impl Reason {
    /// The reason that an error gives when nothing answers it.
    ///
    /// A `SessionError` that a `#[session]` handler passes on with `?` gives the reason that it
    /// gives by itself.
    pub fn from_error<E: fmt::Display + 'static>(error: &SessionError<E>) -> Self {
        match error {
            SessionError::Handler(error) => match (error as &dyn Any).downcast_ref::<SessionError>() {
                Some(error) => Self::from_error(error),
                None => Self::Failed(error.to_string()),
            },
            SessionError::Decode(error) => Self::Decode(error.to_string()),
            SessionError::Encode(error) => Self::Failed(error.to_string()),
            SessionError::Timeout => Self::Timeout(Limit::Next),
            SessionError::Panicked(panic) => Self::Panicked(panic.message().to_owned()),
            SessionError::Ended(reason) => reason.clone(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for SessionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Decode(error) => write!(f, "malformed input: {error}"),
            Self::Encode(error) => write!(f, "failed to encode: {error}"),
            Self::Timeout => f.write_str("timed out waiting for a request"),
            Self::Panicked(panic) => write!(f, "panicked: {panic}"),
            Self::Ended(reason) => write!(f, "the session ended: {reason}"),
        }
    }
}

impl<E: Error> Error for SessionError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Handler(error) => error.source(),
            Self::Decode(error) => error.source(),
            Self::Encode(error) => error.source(),
            Self::Timeout | Self::Panicked(_) | Self::Ended(_) => None,
        }
    }
}

/// The session's error is kept: `error.get_ref()` finds it again.
impl From<SessionError> for io::Error {
    fn from(error: SessionError) -> Self {
        let kind = match &error {
            SessionError::Decode(_) => io::ErrorKind::InvalidData,
            SessionError::Encode(_) => io::ErrorKind::InvalidInput,
            SessionError::Timeout | SessionError::Ended(Reason::Timeout(_)) => io::ErrorKind::TimedOut,
            SessionError::Ended(Reason::Reset) => io::ErrorKind::ConnectionReset,
            SessionError::Ended(Reason::PeerClosed) => io::ErrorKind::UnexpectedEof,
            SessionError::Ended(_) => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// The session has ended; the response that was not sent is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<Rsp>(pub Rsp);

impl<Rsp> fmt::Debug for SendError<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<Rsp> fmt::Display for SendError<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session has ended")
    }
}

impl<Rsp> Error for SendError<Rsp> {}

/// The payload is dropped: the message says that the session has ended.
impl<Rsp> From<SendError<Rsp>> for io::Error {
    fn from(error: SendError<Rsp>) -> Self {
        io::Error::new(io::ErrorKind::BrokenPipe, error.to_string())
    }
}

/// Why [`Peer::try_send`](crate::Peer::try_send) did not send; the response is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<Rsp> {
    /// The peer has not yet read as much as may wait for it.
    Full(Rsp),
    /// The session has ended.
    Closed(Rsp),
}

impl<Rsp> TrySendError<Rsp> {
    /// The same, with another message.
    pub(crate) fn map<T>(self, f: impl FnOnce(Rsp) -> T) -> TrySendError<T> {
        match self {
            Self::Full(message) => TrySendError::Full(f(message)),
            Self::Closed(message) => TrySendError::Closed(f(message)),
        }
    }

    /// The response that was not sent.
    pub fn into_inner(self) -> Rsp {
        match self {
            Self::Full(response) | Self::Closed(response) => response,
        }
    }
}

impl<Rsp> fmt::Debug for TrySendError<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<Rsp> fmt::Display for TrySendError<Rsp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the peer's queue is full",
            Self::Closed(_) => "the session has ended",
        })
    }
}

impl<Rsp> Error for TrySendError<Rsp> {}
