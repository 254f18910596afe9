//! The crew: how threads wait for jobs, and how they are called.
//!
//! The invariant that no wake-up is lost by is stated, and argued, in the pool's `README.md`.

use crate::sync::atomic::Ordering;
use std::time::Instant;

use super::{Claim, Line, Place, State, WATCHED};
use crate::error::contained;
use crate::pool::builder::Spin;
use crate::sync::MutexGuard;

/// What a look at the line found.
enum Found<'a, J> {
    Job(J),
    /// The lock is still held.
    Nothing(MutexGuard<'a, State<J>>),
}

impl<J: Claim> Line<J> {
    /// A thread asks for its next job, and sleeps until there is one; `None`: the line is closed and empty, go home.
    pub(crate) fn next(&self) -> Option<(J, Place<'_, J>)> {
        let mut state = self.state.lock();
        loop {
            state = match self.take(state) {
                Found::Job(job) => return Some((job, Place { line: Some(self), waited: true })),
                Found::Nothing(state) => state,
            };
            if state.closed && state.aside == 0 {
                self.call_all(state); // they may have slept while something stood aside
                return None;
            }
            let rested;
            (state, rested) = self.park(state);
            if rested && state.alive > 1 && state.jobs.is_empty() && !state.closed {
                state.alive -= 1;
                state.leaving += 1;
                return None;
            }
        }
    }

    /// As [`next`](Self::next), but rather than to sleep it comes back without one.
    pub(crate) fn soon(&self, spin: Spin) -> Option<(J, Place<'_, J>)> {
        let mut state = match self.take(self.state.lock()) {
            Found::Job(job) => return Some((job, Place { line: Some(self), waited: false })),
            Found::Nothing(state) => state,
        };
        if spin.turns() == 0 || state.closed {
            return None;
        }
        state.spinning += 1;
        drop(state);
        spin.until(|| self.look.load(Ordering::Relaxed));
        let mut state = self.state.lock();
        state.spinning -= 1;
        match self.take(state) {
            Found::Job(job) => Some((job, Place { line: Some(self), waited: true })),
            Found::Nothing(_) => None,
        }
    }

    /// Takes out the first job of the line that nobody has cancelled; it counts as running.
    ///
    /// It is claimed when the lock is let go: its ticket is in another core's cache, and everybody would wait for it.
    fn take<'a>(&'a self, mut state: MutexGuard<'a, State<J>>) -> Found<'a, J> {
        while let Some(job) = state.jobs.pop_front() {
            self.running.fetch_add(1, Ordering::AcqRel);
            if state.jobs.is_empty() {
                self.look.store(false, Ordering::Relaxed);
            }
            drop(state);
            #[cfg(test)]
            self.before_claim.get().into_iter().for_each(|hold| hold());
            if job.claim() {
                return Found::Job(job);
            }
            // A shell is freed outside the lock, too: it may be the last to hold what its caller had current.
            contained("a drop of what a job's caller had current", || drop(job));
            state = self.state.lock();
            state.dead -= 1;
            if self.running.fetch_sub(1, Ordering::AcqRel) & WATCHED != 0 {
                self.tell_watchers(state);
                state = self.state.lock();
            }
        }
        Found::Nothing(state)
    }

    /// As [`next`](Self::next), but takes what is there, or nothing.
    pub(in crate::pool) fn take_now(&self) -> Option<(J, Place<'_, J>)> {
        let mut state = self.state.lock();
        let mut shells = Vec::new();
        let taken = loop {
            let Some(job) = state.jobs.pop_front() else { break None };
            if job.claim() {
                self.running.fetch_add(1, Ordering::AcqRel);
                break Some((job, Place { line: Some(self), waited: true }));
            }
            state.dead -= 1;
            shells.push(job);
        };
        drop(state);
        drop(shells);
        taken
    }

    /// Every thread has a job.
    pub(in crate::pool) fn is_taken(&self) -> bool {
        self.running() >= self.threads
    }

    /// Sleeps until called; tells whether the thread has slept its `keep_alive` through.
    fn park<'a>(&'a self, mut state: MutexGuard<'a, State<J>>) -> (MutexGuard<'a, State<J>>, bool) {
        state.parked += 1;
        let (mut state, rested) = match self.keep_alive {
            None => (self.bell.wait(state), false),
            Some(limit) => {
                let since = Instant::now();
                let state = self.bell.wait_for(state, limit);
                (state, since.elapsed() >= limit)
            }
        };
        // A spurious wake-up may take the call of a sleeper; that one then finds none left and counts as the
        // spurious one. Either way each call has one thread awake.
        if state.called > 0 {
            state.called -= 1;
        } else {
            state.parked -= 1;
        }
        (state, rested)
    }

    /// Whether threads are started when they are needed.
    #[inline]
    pub(in crate::pool) fn starts_on_demand(&self) -> bool {
        self.on_demand
    }

    /// Whether a thread is to be started for what waits, since those that left (or never could be had) are missing. If so it counts already:
    /// the caller starts it, or says [`lost_a_thread`](Self::lost_a_thread).
    pub(in crate::pool) fn misses_a_thread(&self) -> bool {
        let mut state = self.state.lock();
        let missing = state.parked == 0
            && state.live() > state.spinning + state.called
            && state.alive + state.leaving < self.threads
            && !state.closed;
        if missing {
            state.alive += 1;
        }
        missing
    }

    /// A thread that left for want of work has left its seat too: another may come to sit there.
    pub(in crate::pool) fn has_left(&self) {
        let mut state = self.state.lock();
        state.leaving = state.leaving.saturating_sub(1); // those that a close sends home never were counted
    }

    /// A thread could not be started; whether there is another one, which gets to all jobs in time.
    pub(in crate::pool) fn lost_a_thread(&self) -> bool {
        let mut state = self.state.lock();
        state.alive -= 1;
        state.alive > 0
    }

    /// Wakes a sleeper if the live jobs outnumber the threads that were called already.
    ///
    /// A thread that spins would do as well, but may have been put off the processor by its last yield; with a second
    /// one on its way the median latency of a lone caller halves, and nobody is parked when there is much to do.
    pub(super) fn call_a_thread(&self, mut state: MutexGuard<'_, State<J>>) {
        // Mostly it is set, and a store would take it from those that spin on it.
        if !self.look.load(Ordering::Relaxed) {
            self.look.store(true, Ordering::Relaxed);
        }
        if state.parked > 0 && state.live() > state.called {
            state.parked -= 1;
            state.called += 1;
            drop(state);
            self.bell.notify_one();
        }
    }

    /// Wakes every sleeper, to look and to leave.
    pub(super) fn call_all(&self, mut state: MutexGuard<'_, State<J>>) {
        if state.parked > 0 {
            state.called += state.parked;
            state.parked = 0;
            drop(state);
            self.bell.notify_all();
        }
    }
}
