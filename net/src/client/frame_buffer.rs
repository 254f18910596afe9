//! [`FrameBuffer`]: the input and output buffers of a client, with its codec. It does no I/O
//! itself, so async and blocking clients share it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::ClientError;
use crate::codec::{Codec, DecodeError, EncodeError};

/// The least free capacity of the input buffer for a read, in bytes.
const READ_CHUNK: usize = 4096;
/// How many bytes of requests are encoded before they are written, if they are fed.
pub const MAX_FED: usize = 64 * 1024;
/// The default of `read_ahead`, in bytes.
pub(super) const READ_AHEAD: usize = 64 * 1024 * 1024;

/// The buffers of one connection.
pub struct FrameBuffer<C> {
    codec: C,
    input: BytesMut,
    output: BytesMut,
    /// The peer has closed its writing side.
    eof: bool,
    /// For iteration: an unrecoverable error has been returned.
    terminated: bool,
}

impl<C> FrameBuffer<C> {
    /// Makes empty buffers.
    pub fn new(codec: C) -> Self {
        Self { codec, input: BytesMut::new(), output: BytesMut::new(), eof: false, terminated: false }
    }

    /// Splits into a buffer that keeps the input and one that keeps the output.
    pub(super) fn split(mut self) -> (Self, Self)
    where
        C: Clone,
    {
        let mut writes = Self::new(self.codec.clone());
        writes.output = std::mem::take(&mut self.output);
        (self, writes)
    }

    /// Appends a request to the output: all of it, or nothing.
    pub fn encode<Rsp, Req>(&mut self, request: Req) -> Result<(), EncodeError>
    where
        C: Codec<Rsp, Req>,
    {
        let before = self.output.len();
        self.codec.encode(request, &mut self.output).inspect_err(|_| self.output.truncate(before))
    }

    /// Decodes the next message, or the end of the stream (`None`). Pending if that takes more
    /// input.
    pub fn decode<Rsp, Req>(&mut self) -> Poll<Result<Option<Rsp>, DecodeError>>
    where
        C: Codec<Rsp, Req>,
    {
        if self.eof {
            return Poll::Ready(self.codec.decode_eof(&mut self.input));
        }
        match self.codec.decode(&mut self.input).transpose() {
            Some(message) => Poll::Ready(message.map(Some)),
            None => Poll::Pending,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.eof
    }

    /// Returns the output that is not written yet.
    pub fn pending_output(&self) -> &[u8] {
        &self.output
    }

    /// Removes `count` bytes of the output, which have been written.
    pub(super) fn advance_output(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.output.advance(count);
        Ok(())
    }

    /// Appends received bytes to the input. No bytes mean the end of the stream.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.eof = bytes.is_empty();
    }

    /// Returns how many bytes of input are not decoded yet.
    pub(super) fn unread(&self) -> usize {
        self.input.len()
    }

    /// Appends bytes that the other half has read to the input, and the end of the stream if `eof`.
    pub(super) fn append_input(&mut self, bytes: &mut BytesMut, eof: bool) {
        if self.input.is_empty() {
            self.input = std::mem::take(bytes);
        } else {
            self.input.extend_from_slice(bytes);
            bytes.clear();
        }
        self.eof |= eof;
    }

    /// Like [`poll_flush`](Self::poll_flush), but reads while the output cannot be written: the
    /// server may not read further requests before its responses are read.
    pub(super) fn poll_flush_and_read(
        &mut self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        read_ahead: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ClientError>> {
        loop {
            if let Poll::Ready(flushed) = self.poll_flush(io, cx) {
                return Poll::Ready(flushed.map_err(Into::into));
            }
            if self.eof {
                return Poll::Pending;
            }
            if self.unread() >= read_ahead {
                return Poll::Ready(Err(ClientError::Unread(self.unread())));
            }
            ready!(self.poll_read(io, cx))?;
        }
    }

    /// Writes the output and flushes the stream.
    pub fn poll_flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.output))?;
            self.advance_output(written)?;
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Reads once and appends to the input.
    pub fn poll_read(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.input.reserve(READ_CHUNK);
        self.eof = ready!(poll_read_buf(Pin::new(io), cx, &mut self.input))? == 0;
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_next<Rsp, Req>(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Rsp>, ClientError>>
    where
        C: Codec<Rsp, Req>,
    {
        loop {
            if let Poll::Ready(message) = self.decode() {
                return Poll::Ready(message.map_err(Into::into));
            }
            ready!(self.poll_read(io, cx))?;
        }
    }

    /// Like [`poll_next`](Self::poll_next), for a `Stream`.
    pub(super) fn poll_item<Rsp, Req>(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Rsp, ClientError>>>
    where
        C: Codec<Rsp, Req>,
    {
        if self.terminated {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_next(io, cx));
        Poll::Ready(self.stream_item(next))
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// Converts a result to an item of an iteration, which ends after an unrecoverable error.
    pub(super) fn stream_item<Rsp>(
        &mut self,
        next: Result<Option<Rsp>, ClientError>,
    ) -> Option<Result<Rsp, ClientError>> {
        self.terminated = next.as_ref().err().is_some_and(|error| !error.is_recoverable());
        next.transpose()
    }
}
