//! The output of a [`SessionIo`]: encoding, writing, and the time limit of a peer that does not
//! read.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use tracing::warn;

use super::{ReadEnd, SessionIo, WriteSide};
use crate::codec::{Codec, EncodeError};
use crate::service::internal::{CodecId, QueuedResponse};
use crate::service::{Encoded, Limit, Service};
use crate::session::buffers::{BUFFER_SIZE, acquire, encode_or_rollback};
use crate::session::deadlines::Stamp;
use crate::transport::Transport;

/// Responses are written when no more are ready, or when they have this many bytes.
const MAX_BATCH: usize = 64 * 1024;

/// Bytes that were written no longer ago than this may still be on the way to the peer.
const RECENTLY: Duration = Duration::from_secs(1);

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> SessionIo<S, IO, C> {
    /// Appends a response to the output, after what has been sent to the peer before.
    // Inlined, because each move of a response is a copy of it.
    #[inline(always)]
    pub(in crate::session) fn queue_response(&mut self, response: S::Response) -> Result<(), EncodeError> {
        if self.shared.is_dirty() {
            // Not more than is there now, so that a flood of sends cannot delay the response.
            self.encode_taken(usize::MAX)?;
        }
        self.encode_response(response)
    }

    /// As [`queue_response`](Self::queue_response), for the responses of one handler, with nothing
    /// between them. After an error, the remaining ones are dropped.
    #[inline(never)]
    pub(in crate::session) fn queue_responses(
        &mut self,
        responses: Vec<S::Response>,
    ) -> Result<(), EncodeError> {
        let mut responses = responses.into_iter();
        responses.next().map_or(Ok(()), |first| self.queue_response(first))?;
        responses.try_for_each(|response| self.encode_response(response))
    }

    /// Appends what was sent to the peer, until the output is a whole batch.
    pub(in crate::session) fn encode_queued(&mut self) -> Result<(), EncodeError> {
        while !self.is_full() && self.encode_taken(MAX_BATCH)? {}
        Ok(())
    }

    /// Takes what was sent to the peer, and appends it until there are `max` bytes of output.
    /// Returns false if nothing was there.
    #[inline(never)]
    fn encode_taken(&mut self, max: usize) -> Result<bool, EncodeError> {
        if !self.shared.is_dirty() {
            return Ok(false);
        }
        let shared = Arc::clone(&self.shared);
        let Some(mut responses) = shared.take_responses() else { return Ok(false) };
        while self.unwritten() < max {
            match responses.next() {
                None => break,
                Some(QueuedResponse::Response(response)) => self.encode_response(response)?,
                Some(QueuedResponse::Encoded(response)) => self.encode_shared(&response)?,
            }
        }
        Ok(true)
    }

    #[inline(always)]
    fn encode_response(&mut self, response: S::Response) -> Result<(), EncodeError> {
        if !self.write_side.accepts_output() {
            return Ok(());
        }
        let output = &mut self.buffers.get_or_insert_with(acquire).output;
        if output.capacity() == 0 {
            output.reserve(BUFFER_SIZE);
        }
        let key = S::response_key(&response);
        match encode_or_rollback(output, |output| self.codec.encode(response, output)) {
            Ok(()) => Ok(()),
            Err(error) => self.encode_replacement(key, error),
        }
    }

    /// Appends what the service sends in place of a response that cannot be encoded.
    #[cold]
    #[inline(never)]
    fn encode_replacement(&mut self, key: Option<u64>, error: EncodeError) -> Result<(), EncodeError> {
        let ControlFlow::Continue(replacement) = S::replace_response(key) else { return Err(error) };
        warn!(%error, "a response cannot be encoded");
        let Some(response) = replacement else { return Ok(()) };
        let output = &mut self.buffers.get_or_insert_with(acquire).output;
        encode_or_rollback(output, |output| self.codec.encode(response, output))
    }

    /// Appends a message that many peers are sent. The first session that does so encodes it.
    #[inline(never)]
    fn encode_shared(&mut self, response: &Encoded<S::Response>) -> Result<(), EncodeError> {
        let Some(codec) = self.codec.encoding_id().map(CodecId::new::<C>) else {
            return self.encode_response(response.to_message());
        };
        if let Some(frame) = response.frame(codec) {
            if self.write_side.accepts_output() {
                self.buffers.get_or_insert_with(acquire).output.extend_from_slice(frame);
            }
            return Ok(());
        }
        let start = self.unwritten();
        self.encode_response(response.to_message())?;
        if self.write_side.accepts_output() {
            let frame = self.buffers.as_ref().and_then(|buffers| buffers.output.get(start..));
            response.set_frame(codec, frame.unwrap_or_default());
        }
        Ok(())
    }

    /// Returns whether the output is a whole batch, which should be written before more is
    /// appended.
    pub(in crate::session) fn is_full(&self) -> bool {
        self.unwritten() >= MAX_BATCH
    }

    /// Returns whether the peer has left so much unread that no more requests should be handled.
    /// A whole batch is allowed in any case.
    pub(in crate::session) fn exceeds_max_unwritten(&self) -> bool {
        let unwritten = self.unwritten();
        unwritten >= MAX_BATCH && unwritten >= self.shared.server().queue_limits().unwritten
    }

    pub(in crate::session) fn has_output(&self) -> bool {
        self.unwritten() > 0 || self.write_side.is_unfinished()
    }

    fn unwritten(&self) -> usize {
        self.buffers.as_ref().map_or(0, |buffers| buffers.output.len())
    }

    /// Begins to shut down the writing side if
    /// [`Peer::shutdown_write`](portcullis_service::Peer::shutdown_write) was called and everything
    /// that was sent before is encoded. [`poll_flush`](Self::poll_flush) completes it.
    pub(in crate::session) fn begin_requested_shutdown(&mut self) {
        if self.write_side.accepts_output() && self.shared.is_shutdown_due() {
            self.write_side = WriteSide::ShuttingDown;
        }
    }

    /// Writes the output until all of it is written, and the writing side is shut down if it is to
    /// be.
    pub(in crate::session) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.has_output() {
            let transport = Pin::new(&mut self.transport);
            let output = self.buffers.as_mut().map(|buffers| &mut buffers.output);
            let Some(output) = output.filter(|output| !output.is_empty()) else {
                let shuts_down = self.write_side == WriteSide::ShuttingDown;
                let flushed = if shuts_down && transport.half_closes() {
                    transport.poll_shutdown(cx)
                } else {
                    transport.poll_flush(cx)
                };
                match flushed {
                    Poll::Pending => {
                        self.begin_write_wait();
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) if shuts_down => {
                        self.write_side = WriteSide::ShutDown;
                        self.shared.mark_shut_down();
                    }
                    Poll::Ready(Ok(())) => self.write_side = WriteSide::Flushed,
                    Poll::Ready(Err(_)) => self.mark_failed(),
                }
                continue;
            };
            match transport.poll_write(cx, output) {
                Poll::Pending => {
                    self.begin_write_wait();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.mark_failed(),
                Poll::Ready(Ok(count)) => {
                    // As a rule all at once. `clear` makes the whole buffer usable again, which
                    // `advance` does not.
                    if count == output.len() {
                        output.clear();
                    } else {
                        output.advance(count);
                    }
                    if self.write_side == WriteSide::Flushed {
                        self.write_side = WriteSide::Unflushed;
                    }
                    self.written = Stamp::at(self.shared.server().now());
                    self.on_written(count);
                }
            }
        }
        self.end_write_wait();
        Poll::Ready(())
    }

    /// Writes once. Returns whether all of the output is written.
    pub(in crate::session) async fn try_flush(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_flush(cx).is_ready())).await
    }

    pub(in crate::session) async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// As [`flush`](Self::flush), between two handlers. Returns the limit of the state that passes
    /// before all is written, if one does.
    pub(in crate::session) async fn flush_within_state(&mut self) -> Option<Limit> {
        let passed = poll_fn(|cx| match self.poll_flush(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => {
                self.set_blocked_on_write(true);
                self.passed_state_limit().map_or(Poll::Pending, |limit| Poll::Ready(Some(limit)))
            }
        })
        .await;
        self.set_blocked_on_write(false);
        passed
    }

    /// Closes the writing side, unless that was done before. A transport that has bytes to write
    /// for it, as TLS has, is given the time to write them.
    pub(in crate::session) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.write_side == WriteSide::ShutDown && self.transport.half_closes() {
            return Poll::Ready(());
        }
        match Pin::new(&mut self.transport).poll_shutdown(cx) {
            Poll::Pending => {
                self.begin_write_wait();
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => self.end_write_wait(),
            Poll::Ready(Err(_)) => self.mark_failed(),
        }
        Poll::Ready(())
    }

    /// Marks the connection as unusable, and drops what was to be sent.
    pub(in crate::session) fn mark_failed(&mut self) {
        self.end = Some(ReadEnd::Failed);
        if let Some(buffers) = &mut self.buffers {
            buffers.output.clear();
        }
        self.write_side = WriteSide::ShutDown;
        self.shared.end();
    }

    /// Returns whether the peer may not have received yet what was written to it.
    pub(in crate::session) fn has_written_recently(&self) -> bool {
        self.written.is_within(RECENTLY, self.shared.server().time())
    }

    /// Marks the connection as unusable if the peer has not read in time.
    pub(in crate::session) fn fail_if_write_timed_out(&mut self) {
        if self.deadlines.write_timed_out(&self.shared) {
            self.mark_failed();
            self.reset_deadlines();
        }
    }

    fn begin_write_wait(&mut self) {
        if self.deadlines.begin_write_wait(&self.shared) {
            self.arm();
        }
    }

    /// Restarts the time to write after each batch that the peer has taken. So a large response may
    /// take long, and a peer that reads a byte now and then does not gain time.
    fn on_written(&mut self, count: usize) {
        let Some(buffers) = &mut self.buffers else { return };
        buffers.taken += count;
        if buffers.taken >= MAX_BATCH {
            self.end_write_wait();
        }
    }

    /// Ends the wait for the peer to read. If there was one, the idle time begins anew: the peer
    /// was busy with reading.
    fn end_write_wait(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            buffers.taken = 0;
        }
        if self.deadlines.end_write_wait() {
            if self.had_request {
                self.deadlines.restart_idle(&self.shared, self.transport.default_idle_timeout());
            }
            self.arm();
        }
    }

    fn set_blocked_on_write(&mut self, blocked: bool) {
        if self.deadlines.set_blocked_on_write(blocked) {
            self.arm();
        }
    }
}
