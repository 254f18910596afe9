//! [`Wire`]: messages to bytes and back, whatever the bytes go through. What all clients share.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::ClientError;
use crate::codec::{Codec, DecodeError, EncodeError};

/// How much room there is for a read, at least.
const ROOM: usize = 4096;
/// How much may be read while a request waits for room, and then wait to be asked for.
pub(super) const READ_AHEAD: usize = 64 * 1024 * 1024;

pub(super) struct Wire<C> {
    codec: C,
    input: BytesMut,
    output: BytesMut,
    /// The peer has said that no more will come.
    eof: bool,
    /// For iteration: an error has been told that nothing comes after.
    over: bool,
}

impl<C> Wire<C> {
    pub(super) fn new(codec: C) -> Self {
        Self { codec, input: BytesMut::new(), output: BytesMut::new(), eof: false, over: false }
    }

    /// One that keeps what has been read, and one that keeps what is to be written.
    pub(super) fn split(mut self) -> (Self, Self)
    where
        C: Clone,
    {
        let mut writes = Self::new(self.codec.clone());
        writes.output = std::mem::take(&mut self.output);
        (self, writes)
    }

    /// Puts a request behind what is to be written; all of it, or nothing.
    pub(super) fn encode<Rsp, Req>(&mut self, request: Req) -> Result<(), EncodeError>
    where
        C: Codec<Rsp, Req>,
    {
        let before = self.output.len();
        self.codec.encode(request, &mut self.output).inspect_err(|_| self.output.truncate(before))
    }

    /// The next message, or the end (`None`), as far as that can be told from what has been read.
    pub(super) fn decode<Rsp, Req>(&mut self) -> Poll<Result<Option<Rsp>, DecodeError>>
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

    pub(super) fn unsent(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes have been written.
    pub(super) fn sent(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.output.advance(count);
        Ok(())
    }

    /// These bytes have come; none is the end.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.eof = bytes.is_empty();
    }

    /// How much has been read and not been asked for.
    pub(super) fn unread(&self) -> usize {
        self.input.len()
    }

    /// These bytes were read elsewhere, and so was the end, perhaps.
    pub(super) fn take(&mut self, bytes: &mut BytesMut, eof: bool) {
        if self.input.is_empty() {
            self.input = std::mem::take(bytes);
        } else {
            self.input.extend_from_slice(bytes);
            bytes.clear();
        }
        self.eof |= eof;
    }

    /// As [`poll_flush`](Self::poll_flush). While there is no room for what is to be written, reads
    /// what has come: the server may wait for its answers to be taken before it takes more
    /// requests.
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

    pub(super) fn poll_flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.output))?;
            self.sent(written)?;
        }
        Pin::new(io).poll_flush(cx)
    }

    pub(super) fn poll_read(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.input.reserve(ROOM);
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

    /// As [`poll_next`](Self::poll_next), for a `Stream`.
    pub(super) fn poll_item<Rsp, Req>(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Rsp, ClientError>>>
    where
        C: Codec<Rsp, Req>,
    {
        if self.over {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_next(io, cx));
        Poll::Ready(self.item(next))
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// As an item of an iteration that ends behind an error which leaves nothing to go on with.
    pub(super) fn item<Rsp>(
        &mut self,
        next: Result<Option<Rsp>, ClientError>,
    ) -> Option<Result<Rsp, ClientError>> {
        self.over = next.as_ref().err().is_some_and(|error| !error.goes_on());
        next.transpose()
    }
}
