//! Draining a pool: an end with a deadline and a report.

use std::fmt;
use std::time::{Duration, Instant};

use super::Pool;
use crate::job::{StuckJob, Why};
use crate::scope::LAST_CALL;
use crate::timer;

/// How a drain ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DrainReport {
    /// Jobs that had to be cancelled when the time was up.
    pub cancelled: usize,
    /// Those of them that still hold their thread.
    pub stuck: Vec<StuckJob>,
}

impl DrainReport {
    /// Nothing had to be cancelled.
    pub fn is_clean(&self) -> bool {
        self.cancelled == 0
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("drained");
        }
        write!(f, "{} cancelled, {} stuck", self.cancelled, self.stuck.len())?;
        self.stuck.iter().try_for_each(|job| write!(f, "\n  {job}"))
    }
}

impl Pool {
    /// Ends the pool: what is queued still runs, what comes now is refused with
    /// [`Interrupted::Closed`](crate::Interrupted::Closed); after `deadline` what is left is cancelled; a tenth of a second later the
    /// report names the jobs that have not heeded it. Their threads are left to themselves: this never hangs.
    ///
    /// # Cancellation
    /// Dropped before its end, the pool stays closed and its jobs go on.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        let inner = self.inner();
        inner.line.close();
        let until = timer::after(deadline);
        if timer::until(until, |waker| inner.line.watch_idle(waker)).await {
            return DrainReport { cancelled: 0, stuck: Vec::new() };
        }
        let left: Vec<_> = inner.jobs().into_iter().filter(|job| !job.is_over()).collect();
        left.iter().for_each(|job| job.interrupt(Why::Drained));
        let gone = timer::until(Instant::now() + LAST_CALL, |waker| inner.line.watch_idle(waker)).await;
        let stuck = if gone {
            Vec::new()
        } else {
            left.iter().filter(|job| !job.is_over()).map(|job| job.stuck()).collect()
        };
        DrainReport { cancelled: left.len(), stuck }
    }
}
