//! Clients: a typed connection to a server, over every kind of stream.
//!
//! - [`Client`]: on a tokio loop, one request at a time or several in a row; [`connect`]: how it
//!   comes to its server;
//! - [`halves`]: the same for two tasks, one that sends and one that receives;
//! - [`blocking`]: on a thread, without a runtime;
//! - [`reconnect`]: connects anew when the connection is lost;
//! - [`wire`]: what they share: messages to bytes and back; [`error`]: what they fail with.

mod blocking;
mod connect;
mod error;
mod halves;
mod reconnect;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use self::blocking::{BlockingClient, BlockingStream, Incoming};
pub use self::connect::Connect;
#[cfg(feature = "tls")]
pub use self::connect::{ClientTls, ClientTlsStream};
pub use self::error::ClientError;
pub use self::halves::{ClientReceiver, ClientSender};
pub use self::reconnect::{Backoff, BlockingReconnectingClient, ReconnectingClient};
use self::wire::{READ_AHEAD, Wire};
use crate::codec::Codec;

/// A typed client over one connection: sends `Req`, reads `Rsp`.
///
/// Every operation may be dropped before its end without harm to the stream: what has been encoded
/// is written whole by the next [`send`](Self::send) or [`flush`](Self::flush), what has been read
/// in part is kept.
///
/// As a [`Stream`] it gives the packets that come; that knows no time limit. An error of one packet
/// ([`DecodeError::is_recoverable`](portcullis_codec::DecodeError::is_recoverable)) leaves the next
/// one alone, any other is the last item.
pub struct Client<Req, Rsp, C, IO = TcpStream> {
    io: IO,
    wire: Wire<C>,
    timeout: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// A client over a stream that is connected already.
    pub fn from_stream(io: IO, codec: C) -> Self {
        Self { io, wire: Wire::new(codec), timeout: None, read_ahead: READ_AHEAD, messages: PhantomData }
    }

    /// How long each operation may take from now on.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes of responses are read while a request waits for room; 64 MiB unless said
    /// otherwise.
    ///
    /// A server that answers one request after another stops reading requests while nobody reads
    /// its answers. So a client that sends many requests before it reads takes answers in while it
    /// can't send. They wait for [`next`](Self::next). If there are more of them, `send` fails with
    /// [`ClientError::Unread`], and does not wait for what can't come.
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Sends a request. While there is no room for it, answers are read in, up to
    /// [`read_ahead`](Self::read_ahead).
    ///
    /// # Errors
    /// The request can't be encoded, the connection is gone, too many answers wait to be read
    /// ([`ClientError::Unread`]), or the time limit has passed.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.wire.encode(request)?;
        self.flush().await
    }

    /// Writes what a `send` that was dropped, or failed with [`ClientError::Unread`], has left.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        let Self { wire, io, read_ahead, timeout, .. } = self;
        limited(*timeout, poll_fn(|cx| wire.poll_flush_and_read(io, *read_ahead, cx))).await
    }

    /// The next response; `None` when the server has closed the connection.
    ///
    /// # Errors
    /// What came is no response, the connection is gone, or the time limit has passed.
    pub async fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        limited(self.timeout, poll_fn(|cx| self.wire.poll_next(&mut self.io, cx))).await
    }

    /// Sends a request and reads one response.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`next`](Self::next); [`ClientError::Closed`] at the end of the
    /// stream.
    ///
    /// # Cancellation
    /// Dropped (or out of time) before its end, it may have sent the request: then the response is
    /// still to come, and is what the following [`next`](Self::next) or `call` reads. Take it with
    /// `next` first, or connect anew.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.send(request).await?;
        self.next().await?.ok_or(ClientError::Closed)
    }

    /// Closes the writing side: says that no request will follow. Responses can still be read.
    ///
    /// # Errors
    /// The connection is gone, or the time limit has passed.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        self.flush().await?;
        close(&mut self.io, self.timeout).await
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Whether the server has closed or reset the connection, as far as that is known by now.
    async fn is_closed(&mut self) -> bool {
        let read = poll_fn(|cx| Poll::Ready(self.wire.poll_read(&mut self.io, cx))).await;
        self.wire.has_ended() || matches!(read, Poll::Ready(Err(_)))
    }
}

impl<Req, Rsp, C, IO> Stream for Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req> + Unpin,
    IO: AsyncRead + Unpin,
{
    type Item = Result<Rsp, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.wire.poll_item(&mut this.io, cx)
    }
}

/// Closes the writing side, with a time limit of its own.
async fn close(io: &mut (impl AsyncWrite + Unpin), limit: Option<Duration>) -> Result<(), ClientError> {
    limited(limit, async { Ok(poll_fn(|cx| Pin::new(&mut *io).poll_shutdown(cx)).await?) }).await
}

async fn limited<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match limit {
        None => work.await,
        Some(limit) => timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into())),
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for Client<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("io", &self.io).finish_non_exhaustive()
    }
}
