//! The early end of a job, by a drop, a deadline, a shed or a drain, and the commit that prevents
//! it.

use std::sync::Arc;

use super::host::wake;
use super::state::JobState;
use super::{Awaiter, JobCell, Output, Stage};
use crate::error::{Interrupted, catch_and_log};
use crate::hooks::Hooks;
use crate::job::{CancelReason, Job, LaneKey};
use crate::pool::stats::Counters;
use crate::sync::atomic::Ordering;
use crate::worker::Worker;

impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Makes the job one that nothing interrupts, unless it is interrupted already: one hold of the
    /// lock decides.
    pub(super) fn pass_point_of_no_return(&self) -> Result<(), Interrupted> {
        // The timer may be late.
        if self.meta.deadline().is_some_and(|deadline| self.now() >= deadline) {
            self.end_early(CancelReason::Deadline);
        }
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            return Err(why.to_interrupted(true));
        }
        if state.awaiter == Awaiter::Dropped {
            return Err(CancelReason::Dropped.to_interrupted(true));
        }
        state.committed = true;
        let timers = state.host.take_timers();
        drop(state);
        drop(timers);
        Ok(())
    }

    /// Interrupts the job, queued or running. The first reason is kept.
    pub(super) fn end_early(&self, why: CancelReason) {
        self.end(why, self.job_state.cancel(), true);
    }

    /// Interrupts the job unless a thread has claimed it.
    pub(super) fn end_unless_claimed(&self, why: CancelReason) {
        if let Some(from) = self.job_state.cancel() {
            self.end(why, Some(from), false);
        }
    }

    /// Interrupts a job that was claimed, and that never begins.
    pub(super) fn end_before_body(&self, why: CancelReason) {
        self.end(why, None, false);
    }

    fn end(&self, why: CancelReason, cancelled_from: Option<JobState>, may_have_begun: bool) {
        let mut state = self.state.lock();
        if matches!(state.stage, Stage::Finished) || state.committed {
            return;
        }
        let first =
            self.cancel_code.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        // A thread that has claimed the job and not begun finds the reason, and never begins.
        let began = may_have_begun && matches!(state.stage, Stage::Running);
        let stage = if cancelled_from.is_some() {
            Some(std::mem::replace(&mut state.stage, Stage::Finished))
        } else {
            None
        };
        let mut waker = None;
        if state.awaiter == Awaiter::Attached && state.output.is_none() {
            state.output = Some(Output::Interrupted(why.to_interrupted(began)));
            waker = state.waker.take();
        }
        let unanswered = (state.host.pending_call.take(), state.host.take_served());
        let timers = state.host.take_timers();
        let call_waker = state.host.take_call_waker();
        self.notify(state);
        if first && why == CancelReason::Deadline {
            self.record(Counters::deadline_exceeded);
            if !began {
                self.record(Counters::expired_unstarted);
            }
        }
        if let Some(from) = cancelled_from {
            self.free_slot(from);
        }
        // A panic in the drop of what the job captured must not reach the thread that cancels (the
        // timer, a drain, another caller).
        catch_and_log("a drop of what a cancelled job captured", || drop((stage, unanswered, timers)));
        wake(waker);
        wake(call_waker);
        if cancelled_from.is_some() {
            self.meta.notify(Hooks::finished);
        }
    }

    /// Notes that it holds its lane.
    pub(super) fn take_lane(&self) {
        self.holds_lane.store(true, Ordering::Release);
        // A thread that did not know of the lane has cancelled the job before it entered the queue.
        if self.job_state.is_cancelled() {
            self.pass_lane();
        }
    }

    /// Releases its lane to the next job, once.
    #[inline]
    pub(super) fn pass_lane(&self) {
        if let Some(lane) = self.meta.lane() {
            self.pass_this_lane(lane);
        }
    }

    #[inline(never)]
    fn pass_this_lane(&self, lane: LaneKey) {
        if !self.holds_lane.swap(false, Ordering::AcqRel) {
            return;
        }
        let Some(pool) = self.pool() else { return };
        if let Some(next) = pool.lanes.release(lane) {
            next.acquire_lane();
            if !pool.queue.unblock(Arc::clone(&next)) {
                next.release_lane(); // cancelled just now
            }
            pool.ensure_thread();
        }
    }

    /// Ends a job that the caller of this has claimed in order to end it, and that never runs.
    pub(super) fn end_unstarted(&self, why: CancelReason, answer: Interrupted) {
        self.pass_lane();
        let mut state = self.state.lock();
        let first =
            self.cancel_code.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let stage = std::mem::replace(&mut state.stage, Stage::Finished);
        let waker = if first && state.awaiter == Awaiter::Attached {
            state.output = Some(Output::Interrupted(answer));
            state.waker.take()
        } else {
            None
        };
        let timers = state.host.take_timers();
        drop(state);
        match why {
            _ if !first => {} // counted by what ended the job before
            CancelReason::Shed => self.record(Counters::shed),
            CancelReason::Overloaded => self.record(Counters::overloaded),
            CancelReason::Deadline => {
                self.record(Counters::deadline_exceeded);
                self.record(Counters::expired_unstarted);
            }
            _ => {}
        }
        catch_and_log("a drop of what a refused job captured", || drop((stage, timers)));
        if let Some(waker) = waker {
            catch_and_log("a waker", || waker.wake());
        }
        self.meta.notify(Hooks::finished);
    }

    /// Frees the slot of a job that was cancelled in this state.
    fn free_slot(&self, from: JobState) {
        let Some(pool) = self.pool() else { return };
        match from {
            // Another job holds the lane.
            JobState::LaneBlocked => return pool.queue.note_blocked_cancelled(),
            JobState::Queued => pool.queue.note_cancelled(self.meta.charge),
            _ => {}
        }
        self.pass_lane();
    }
}
