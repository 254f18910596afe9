//! [`Failure`]: why a call has no reply.

use std::time::Duration;
use std::{error, fmt};

use portcullis_runtime::Interrupted;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a call has no reply of its method.
///
/// On the wire it is a code, a time and a text, so that a client can read the failures of a newer
/// server: a code that it does not know is [`Failure::Internal`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The service has no capacity for the call, which has not begun.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The deadline of the call has passed.
    Deadline,
    /// The call was cancelled.
    Cancelled,
    /// The service is stopping, or the client is closed. The call has not begun.
    Closed,
    /// The service has no such method.
    UnknownMethod,
    /// The parameters are not those of the method, or the codec of the client cannot encode them;
    /// the call is not sent then. The text is that of the format.
    InvalidParams(String),
    /// The client cannot decode the reply. The text is that of the format.
    InvalidReply(String),
    /// The handler has panicked, or something else went wrong inside the service. The service's log
    /// says what; the client learns no more.
    Internal,
    /// The connection was lost while the call was in flight. It may have been handled.
    Lost,
}

impl Failure {
    fn code(&self) -> u32 {
        match self {
            Self::Internal => 0,
            Self::Overloaded { .. } => 1,
            Self::Deadline => 2,
            Self::Cancelled => 3,
            Self::Closed => 4,
            Self::UnknownMethod => 5,
            Self::InvalidParams(_) => 6,
            Self::Lost => 7,
            Self::InvalidReply(_) => 8,
        }
    }

    fn from_parts(code: u32, retry_after_micros: u64, text: String) -> Self {
        match code {
            1 => Self::Overloaded { retry_after: Duration::from_micros(retry_after_micros) },
            2 => Self::Deadline,
            3 => Self::Cancelled,
            4 => Self::Closed,
            5 => Self::UnknownMethod,
            6 => Self::InvalidParams(text),
            7 => Self::Lost,
            8 => Self::InvalidReply(text),
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded { retry_after } => {
                write!(f, "the service is overloaded; try again after {retry_after:?}")
            }
            Self::Deadline => f.write_str("the deadline of the call has passed"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Closed => f.write_str("the service is stopping, or the client is closed"),
            Self::UnknownMethod => f.write_str("the service has no such method"),
            Self::InvalidParams(text) => write!(f, "the parameters are invalid: {text}"),
            Self::InvalidReply(text) => write!(f, "the reply is invalid: {text}"),
            Self::Internal => f.write_str("internal error"),
            Self::Lost => f.write_str("the connection was lost while the call was in flight"),
        }
    }
}

impl error::Error for Failure {}

/// The failure that a remote caller receives for a job without a result.
impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Full | Interrupted::Shed => Self::Overloaded { retry_after: Duration::ZERO },
            Interrupted::Overloaded { retry_after } => Self::Overloaded { retry_after },
            Interrupted::Deadline { .. } => Self::Deadline,
            Interrupted::Cancelled { .. } => Self::Cancelled,
            Interrupted::Closed => Self::Closed,
            _ => Self::Internal,
        }
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let retry_after = match self {
            Self::Overloaded { retry_after } => u64::try_from(retry_after.as_micros()).unwrap_or(u64::MAX),
            _ => 0,
        };
        let text = match self {
            Self::InvalidParams(text) | Self::InvalidReply(text) => text,
            _ => "",
        };
        (self.code(), retry_after, text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (code, retry_after, text) = Deserialize::deserialize(deserializer)?;
        Ok(Self::from_parts(code, retry_after, text))
    }
}
