//! Before its time: a drop, a deadline, a shed or a drain ends a job, for its caller, its worker and its place.

use std::sync::Arc;

use super::ticket::Stands;
use super::{Caller, Cell, Ended, Work};
use crate::error::{Interrupted, contained};
use crate::job::Why;
use crate::pool::stats::Tally;
use crate::sync::atomic::Ordering;
use crate::worker::Worker;

impl<F, T, E> Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Gives the job up, queued or running; the first reason stays.
    pub(super) fn end_early(&self, why: Why) {
        let killed_in = self.ticket.kill();
        let mut state = self.state.lock();
        if matches!(state.work, Work::Over) {
            return;
        }
        let first = self.told.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let work =
            if killed_in.is_some() { Some(std::mem::replace(&mut state.work, Work::Over)) } else { None };
        let mut waker = None;
        if state.caller == Caller::Awaits && state.ended.is_none() {
            state.ended = Some(Ended::Interrupted(why.told()));
            waker = state.waker.take();
        }
        let unanswered = state.meet.asked.take();
        let alarm = state.meet.take_alarm();
        self.nudge(&mut state);
        drop(state);
        if first && why == Why::Deadline {
            self.count(Tally::missed_deadline);
        }
        if let Some(from) = killed_in {
            self.give_up_place(from);
        }
        // Whoever is here (the timer, a drain, another caller) has no part in what the job captured.
        contained("a drop of what a cancelled job captured", || drop((work, unanswered, alarm)));
        if let Some(waker) = waker {
            contained("a waker", || waker.wake());
        }
        if killed_in.is_some() {
            self.activity().over();
        }
    }

    /// Notes that it holds its lane.
    pub(super) fn take_lane(&self) {
        self.holds_lane.store(true, Ordering::Release);
        // Cancelled on its way in: whoever did it could not know of the lane yet.
        if self.ticket.is_dead() {
            self.pass_lane();
        }
    }

    /// Lets the next job of its lane go ahead, once.
    pub(super) fn pass_lane(&self) {
        let Some(lane) = self.about.lane() else { return };
        if !self.holds_lane.swap(false, Ordering::AcqRel) {
            return;
        }
        let Some(pool) = self.pool() else { return };
        if let Some(next) = pool.lanes.leave(lane) {
            next.hold_lane();
            if !pool.line.come_back(Arc::clone(&next)) {
                next.leave_lane(); // cancelled just now
            }
            pool.call_up();
        }
    }

    /// For whoever has claimed the job in order to make room.
    pub(super) fn end_shed(&self) {
        self.pass_lane();
        let mut state = self.state.lock();
        self.told.store(Why::Shed as u8, Ordering::Release);
        let work = std::mem::replace(&mut state.work, Work::Over);
        let awaited = state.caller == Caller::Awaits;
        let waker = if awaited {
            state.ended = Some(Ended::Interrupted(Interrupted::Shed));
            state.waker.take()
        } else {
            None
        };
        let alarm = state.meet.take_alarm();
        drop(state);
        contained("a drop of what a shed job captured", || drop((work, alarm)));
        if let Some(waker) = waker {
            contained("a waker", || waker.wake());
        }
        self.activity().over();
    }

    fn give_up_place(&self, from: Stands) {
        let Some(pool) = self.pool() else { return };
        match from {
            Stands::Aside => return pool.line.forget_aside(), // behind the lane's holder, not holding it
            Stands::Lined => pool.line.forget(),
            _ => {}
        }
        self.pass_lane();
    }
}
