//! [`ClientSender`] and [`ClientReceiver`]: a client in two, for two tasks.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use super::wire::Wire;
use super::{Client, ClientError, finish, flush, limited};
use crate::codec::Codec;

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Two halves for two tasks, one that sends and one that receives. The time limit, and what has been read or encoded
    /// by now, go with them. The connection ends when both are dropped; [`ClientSender::finish`] tells the server before.
    // The pair of them, as tokio's halves are given.
    #[allow(clippy::type_complexity)]
    pub fn into_split(self) -> (ClientSender<Req, Rsp, C, IO>, ClientReceiver<Req, Rsp, C, IO>) {
        let (reads, writes) = tokio::io::split(self.io);
        let (input, output) = self.wire.split();
        let (limit, messages) = (self.limit, PhantomData);
        (
            ClientSender { io: writes, wire: output, limit, messages },
            ClientReceiver { io: reads, wire: input, limit, messages },
        )
    }
}

/// The sending half of a [`Client`]; from [`into_split`](Client::into_split).
pub struct ClientSender<Req, Rsp, C, IO = TcpStream> {
    io: WriteHalf<IO>,
    wire: Wire<C>,
    limit: Option<Duration>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> ClientSender<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// As [`Client::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.wire.encode(request)?;
        self.flush().await
    }

    /// As [`Client::flush`].
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        flush(&mut self.wire, &mut self.io, self.limit).await
    }

    /// As [`Client::finish`].
    ///
    /// # Errors
    /// As there.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        finish(&mut self.wire, &mut self.io, self.limit).await
    }
}

/// The receiving half of a [`Client`]; from [`into_split`](Client::into_split). A [`Stream`] as the client is.
pub struct ClientReceiver<Req, Rsp, C, IO = TcpStream> {
    io: ReadHalf<IO>,
    wire: Wire<C>,
    limit: Option<Duration>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> ClientReceiver<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// As [`Client::next`].
    ///
    /// # Errors
    /// As there.
    pub async fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        limited(self.limit, poll_fn(|cx| self.wire.poll_next(&mut self.io, cx))).await
    }
}

impl<Req, Rsp, C, IO> Stream for ClientReceiver<Req, Rsp, C, IO>
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

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for ClientSender<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSender").field("io", &self.io).finish_non_exhaustive()
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for ClientReceiver<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientReceiver").field("io", &self.io).finish_non_exhaustive()
    }
}
