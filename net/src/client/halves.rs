//! [`ClientSender`] and [`ClientReceiver`]: a client in two, for two tasks.
//!
//! The stream is shared. A sender that waits for room reads what has come, into a buffer that the
//! receiver takes it out of: so both can be used by one task, which sends first and receives then.
//! Only one task at a time is woken when there is something to read. A sender that has read wakes
//! the receiver, which asks for the next bytes itself then.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use super::wire::Wire;
use super::{Client, ClientError, limited};
use crate::codec::Codec;
use crate::sync::Mutex;

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Two halves for two tasks, one that sends and one that receives. The time limit, and what has
    /// been read or encoded by now, go with them. The connection ends when both are dropped;
    /// [`ClientSender::finish`] tells the server before.
    // The pair of them, as tokio's halves are given.
    #[allow(clippy::type_complexity)]
    pub fn into_split(self) -> (ClientSender<Req, Rsp, C, IO>, ClientReceiver<Req, Rsp, C, IO>) {
        let shared = Arc::new(Mutex::new(Shared {
            io: self.io,
            ahead: BytesMut::new(),
            read: Poll::Pending,
            receiver: None,
        }));
        let (input, output) = self.wire.split();
        let (limit, read_ahead, messages) = (self.timeout, self.read_ahead, PhantomData);
        (
            ClientSender { shared: Arc::clone(&shared), wire: output, limit, read_ahead, messages },
            ClientReceiver { shared, wire: input, limit, messages },
        )
    }
}

/// The stream, and what the sender has read from it.
struct Shared<IO> {
    io: IO,
    ahead: BytesMut,
    /// How the sender's reading has ended, if it has: the receiver is to be told.
    read: Poll<io::Result<()>>,
    /// Waits for something to read.
    receiver: Option<Waker>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Shared<IO> {
    /// Reads for the receiver, until nothing is there or `read_ahead` waits for it.
    fn poll_ahead(&mut self, read_ahead: usize, cx: &mut Context<'_>) {
        while self.read.is_pending() && self.ahead.len() < read_ahead {
            self.ahead.reserve(4096);
            match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.ahead) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.read = Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => self.read = Poll::Ready(Err(error)),
            }
        }
    }
}

/// The sending half of a [`Client`]; from [`into_split`](Client::into_split).
pub struct ClientSender<Req, Rsp, C, IO = TcpStream> {
    shared: Arc<Mutex<Shared<IO>>>,
    wire: Wire<C>,
    limit: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> ClientSender<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// As [`Client::send`]. If more answers wait than the client [reads ahead](Client::read_ahead),
    /// it waits for the other half to take them; it fails if there is no other half any more.
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
        let Self { shared, wire, limit, read_ahead, .. } = self;
        let mut ahead = Ahead { shared, has_read: false };
        limited(*limit, poll_fn(|cx| ahead.poll_flush(wire, *read_ahead, cx))).await
    }

    /// As [`Client::finish`].
    ///
    /// # Errors
    /// As there.
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        self.flush().await?;
        let close = poll_fn(|cx| Pin::new(&mut self.shared.lock().io).poll_shutdown(cx));
        limited(self.limit, async { Ok(close.await?) }).await
    }
}

/// A sender at work. If it has waited for bytes to read, the receiver is woken when it goes: bytes
/// that come from then on are for that to wait for.
struct Ahead<'a, IO> {
    shared: &'a Arc<Mutex<Shared<IO>>>,
    has_read: bool,
}

impl<IO> Ahead<'_, IO> {
    fn wake_receiver(&self) {
        let receiver = self.shared.lock().receiver.take();
        if let Some(waker) = receiver {
            waker.wake();
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Ahead<'_, IO> {
    fn poll_flush<C>(
        &mut self,
        wire: &mut Wire<C>,
        read_ahead: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ClientError>> {
        let mut shared = self.shared.lock();
        let before = shared.ahead.len();
        loop {
            if let Poll::Ready(flushed) = wire.poll_flush(&mut shared.io, cx) {
                return Poll::Ready(flushed.map_err(Into::into));
            }
            self.has_read = true;
            let had = shared.ahead.len();
            shared.poll_ahead(read_ahead, cx);
            if shared.ahead.len() == had {
                break;
            }
        }
        let waits = shared.ahead.len();
        let is_full = waits >= read_ahead;
        if is_full && Arc::strong_count(self.shared) == 1 {
            return Poll::Ready(Err(ClientError::Unread(waits)));
        }
        let receiver_is_due = waits > before || is_full || shared.read.is_ready();
        drop(shared);
        if receiver_is_due {
            self.wake_receiver();
        }
        Poll::Pending
    }
}

impl<IO> Drop for Ahead<'_, IO> {
    fn drop(&mut self) {
        if self.has_read {
            self.wake_receiver();
        }
    }
}

/// The receiving half of a [`Client`]; from [`into_split`](Client::into_split). A [`Stream`] as the
/// client is.
pub struct ClientReceiver<Req, Rsp, C, IO = TcpStream> {
    shared: Arc<Mutex<Shared<IO>>>,
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
        limited(self.limit, poll_fn(|cx| self.poll_response(cx))).await
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Rsp>, ClientError>> {
        loop {
            if let Poll::Ready(message) = self.wire.decode() {
                return Poll::Ready(message.map_err(Into::into));
            }
            let shared = &mut *self.shared.lock();
            // What the sender has read comes first, then how that has ended.
            if !shared.ahead.is_empty() {
                self.wire.take(&mut shared.ahead, false);
            } else if shared.read.is_ready() {
                let read = std::mem::replace(&mut shared.read, Poll::Ready(Ok(())));
                ready!(read)?;
                self.wire.take(&mut shared.ahead, true);
            } else {
                let read = self.wire.poll_read(&mut shared.io, cx);
                if read.is_pending() {
                    shared.receiver = Some(cx.waker().clone());
                }
                ready!(read)?;
            }
        }
    }
}

impl<Req, Rsp, C, IO> Stream for ClientReceiver<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req> + Unpin,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    type Item = Result<Rsp, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.wire.is_over() {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_response(cx));
        Poll::Ready(this.wire.item(next))
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for ClientSender<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSender").field("io", &self.shared.lock().io).finish_non_exhaustive()
    }
}

impl<Req, Rsp, C, IO: fmt::Debug> fmt::Debug for ClientReceiver<Req, Rsp, C, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientReceiver").field("io", &self.shared.lock().io).finish_non_exhaustive()
    }
}
