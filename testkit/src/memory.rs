//! [`InMemoryLink`]: the connection between a test's client and a session. The stream carries one
//! marker byte per message; the messages are in queues beside it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    /// The session has closed its writing side, or was dropped.
    server_closed: bool,
    reason: Option<Reason>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    client: Option<Waker>,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
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
            server_closed: false,
            reason: None,
            reader: None,
            writer: None,
            client: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, LinkState<Req, Rsp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the client's side

    /// Queues a request. Returns `false` if the session has ended.
    pub(super) fn send(&self, request: Result<Req, DecodeError>) -> bool {
        let mut state = self.state();
        if state.server_closed || state.client_closed {
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

    /// Returns the next response, or the reason of the end when none will come.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Rsp, Reason>> {
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
        if state.server_closed {
            // A client that has seen the end closes its side.
            state.client_closed = true;
            let reason = state.reason.clone().unwrap_or(Reason::Reset);
            let reader = state.reader.take();
            drop(state);
            wake(reader);
            return Poll::Ready(Err(reason));
        }
        state.client = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn set_reason(&self, reason: &Reason) {
        self.state().reason.get_or_insert_with(|| reason.clone());
    }

    fn set_server_closed(&self) {
        let mut state = self.state();
        state.server_closed = true;
        let client = state.client.take();
        drop(state);
        wake(client);
    }
}

/// The server's end: the stream of the session.
pub(crate) struct ServerEnd<Req, Rsp>(pub(super) Arc<InMemoryLink<Req, Rsp>>);

impl<Req, Rsp> Drop for ServerEnd<Req, Rsp> {
    fn drop(&mut self) {
        self.0.set_server_closed();
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
        if state.client_dropped || state.server_closed {
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
        self.0.set_server_closed();
        Poll::Ready(Ok(()))
    }
}

impl<Req: Send + 'static, Rsp: Send + 'static> Transport for ServerEnd<Req, Rsp> {
    fn session_ended(&self, reason: &Reason) {
        self.0.set_reason(reason);
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
