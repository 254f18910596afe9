//! Draining a pool: an end with a deadline and a report.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use crate::job::{CancelReason, Job};
use crate::report::RunningJob;
use crate::scope::CANCEL_GRACE;
use crate::timer;

/// How a drain ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DrainReport {
    /// The pool's name.
    pub pool: String,
    /// Jobs that had to be cancelled when the time was up.
    pub cancelled: usize,
    /// The jobs that still hold their thread: those of the cancelled ones that have not returned,
    /// and those that have [committed](crate::Worker::commit).
    pub stuck: Vec<RunningJob>,
}

impl DrainReport {
    /// Nothing had to be cancelled, and no thread is held.
    pub fn is_clean(&self) -> bool {
        self.cancelled == 0 && self.stuck.is_empty()
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "pool `{}`: drained", self.pool);
        }
        write!(f, "pool `{}`: {} cancelled, {} stuck", self.pool, self.cancelled, self.stuck.len())?;
        self.stuck.iter().try_for_each(|job| write!(f, "\n  {job}"))
    }
}

impl Pool {
    /// Closes the pool. Queued jobs still run, new ones are refused with
    /// [`Interrupted::Closed`](crate::Interrupted::Closed). After `deadline` the jobs that are left
    /// are cancelled. A tenth of a second later the report names those that still run. This
    /// function does not wait for them, so it never hangs.
    ///
    /// # Cancellation
    /// Dropped before its end, the pool stays closed and its jobs go on.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        let inner = self.inner();
        inner.queue.close();
        let until = timer::after(deadline);
        if timer::until(until, |waker| inner.queue.poll_idle(waker)).await {
            return DrainReport { pool: inner.name.clone(), cancelled: 0, stuck: Vec::new() };
        }
        let mut left: Vec<_> = inner.jobs().into_iter().filter(|job| !job.is_finished()).collect();
        left.iter().for_each(|job| job.interrupt(CancelReason::Drained));
        // A thread may have taken a job out of the queue or of its lane, or may have got it by a
        // hand off, and not begun it. Such a job finds its thread slot closed.
        for job in inner.slots.iter().flat_map(|slot| slot.close()).map(Job::into_job) {
            if !left.iter().any(|known| Arc::ptr_eq(known, &job)) {
                job.interrupt(CancelReason::Drained);
                left.push(job);
            }
        }
        let is_idle = timer::until(Instant::now() + CANCEL_GRACE, |waker| inner.queue.poll_idle(waker)).await;
        let stuck = if is_idle {
            Vec::new()
        } else {
            left.iter().filter(|job| !job.is_finished()).map(|job| job.describe_running()).collect()
        };
        let turned_away: usize = inner.slots.iter().map(|slot| slot.turned_away()).sum();
        let in_hand = if is_idle { 0 } else { inner.in_hand() };
        // A job that has committed is not cancelled, nor one that has just ended.
        let cancelled = left.iter().filter(|job| job.cancel_reason().is_some()).count();
        let cancelled = cancelled + turned_away + in_hand;
        DrainReport { pool: inner.name.clone(), cancelled, stuck }
    }
}
