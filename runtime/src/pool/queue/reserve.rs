//! Places taken ahead of the job, by those who rather wait than overflow.

use std::task::Waker;

use super::{Claim, Line, WATCHED};
use crate::pool::Overflow;
use crate::sync::atomic::Ordering;

/// A place for a job that is about to come. It counts as a job that stands aside; dropped, it is given back.
#[must_use]
pub(crate) struct Reservation<'a, J: Claim>(&'a Line<J>);

/// Whether there is a place.
pub(crate) enum Reserved<'a, J: Claim> {
    Place(Reservation<'a, J>),
    /// None is needed: a job that comes now waits for its place in the line, or is told that the line is closed.
    NotNeeded,
    /// None is free; the waker will be woken when one is.
    Later,
}

impl<J: Claim> Line<J> {
    /// Whether a job that comes to a full queue waits, and does no harm.
    pub(crate) fn never_overflows(&self) -> bool {
        self.overflow == Overflow::Wait
    }

    /// Takes a place for a job that would be refused, or shed another, if it came without.
    pub(crate) fn reserve(&self, waker: &Waker) -> Reserved<'_, J> {
        let mut state = self.state.lock();
        if state.closed {
            return Reserved::NotNeeded;
        }
        // Before the look: a job that ends from here on comes to the lock, and finds the waker.
        self.running.fetch_or(WATCHED, Ordering::AcqRel);
        if self.has_room(&state) {
            state.aside += 1;
            if state.on_idle.is_empty() && state.on_room.is_empty() {
                self.running.fetch_and(!WATCHED, Ordering::AcqRel);
            }
            return Reserved::Place(Reservation(self));
        }
        if !state.on_room.iter().any(|known| known.will_wake(waker)) {
            state.on_room.push(waker.clone());
        }
        Reserved::Later
    }
}

impl<J: Claim> Reservation<'_, J> {
    /// The job comes, and takes its place at the end of the line.
    pub(crate) fn take(self, job: J) {
        let line = self.0;
        let mut state = line.state.lock();
        if job.line_up() {
            state.aside -= 1;
            state.jobs.push_back(job);
            line.call_a_thread(state);
            std::mem::forget(self);
        }
    }
}

impl<J: Claim> Drop for Reservation<'_, J> {
    fn drop(&mut self) {
        self.0.forget_aside();
    }
}
