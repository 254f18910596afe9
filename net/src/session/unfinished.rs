//! [`Unfinished`]: the time and the memory of a frame that has begun and is not complete.
//!
//! The time counts only while a request is awaited. It grows with what comes, so that a large frame
//! may come slowly, and a sender that drips bytes gains nothing by them. The memory is counted for
//! all sessions of a server together, and only where a buffer grows beyond 16 KiB: most frames
//! never come to that.

use std::sync::Arc;
use std::time::Duration;

use crate::service::internal::ServerShared;

/// What is known of the frame whose first bytes are in a session's buffer. It belongs to the
/// buffer, and goes with it.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// The point of the server's clock at which it must be complete; zero is none.
    by: u64,
    /// So much time is left, in milliseconds, when the wait for a request goes on.
    left: u64,
    room: Option<Room>,
}

impl Unfinished {
    pub(super) fn by(&self) -> u64 {
        self.by
    }

    /// The rest of the frame is awaited: its time begins, or goes on.
    pub(super) fn begin_wait(&mut self, server: &ServerShared) {
        if self.by == 0 {
            self.by = match (self.left, server.limits().frame) {
                (0, None) => return,
                (0, Some(limit)) => server.deadline_after(limit),
                (left, _) => server.deadline_after(Duration::from_millis(left)),
            };
            self.left = 0;
        }
    }

    /// It is not awaited now. Also one whose time is over has a moment left, to be seen if it has
    /// come meanwhile.
    pub(super) fn pause(&mut self, server: &ServerShared) {
        if self.by != 0 {
            self.left = self.by.saturating_sub(server.deadline_after(Duration::ZERO)).max(1);
            self.by = 0;
        }
    }

    /// So many bytes more have come.
    pub(super) fn extend(&mut self, server: &ServerShared, bytes: usize) -> bool {
        let more = (bytes as u64).saturating_mul(1000) / server.limits().frame_rate.max(1);
        let counts = self.by != 0 && more != 0;
        if counts {
            self.by = self.by.saturating_add(more);
        }
        counts
    }

    /// It is complete, or was refused.
    pub(super) fn is_over(&mut self) {
        (self.by, self.left) = (0, 0);
    }

    /// The buffer has this size now; `false` if all that are unfinished are too large together.
    #[must_use]
    pub(super) fn hold(&mut self, server: &Arc<ServerShared>, bytes: usize) -> bool {
        let room = self.room.get_or_insert_with(|| Room { server: Arc::clone(server), bytes: 0 });
        let more = bytes.saturating_sub(room.bytes);
        room.bytes += more;
        server.hold(more)
    }

    /// Whether it holds memory that is counted.
    pub(super) fn holds(&self) -> bool {
        self.room.is_some()
    }

    /// Its memory is counted no more here; it is counted for as long as what comes of this is kept.
    pub(super) fn give_up_room(&mut self) -> Option<Room> {
        self.room.take()
    }
}

/// A part of the memory that the unfinished frames of one server may hold.
#[derive(Debug)]
pub(super) struct Room {
    server: Arc<ServerShared>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.server.give_back(self.bytes);
    }
}
