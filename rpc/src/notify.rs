//! [`RpcPeer`]: notifications from a service to its client.
//!
//! The parameters are written as JSON when the notification is made: the session's queue holds
//! messages of one type, and a notification has parameters of any.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{error, fmt};

use bytes::BytesMut;
use portcullis_codec::{Format, FrameWriter, Json};
use portcullis_service::{Peer, SendFuture, TrySendError};
use serde::Serialize;

use crate::protocol::Protocol;
use crate::wire::{Notification, ServerMessage};

/// What the peers of `#[rpc]` services can do: send notifications, which their clients do not
/// answer.
///
/// ```
/// # mod portcullis { pub use portcullis_service::Peer; pub mod rpc { pub use portcullis_rpc::*; } }
/// use portcullis::rpc::{NotifyError, Protocol, RpcPeer, ServerMessage};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct LogMessage<'a> {
///     r#type: u32,
///     message: &'a str,
/// }
///
/// async fn log<P: Protocol>(peer: &portcullis::Peer<ServerMessage<P>>) -> Result<(), NotifyError> {
///     peer.notify("window/logMessage", &LogMessage { r#type: 3, message: "indexed" }).await
/// }
/// ```
///
/// Notifications are sent in their order, and in the order of the session's other messages: one
/// that a method sends before it returns arrives before the reply. A session's queue is bounded, so
/// [`notify`](Self::notify) waits for a client that does not read.
///
/// In [JSON-RPC](crate::JsonRpc), a notification is one of JSON-RPC. Other codecs carry the
/// parameters as JSON, too. If the messages belong to a call, send them as the items of that call
/// (`rows: &Sender<Row>`): they have types, and credit.
pub trait RpcPeer {
    /// The calls of the service.
    type Protocol: Protocol;

    /// Sends a notification; waits while the session's queue is full. `params` is what JSON-RPC
    /// allows as parameters: a value that is serialized as an object or an array, or as `null` for
    /// none.
    ///
    /// The parameters are serialized by this call. The future does not borrow them: await it on the
    /// loop, or `.wait(worker)?` for it on a thread.
    ///
    /// # Errors
    /// See [`NotifyError`].
    ///
    /// # Cancellation
    /// Nothing is sent before the first poll. Dropped while it waits, it sends nothing.
    fn notify<T: Serialize + ?Sized>(&self, method: &str, params: &T) -> Notify<Self::Protocol>;

    /// Sends a notification if the session's queue has a free slot. Never waits.
    ///
    /// # Errors
    /// See [`NotifyError`].
    fn try_notify<T: Serialize + ?Sized>(&self, method: &str, params: &T) -> Result<(), NotifyError>;
}

impl<P: Protocol> RpcPeer for Peer<ServerMessage<P>> {
    type Protocol = P;

    fn notify<T: Serialize + ?Sized>(&self, method: &str, params: &T) -> Notify<P> {
        Notify(match message(method, params) {
            Ok(message) => State::Sending(self.send(message)),
            Err(error) => State::Failed(Some(error)),
        })
    }

    fn try_notify<T: Serialize + ?Sized>(&self, method: &str, params: &T) -> Result<(), NotifyError> {
        self.try_send(message(method, params)?).map_err(|error| match error {
            TrySendError::Full(_) => NotifyError::Full,
            TrySendError::Closed(_) => NotifyError::Closed,
        })
    }
}

fn message<P: Protocol, T: Serialize + ?Sized>(
    method: &str,
    params: &T,
) -> Result<ServerMessage<P>, NotifyError> {
    let mut json = BytesMut::new();
    Json::write(&params, &mut FrameWriter::new(&mut json, usize::MAX))
        .map_err(|error| NotifyError::InvalidParams(error.to_string()))?;
    let params = match json.first() {
        Some(b'n') => String::new(),
        Some(b'{' | b'[') => {
            // JSON is UTF-8.
            String::from_utf8(json.into()).map_err(|error| NotifyError::InvalidParams(error.to_string()))?
        }
        _ => {
            let text = "the parameters of a notification are an object, an array or null".to_owned();
            return Err(NotifyError::InvalidParams(text));
        }
    };
    Ok(ServerMessage::Notification(Box::new(Notification::new(method.to_owned(), params))))
}

/// A notification that is being sent: made by [`RpcPeer::notify`].
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify<P: Protocol>(State<P>);

enum State<P: Protocol> {
    Sending(SendFuture<ServerMessage<P>>),
    Failed(Option<NotifyError>),
}

impl<P: Protocol> Future for Notify<P> {
    type Output = Result<(), NotifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Sending(sending) => {
                let sent = ready!(Pin::new(sending).poll(cx));
                Poll::Ready(sent.map_err(|_| NotifyError::Closed))
            }
            State::Failed(error) => Poll::Ready(Err(error.take().unwrap_or(NotifyError::Closed))),
        }
    }
}

impl<P: Protocol> fmt::Debug for Notify<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

/// Why a notification was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotifyError {
    /// The parameters cannot be written as JSON, or are neither an object nor an array nor null.
    InvalidParams(String),
    /// The session's queue is full, because the client does not read.
    Full,
    /// The session has ended or is closing.
    Closed,
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidParams(text) => write!(f, "the parameters are invalid: {text}"),
            Self::Full => f.write_str("the client has not read what was sent before"),
            Self::Closed => f.write_str("the session has ended"),
        }
    }
}

impl error::Error for NotifyError {}
