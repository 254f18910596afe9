//! Clients: typed connections to a server, over every kind of stream.
//!
//! - [`Client`]: async, on tokio; [`connect`]: addresses, and how a client connects to them;
//! - [`split`]: a client as a sending and a receiving half, for two tasks;
//! - [`blocking`]: for threads, without a runtime;
//! - [`reconnect`]: clients that connect again when the connection is lost;
//! - [`frame_buffer`]: encoding and decoding without I/O, which all clients share; [`error`]: their
//!   error; [`time_limit`]: their time limits.

mod blocking;
mod connect;
mod error;
pub(crate) mod frame_buffer;
pub(crate) mod reconnect;
mod split;
#[cfg(test)]
mod tests;
pub(crate) mod time_limit;

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use self::blocking::{BlockingClient, BlockingStream, Incoming};
pub use self::connect::Connect;
#[cfg(feature = "tls")]
pub use self::connect::{ClientTls, ClientTlsStream, MaybeTlsStream};
pub use self::error::ClientError;
use self::frame_buffer::{FrameBuffer, MAX_FED, READ_AHEAD};
pub use self::reconnect::{Backoff, BlockingReconnectingClient, ReconnectingClient};
pub use self::split::{ClientReceiver, ClientSender};
use self::time_limit::with_timeout;
use crate::codec::Codec;

/// A typed client over one connection. It sends requests of type `Req` and receives responses of
/// type `Rsp`.
///
/// Every future may be dropped without damage to the stream. The next [`send`](Self::send) or
/// [`flush`](Self::flush) writes what is left of an encoded request, and a partly received response
/// is kept.
///
/// As a [`Stream`], it yields the messages that arrive. The time limit does not apply to that.
/// After an error of one message
/// ([`DecodeError::is_recoverable`](portcullis_codec::DecodeError::is_recoverable)) the stream
/// continues with the next message; any other error is the last item.
pub struct Client<Req, Rsp, C, IO = TcpStream> {
    io: IO,
    frames: FrameBuffer<C>,
    timeout: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Makes a client over a stream that is already connected.
    pub fn from_stream(io: IO, codec: C) -> Self {
        Self {
            io,
            frames: FrameBuffer::new(codec),
            timeout: None,
            read_ahead: READ_AHEAD,
            messages: PhantomData,
        }
    }

    /// Sets how long each operation may take. No limit by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many bytes of responses are read while a request cannot be written. 64 MiB by
    /// default.
    ///
    /// A server that handles requests one after another stops reading while its responses are not
    /// read. Therefore a client that sends many requests before it reads receives responses while
    /// it cannot send. They wait for [`next`](Self::next). If there are more of them than this
    /// limit, `send` fails with [`ClientError::Unread`], because neither side could continue.
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Sends a request. While it cannot be written, responses are read, up to
    /// [`read_ahead`](Self::read_ahead).
    ///
    /// # Errors
    /// The request cannot be encoded, the connection is closed, too many responses are unread
    /// ([`ClientError::Unread`]), or the time limit has passed.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        self.flush().await
    }

    /// Encodes a request, to be written by the next [`send`](Self::send) or
    /// [`flush`](Self::flush): several requests that are fed go out in one write. Writes only when
    /// 64 KiB wait.
    ///
    /// Flush before you wait for a response. [`send_all`](Self::send_all) feeds and flushes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        if self.frames.pending_output().len() < MAX_FED { Ok(()) } else { self.flush().await }
    }

    /// Sends several requests in as few writes as possible. Then receive as many responses with
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// As [`send`](Self::send). The requests before the one that failed may have been sent.
    ///
    /// # Cancellation
    /// If the future is dropped, the requests that were encoded until then are written by the next
    /// `send` or `flush`. The others are dropped.
    pub async fn send_all(&mut self, requests: impl IntoIterator<Item = Req>) -> Result<(), ClientError> {
        for request in requests {
            self.feed(request).await?;
        }
        self.flush().await
    }

    /// Writes what a `send` has left that was dropped or failed with [`ClientError::Unread`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        let Self { frames, io, read_ahead, timeout, .. } = self;
        with_timeout(*timeout, poll_fn(|cx| frames.poll_flush_and_read(io, *read_ahead, cx))).await
    }

    /// Receives the next response. Returns `None` when the server has closed the connection.
    ///
    /// # Errors
    /// The input is not a response, the connection was reset, or the time limit has passed.
    pub async fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        with_timeout(self.timeout, poll_fn(|cx| self.frames.poll_next(&mut self.io, cx))).await
    }

    /// Sends a request and receives one response.
    ///
    /// # Errors
    /// As [`send`](Self::send) and [`next`](Self::next); [`ClientError::Closed`] at the end of the
    /// stream.
    ///
    /// # Cancellation
    /// If the future is dropped or times out, the request may have been sent. Its response is then
    /// what the next [`next`](Self::next) or `call` receives: receive it with `next` first, or
    /// connect again.
    pub async fn call(&mut self, request: Req) -> Result<Rsp, ClientError> {
        self.send(request).await?;
        self.next().await?.ok_or(ClientError::Closed)
    }

    /// Closes the writing side (half-close), so that the server knows that no request follows.
    /// Responses can still be received.
    ///
    /// # Errors
    /// The connection is closed, or the time limit has passed.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        self.flush().await?;
        let Self { io, timeout, .. } = self;
        with_timeout(*timeout, async { Ok(poll_fn(|cx| Pin::new(&mut *io).poll_shutdown(cx)).await?) }).await
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Returns whether the server has closed or reset the connection, as far as the system has
    /// reported it. Does not wait.
    async fn is_closed(&mut self) -> bool {
        let read = poll_fn(|cx| Poll::Ready(self.frames.poll_read(&mut self.io, cx))).await;
        self.frames.has_ended() || matches!(read, Poll::Ready(Err(_)))
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
        this.frames.poll_item(&mut this.io, cx)
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for Client<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("io", &self.io).finish_non_exhaustive()
    }
}
