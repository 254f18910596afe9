//! Counts datagrams and logs drops: [`DatagramStats`].

use std::fmt;
use std::sync::Arc;

use tracing::warn;

use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(in crate::server) struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    dropped: [AtomicU64; 7],
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum DropReason {
    /// The queue of the session is full.
    QueueFull,
    /// There are `max_datagram_sessions` sessions.
    SessionLimit,
    /// The sender has no address.
    UnnamedSender,
    /// The session ended before it read the datagram.
    SessionEnded,
    /// The system call failed.
    SendFailed,
    /// The host is over `datagram_rate`.
    Rate,
    /// The host is over `datagram_session_rate`.
    SessionRate,
}

impl DropReason {
    const fn text(self) -> &'static str {
        match self {
            Self::QueueFull => "its session is behind (`max_queued_datagram_bytes`)",
            Self::SessionLimit => "there are as many sessions as there may be (`max_datagram_sessions`)",
            Self::UnnamedSender => "its sender has no name and can't be answered",
            Self::SessionEnded => "its session ended",
            Self::SendFailed => "it could not be sent",
            Self::Rate => "its address sends too many (`datagram_rate`)",
            Self::SessionRate => "its address begins too many sessions (`datagram_session_rate`)",
        }
    }
}

impl Counters {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts, and logs the first, second, fourth, eighth … drop, so that a flood does not flood
    /// the log.
    pub(super) fn dropped(&self, why: DropReason) {
        let count = self.dropped[why as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            warn!(count, "a datagram was dropped: {}", why.text());
        }
    }

    fn dropped_for(&self, why: DropReason) -> u64 {
        self.dropped[why as usize].load(Ordering::Relaxed)
    }
}

/// Counts the datagrams of all sockets of a server. A handle that can be cloned, from
/// [`Server::datagram_stats`](crate::Server::datagram_stats).
#[derive(Clone)]
pub struct DatagramStats(Arc<Counters>);

impl DatagramStats {
    pub(super) fn of(counters: &Arc<Counters>) -> Self {
        Self(Arc::clone(counters))
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> DatagramCounts {
        let Self(counters) = self;
        DatagramCounts {
            received: counters.received.load(Ordering::Relaxed),
            sent: counters.sent.load(Ordering::Relaxed),
            dropped_queue_full: counters.dropped_for(DropReason::QueueFull),
            dropped_session_limit: counters.dropped_for(DropReason::SessionLimit),
            dropped_unnamed_sender: counters.dropped_for(DropReason::UnnamedSender),
            dropped_session_ended: counters.dropped_for(DropReason::SessionEnded),
            dropped_send_failed: counters.dropped_for(DropReason::SendFailed),
            dropped_rate: counters.dropped_for(DropReason::Rate),
            dropped_session_rate: counters.dropped_for(DropReason::SessionRate),
        }
    }
}

impl fmt::Debug for DatagramStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}

/// The datagrams of a server; returned by [`DatagramStats::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramCounts {
    /// Received, including those that were dropped afterwards.
    pub received: u64,
    /// Passed to the system for sending.
    pub sent: u64,
    /// Dropped because the queue of their session was full
    /// ([`max_queued_datagram_bytes`](crate::Server::max_queued_datagram_bytes)).
    pub dropped_queue_full: u64,
    /// Dropped because there were [`max_datagram_sessions`](crate::Server::max_datagram_sessions)
    /// sessions.
    pub dropped_session_limit: u64,
    /// Dropped because the sender cannot be answered: a Unix socket that is not bound.
    pub dropped_unnamed_sender: u64,
    /// Sessions that ended with unread datagrams.
    pub dropped_session_ended: u64,
    /// Not sent, because the system call failed.
    pub dropped_send_failed: u64,
    /// Dropped because their address sent more than
    /// [`datagram_rate`](crate::Server::datagram_rate).
    pub dropped_rate: u64,
    /// Dropped because their address began more sessions than
    /// [`datagram_session_rate`](crate::Server::datagram_session_rate).
    pub dropped_session_rate: u64,
}
