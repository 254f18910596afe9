//! Slots reserved before a job is submitted, for callers that wait rather than overflow.

use std::task::Waker;

use super::entry::Entry;
use super::{Claim, JobQueue, WATCHED};
use crate::pool::Overflow;
use crate::sync::atomic::Ordering;

/// A slot for a job that is about to be submitted. It counts as a job that is blocked by its lane.
/// Dropping it gives the slot back.
#[must_use]
pub(crate) struct Reservation<'a, J: Claim>(&'a JobQueue<J>);

/// Whether there is a slot.
pub(crate) enum Reserved<'a, J: Claim> {
    Slot(Reservation<'a, J>),
    /// None is needed: a job that is submitted now waits for its slot, or is refused because the
    /// queue is closed.
    NotNeeded,
    /// None is free; the waker will be woken when one is.
    Later,
}

impl<J: Claim> JobQueue<J> {
    /// Whether a job waits if the queue is full, instead of overflowing it.
    pub(crate) fn never_overflows(&self) -> bool {
        self.overflow == Overflow::Wait
    }

    /// Reserves a slot for a job that would otherwise be rejected, or shed another one.
    pub(crate) fn reserve(&self, waker: &Waker) -> Reserved<'_, J> {
        let mut state = self.state.lock();
        if state.closed {
            return Reserved::NotNeeded;
        }
        // Set before the check: a job that ends from here on takes the lock, and finds the waker.
        self.running.fetch_or(WATCHED, Ordering::AcqRel);
        if self.has_capacity(&state) {
            state.lane_blocked += 1;
            if state.idle_wakers.is_empty() && state.capacity_wakers.is_empty() {
                self.running.fetch_and(!WATCHED, Ordering::AcqRel);
            }
            return Reserved::Slot(Reservation(self));
        }
        if !state.capacity_wakers.iter().any(|known| known.will_wake(waker)) {
            state.capacity_wakers.push(waker.clone());
        }
        Reserved::Later
    }
}

impl<J: Claim> Reservation<'_, J> {
    /// Queues the job in this slot.
    pub(crate) fn take(self, job: J) {
        let queue = self.0;
        let mut state = queue.state.lock();
        if job.mark_queued() {
            state.lane_blocked -= 1;
            let demand = job.demand();
            state.push_back(Entry::new(job, &demand, queue.epoch));
            queue.notify_one_thread(state);
            std::mem::forget(self);
        }
    }
}

impl<J: Claim> Drop for Reservation<'_, J> {
    fn drop(&mut self) {
        self.0.note_blocked_cancelled();
    }
}
