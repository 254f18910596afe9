//! [`Unfinished`]: the time and the memory of a frame that has begun and is not complete.
//!
//! The time counts only while a request is awaited. It grows with the bytes that arrive, so a large
//! frame may arrive slowly, and a sender that drips bytes gains nothing by them. The memory of
//! buffers that are larger than 16 KiB is counted for all sessions of a server together.

use std::sync::Arc;
use std::time::Duration;

use crate::service::internal::ServerShared;

/// The limits of the frame whose first bytes are in a session's buffer. It belongs to the buffer.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// The point of the server's clock at which the frame must be complete; zero is none.
    deadline: u64,
    /// How many milliseconds are left when the wait for a request continues.
    remaining: u64,
    held: Option<HeldMemory>,
}

impl Unfinished {
    pub(super) fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Starts the frame's time, or continues it, when a request is awaited.
    pub(super) fn begin_wait(&mut self, server: &ServerShared) {
        if self.deadline == 0 {
            self.deadline = match (self.remaining, server.limits().frame) {
                (0, None) => return,
                (0, Some(limit)) => server.deadline_after(limit),
                (remaining, _) => server.deadline_after(Duration::from_millis(remaining)),
            };
            self.remaining = 0;
        }
    }

    /// Pauses the frame's time. A frame whose time has passed keeps one millisecond, so that its
    /// remaining bytes count if they have arrived meanwhile.
    pub(super) fn pause(&mut self, server: &ServerShared) {
        if self.deadline != 0 {
            self.remaining = self.deadline.saturating_sub(server.deadline_after(Duration::ZERO)).max(1);
            self.deadline = 0;
        }
    }

    /// Extends the frame's time by what `bytes` more bytes of it gain. Returns whether the deadline
    /// has changed.
    pub(super) fn extend(&mut self, server: &ServerShared, bytes: usize) -> bool {
        let more = (bytes as u64).saturating_mul(1000) / server.limits().frame_rate.max(1);
        let counts = self.deadline != 0 && more != 0;
        if counts {
            self.deadline = self.deadline.saturating_add(more);
        }
        counts
    }

    /// Clears the time of a frame that is complete or was refused.
    pub(super) fn frame_ended(&mut self) {
        (self.deadline, self.remaining) = (0, 0);
    }

    /// Counts a buffer of `bytes` bytes. Returns false if all unfinished frames are too large
    /// together.
    #[must_use]
    pub(super) fn hold(&mut self, server: &Arc<ServerShared>, bytes: usize) -> bool {
        let held = self.held.get_or_insert_with(|| HeldMemory { server: Arc::clone(server), bytes: 0 });
        let more = bytes.saturating_sub(held.bytes);
        held.bytes += more;
        more == 0 || server.hold(more)
    }

    /// How many bytes are counted.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.bytes)
    }

    /// Hands over the counted memory, which is counted until the returned value is dropped.
    pub(super) fn take_held(&mut self) -> Option<HeldMemory> {
        self.held.take()
    }
}

/// A part of the memory that the unfinished frames of one server may hold.
#[derive(Debug)]
pub(super) struct HeldMemory {
    server: Arc<ServerShared>,
    bytes: usize,
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.server.give_back(self.bytes);
    }
}
