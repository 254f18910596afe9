//! What a pool has done: exact counts, cheap to keep.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The running totals.
#[derive(Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    rejected: AtomicU64,
    shed: AtomicU64,
    panicked: AtomicU64,
    missed_deadline: AtomicU64,
    waited_micros: AtomicU64,
    ran_micros: AtomicU64,
}

impl Tally {
    pub(crate) fn ran(&self, waited: Duration, ran: Duration) {
        self.done.fetch_add(1, Relaxed);
        self.waited_micros.fetch_add(waited.as_micros() as u64, Relaxed);
        self.ran_micros.fetch_add(ran.as_micros() as u64, Relaxed);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    pub(crate) fn shed(&self) {
        self.shed.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panicked.fetch_add(1, Relaxed);
    }

    pub(crate) fn missed_deadline(&self) {
        self.missed_deadline.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self, queued: usize, waiting: usize, running: usize) -> Stats {
        Stats {
            queued,
            waiting,
            running,
            done: self.done.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            shed: self.shed.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            deadline_misses: self.missed_deadline.load(Relaxed),
            waited: Duration::from_micros(self.waited_micros.load(Relaxed)),
            ran: Duration::from_micros(self.ran_micros.load(Relaxed)),
        }
    }
}

/// A look at a [`Pool`](crate::Pool), from [`Pool::stats`](crate::Pool::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs in the queue now.
    pub queued: usize,
    /// Jobs that wait for a place in the queue now ([`Overflow::Wait`](crate::Overflow::Wait)).
    pub waiting: usize,
    /// Threads that run a job now.
    pub running: usize,
    /// Jobs whose body has ended, by return or by panic.
    pub done: u64,
    /// Jobs refused because the queue was full.
    pub rejected: u64,
    /// Jobs shed from a full queue.
    pub shed: u64,
    /// Jobs whose body panicked.
    pub panicked: u64,
    /// Jobs whose deadline passed, queued or running.
    pub deadline_misses: u64,
    /// Sum of the times from call to start, of the jobs done.
    pub waited: Duration,
    /// Sum of the times from start to end, of the jobs done.
    pub ran: Duration,
}
