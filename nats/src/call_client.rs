//! [`CallClient`]: calls a service over NATS, from any node.

use std::error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::client::RequestErrorKind;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE};
use async_nats::{Client, HeaderMap, HeaderName, HeaderValue, Message, Request, Subject};
use bytes::{Bytes, BytesMut};
use portcullis_codec::{DatagramCodec, DecodeError, EncodeError};

use crate::cancel::CancelOnDrop;
use crate::wire::{CALL_ID, RETRY_AFTER, TIMEOUT, code, millis, number, to_millis};

/// How often a call is sent when nodes that are stopping refuse it.
const MAX_ATTEMPTS: u32 = 4;

/// Calls one service, wherever it runs. Cheap to clone; any number of calls run at a time.
///
/// ```no_run
/// # use portcullis::nats::{CallClient, async_nats};
/// # use portcullis::{Datagrams, Json};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let squares = CallClient::<u32, u64, _>::new(client, "squares", Datagrams::<Json>::new());
/// assert_eq!(squares.call(12).timeout(Duration::from_secs(1)).await?, 144);
/// # Ok(())
/// # }
/// ```
///
/// On a pool's thread, wait for a call with [`.wait(worker)`](portcullis_runtime::Wait).
pub struct CallClient<Req, Rsp, D> {
    client: Client,
    subject: Subject,
    codec: D,
    timeout: Duration,
    ids: Arc<CallIds>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

/// Makes ids of calls, which no other client makes.
struct CallIds {
    prefix: String,
    next: AtomicU64,
}

impl CallIds {
    fn new(client: &Client) -> Self {
        let inbox = client.new_inbox();
        let prefix = inbox.rsplit('.').next().unwrap_or_default().to_owned();
        Self { prefix, next: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        format!("{}.{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl<Req, Rsp, D: Clone> Clone for CallClient<Req, Rsp, D> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            subject: self.subject.clone(),
            codec: self.codec.clone(),
            timeout: self.timeout,
            ids: Arc::clone(&self.ids),
            messages: PhantomData,
        }
    }
}

impl<Req, Rsp, D> fmt::Debug for CallClient<Req, Rsp, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallClient").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl<Req, Rsp, D: DatagramCodec<Rsp, Req>> CallClient<Req, Rsp, D> {
    /// Calls the service whose subject is `subject`: its name, unless it was given another one.
    pub fn new(client: Client, subject: impl Into<String>, codec: D) -> Self {
        let ids = Arc::new(CallIds::new(&client));
        Self {
            client,
            subject: Subject::from(subject.into()),
            codec,
            timeout: Duration::from_secs(10),
            ids,
            messages: PhantomData,
        }
    }

    /// How long a call waits for its answer, unless it has a [timeout of its own](Call::timeout).
    /// Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Waits until what was sent is written to the connection.
    #[cfg(feature = "rpc")]
    pub(crate) async fn flush(&self) {
        if let Err(error) = self.client.flush().await {
            tracing::debug!(%error, "the last messages may not have been sent");
        }
    }

    /// Makes a call, which is sent when it is awaited.
    ///
    /// The service learns how long the caller waits. That is the timeout, or the time until the
    /// [deadline](portcullis_runtime::deadline()) of the job or task that calls, if that is less.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// Dropping the call cancels it: the node that handles it drops the handler and cancels its
    /// jobs. The message for that is sent at most once, as the call is, and is lost if the last
    /// handle on the connection is dropped together with the call.
    pub fn call(&self, request: Req) -> Call<'_, Req, Rsp, D> {
        Call { client: self, request, timeout: self.timeout, headers: Ok(HeaderMap::new()) }
    }
}

/// A call that is not sent yet: await it. Made by [`CallClient::call`].
#[must_use = "a call is sent when it is awaited"]
pub struct Call<'a, Req, Rsp, D> {
    client: &'a CallClient<Req, Rsp, D>,
    request: Req,
    timeout: Duration,
    /// `Err`: the name of the first one that cannot be a header.
    headers: Result<HeaderMap, String>,
}

impl<Req, Rsp, D> fmt::Debug for Call<'_, Req, Rsp, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<Req, Rsp, D> Call<'_, Req, Rsp, D> {
    /// How long the call waits for its answer.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// A header of the request, such as a trace context:
    /// [`NatsPeer::nats`](crate::NatsPeer::nats) returns it to the handler.
    ///
    /// If the name is empty or has a colon, a space or a character that is not printable ASCII, or
    /// if the value has a line break, the call is not sent and ends with
    /// [`CallError::InvalidHeader`].
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(headers) = &mut self.headers {
            match (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                (Ok(parsed), Ok(value)) if !name.is_empty() => headers.insert(parsed, value),
                _ => self.headers = Err(name.to_owned()),
            }
        }
        self
    }
}

impl<'a, Req, Rsp, D> IntoFuture for Call<'a, Req, Rsp, D>
where
    Req: Send + 'a,
    Rsp: Send + 'a,
    D: DatagramCodec<Rsp, Req> + Sync,
{
    type Output = Result<Rsp, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<Req, Rsp, D: DatagramCodec<Rsp, Req>> Call<'_, Req, Rsp, D> {
    async fn send(self) -> Result<Rsp, CallError> {
        let Self { client: CallClient { client, subject, codec, ids, .. }, request, timeout, headers } = self;
        let mut headers = headers.map_err(CallError::InvalidHeader)?;
        let mut codec = codec.clone();
        let mut payload = BytesMut::new();
        codec.encode(request, &mut payload).map_err(CallError::Encode)?;
        let payload = payload.freeze();
        let mut deadline = Instant::now().checked_add(timeout);
        if let Some(inherited) = portcullis_runtime::deadline() {
            deadline = Some(deadline.map_or(inherited, |own| own.min(inherited)));
        }
        let id = ids.next();
        headers.insert(HeaderName::from_static(CALL_ID), id.as_str());
        let cancel = CancelOnDrop::new(client, subject, &id);
        let answer = request_until_answered(client, subject, payload, headers, deadline).await;
        cancel.disarm();
        codec.decode(&answer?.payload).map_err(CallError::Decode)
    }
}

async fn request_until_answered(
    client: &Client,
    subject: &Subject,
    payload: Bytes,
    headers: HeaderMap,
    deadline: Option<Instant>,
) -> Result<Message, CallError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let answer = request_once(client, subject, payload.clone(), headers.clone(), deadline).await?;
        match refusal(&answer) {
            None => return Ok(answer),
            // That node is leaving, so the next attempt reaches another one.
            Some(CallError::Unavailable { retry_after, .. })
                if retry_after.is_zero() && attempts < MAX_ATTEMPTS => {}
            Some(error) => return Err(error),
        }
    }
}

async fn request_once(
    client: &Client,
    subject: &Subject,
    payload: Bytes,
    mut headers: HeaderMap,
    deadline: Option<Instant>,
) -> Result<Message, CallError> {
    let mut request = Request::new().payload(payload);
    // `async_nats` has a limit of its own, which counts where the request has none.
    request.timeout = Some(None);
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(CallError::Deadline);
        }
        headers.insert(HeaderName::from_static(TIMEOUT), to_millis(left));
        request.timeout = Some(Some(left));
    }
    let bytes = request.payload.as_ref().map_or(0, Bytes::len);
    client.send_request(subject.clone(), request.headers(headers)).await.map_err(|error| match error.kind() {
        RequestErrorKind::TimedOut => CallError::Deadline,
        RequestErrorKind::NoResponders => CallError::NoNode,
        RequestErrorKind::MaxPayloadExceeded => {
            CallError::TooLarge { bytes, max: client.server_info().max_payload }
        }
        _ => CallError::Nats(error.into()),
    })
}

/// Why the message is no answer, if it says so.
fn refusal(message: &Message) -> Option<CallError> {
    let headers = message.headers.as_ref();
    let text = headers?.get(NATS_SERVICE_ERROR)?.to_string();
    let found = number(headers, NATS_SERVICE_ERROR_CODE).and_then(|code| usize::try_from(code).ok());
    Some(match found.unwrap_or(code::FAILED) {
        code::UNAVAILABLE => {
            let retry_after = millis(headers, RETRY_AFTER).unwrap_or(Duration::from_millis(50));
            CallError::Unavailable { message: text, retry_after }
        }
        code::DEADLINE => CallError::Deadline,
        code => CallError::Refused { code, message: text },
    })
}

/// Why a call has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// No node serves the subject. The call never ran.
    NoNode,
    /// Every node that was asked is at its limit or is stopping. The call never ran.
    Unavailable {
        /// What the node said.
        message: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The time of the call is over. It may have run.
    Deadline,
    /// The service answered with an error: one of the codes of [`Calls`](crate::Calls), or of
    /// another implementation of NATS's service protocol.
    Refused {
        /// `Nats-Service-Error-Code`.
        code: usize,
        /// `Nats-Service-Error`.
        message: String,
    },
    /// The request, with its headers, is larger than the NATS server allows. It was not sent.
    TooLarge {
        /// The size of the request without its headers.
        bytes: usize,
        /// The limit of the server.
        max: usize,
    },
    /// The [header](Call::header) of this name cannot be sent. The request was not sent.
    InvalidHeader(String),
    /// The request could not be encoded. It was not sent.
    Encode(EncodeError),
    /// The response could not be decoded.
    Decode(DecodeError),
    /// The NATS client failed: it was closed, for example.
    Nats(crate::NatsError),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode => f.write_str("no node serves this subject"),
            Self::Unavailable { message, retry_after } => {
                write!(f, "the service is unavailable: {message}; try again after {retry_after:?}")
            }
            Self::Deadline => f.write_str("the deadline of the call has passed"),
            Self::Refused { code, message } => write!(f, "the service answered with error {code}: {message}"),
            Self::TooLarge { bytes, max } => {
                write!(f, "the request has {bytes} bytes, and the NATS server allows {max}")
            }
            Self::InvalidHeader(name) => write!(f, "the header {name:?} has an invalid name or value"),
            Self::Encode(_) => f.write_str("the request could not be encoded"),
            Self::Decode(_) => f.write_str("the response could not be decoded"),
            Self::Nats(_) => f.write_str("the NATS client failed"),
        }
    }
}

impl error::Error for CallError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            Self::Nats(error) => Some(&**error),
            _ => None,
        }
    }
}
