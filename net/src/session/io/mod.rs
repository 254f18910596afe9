//! [`SessionIo`]: decodes requests from, and encodes responses to, the stream of one connection.
//!
//! It does not call handlers. [`read`] has the input: reading, decoding, and the wait for a
//! request. [`write`] has the output: encoding, writing, and the wait for the peer to read. Both
//! arm the nearest of the [`deadlines`](super::deadlines) that count.

mod read;
mod write;

use std::mem;
use std::sync::Arc;

use bytes::BytesMut;

use super::buffers::{BUFFER_SIZE, Buffers, release};
use super::deadlines::{Deadlines, NEVER, Stamp};
use super::read_size::ReadSize;
use crate::codec::Codec;
use crate::service::internal::SessionShared;
use crate::service::{Limit, Peer, Service, StateLimits};
use crate::transport::Transport;

/// An idle session keeps a partial frame of at most this many bytes in a buffer of that size.
/// A longer one stays in the buffer that it was read into.
const MAX_IDLE_REMAINDER: usize = 1024;

/// How the connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The peer has closed its writing side.
    Eof,
    /// Neither reading nor writing works.
    Failed,
}

/// The stream of one connection, its codec, and the bytes between them.
pub(crate) struct SessionIo<S: Service, IO, C> {
    transport: IO,
    codec: C,
    shared: Arc<SessionShared<S::Response, S::Event>>,
    /// Acquired when there are bytes to read or to write, released when both buffers are empty.
    buffers: Option<Box<Buffers>>,
    deadlines: Deadlines,
    end: Option<ReadEnd>,
    /// The codec has found nothing more in what was read. Says more than an empty buffer, because
    /// codecs may keep messages inside.
    decoder_empty: bool,
    write_side: WriteSide,
    /// When bytes were last written; two bytes, which fit beside the flags.
    written: Stamp,
    /// A request has been decoded: waits for a request are idle time from now on.
    had_request: bool,
    decoding: Decoding,
    read_size: ReadSize,
}

/// The writing side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteSide {
    /// The transport has written all bytes that it has taken.
    Flushed,
    /// The transport has taken bytes and was not flushed since.
    Unflushed,
    /// No more output is accepted. After the output is written, the writing side is shut down.
    ShuttingDown,
    /// Shut down, or broken.
    ShutDown,
}

impl WriteSide {
    fn accepts_output(self) -> bool {
        matches!(self, Self::Flushed | Self::Unflushed)
    }

    /// Whether the transport has something to do also when there is no output.
    fn is_unfinished(self) -> bool {
        matches!(self, Self::Unflushed | Self::ShuttingDown)
    }
}

/// Whether more requests can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decoding {
    Going,
    /// The last decode failed and consumed nothing.
    Stalled,
    /// The codec cannot decode the remaining stream.
    Failed,
    /// There was no memory for the remaining bytes of a frame.
    OutOfMemory,
}

impl Decoding {
    fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::OutOfMemory)
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
            write_side: WriteSide::Flushed,
            written: Stamp::default(),
            had_request: false,
            decoding: Decoding::Going,
            read_size: ReadSize::default(),
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

    /// Starts the time limits of a state that was entered.
    pub(super) fn enter_state(&mut self, state: StateLimits) {
        if self.deadlines.enter_state(&self.shared, state) {
            self.arm();
        }
    }

    /// Returns the limit of the state that has passed, if none of the server has.
    pub(super) fn passed_state_limit(&self) -> Option<Limit> {
        if self.frame_is_late() { None } else { self.deadlines.passed_state_limit(&self.shared) }
    }

    /// Returns whether the session has been in the state for longer than it may be.
    pub(super) fn state_expired(&self) -> bool {
        self.deadlines.state_expired(&self.shared)
    }

    /// Clears the deadlines, so that a limit that has passed does not end what comes next. If the
    /// peer has not read in time, the connection counts as failed.
    pub(super) fn clear_deadlines(&mut self) {
        self.fail_if_write_timed_out();
        self.reset_deadlines();
    }

    /// Has the nearest deadline wake the driver.
    fn arm(&self) {
        let (mut nearest, mut limit) = self.deadlines.nearest(self.had_request);
        if let Some(buffers) = self.buffers.as_ref().filter(|_| self.deadlines.waits()) {
            let deadline = buffers.unfinished.deadline();
            if deadline != 0 && deadline < nearest {
                (nearest, limit) = (deadline, Limit::Frame);
            }
        }
        if nearest == NEVER {
            self.shared.clear_deadline();
        } else {
            self.shared.set_deadline(nearest, limit);
        }
    }

    fn reset_deadlines(&mut self) {
        self.deadlines = Deadlines::default();
        if let Some(buffers) = &mut self.buffers {
            buffers.unfinished.frame_ended();
        }
        self.arm();
    }

    /// Releases the buffers if they are empty.
    pub(super) fn release_empty_buffers(&mut self) {
        if self.unread() == 0 && !self.has_output() {
            if let Some(buffers) = self.buffers.take() {
                release(buffers);
            }
        }
    }

    /// Releases the buffers for an idle session. A small part of a frame moves out of its large
    /// buffer.
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
}

impl<S: Service, IO, C> Drop for SessionIo<S, IO, C> {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            release(buffers);
        }
        // Also when the session's task is dropped with its runtime: pending sends fail.
        self.shared.end();
    }
}
