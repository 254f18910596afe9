//! [`run`]: the calls of a client over a stream of bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use portcullis_codec::Codec;
use portcullis_net::ClientError;
use portcullis_net::internal::client::{FrameBuffer, MAX_FED};
use portcullis_runtime::Panic;
use tokio::io::{AsyncRead, AsyncWrite};

use super::queue::CallQueue;
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// Why a connection ended without an error.
pub(super) enum End {
    /// The last client and the last call were dropped.
    Unused,
    /// The server has closed the connection.
    ServerClosed,
}

/// Sends and receives until the connection ends or the client is unused.
///
/// Replies are read first, so that a connection that the server has closed takes no further calls.
///
/// # Errors
/// The connection is lost, or what arrives is not a message and does not say which call it answers.
pub(super) async fn run<P, C, IO>(queue: &mut CallQueue<P>, io: &mut IO, codec: C) -> Result<End, ClientError>
where
    P: Protocol,
    C: Codec<ServerMessage<P>, ClientMessage<P>>,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection { frames: FrameBuffer::new(codec), needs_flush: false };
    let end = poll_fn(|cx| connection.poll(queue, io, cx)).await;
    if let Ok(End::Unused) = end {
        // The server may answer the calls of a connection whose one half is closed.
        queue.cancel_all();
        connection.encode(queue);
        // A peer that does not read is not waited for: it sees the end of the connection later.
        poll_fn(|cx| {
            if connection.frames.poll_flush(io, cx).is_ready() {
                let _ = Pin::new(&mut *io).poll_shutdown(cx);
            }
            Poll::Ready(())
        })
        .await;
    }
    end
}

/// Logs why a connection has ended. Returns whether the client is unused.
pub(super) fn log_end(end: Result<Result<End, ClientError>, Panic>) -> bool {
    match end {
        Ok(Ok(End::Unused)) => return true,
        Ok(Ok(End::ServerClosed)) => tracing::debug!("the server has closed the connection of an rpc client"),
        Ok(Err(error)) => tracing::debug!(%error, "the connection of an rpc client is lost"),
        Err(panic) => tracing::error!(%panic, "the codec of an rpc client panicked"),
    }
    false
}

struct Connection<C> {
    frames: FrameBuffer<C>,
    needs_flush: bool,
}

impl<C> Connection<C> {
    fn poll<P, IO>(
        &mut self,
        queue: &mut CallQueue<P>,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<Result<End, ClientError>>
    where
        P: Protocol,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut has_callers_polled = false;
        loop {
            let has_read = self.frames.poll_read(io, cx)?.is_ready();
            if has_read && self.deliver(queue)? {
                return Poll::Ready(Ok(End::ServerClosed));
            }
            // The waker is registered since the first time.
            if has_read || !has_callers_polled {
                if !queue.poll_callers(cx) {
                    return Poll::Ready(Ok(End::Unused));
                }
                has_callers_polled = true;
                // An executor may poll this task before all callers that it has woken. Otherwise
                // each call would be a write of its own.
                if queue.may_get_more() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            let has_more = self.encode(queue);
            if self.needs_flush && self.frames.poll_flush(io, cx)?.is_ready() {
                self.needs_flush = false;
                if has_more {
                    continue;
                }
            }
            if !has_read {
                return Poll::Pending;
            }
        }
    }

    /// Delivers the messages that have been read. Returns whether the stream has ended.
    fn deliver<P>(&mut self, queue: &mut CallQueue<P>) -> Result<bool, ClientError>
    where
        P: Protocol,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        loop {
            match self.frames.decode::<ServerMessage<P>, ClientMessage<P>>() {
                Poll::Ready(Ok(Some(message))) => queue.deliver(message),
                Poll::Ready(Ok(None)) => return Ok(true),
                Poll::Ready(Err(error)) => queue.reject(error)?,
                Poll::Pending => return Ok(false),
            }
        }
    }

    /// Encodes what is to be sent. Returns whether there is more, for which the output has no
    /// capacity yet.
    fn encode<P>(&mut self, queue: &mut CallQueue<P>) -> bool
    where
        P: Protocol,
        C: Codec<ServerMessage<P>, ClientMessage<P>>,
    {
        while self.frames.pending_output().len() < MAX_FED {
            let Some(message) = queue.pop() else { return false };
            let id = message.id();
            match self.frames.encode(message) {
                Ok(()) => self.needs_flush = true,
                Err(error) => queue.fail(id, Failure::InvalidParams(error.to_string())),
            }
        }
        true
    }
}
