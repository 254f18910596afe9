//! How threads wait for jobs, and how they are notified.
//!
//! The pool's `README.md` states and explains the invariant by which no wake-up is lost.

use crate::sync::atomic::Ordering;
use std::time::Instant;

use super::entry::Entry;
use super::{Claim, JobQueue, RunGuard, State, WATCHED};
use crate::error::catch_and_log;
use crate::pool::builder::Spin;
use crate::sync::MutexGuard;

/// What a look at the queue found.
enum PopResult<'a, J> {
    Job(J),
    /// The lock is still held.
    Empty(MutexGuard<'a, State<J>>),
}

impl<J: Claim> JobQueue<J> {
    /// A thread asks for its next job, and sleeps until there is one; `None`: the queue is closed
    /// and empty, and the thread ends.
    pub(crate) fn pop_blocking(&self) -> Option<(J, RunGuard<'_, J>)> {
        let mut state = self.state.lock();
        loop {
            state = match self.try_pop(state) {
                PopResult::Job(job) => return Some((job, RunGuard { queue: Some(self), was_idle: true })),
                PopResult::Empty(state) => state,
            };
            if state.closed && state.lane_blocked == 0 {
                self.notify_all_threads(state); // they may have been parked while a job was blocked by its lane
                return None;
            }
            let keep_alive_elapsed;
            (state, keep_alive_elapsed) = self.park(state);
            if keep_alive_elapsed && state.live_threads > 1 && state.jobs.is_empty() && !state.closed {
                state.live_threads -= 1;
                state.exiting_threads += 1;
                return None;
            }
        }
    }

    /// As [`pop_blocking`](Self::pop_blocking), but returns without a job instead of parking.
    pub(crate) fn pop_spinning(&self, spin: Spin) -> Option<(J, RunGuard<'_, J>)> {
        let mut state = match self.try_pop(self.state.lock()) {
            PopResult::Job(job) => return Some((job, RunGuard { queue: Some(self), was_idle: false })),
            PopResult::Empty(state) => state,
        };
        if spin.turns() == 0 || state.closed {
            return None;
        }
        state.spinning += 1;
        drop(state);
        spin.until(|| self.work_hint.load(Ordering::Relaxed));
        let mut state = self.state.lock();
        state.spinning -= 1;
        match self.try_pop(state) {
            PopResult::Job(job) => Some((job, RunGuard { queue: Some(self), was_idle: true })),
            PopResult::Empty(_) => None,
        }
    }

    /// Takes the next job out of the queue; it counts as running.
    ///
    /// The claim comes after the lock is released: the job's state is in another core's cache, and
    /// all threads would wait for it.
    fn try_pop<'a>(&'a self, mut state: MutexGuard<'a, State<J>>) -> PopResult<'a, J> {
        loop {
            let Some(first) = state.jobs.front() else { return PopResult::Empty(state) };
            let (job, micros) = if first.has_deadline() || state.late > 0 || state.delay_limit.is_some() {
                match self.choose_and_refuse(state) {
                    Ok(chosen) => chosen,
                    Err(state) => return PopResult::Empty(state),
                }
            } else {
                let Some(Entry { job, micros, .. }) = state.jobs.pop_front() else {
                    return PopResult::Empty(state);
                };
                state.work_micros -= i64::from(micros);
                self.note_taken(state, 1);
                (job, micros)
            };
            #[cfg(debug_assertions)]
            self.before_claim.get().into_iter().for_each(|hold| hold());
            if job.claim() {
                return PopResult::Job(job);
            }
            // A tombstone is dropped outside the lock, too: it may be the last handle on values of
            // its caller.
            catch_and_log("a drop of what a job's caller had current", || drop(job));
            state = self.state.lock();
            state.note_tombstone(micros);
            if self.running.fetch_sub(1, Ordering::AcqRel) & WATCHED != 0 {
                self.wake_waiters(state);
                state = self.state.lock();
            }
        }
    }

    /// Counts jobs that were just taken out as running, and releases the lock.
    #[inline]
    pub(super) fn note_taken(&self, state: MutexGuard<'_, State<J>>, count: usize) {
        self.running.fetch_add(count, Ordering::AcqRel);
        if state.jobs.is_empty() {
            self.work_hint.store(false, Ordering::Relaxed);
        }
        drop(state);
    }

    /// Takes the next job, if there is one, without waiting. For stepped pools.
    pub(in crate::pool) fn try_pop_now(&self) -> Option<(J, RunGuard<'_, J>)> {
        match self.try_pop(self.state.lock()) {
            PopResult::Job(job) => Some((job, RunGuard { queue: Some(self), was_idle: true })),
            PopResult::Empty(_) => None,
        }
    }

    /// Every thread has a job.
    pub(in crate::pool) fn is_saturated(&self) -> bool {
        self.running() >= self.threads
    }

    /// Parks until notified; returns whether the thread was parked for its whole `keep_alive`.
    fn park<'a>(&'a self, mut state: MutexGuard<'a, State<J>>) -> (MutexGuard<'a, State<J>>, bool) {
        state.parked += 1;
        let (mut state, keep_alive_elapsed) = match self.keep_alive {
            None => (self.condvar.wait(state), false),
            Some(limit) => {
                let since = Instant::now();
                let state = self.condvar.wait_for(state, limit);
                (state, since.elapsed() >= limit)
            }
        };
        // A spurious wake-up may take the notification of another parked thread; that one then
        // finds none left and counts as the spurious one. Either way each notification has one
        // thread awake.
        if state.notified > 0 {
            state.notified -= 1;
        } else {
            state.parked -= 1;
        }
        (state, keep_alive_elapsed)
    }

    /// Whether threads are started when they are needed.
    #[inline]
    pub(in crate::pool) fn starts_on_demand(&self) -> bool {
        self.on_demand
    }

    /// Whether a thread is to be started for what is queued, since threads have ended (or could not
    /// be started). If so it counts already: the caller starts it, or calls
    /// [`cancel_thread_reservation`](Self::cancel_thread_reservation).
    pub(in crate::pool) fn reserve_thread(&self) -> bool {
        let mut state = self.state.lock();
        let missing = state.parked == 0
            && state.runnable() > state.spinning + state.notified
            && state.live_threads + state.exiting_threads < self.threads
            && !state.closed;
        if missing {
            state.live_threads += 1;
        }
        missing
    }

    /// A thread that ended because it was idle has given its thread slot back.
    pub(in crate::pool) fn thread_exited(&self) {
        let mut state = self.state.lock();
        state.exiting_threads = state.exiting_threads.saturating_sub(1); // threads that end because of a close were never counted
    }

    /// A thread could not be started. Returns whether there is another one, which gets to all jobs
    /// in time.
    pub(in crate::pool) fn cancel_thread_reservation(&self) -> bool {
        let mut state = self.state.lock();
        state.live_threads -= 1;
        state.live_threads > 0
    }

    /// Notifies a parked thread if there are more runnable jobs than threads that were notified
    /// already.
    ///
    /// A thread that spins would do as well, but may have been put off the processor by its last
    /// yield. With a second one on its way the median latency of a lone caller halves, and no
    /// thread is parked when there is much to do.
    pub(super) fn notify_one_thread(&self, mut state: MutexGuard<'_, State<J>>) {
        // It is set already in most cases, and a store would take its cache line from those that
        // spin on it.
        if !self.work_hint.load(Ordering::Relaxed) {
            self.work_hint.store(true, Ordering::Relaxed);
        }
        if state.parked > 0 && state.runnable() > state.notified {
            state.parked -= 1;
            state.notified += 1;
            drop(state);
            self.condvar.notify_one();
        }
    }

    /// Notifies every parked thread, so that each looks at the queue and ends.
    pub(super) fn notify_all_threads(&self, mut state: MutexGuard<'_, State<J>>) {
        if state.parked > 0 {
            state.notified += state.parked;
            state.parked = 0;
            drop(state);
            self.condvar.notify_all();
        }
    }
}
