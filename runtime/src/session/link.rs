//! [`Link`]: bytes to requests, responses to bytes, for one connection.
//!
//! A link knows nothing of handlers. It keeps the codec's state, the bytes that are on their way, and what it
//! has learnt about the connection's end; and it arms the peer's deadline: to read while a request is awaited,
//! to write while the peer does not take what is there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio_util::io::poll_read_buf;

use super::buffers::{LEASE, give_back, lease};
use super::peer::Peer;
use super::post::Post;
use crate::codec::{Codec, DecodeError, EncodeError};
use crate::service::Service;
use crate::transport::Transport;

/// Responses are written when nothing more is ready, or when this many bytes are.
const BATCH: usize = 64 * 1024;
/// A read is worth its system call if it may bring this much.
const ROOM: usize = 1024;
/// What may stay of a partial frame in an idle session without costing a whole buffer.
const SMALL: usize = 1024;
/// What is read and thrown away after the last response, so that it is not lost to a reset.
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// What is known of the connection's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer has closed its writing side.
    Eof,
    /// Neither reading nor writing works.
    Broken,
}

pub(crate) struct Link<S: Service, IO, C> {
    io: IO,
    codec: C,
    post: Arc<Post<S::Response>>,
    input: BytesMut,
    output: BytesMut,
    read_by: u64,
    write_by: u64,
    end: Option<End>,
    /// Written but not flushed, for transports with a buffer of their own.
    unflushed: bool,
    /// A request has come: from now on a wait is idle time.
    served: bool,
    /// The last decode failed and consumed nothing.
    stuck: bool,
    /// The codec can't read on.
    undecodable: bool,
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> Link<S, IO, C> {
    pub(super) fn new(io: IO, codec: C, post: Arc<Post<S::Response>>) -> Self {
        Self {
            io,
            codec,
            post,
            input: BytesMut::new(),
            output: BytesMut::new(),
            read_by: 0,
            write_by: 0,
            end: None,
            unflushed: false,
            served: false,
            stuck: false,
            undecodable: false,
        }
    }

    pub(super) fn io(&self) -> &IO {
        &self.io
    }

    pub(super) fn post(&self) -> &Arc<Post<S::Response>> {
        &self.post
    }

    /// A new handle for handlers and hooks.
    pub(super) fn peer(&self) -> Peer<S::Response> {
        Peer::of(&self.post)
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    // ---- requests

    /// The next request that is there, without reading.
    pub(super) fn request(&mut self) -> Result<Option<S::Request>, DecodeError> {
        if self.undecodable || self.end == Some(End::Broken) || (self.input.is_empty() && self.end.is_none())
        {
            return Ok(None);
        }
        let before = self.input.len();
        let decoded = match self.end {
            None => self.codec.decode(&mut self.input),
            Some(_) => self.codec.decode_eof(&mut self.input),
        };
        match decoded {
            Ok(request) => {
                self.stuck = false;
                if request.is_some() {
                    self.served = true;
                    self.asks_no_more();
                }
                Ok(request)
            }
            Err(error) => Err(self.undecoded(error, before)),
        }
    }

    /// A codec that neither consumes nor reads on would fail for ever.
    fn undecoded(&mut self, error: DecodeError, before: usize) -> DecodeError {
        let consumed = self.input.len() != before;
        let error = if self.stuck && !consumed { error.fatal() } else { error };
        self.stuck = !consumed;
        if !error.resumes() {
            self.undecodable = true;
            self.input.clear();
        }
        error
    }

    /// A request is awaited: the limit counts from the first time that this is said, until the request is there.
    pub(super) fn asks(&mut self) {
        if self.read_by == 0 {
            let watch = self.post.watch();
            let limits = watch.limits();
            let limit = if self.served { limits.idle } else { limits.first_request };
            self.read_by = limit.map_or(0, |limit| watch.after(limit));
        }
        self.arm();
    }

    /// No request is awaited any more.
    pub(super) fn asks_no_more(&mut self) {
        if self.read_by != 0 {
            self.read_by = 0;
            self.arm();
        }
    }

    fn arm(&self) {
        let deadline = match (self.read_by, self.write_by) {
            (0, at) | (at, 0) => at,
            (read, write) => read.min(write),
        };
        self.post.set_deadline(deadline);
    }

    /// Reads once; what was learnt is in [`end`](Self::end).
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.input.capacity() == 0 {
            self.input = lease();
        } else if self.input.capacity() - self.input.len() < ROOM {
            self.input.reserve(LEASE);
        }
        match ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input)) {
            Ok(0) => self.end = Some(End::Eof),
            Ok(_) => {}
            Err(_) => self.broke(),
        }
        Poll::Ready(())
    }

    /// Whether a busy session may read on: one buffer ahead, and no more.
    pub(super) fn may_read_ahead(&self) -> bool {
        self.end.is_none() && !self.undecodable && self.input.len() < LEASE
    }

    // ---- responses

    /// Appends a response to the batch, behind what has been sent to the peer before.
    pub(super) fn respond(&mut self, response: S::Response) -> Result<(), EncodeError> {
        // Not more than is there now, so that a flood of sends can't hold up the response.
        for _ in 0..self.post.outgoing() {
            let Some(sent) = self.post.pop() else { break };
            self.append(sent)?;
        }
        self.append(response)
    }

    fn append(&mut self, response: S::Response) -> Result<(), EncodeError> {
        if self.end == Some(End::Broken) {
            return Ok(());
        }
        if self.output.capacity() == 0 {
            self.output = lease();
        }
        let before = self.output.len();
        let encoded = self.codec.encode(response, &mut self.output);
        if encoded.is_err() {
            self.output.truncate(before);
        }
        encoded
    }

    /// Whether the batch should be written before more is appended.
    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= BATCH
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.unflushed
    }

    /// Appends what was sent to the peer, until the batch is full.
    pub(super) fn collect(&mut self) -> Result<(), EncodeError> {
        while !self.is_full() {
            let Some(response) = self.post.pop() else { break };
            self.append(response)?;
        }
        Ok(())
    }

    /// Writes the batch.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.has_output() {
            let written = if self.output.is_empty() {
                Pin::new(&mut self.io).poll_flush(cx).map_ok(|()| None)
            } else {
                Pin::new(&mut self.io).poll_write(cx, &self.output).map_ok(Some)
            };
            match written {
                Poll::Pending => {
                    self.waits_to_write();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(None)) => self.unflushed = false,
                Poll::Ready(Ok(Some(0)) | Err(_)) => self.broke(),
                Poll::Ready(Ok(Some(count))) => {
                    self.output.advance(count);
                    self.unflushed = true;
                }
            }
        }
        if self.write_by != 0 {
            self.write_by = 0;
            self.arm();
        }
        Poll::Ready(())
    }

    /// The limit to write counts for a whole batch: a peer that reads a byte now and then does not renew it.
    fn waits_to_write(&mut self) {
        if self.write_by == 0 {
            let watch = self.post.watch();
            self.write_by = watch.limits().write.map_or(0, |limit| watch.after(limit));
            self.arm();
        }
    }

    /// The connection is of no use any more: what was to be sent never will be.
    pub(super) fn broke(&mut self) {
        self.end = Some(End::Broken);
        self.output.clear();
        self.unflushed = false;
        self.post.end();
    }

    // ---- at rest, and at the end

    /// Gives back the buffers that are empty.
    pub(super) fn spare(&mut self) {
        if self.input.is_empty() {
            give_back(&mut self.input);
        }
        if !self.has_output() {
            give_back(&mut self.output);
        }
    }

    /// As [`spare`](Self::spare), and a small part of a frame moves out of its large buffer.
    pub(super) fn rest(&mut self) {
        if !self.input.is_empty() && self.input.len() <= SMALL && self.input.capacity() >= LEASE {
            let part = BytesMut::from(&self.input[..]);
            give_back(&mut self.input);
            self.input = part;
        }
        self.spare();
    }

    /// Closes the writing side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    /// Reads and throws away, so that what the peer still sends does not answer our last words with a reset.
    pub(super) async fn linger(&mut self) {
        self.post.set_deadline(self.post.watch().after(LINGER));
        let mut read = 0;
        while self.end.is_none() && read < LINGER_BYTES {
            std::future::poll_fn(|cx| self.poll_fill(cx)).await;
            read += self.input.len();
            self.input.clear();
        }
    }

    pub(super) fn drop_limits(&mut self) {
        self.read_by = 0;
        self.write_by = 0;
        self.arm();
    }

    pub(super) async fn flush(&mut self) {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await;
    }
}

impl<S: Service, IO, C> Drop for Link<S, IO, C> {
    fn drop(&mut self) {
        give_back(&mut self.input);
        give_back(&mut self.output);
        // Also when the session's task is dropped with its runtime: whoever waits to send is told.
        self.post.end();
    }
}
