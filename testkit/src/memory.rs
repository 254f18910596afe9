//! [`InMemoryLink`]: the connection between a test's client and a session. The stream carries one
//! marker byte per message; the messages are in queues beside it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::codec::{Codec, DecodeError, EncodeError};
use crate::service::Reason;
use portcullis_net::Transport;

const MARKER: u8 = b'.';

/// The connection, which both ends share.
pub(crate) struct InMemoryLink<Req, Rsp>(Mutex<LinkState<Req, Rsp>>);

struct LinkState<Req, Rsp> {
    requests: VecDeque<Result<Req, DecodeError>>,
    /// Requests whose marker the session has not read.
    unread: usize,
    responses: VecDeque<Rsp>,
    /// Responses whose marker was written and that the client has not taken.
    arrived: usize,
    /// The maximum of `arrived`.
    window: usize,
    /// The client has closed its writing side.
    client_closed: bool,
    /// The client was dropped.
    client_dropped: bool,
    /// The session has closed its writing side.
    server_shut_down: bool,
    /// The session's stream was dropped.
    server_dropped: bool,
    /// Set when the session ends, before it closes its writing side.
    reason: Option<Reason>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    client: Option<Waker>,
    /// Of a task that waits for the end while another one takes the responses.
    #[cfg(feature = "rpc")]
    observer: Option<Waker>,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<Req, Rsp> LinkState<Req, Rsp> {
    /// Whether the session has ended. One that has only closed its writing side still takes
    /// requests.
    fn has_ended(&self) -> bool {
        self.server_dropped || self.server_shut_down && self.reason.is_some()
    }
}

/// Why no response will come.
pub(super) enum NoResponse {
    /// The session has ended.
    Ended(Reason),
    /// The session has closed its writing side, and goes on.
    ShutDown,
}

impl<Req, Rsp> InMemoryLink<Req, Rsp> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(LinkState {
            requests: VecDeque::new(),
            unread: 0,
            responses: VecDeque::new(),
            arrived: 0,
            window: 64,
            client_closed: false,
            client_dropped: false,
            server_shut_down: false,
            server_dropped: false,
            reason: None,
            reader: None,
            writer: None,
            client: None,
            #[cfg(feature = "rpc")]
            observer: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, LinkState<Req, Rsp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the client's side

    /// Queues a request. Returns `false` if the session has ended.
    pub(super) fn send(&self, request: Result<Req, DecodeError>) -> bool {
        let mut state = self.state();
        if state.has_ended() || state.client_closed {
            return false;
        }
        state.requests.push_back(request);
        state.unread += 1;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        true
    }

    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.client_closed = true;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    pub(super) fn disconnect(&self) {
        let mut state = self.state();
        state.client_dropped = true;
        state.client_closed = true;
        let (reader, writer) = (state.reader.take(), state.writer.take());
        drop(state);
        wake(reader);
        wake(writer);
    }

    pub(super) fn set_window(&self, window: usize) {
        let mut state = self.state();
        state.window = window.max(1);
        let writer = state.writer.take();
        drop(state);
        wake(writer);
    }

    /// Returns the next response, or why none will come.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Rsp, NoResponse>> {
        let mut state = self.state();
        if state.arrived > 0 {
            if let Some(response) = state.responses.pop_front() {
                state.arrived -= 1;
                let writer = state.writer.take();
                drop(state);
                wake(writer);
                return Poll::Ready(Ok(response));
            }
        }
        if state.has_ended() {
            // A client that has seen the end closes its side.
            state.client_closed = true;
            let reason = state.reason.clone().unwrap_or(Reason::Reset);
            let reader = state.reader.take();
            drop(state);
            wake(reader);
            return Poll::Ready(Err(NoResponse::Ended(reason)));
        }
        // Also if the writing side is closed: the end is still to come.
        state.client = Some(cx.waker().clone());
        if state.server_shut_down { Poll::Ready(Err(NoResponse::ShutDown)) } else { Poll::Pending }
    }

    /// Drops the responses that come until the session ends, and returns the reason of the end.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Poll<Reason> {
        loop {
            match ready!(self.poll_next(cx)) {
                Ok(_) => {}
                Err(NoResponse::Ended(reason)) => return Poll::Ready(reason),
                Err(NoResponse::ShutDown) => return Poll::Pending,
            }
        }
    }

    /// Waits for the end, and takes no response.
    #[cfg(feature = "rpc")]
    pub(super) fn poll_ended(&self, cx: &Context<'_>) -> Poll<Reason> {
        let mut state = self.state();
        if state.has_ended() {
            return Poll::Ready(state.reason.clone().unwrap_or(Reason::Reset));
        }
        state.observer = Some(cx.waker().clone());
        Poll::Pending
    }

    // ---- the session's side

    fn update(&self, change: impl FnOnce(&mut LinkState<Req, Rsp>)) {
        let mut state = self.state();
        change(&mut state);
        let client = state.client.take();
        #[cfg(feature = "rpc")]
        let observer = state.observer.take();
        drop(state);
        wake(client);
        #[cfg(feature = "rpc")]
        wake(observer);
    }
}

/// The server's end: the stream of the session.
pub(crate) struct ServerEnd<Req, Rsp>(pub(super) Arc<InMemoryLink<Req, Rsp>>);

impl<Req, Rsp> Drop for ServerEnd<Req, Rsp> {
    fn drop(&mut self) {
        self.0.update(|state| state.server_dropped = true);
    }
}

impl<Req, Rsp> AsyncRead for ServerEnd<Req, Rsp> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        let count = state.unread.min(buf.remaining());
        if count == 0 && !state.client_closed {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.unread -= count;
        drop(state);
        buf.initialize_unfilled_to(count).fill(MARKER);
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<Req, Rsp> AsyncWrite for ServerEnd<Req, Rsp> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if state.client_dropped || state.server_shut_down {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(state.window.saturating_sub(state.arrived));
        if count == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.arrived += count;
        let client = state.client.take();
        drop(state);
        wake(client);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.update(|state| state.server_shut_down = true);
        Poll::Ready(Ok(()))
    }
}

impl<Req: Send + 'static, Rsp: Send + 'static> Transport for ServerEnd<Req, Rsp> {
    fn session_ended(&self, reason: &Reason) {
        self.0.update(|state| {
            state.reason.get_or_insert_with(|| reason.clone());
        });
    }

    fn lingers(&self) -> bool {
        false
    }
}

/// The codec of the session: a marker on the stream is a message in the queues.
pub(crate) struct MarkerCodec<Req, Rsp>(pub(super) Arc<InMemoryLink<Req, Rsp>>);

impl<Req, Rsp> Clone for MarkerCodec<Req, Rsp> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req: Send + 'static, Rsp: Send + 'static> Codec<Req, Rsp> for MarkerCodec<Req, Rsp> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Req>, DecodeError> {
        if input.is_empty() {
            return Ok(None);
        }
        input.advance(1);
        let request = self.0.state().requests.pop_front();
        request.transpose()
    }

    fn encode(&mut self, message: Rsp, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.put_u8(MARKER);
        self.0.state().responses.push_back(message);
        Ok(())
    }
}
