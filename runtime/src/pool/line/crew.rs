//! The crew: how threads wait for jobs, and how they are called.
//!
//! The invariant that no wake-up is lost by is stated, and argued, in the pool's `README.md`.

use crate::sync::atomic::Ordering;
use std::time::Instant;

use super::{Claim, Line, Place, State};
use crate::pool::builder::Spin;
use crate::sync::MutexGuard;

impl<J: Claim> Line<J> {
    /// A thread asks for its next job, and sleeps until there is one; `None`: the line is closed and empty, go home.
    pub(crate) fn next(&self) -> Option<(J, Place<'_, J>)> {
        let mut state = self.state.lock();
        loop {
            let taken;
            (state, taken) = self.take(state);
            if let Some(job) = taken {
                return Some((job, Place { line: Some(self), waited: true }));
            }
            if state.closed && state.aside == 0 {
                self.call_all(state); // they may have slept while something stood aside
                return None;
            }
            let rested;
            (state, rested) = self.park(state);
            if rested && state.alive > 1 && state.jobs.is_empty() && !state.closed {
                state.alive -= 1;
                return None;
            }
        }
    }

    /// As [`next`](Self::next), but rather than to sleep it comes back without one.
    pub(crate) fn soon(&self, spin: Spin) -> Option<(J, Place<'_, J>)> {
        let (mut state, taken) = self.take(self.state.lock());
        if let Some(job) = taken {
            return Some((job, Place { line: Some(self), waited: false }));
        }
        if spin.turns() == 0 || state.closed {
            return None;
        }
        state.spinning += 1;
        drop(state);
        spin.until(|| self.look.load(Ordering::Relaxed));
        let mut state = self.state.lock();
        state.spinning -= 1;
        let (state, taken) = self.take(state);
        drop(state);
        taken.map(|job| (job, Place { line: Some(self), waited: true }))
    }

    /// The first job of the line that nobody has cancelled.
    fn take<'a>(&'a self, mut state: MutexGuard<'a, State<J>>) -> (MutexGuard<'a, State<J>>, Option<J>) {
        while let Some(job) = state.jobs.pop_front() {
            if job.claim() {
                self.running.fetch_add(1, Ordering::AcqRel);
                self.look.store(!state.jobs.is_empty(), Ordering::Relaxed);
                return (state, Some(job));
            }
            state.dead -= 1;
            drop(state); // a shell is freed outside the lock
            drop(job);
            state = self.state.lock();
        }
        self.look.store(false, Ordering::Relaxed);
        (state, None)
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

    /// Whether threads leave for want of work.
    #[inline]
    pub(in crate::pool) fn lets_threads_go(&self) -> bool {
        self.keep_alive.is_some()
    }

    /// Whether a thread is to be started for what waits, since those that left are missing. If so it counts already:
    /// the caller starts it, or says [`lost_a_thread`](Self::lost_a_thread).
    pub(in crate::pool) fn misses_a_thread(&self) -> bool {
        let mut state = self.state.lock();
        let missing = state.parked == 0
            && state.live() > state.spinning + state.called
            && state.alive < self.threads
            && !state.closed;
        if missing {
            state.alive += 1;
        }
        missing
    }

    /// A thread could not be started. There is at least one other, which gets to all jobs in time.
    pub(in crate::pool) fn lost_a_thread(&self) {
        self.state.lock().alive -= 1;
    }

    /// Wakes a sleeper if the live jobs outnumber the threads that were called already.
    ///
    /// A thread that spins would do as well, but may have been put off the processor by its last yield; with a second
    /// one on its way the median latency of a lone caller halves, and nobody is parked when there is much to do.
    pub(super) fn call_a_thread(&self, mut state: MutexGuard<'_, State<J>>) {
        self.look.store(true, Ordering::Relaxed);
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
