//! The headers of messages, and the codes of refusals: the parts of the protocol that clients in
//! other languages use. And [`wait_until_processed`].

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, HeaderName, Request, Subject};

use crate::NatsError;

/// On a request: the time that its caller waits for the answer, in milliseconds. A time that is
/// left, so that the clocks of caller and service need not agree.
pub(crate) const TIMEOUT: &str = "Portcullis-Timeout-Ms";
/// On a request: the id by which its caller can cancel it.
pub(crate) const CALL_ID: &str = "Portcullis-Call-Id";
/// On a refusal: the call never ran, and may be tried again after this many milliseconds.
pub(crate) const RETRY_AFTER: &str = "Portcullis-Retry-After-Ms";
/// On an event: which publisher it is from.
pub(crate) const PUBLISHER: &str = "Portcullis-Publisher";
/// On an event: its number among those of its publisher, counted from 1.
pub(crate) const SEQUENCE: &str = "Portcullis-Sequence";
/// On a dead job: the error of its last delivery.
pub(crate) const ERROR: &str = "Portcullis-Error";
/// On a dead job: its id in the queue. `Nats-Msg-Id` is its number there, since a queue may get
/// several jobs with the same id, one after another.
pub(crate) const JOB_ID: &str = "Portcullis-Job-Id";
/// On a dead job: how often it was delivered.
pub(crate) const DELIVERIES: &str = "Portcullis-Deliveries";

/// The subject on which the ids of dropped calls to `subject` are published. It is no subject of a
/// call, also where a service has one with wildcards.
pub(crate) fn cancel_subject(subject: &str) -> Subject {
    format!("_PORTCULLIS.CANCEL.{subject}").into()
}

/// The codes in `Nats-Service-Error-Code`, which are those of HTTP.
pub(crate) mod code {
    /// The payload is not a request.
    pub(crate) const BAD_REQUEST: usize = 400;
    /// The handler failed or panicked.
    pub(crate) const FAILED: usize = 500;
    /// The handler returned no response.
    pub(crate) const NO_RESPONSE: usize = 204;
    /// The call never ran: too many are in flight, or the node is stopping.
    pub(crate) const UNAVAILABLE: usize = 503;
    /// The caller's time was over.
    pub(crate) const DEADLINE: usize = 504;
}

/// The number in a header.
pub(crate) fn number(headers: Option<&HeaderMap>, name: &'static str) -> Option<u64> {
    headers?.get(HeaderName::from_static(name))?.as_str().parse().ok()
}

/// The milliseconds in a header.
pub(crate) fn millis(headers: Option<&HeaderMap>, name: &'static str) -> Option<Duration> {
    number(headers, name).map(Duration::from_millis)
}

/// As whole milliseconds, rounded up: what is left of a time limit is not zero.
pub(crate) fn to_millis(time: Duration) -> String {
    let rest = u64::from(!time.subsec_nanos().is_multiple_of(1_000_000));
    // Saturates after half a billion years.
    let whole = time.as_secs().saturating_mul(1000).saturating_add(time.subsec_millis().into());
    whole.saturating_add(rest).to_string()
}

/// How many bytes of an error's text a header has at most.
pub(crate) const MAX_TEXT: usize = 4096;

/// The text as the value of a header: one line of at most `max` bytes.
pub(crate) fn to_header_text(text: &str, max: usize) -> String {
    let end = (0..=text.len().min(max)).rev().find(|&at| text.is_char_boundary(at));
    text[..end.unwrap_or(0)].replace(['\r', '\n'], " ")
}

/// How long the server may take to answer.
const ROUND_TRIP: Duration = Duration::from_secs(10);

/// Waits until the server has processed what this client has sent before, unless the client is not
/// connected. `Client::flush` only waits until it is written to the socket.
pub(crate) async fn wait_until_processed(client: &Client) -> Result<(), NatsError> {
    if client.connection_state() != State::Connected {
        return Ok(());
    }
    // The server says at once that nothing answers on a fresh subject.
    let request = Request::new().timeout(Some(ROUND_TRIP));
    match client.send_request(client.new_inbox(), request).await {
        Err(error) if error.kind() != RequestErrorKind::NoResponders => Err(error.into()),
        _ => Ok(()),
    }
}
