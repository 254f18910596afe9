//! [`SessionIo`]: bytes to requests, responses to bytes, for one connection.
//!
//! It knows nothing of handlers. It keeps the codec's state, the bytes that are on their way, and
//! what it has learnt about the connection's end; and it says when the
//! [`deadlines`](super::deadlines) count: to read while a request is awaited, to write while the
//! peer does not take what is there.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio_util::io::poll_read_buf;

use super::buffers::{BUFFER_SIZE, Buffers, acquire, encode_or_rollback, release};
use super::deadlines::{Deadlines, NEVER, Stamp};
use super::decoding::{Found, Later};
use super::unfinished::{Room, Unfinished};
use crate::codec::{Codec, DecodeError, Decoded, EncodeError};
use crate::service::internal::SessionShared;
use crate::service::{Peer, Service, StateLimits};
use crate::transport::Transport;

/// Responses are written when nothing more is ready, or when this many bytes are.
const MAX_BATCH: usize = 64 * 1024;
/// A read is worth its system call if it may bring this much.
const MIN_READ: usize = 1024;
/// What may stay of a partial frame in an idle session without costing a whole buffer.
const MAX_IDLE_REMAINDER: usize = 1024;

/// What was written no longer ago than this may still be on its way to the peer.
const LATELY: Duration = Duration::from_secs(1);

/// What is known of the connection's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The peer has closed its writing side.
    Eof,
    /// Neither reading nor writing works.
    Failed,
}

pub(crate) struct SessionIo<S: Service, IO, C> {
    transport: IO,
    codec: C,
    shared: Arc<SessionShared<S::Response, S::Event>>,
    /// Lent while there is something in them, or about to be.
    buffers: Option<Box<Buffers>>,
    deadlines: Deadlines,
    end: Option<ReadEnd>,
    /// The codec has found nothing more in what has been read; codecs may keep more than one
    /// message for themselves.
    decoder_empty: bool,
    /// Written but not flushed, for transports with a buffer of their own.
    unflushed: bool,
    /// When something was last written; fits where the flags leave room.
    written: Stamp,
    /// A request has come: from now on a wait is idle time.
    had_request: bool,
    decoding: Decoding,
}

/// What may still be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoding {
    Going,
    /// The last decode failed and consumed nothing.
    Stalled,
    /// The codec can't read on.
    Failed,
    /// There was no memory for the rest of a frame.
    NoRoom,
}

impl Decoding {
    fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::NoRoom)
    }
}

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> SessionIo<S, IO, C> {
    pub(super) fn new(transport: IO, codec: C, shared: Arc<SessionShared<S::Response, S::Event>>) -> Self {
        Self {
            transport,
            codec,
            shared,
            buffers: None,
            deadlines: Deadlines::default(),
            end: None,
            decoder_empty: true,
            unflushed: false,
            written: Stamp::default(),
            had_request: false,
            decoding: Decoding::Going,
        }
    }

    pub(super) fn transport(&self) -> &IO {
        &self.transport
    }

    pub(super) fn shared(&self) -> &Arc<SessionShared<S::Response, S::Event>> {
        &self.shared
    }

    /// A new handle for handlers and hooks.
    pub(super) fn peer(&self) -> Peer<S::Response, S::Event> {
        Peer::of(&self.shared)
    }

    pub(super) fn end(&self) -> Option<ReadEnd> {
        self.end
    }

    // ---- requests

    /// The next request that is there, without reading.
    pub(super) fn decode_request(&mut self) -> Result<Option<Found<S::Request>>, DecodeError> {
        if self.decoding.is_over()
            || self.end == Some(ReadEnd::Failed)
            || (self.decoder_empty && self.end.is_none())
        {
            return Ok(None);
        }
        let input = &mut self.buffers.get_or_insert_with(acquire).input;
        let before = input.len();
        let decode_on = self.shared.server().queue_limits().decode_on.as_ref();
        let decoded = match (decode_on, self.end) {
            (Some(on), None) => self.codec.decode_later(input, on.above),
            (None, None) => self.codec.decode(input).map(|request| request.map(Decoded::Message)),
            (_, Some(_)) => self.codec.decode_eof(input).map(|request| request.map(Decoded::Message)),
        };
        let found = match decoded {
            Ok(found) => found,
            Err(error) => return Err(self.on_decode_error(error, before)),
        };
        self.decoding = Decoding::Going;
        self.decoder_empty = found.is_none();
        let Some(found) = found else { return Ok(None) };
        self.had_request = true;
        self.end_read_wait();
        let room = self.frame_is_over();
        Ok(Some(match (found, &self.shared.server().queue_limits().decode_on) {
            (Decoded::Message(request), _) => Found::Request(request),
            (Decoded::Later(decode), Some(on)) => Found::Later(Later::new(&on.pool, room, decode)),
            // A codec that leaves for later what it was told to decode.
            (Decoded::Later(decode), None) => Found::Request(decode()?),
        }))
    }

    /// A codec that neither consumes nor reads on would fail for ever.
    fn on_decode_error(&mut self, error: DecodeError, before: usize) -> DecodeError {
        let consumed = self.unread() != before;
        let is_stalled = self.decoding == Decoding::Stalled;
        let error = if is_stalled && !consumed { error.fatal() } else { error };
        self.decoding = if consumed { Decoding::Going } else { Decoding::Stalled };
        drop(self.frame_is_over());
        if !error.is_recoverable() {
            self.decoding = Decoding::Failed;
            self.discard();
        }
        error
    }

    /// What follows is another frame. The buffer of a large one is not kept; what is counted of it
    /// comes back.
    fn frame_is_over(&mut self) -> Option<Room> {
        let Buffers { input, unfinished, .. } = self.buffers.as_deref_mut()?;
        unfinished.is_over();
        if !unfinished.holds() || input.len() > BUFFER_SIZE {
            return None;
        }
        // Also one that looks small now may be what is left of a large one.
        *input = BytesMut::from(&input[..]);
        unfinished.give_up_room()
    }

    /// Whether the frame that has begun should be complete by now.
    fn frame_is_late(&self) -> bool {
        let by = self.buffers.as_ref().map_or(0, |buffers| buffers.unfinished.by());
        by != 0 && by <= self.shared.server().now()
    }

    /// Whether there was no memory for the rest of a frame.
    pub(super) fn has_no_room(&self) -> bool {
        self.decoding == Decoding::NoRoom
    }

    /// Has the nearest deadline wake the driver.
    fn arm(&self) {
        let mut nearest = self.deadlines.nearest();
        if let Some(buffers) = self.buffers.as_ref().filter(|_| self.deadlines.waits()) {
            let by = buffers.unfinished.by();
            nearest = nearest.min(if by == 0 { NEVER } else { by });
        }
        self.shared.set_deadline(if nearest == NEVER { 0 } else { nearest });
    }

    /// A request is awaited: its limit counts from the first time that this is said, until the
    /// request is there.
    pub(super) fn begin_read_wait(&mut self, state: StateLimits) {
        self.deadlines.begin_read_wait(
            &self.shared,
            self.had_request,
            self.transport.default_idle_timeout(),
            state,
        );
        if let Some(buffers) = self.buffers.as_mut().filter(|buffers| !buffers.input.is_empty()) {
            buffers.unfinished.begin_wait(self.shared.server());
        }
        self.arm();
    }

    /// A state is entered: its times begin.
    pub(super) fn enter_state(&mut self, state: StateLimits) {
        if self.deadlines.enter_state(&self.shared, state) {
            self.arm();
        }
    }

    /// Something that is not a request is handled; the wait for one goes on afterwards.
    pub(super) fn pause_read_wait(&mut self) {
        if self.deadlines.pause_read_wait() {
            self.frame_pauses();
        }
    }

    fn frame_pauses(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            buffers.unfinished.pause(self.shared.server());
        }
        self.arm();
    }

    /// Whether it is the state whose time has passed.
    pub(super) fn state_timed_out(&self) -> bool {
        !self.frame_is_late() && self.deadlines.state_timed_out(&self.shared)
    }

    /// Whether the state should have been left before now.
    pub(super) fn state_expired(&self) -> bool {
        self.deadlines.state_expired(&self.shared)
    }

    /// No request is awaited any more.
    pub(super) fn end_read_wait(&mut self) {
        if self.deadlines.end_read_wait() {
            self.frame_pauses();
        }
    }

    /// Reads once; what was learnt is in [`end`](Self::end).
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Buffers { input, unfinished, .. } = &mut **self.buffers.get_or_insert_with(acquire);
        if input.capacity() - input.len() < MIN_READ {
            input.reserve(BUFFER_SIZE);
            // A buffer of one more lease is what is read ahead of a busy handler, too.
            if input.capacity() > 2 * BUFFER_SIZE
                && !unfinished.hold(self.shared.server_arc(), input.capacity())
            {
                self.runs_out_of_room();
                return Poll::Ready(());
            }
        }
        match ready!(poll_read_buf(Pin::new(&mut self.transport), cx, input)) {
            Ok(0) => self.end = Some(ReadEnd::Eof),
            Ok(read) => {
                self.decoder_empty = false;
                if unfinished.extend(self.shared.server(), read) {
                    self.arm();
                }
            }
            Err(_) => self.mark_failed(),
        }
        Poll::Ready(())
    }

    /// Gives the memory back, for the others. Nothing more is decoded.
    fn runs_out_of_room(&mut self) {
        self.decoding = Decoding::NoRoom;
        if let Some(buffers) = &mut self.buffers {
            buffers.input = BytesMut::new();
            buffers.unfinished = Unfinished::default();
        }
    }

    /// How much has been read that is not decoded yet.
    fn unread(&self) -> usize {
        self.buffers.as_ref().map_or(0, |buffers| buffers.input.len())
    }

    /// Whether a busy session may read on: one buffer ahead, and no more.
    pub(super) fn may_read_ahead(&self) -> bool {
        self.end.is_none() && !self.decoding.is_over() && self.unread() < BUFFER_SIZE
    }

    // ---- responses

    /// Appends a response to the batch, behind what has been sent to the peer before.
    pub(super) fn queue_response(&mut self, response: S::Response) -> Result<(), EncodeError> {
        // Not more than is there now, so that a flood of sends can't hold up the response.
        for _ in 0..self.shared.queued_responses() {
            let Some(sent) = self.shared.pop() else { break };
            self.encode_response(sent)?;
        }
        self.encode_response(response)
    }

    fn encode_response(&mut self, response: S::Response) -> Result<(), EncodeError> {
        if self.end == Some(ReadEnd::Failed) {
            return Ok(());
        }
        let output = &mut self.buffers.get_or_insert_with(acquire).output;
        if output.capacity() == 0 {
            output.reserve(BUFFER_SIZE);
        }
        encode_or_rollback(output, |output| self.codec.encode(response, output))
    }

    /// Whether the batch should be written before more is appended.
    pub(super) fn is_full(&self) -> bool {
        self.unwritten() >= MAX_BATCH
    }

    pub(super) fn has_output(&self) -> bool {
        self.unwritten() > 0 || self.unflushed
    }

    fn unwritten(&self) -> usize {
        self.buffers.as_ref().map_or(0, |buffers| buffers.output.len())
    }

    /// Appends what was sent to the peer, until the batch is full.
    pub(super) fn encode_queued(&mut self) -> Result<(), EncodeError> {
        while !self.is_full() {
            let Some(response) = self.shared.pop() else { break };
            self.encode_response(response)?;
        }
        Ok(())
    }

    /// Writes the batch.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.has_output() {
            let transport = Pin::new(&mut self.transport);
            let output = self.buffers.as_mut().map(|buffers| &mut buffers.output);
            let Some(output) = output.filter(|output| !output.is_empty()) else {
                match transport.poll_flush(cx) {
                    Poll::Pending => {
                        self.begin_write_wait();
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) => self.unflushed = false,
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
                    // Mostly all at once; and a buffer that is cleared is whole again.
                    if count == output.len() {
                        output.clear();
                    } else {
                        output.advance(count);
                    }
                    self.unflushed = true;
                    self.written = Stamp::at(self.shared.server().now());
                    self.has_taken(count);
                }
            }
        }
        self.all_is_written();
        Poll::Ready(())
    }

    /// The connection is of no use any more: what was to be sent never will be.
    pub(super) fn mark_failed(&mut self) {
        self.end = Some(ReadEnd::Failed);
        if let Some(buffers) = &mut self.buffers {
            buffers.output.clear();
        }
        self.unflushed = false;
        self.shared.end();
    }

    // ---- at rest, and at the end

    /// Gives back the buffers if they are empty.
    pub(super) fn release_empty_buffers(&mut self) {
        if self.unread() == 0 && !self.has_output() {
            if let Some(buffers) = self.buffers.take() {
                release(buffers);
            }
        }
    }

    /// As [`spare`](Self::spare), and a small part of a frame moves out of its large buffer.
    pub(super) fn compact(&mut self) {
        self.release_empty_buffers();
        let Some(buffers) = &mut self.buffers else { return };
        if buffers.output.is_empty() {
            buffers.output = BytesMut::new();
            if buffers.input.len() <= MAX_IDLE_REMAINDER && buffers.input.capacity() >= BUFFER_SIZE {
                let input = BytesMut::from(&buffers.input[..]);
                let unfinished = mem::take(&mut buffers.unfinished);
                let small = Buffers { input, unfinished, ..Buffers::default() };
                release(mem::replace(buffers, Box::new(small)));
            }
        }
    }

    /// Closes the writing side. A transport that has something to write for it is given the time to
    /// write.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match Pin::new(&mut self.transport).poll_shutdown(cx) {
            Poll::Pending => {
                self.begin_write_wait();
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => self.all_is_written(),
            Poll::Ready(Err(_)) => self.mark_failed(),
        }
        Poll::Ready(())
    }

    /// Whether the peer may not have taken yet what was written to it.
    pub(super) fn has_written_lately(&self) -> bool {
        self.written.is_within(LATELY, self.shared.server().time())
    }

    /// Throws away what has been read; how many bytes.
    pub(super) fn discard(&mut self) -> usize {
        let discarded = self.unread();
        if let Some(buffers) = &mut self.buffers {
            buffers.input.clear();
        }
        discarded
    }

    /// SessionLimits of what went before must not cut short what comes. A peer that has not read in
    /// time is given nothing more, and no more time.
    pub(super) fn clear_deadlines(&mut self) {
        self.fail_if_write_timed_out();
        self.reset_deadlines();
    }

    pub(super) fn fail_if_write_timed_out(&mut self) {
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

    /// A peer that takes as much as a batch has its time anew: so a large response may take long,
    /// and one that reads a byte now and then may not.
    fn has_taken(&mut self, count: usize) {
        let Some(buffers) = &mut self.buffers else { return };
        buffers.taken += count;
        if buffers.taken >= MAX_BATCH {
            self.all_is_written();
        }
    }

    fn all_is_written(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            buffers.taken = 0;
        }
        if self.deadlines.end_write_wait() {
            self.arm();
        }
    }

    /// Whether the peer holds the session up, between two handlers.
    fn set_blocked_on_write(&mut self, held_up: bool) {
        if self.deadlines.set_blocked_on_write(held_up) {
            self.arm();
        }
    }

    fn reset_deadlines(&mut self) {
        self.deadlines = Deadlines::default();
        if let Some(buffers) = &mut self.buffers {
            buffers.unfinished.is_over();
        }
        self.arm();
    }

    pub(super) async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// As [`flush`](Self::flush), between two handlers; `false` if the state's time has passed
    /// before all was written.
    pub(super) async fn flush_within_state(&mut self) -> bool {
        let flushed = poll_fn(|cx| match self.poll_flush(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => {
                self.set_blocked_on_write(true);
                if self.state_timed_out() { Poll::Ready(false) } else { Poll::Pending }
            }
        })
        .await;
        self.set_blocked_on_write(false);
        flushed
    }
}

impl<S: Service, IO, C> Drop for SessionIo<S, IO, C> {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            release(buffers);
        }
        // Also when the session's task is dropped with its runtime: whoever waits to send is told.
        self.shared.end();
    }
}
