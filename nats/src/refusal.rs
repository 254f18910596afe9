//! [`Refusal`]: what a call is answered that has no response.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::service::Request;
use async_nats::service::error::Error;
use portcullis_service::Reason;
use tracing::debug;

use crate::wire::{MAX_TEXT, RETRY_AFTER, code, to_header_text, to_millis};

/// When to try again after "too many calls in flight": long enough for a call or two to end.
const OVERLOADED: Duration = Duration::from_millis(50);

/// Why a call has no response, as `Nats-Service-Error` and `Nats-Service-Error-Code` say it.
pub(crate) struct Refusal {
    code: usize,
    text: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// Too many calls are in flight on this node.
    pub(crate) fn overloaded() -> Self {
        Self::unavailable("too many calls in flight", OVERLOADED)
    }

    /// The node is leaving. Others may be there.
    pub(crate) fn stopping() -> Self {
        Self::unavailable("this node is stopping", Duration::ZERO)
    }

    fn unavailable(text: &str, retry_after: Duration) -> Self {
        Self { code: code::UNAVAILABLE, text: text.to_owned(), retry_after: Some(retry_after) }
    }

    /// The response is larger than the NATS server allows, which was not known when it was encoded.
    pub(crate) fn too_large() -> Self {
        let text = "the response is larger than the NATS server allows".to_owned();
        Self { code: code::FAILED, text, retry_after: None }
    }

    /// The call's time was over before it was answered.
    pub(crate) fn late() -> Self {
        Self { code: code::DEADLINE, text: "deadline exceeded".to_owned(), retry_after: None }
    }

    /// What the end of a call's session means to its caller. The text of a panic stays here: it is
    /// in the log.
    pub(crate) fn of(reason: Option<&Reason>) -> Self {
        let (code, text) = match reason.map(Reason::cause) {
            Some(Reason::Decode(text)) => (code::BAD_REQUEST, format!("malformed request: {text}")),
            Some(Reason::Failed(text)) => (code::FAILED, text.clone()),
            Some(Reason::Panicked(_)) => (code::FAILED, "internal error".to_owned()),
            Some(Reason::PeerClosed) => (code::NO_RESPONSE, "no response".to_owned()),
            Some(Reason::Stopped) => return Self::stopping(),
            Some(reason) => (code::FAILED, reason.to_string()),
            None => (code::FAILED, "the call was dropped".to_owned()),
        };
        Self { code, text, retry_after: None }
    }

    /// Answers the call with it.
    pub(crate) async fn send(self, request: &Request) {
        let Self { code, text, retry_after } = self;
        let mut headers = HeaderMap::new();
        if let Some(time) = retry_after {
            headers.insert(RETRY_AFTER, to_millis(time));
        }
        let status = to_header_text(&text, MAX_TEXT);
        if let Err(error) = request.respond_with_headers(Err(Error { status, code }), headers).await {
            debug!(%error, "a refusal was not sent");
        }
    }
}
