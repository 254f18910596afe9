//! [`ClientError`]: the error of all clients and endpoints.

use std::{error, fmt, io};

use crate::codec::{DecodeError, EncodeError};

/// The error of a [`Client`](crate::Client) and of every other client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection failed, or took too long (`TimedOut`).
    Io(io::Error),
    /// The server closed the connection before it sent a response.
    Closed,
    /// The input is not a response.
    Decode(DecodeError),
    /// The request cannot be encoded. Nothing of it was sent.
    Encode(EncodeError),
    /// The request cannot be written, and this many bytes of responses are unread, which is the
    /// most that the client [reads ahead](crate::Client::read_ahead). Neither side continues until
    /// they are read. Receive them with `next`; the next `send` or `flush` writes the request.
    Unread(usize),
    /// Only from [`ReconnectingClient`](crate::ReconnectingClient): the connection was lost with
    /// requests that have no response. They may or may not have been handled, and are not sent
    /// again.
    ConnectionLost(io::Error),
}

impl ClientError {
    /// Returns whether the next message can still be received.
    pub(super) fn is_recoverable(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            Self::Decode(error) => error.is_recoverable(),
            Self::Encode(_) | Self::Unread(_) => true,
            Self::Closed | Self::ConnectionLost(_) => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Closed => f.write_str("the server closed the connection before it responded"),
            Self::Decode(error) => write!(f, "malformed response: {error}"),
            Self::Encode(error) => write!(f, "failed to encode: {error}"),
            Self::Unread(bytes) => {
                write!(
                    f,
                    "{bytes} bytes of responses are unread: read responses before sending more requests"
                )
            }
            Self::ConnectionLost(error) => {
                write!(f, "connection lost before the response, and the request was not resent: {error}")
            }
        }
    }
}

impl error::Error for ClientError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::ConnectionLost(error) => Some(error),
            Self::Closed | Self::Unread(_) => None,
            Self::Decode(error) => error.source(),
            Self::Encode(error) => error.source(),
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for ClientError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<ClientError> for io::Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Io(error) => error,
            ClientError::Closed => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            ClientError::Decode(error) => error.into(),
            ClientError::Encode(error) => error.into(),
            ClientError::Unread(_) => io::Error::new(io::ErrorKind::WouldBlock, error),
            ClientError::ConnectionLost(ref source) => io::Error::new(source.kind(), error),
        }
    }
}
