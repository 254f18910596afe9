//! The wire between a test's client and a session: one marker a message on the stream, the messages
//! themselves beside it.

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

/// What the two ends share.
pub(crate) struct Wire<Req, Rsp>(Mutex<Ends<Req, Rsp>>);

struct Ends<Req, Rsp> {
    requests: VecDeque<Result<Req, DecodeError>>,
    /// Requests that the session has not read the marker of.
    unread: usize,
    responses: VecDeque<Rsp>,
    /// Responses whose marker was written, and which the client has not taken.
    arrived: usize,
    /// How many of those there may be.
    window: usize,
    /// The client has closed its writing side.
    finished: bool,
    /// The client is gone.
    left: bool,
    /// The session has closed its writing side, or is gone.
    over: bool,
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

impl<Req, Rsp> Wire<Req, Rsp> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ends {
            requests: VecDeque::new(),
            unread: 0,
            responses: VecDeque::new(),
            arrived: 0,
            window: 64,
            finished: false,
            left: false,
            over: false,
            reason: None,
            reader: None,
            writer: None,
            client: None,
        })))
    }

    fn ends(&self) -> MutexGuard<'_, Ends<Req, Rsp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the client's side

    /// `false` if the session has ended.
    pub(super) fn send(&self, request: Result<Req, DecodeError>) -> bool {
        let mut ends = self.ends();
        if ends.over || ends.finished {
            return false;
        }
        ends.requests.push_back(request);
        ends.unread += 1;
        let reader = ends.reader.take();
        drop(ends);
        wake(reader);
        true
    }

    pub(super) fn finish(&self) {
        let mut ends = self.ends();
        ends.finished = true;
        let reader = ends.reader.take();
        drop(ends);
        wake(reader);
    }

    pub(super) fn leave(&self) {
        let mut ends = self.ends();
        ends.left = true;
        ends.finished = true;
        let (reader, writer) = (ends.reader.take(), ends.writer.take());
        drop(ends);
        wake(reader);
        wake(writer);
    }

    pub(super) fn set_window(&self, window: usize) {
        let mut ends = self.ends();
        ends.window = window.max(1);
        let writer = ends.writer.take();
        drop(ends);
        wake(writer);
    }

    /// The next response; `Err` when none will come.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Rsp, Reason>> {
        let mut ends = self.ends();
        if ends.arrived > 0 {
            if let Some(response) = ends.responses.pop_front() {
                ends.arrived -= 1;
                let writer = ends.writer.take();
                drop(ends);
                wake(writer);
                return Poll::Ready(Ok(response));
            }
        }
        if ends.over {
            // Who has seen the end hangs up.
            ends.finished = true;
            let reason = ends.reason.clone().unwrap_or(Reason::Reset);
            let reader = ends.reader.take();
            drop(ends);
            wake(reader);
            return Poll::Ready(Err(reason));
        }
        ends.client = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn set_reason(&self, reason: &Reason) {
        self.ends().reason.get_or_insert_with(|| reason.clone());
    }

    fn set_over(&self) {
        let mut ends = self.ends();
        ends.over = true;
        let client = ends.client.take();
        drop(ends);
        wake(client);
    }
}

/// The stream under the session.
pub(crate) struct Far<Req, Rsp>(pub(super) Arc<Wire<Req, Rsp>>);

impl<Req, Rsp> Drop for Far<Req, Rsp> {
    fn drop(&mut self) {
        self.0.set_over();
    }
}

impl<Req, Rsp> AsyncRead for Far<Req, Rsp> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.0.ends();
        let count = ends.unread.min(buf.remaining());
        if count == 0 && !ends.finished {
            ends.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ends.unread -= count;
        drop(ends);
        buf.initialize_unfilled_to(count).fill(MARKER);
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<Req, Rsp> AsyncWrite for Far<Req, Rsp> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.ends();
        if ends.left || ends.over {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(ends.window.saturating_sub(ends.arrived));
        if count == 0 && !bytes.is_empty() {
            ends.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ends.arrived += count;
        let client = ends.client.take();
        drop(ends);
        wake(client);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.set_over();
        Poll::Ready(Ok(()))
    }
}

impl<Req: Send + 'static, Rsp: Send + 'static> Transport for Far<Req, Rsp> {
    fn session_ended(&self, reason: &Reason) {
        self.0.set_reason(reason);
    }

    fn lingers(&self) -> bool {
        false
    }
}

/// Reads and writes markers, and finds the messages beside them.
pub(crate) struct Markers<Req, Rsp>(pub(super) Arc<Wire<Req, Rsp>>);

impl<Req, Rsp> Clone for Markers<Req, Rsp> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req: Send + 'static, Rsp: Send + 'static> Codec<Req, Rsp> for Markers<Req, Rsp> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Req>, DecodeError> {
        if input.is_empty() {
            return Ok(None);
        }
        input.advance(1);
        let request = self.0.ends().requests.pop_front();
        request.transpose()
    }

    fn encode(&mut self, message: Rsp, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.put_u8(MARKER);
        self.0.ends().responses.push_back(message);
        Ok(())
    }
}
