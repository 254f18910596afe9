//! Error objects: failures as codes and texts, and the error of a method as the user's type says.

use std::borrow::Cow;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use portcullis_codec::{EncodeError, Format, FrameWriter, Json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;
/// `RequestCancelled` of the Language Server Protocol.
const REQUEST_CANCELLED: i64 = -32800;
// The range from -32099 to -32000 is for servers. The Language Server Protocol uses -32001 and
// -32002.
pub(super) const METHOD_ERROR: i64 = -32000;
const OVERLOADED: i64 = -32010;
const DEADLINE: i64 = -32011;
const CLOSED: i64 = -32012;
const LOST: i64 = -32013;

/// The data of [`OVERLOADED`].
#[derive(Serialize, Deserialize)]
struct Overload {
    retry_after_ms: u64,
}

/// Appends the error object of a failure.
pub(super) fn write_failure(failure: &Failure, output: &mut BytesMut) -> Result<(), EncodeError> {
    let write = |code, text, output| write_error::<()>(code, text, None, output);
    match failure {
        Failure::Overloaded { retry_after } => {
            // Rounded up, so that a client does not try too early.
            let millis = retry_after.as_nanos().div_ceil(1_000_000);
            let retry_after_ms = u64::try_from(millis).unwrap_or(u64::MAX);
            write_error(OVERLOADED, "Overloaded", Some(&Overload { retry_after_ms }), output)
        }
        Failure::InvalidParams(text) => write_error(INVALID_PARAMS, "Invalid params", Some(text), output),
        Failure::Deadline => write(DEADLINE, "Deadline exceeded", output),
        Failure::Cancelled => write(REQUEST_CANCELLED, "Request cancelled", output),
        Failure::Closed => write(CLOSED, "Closed", output),
        Failure::UnknownMethod => write(METHOD_NOT_FOUND, "Method not found", output),
        // The second is of a call of the service's own.
        Failure::Internal | Failure::InvalidReply(_) => write(INTERNAL_ERROR, "Internal error", output),
        Failure::Lost => write(LOST, "Connection lost", output),
    }
}

/// Appends an error object.
pub(super) fn write_error<T: Serialize + ?Sized>(
    code: i64,
    message: &str,
    data: Option<&T>,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    #[derive(Serialize)]
    struct ErrorObject<'a, T: ?Sized> {
        code: i64,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a T>,
    }
    Json::write(&ErrorObject { code, message, data }, &mut FrameWriter::new(output, usize::MAX))
}

/// An error that is an error object as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnErrorObject<'a> {
    #[serde(rename = "code")]
    _code: i64,
    #[serde(rename = "message", borrow)]
    _message: Cow<'a, str>,
    #[serde(rename = "data", borrow)]
    _data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WithMessage<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// Appends the error object of a method's error, which is `json`.
pub(super) fn write_method_error(json: &[u8], output: &mut BytesMut) -> Result<(), EncodeError> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    if is_object && serde_json::from_slice::<OwnErrorObject<'_>>(json).is_ok() {
        output.put_slice(json);
        return Ok(());
    }
    let message = if is_object {
        serde_json::from_slice::<WithMessage<'_>>(json).ok().map(|error| error.message)
    } else {
        serde_json::from_slice::<String>(json).ok().map(Cow::Owned)
    };
    let message = message.as_deref().unwrap_or("the method has returned an error");
    let data: &RawValue = serde_json::from_slice(json).map_err(EncodeError::new)?;
    write_error(METHOD_ERROR, message, Some(data), output)
}

/// The members of an error object that a server has sent.
#[derive(Deserialize)]
pub(super) struct ReceivedError<'a> {
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) message: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

impl ReceivedError<'_> {
    /// The failure that the code stands for; `None` if it is an error of the method.
    pub(super) fn to_failure(&self) -> Option<Failure> {
        Some(match self.code {
            OVERLOADED => {
                let data = self.data.and_then(|data| serde_json::from_str::<Overload>(data.get()).ok());
                let millis = data.map_or(0, |data| data.retry_after_ms);
                Failure::Overloaded { retry_after: Duration::from_millis(millis) }
            }
            DEADLINE => Failure::Deadline,
            REQUEST_CANCELLED => Failure::Cancelled,
            CLOSED => Failure::Closed,
            METHOD_NOT_FOUND => Failure::UnknownMethod,
            INVALID_PARAMS => {
                let data = self.data.and_then(|data| serde_json::from_str(data.get()).ok());
                Failure::InvalidParams(data.unwrap_or_else(|| self.message.clone().into_owned()))
            }
            INTERNAL_ERROR | INVALID_REQUEST | PARSE_ERROR => Failure::Internal,
            LOST => Failure::Lost,
            _ => return None,
        })
    }
}
