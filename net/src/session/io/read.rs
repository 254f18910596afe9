//! The input of a [`SessionIo`]: reading, decoding, and the time limits of a wait for a request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio_util::io::poll_read_buf;

use super::{Decoding, ReadEnd, SessionIo};
use crate::codec::{Codec, DecodeError, Decoded};
use crate::service::{Service, StateLimits};
use crate::session::buffers::{BUFFER_SIZE, Buffers, acquire};
use crate::session::decoding::{Found, Later};
use crate::session::read_size::{MAX_READ_SIZE, MIN_READ};
use crate::session::unfinished::{HeldMemory, Unfinished};
use crate::transport::Transport;

impl<S: Service, IO: Transport, C: Codec<S::Request, S::Response>> SessionIo<S, IO, C> {
    /// Returns false if [`decode_request`](Self::decode_request) would find nothing, because
    /// nothing was read since it found nothing.
    #[inline]
    pub(in crate::session) fn may_have_request(&self) -> bool {
        !self.decoder_empty || self.end.is_some()
    }

    /// Decodes the next request from what was read, without reading.
    pub(in crate::session) fn decode_request(&mut self) -> Result<Option<Found<S::Request>>, DecodeError> {
        if self.decoding.is_over() || self.end == Some(ReadEnd::Failed) || !self.may_have_request() {
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
        Ok(Some(match (found, &self.shared.server().queue_limits().decode_on) {
            (Decoded::Message(request), _) => {
                self.end_frame();
                Found::Request(request)
            }
            (Decoded::Later(decode), Some(on)) => {
                let pool = on.pool.clone();
                Found::Later(Later::new(&pool, self.end_large_frame(), decode))
            }
            // A codec may return `Later` although no pool decodes.
            (Decoded::Later(decode), None) => {
                self.end_frame();
                Found::Request(decode()?)
            }
        }))
    }

    /// Makes an error fatal if the codec neither consumes nor continues: it would fail forever.
    fn on_decode_error(&mut self, error: DecodeError, before: usize) -> DecodeError {
        let consumed = self.unread() != before;
        let is_stalled = self.decoding == Decoding::Stalled;
        let error = if is_stalled && !consumed { error.fatal() } else { error };
        self.decoding = if consumed { Decoding::Going } else { Decoding::Stalled };
        self.end_frame();
        if !error.is_recoverable() {
            self.decoding = Decoding::Failed;
            self.discard();
        }
        error
    }

    /// Ends the limits of the frame that was decoded. A buffer that is larger than reads need is
    /// not kept.
    fn end_frame(&mut self) {
        let Some(buffers) = &mut self.buffers else { return };
        buffers.unfinished.frame_ended();
        if buffers.unfinished.held_bytes() > MAX_READ_SIZE {
            drop(buffers.shrink_input());
        }
    }

    /// Ends the limits of a frame that a pool is about to decode. Returns the memory that is
    /// counted for it, which stays counted until the frame is decoded.
    fn end_large_frame(&mut self) -> Option<HeldMemory> {
        let buffers = self.buffers.as_deref_mut()?;
        buffers.unfinished.frame_ended();
        buffers.shrink_input()
    }

    /// Returns whether the frame that has begun should be complete by now.
    pub(super) fn frame_is_late(&self) -> bool {
        let deadline = self.buffers.as_ref().map_or(0, |buffers| buffers.unfinished.deadline());
        deadline != 0 && deadline <= self.shared.server().now()
    }

    /// Returns whether there was no memory for the remaining bytes of a frame.
    pub(in crate::session) fn is_out_of_memory(&self) -> bool {
        self.decoding == Decoding::OutOfMemory
    }

    /// Starts the time limits of a wait for a request, or continues them: they count from the first
    /// call until the request is decoded.
    pub(in crate::session) fn begin_read_wait(&mut self, state: StateLimits) {
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

    /// Starts the time limits of a wait for an event, in a state that takes no requests, or
    /// continues them. A frame that has begun is not awaited.
    pub(in crate::session) fn begin_event_wait(&mut self, state: StateLimits) {
        self.deadlines.begin_event_wait(&self.shared, state);
        self.pause_frame();
    }

    /// Pauses the wait for a request while something else is handled.
    pub(in crate::session) fn pause_read_wait(&mut self) {
        if self.deadlines.pause_read_wait() {
            self.pause_frame();
        }
    }

    /// Has the state's `idle` limit begin anew with the next wait.
    pub(in crate::session) fn restart_state_idle(&mut self) {
        self.deadlines.restart_state_idle();
    }

    /// Ends the wait for a request.
    pub(in crate::session) fn end_read_wait(&mut self) {
        if self.deadlines.end_read_wait() {
            self.pause_frame();
        }
    }

    fn pause_frame(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            buffers.unfinished.pause(self.shared.server());
        }
        self.arm();
    }

    /// Reads once. [`end`](Self::end) says whether the connection has ended.
    pub(in crate::session) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Buffers { input, unfinished, .. } = &mut **self.buffers.get_or_insert_with(acquire);
        let server = self.shared.server_arc();
        let additional = self.read_size.additional(input.len(), || server.has_spare_memory(MAX_READ_SIZE));
        let spare = input.capacity() - input.len();
        // Moves a part of a frame to the front of the buffer if that is cheaper than a short read.
        if spare < additional
            && !input.try_reclaim(additional)
            && (spare < MIN_READ || spare < additional / 2)
        {
            input.reserve(additional);
        }
        // What is read ahead of a busy handler fits into a buffer that is not counted, too.
        if input.capacity() > 2 * BUFFER_SIZE && !unfinished.hold(server, input.capacity()) {
            self.run_out_of_memory();
            return Poll::Ready(());
        }
        let offered = input.capacity() - input.len();
        match ready!(poll_read_buf(Pin::new(&mut self.transport), cx, input)) {
            Ok(0) => self.end = Some(ReadEnd::Eof),
            Ok(read) => {
                self.decoder_empty = false;
                self.read_size.adapt(read, offered);
                if unfinished.extend(self.shared.server(), read) {
                    self.arm();
                }
            }
            Err(_) => self.mark_failed(),
        }
        Poll::Ready(())
    }

    /// Returns whether the last read filled the buffer, so that the next one may find more.
    #[inline]
    pub(in crate::session) fn last_read_was_full(&self) -> bool {
        self.read_size.last_read_was_full()
    }

    /// Gives back the memory of an unfinished frame. Nothing more is decoded.
    fn run_out_of_memory(&mut self) {
        self.decoding = Decoding::OutOfMemory;
        if let Some(buffers) = &mut self.buffers {
            buffers.input = BytesMut::new();
            buffers.unfinished = Unfinished::default();
        }
    }

    /// How many bytes were read and not decoded.
    pub(in crate::session) fn unread(&self) -> usize {
        self.buffers.as_ref().map_or(0, |buffers| buffers.input.len())
    }

    /// Returns whether what was read holds no whole request.
    pub(in crate::session) fn is_decoder_empty(&self) -> bool {
        self.decoder_empty
    }

    /// Returns whether a session that handles no requests now may read on: it reads one buffer
    /// ahead.
    pub(in crate::session) fn may_read_ahead(&self) -> bool {
        self.end.is_none() && !self.decoding.is_over() && self.unread() < BUFFER_SIZE
    }

    /// Discards what was read, and returns how many bytes that were.
    pub(in crate::session) fn discard(&mut self) -> usize {
        let discarded = self.unread();
        if let Some(buffers) = &mut self.buffers {
            buffers.input.clear();
        }
        discarded
    }
}
