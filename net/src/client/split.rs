//! [`ClientSender`] and [`ClientReceiver`]: a client in two halves, for two tasks.
//!
//! Both halves share the stream. While a sender cannot write, it reads responses into a buffer,
//! from which the receiver takes them. Therefore one task can use both halves, and send before it
//! receives. A stream wakes only one task when it becomes readable. A sender that has read wakes
//! the receiver, which then polls the stream itself.

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

use super::frame_buffer::{FrameBuffer, MAX_FED};
use super::time_limit::with_timeout;
use super::{Client, ClientError};
use crate::codec::Codec;
use crate::sync::Mutex;

impl<Req, Rsp, C, IO> Client<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Splits the client into a sending and a receiving half, for two tasks. They keep the time
    /// limit and the buffered data. The connection is closed when both halves are dropped;
    /// [`ClientSender::finish`] closes the writing side earlier.
    // A tuple, like tokio's `into_split`.
    #[allow(clippy::type_complexity)]
    pub fn into_split(self) -> (ClientSender<Req, Rsp, C, IO>, ClientReceiver<Req, Rsp, C, IO>) {
        let shared = Arc::new(Mutex::new(Shared {
            io: self.io,
            read_ahead_buffer: BytesMut::new(),
            read_result: Poll::Pending,
            receiver: None,
        }));
        let (input, output) = self.frames.split();
        let (timeout, read_ahead, messages) = (self.timeout, self.read_ahead, PhantomData);
        (
            ClientSender { shared: Arc::clone(&shared), frames: output, timeout, read_ahead, messages },
            ClientReceiver { shared, frames: input, timeout, messages },
        )
    }
}

/// The stream, and what the sender has read from it.
struct Shared<IO> {
    io: IO,
    read_ahead_buffer: BytesMut,
    /// The end or error that the sender has read. The receiver has to return it.
    read_result: Poll<io::Result<()>>,
    /// The receiver, if it waits for the stream.
    receiver: Option<Waker>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Shared<IO> {
    /// Reads into the buffer until the stream has nothing more, or the buffer holds `read_ahead`
    /// bytes.
    fn poll_read_ahead(&mut self, read_ahead: usize, cx: &mut Context<'_>) {
        while self.read_result.is_pending() && self.read_ahead_buffer.len() < read_ahead {
            self.read_ahead_buffer.reserve(4096);
            match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.read_ahead_buffer) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.read_result = Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => self.read_result = Poll::Ready(Err(error)),
            }
        }
    }
}

/// The sending half of a [`Client`]. [`into_split`](Client::into_split) makes it.
pub struct ClientSender<Req, Rsp, C, IO = TcpStream> {
    shared: Arc<Mutex<Shared<IO>>>,
    frames: FrameBuffer<C>,
    timeout: Option<Duration>,
    read_ahead: usize,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> ClientSender<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Like [`Client::send`]. If more responses are unread than the client [reads
    /// ahead](Client::read_ahead), it waits for the receiving half to read them; it fails if that
    /// half was dropped.
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn send(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        self.flush().await
    }

    /// Like [`Client::feed`].
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn feed(&mut self, request: Req) -> Result<(), ClientError> {
        self.frames.encode(request)?;
        if self.frames.pending_output().len() < MAX_FED { Ok(()) } else { self.flush().await }
    }

    /// Like [`Client::send_all`].
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn send_all(&mut self, requests: impl IntoIterator<Item = Req>) -> Result<(), ClientError> {
        for request in requests {
            self.feed(request).await?;
        }
        self.flush().await
    }

    /// Like [`Client::flush`].
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        let Self { shared, frames, timeout, read_ahead, .. } = self;
        let mut flush = FlushAndRead { shared, has_read: false };
        with_timeout(*timeout, poll_fn(|cx| flush.poll_flush(frames, *read_ahead, cx))).await
    }

    /// Like [`Client::finish`].
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn finish(&mut self) -> Result<(), ClientError> {
        self.flush().await?;
        let close = poll_fn(|cx| Pin::new(&mut self.shared.lock().io).poll_shutdown(cx));
        with_timeout(self.timeout, async { Ok(close.await?) }).await
    }
}

/// A flush that may read ahead. If it has registered its waker for reading, it wakes the receiver
/// when it is dropped, so that the receiver registers its own.
struct FlushAndRead<'a, IO> {
    shared: &'a Arc<Mutex<Shared<IO>>>,
    has_read: bool,
}

impl<IO> FlushAndRead<'_, IO> {
    fn wake_receiver(&self) {
        let receiver = self.shared.lock().receiver.take();
        if let Some(waker) = receiver {
            waker.wake();
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> FlushAndRead<'_, IO> {
    fn poll_flush<C>(
        &mut self,
        frames: &mut FrameBuffer<C>,
        read_ahead: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ClientError>> {
        let mut shared = self.shared.lock();
        let before = shared.read_ahead_buffer.len();
        loop {
            if let Poll::Ready(flushed) = frames.poll_flush(&mut shared.io, cx) {
                return Poll::Ready(flushed.map_err(Into::into));
            }
            self.has_read = true;
            let len_before = shared.read_ahead_buffer.len();
            shared.poll_read_ahead(read_ahead, cx);
            if shared.read_ahead_buffer.len() == len_before {
                break;
            }
        }
        let unread = shared.read_ahead_buffer.len();
        let is_full = unread >= read_ahead;
        if is_full && Arc::strong_count(self.shared) == 1 {
            return Poll::Ready(Err(ClientError::Unread(unread)));
        }
        let wakes_receiver = unread > before || is_full || shared.read_result.is_ready();
        drop(shared);
        if wakes_receiver {
            self.wake_receiver();
        }
        Poll::Pending
    }
}

impl<IO> Drop for FlushAndRead<'_, IO> {
    fn drop(&mut self) {
        if self.has_read {
            self.wake_receiver();
        }
    }
}

/// The receiving half of a [`Client`]. [`into_split`](Client::into_split) makes it. It is a
/// [`Stream`], as the client is.
pub struct ClientReceiver<Req, Rsp, C, IO = TcpStream> {
    shared: Arc<Mutex<Shared<IO>>>,
    frames: FrameBuffer<C>,
    timeout: Option<Duration>,
    messages: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp, C, IO> ClientReceiver<Req, Rsp, C, IO>
where
    C: Codec<Rsp, Req>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// Like [`Client::next`].
    ///
    /// # Errors
    /// As the method of [`Client`].
    pub async fn next(&mut self) -> Result<Option<Rsp>, ClientError> {
        with_timeout(self.timeout, poll_fn(|cx| self.poll_response(cx))).await
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Rsp>, ClientError>> {
        loop {
            if let Poll::Ready(message) = self.frames.decode() {
                return Poll::Ready(message.map_err(Into::into));
            }
            let shared = &mut *self.shared.lock();
            // First the bytes that the sender has read, then the end or error after them.
            if !shared.read_ahead_buffer.is_empty() {
                self.frames.append_input(&mut shared.read_ahead_buffer, false);
            } else if shared.read_result.is_ready() {
                let read = std::mem::replace(&mut shared.read_result, Poll::Ready(Ok(())));
                ready!(read)?;
                self.frames.append_input(&mut shared.read_ahead_buffer, true);
            } else {
                let read = self.frames.poll_read(&mut shared.io, cx);
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
        if this.frames.is_terminated() {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_response(cx));
        Poll::Ready(this.frames.stream_item(next))
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
