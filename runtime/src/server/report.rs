//! [`StopReport`]: what a server left behind.

use std::fmt;
use std::time::Duration;

use crate::job::StuckJob;
use crate::pool::DrainReport;

/// How a server's stop went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StopReport {
    /// Sessions that were there when the stop began and ended by themselves.
    pub sessions_finished: usize,
    /// Sessions that were cut short when the grace was over.
    pub sessions_cancelled: usize,
    /// Sessions that did not even end then: their handlers or hooks hold a loop thread.
    pub sessions_stuck: usize,
    /// Jobs of this server that went on after they had been cancelled.
    pub stuck: Vec<StuckJob>,
    /// How the pools on the cleanup drained, in the order in which they did.
    pub drained: Vec<DrainReport>,
    /// Hooks and cleanup steps that had to be dropped.
    pub unfinished: usize,
    /// How long the stop took.
    pub took: Duration,
}

impl StopReport {
    /// Nothing was cut short and nothing is left.
    pub fn is_clean(&self) -> bool {
        self.sessions_cancelled == 0
            && self.sessions_stuck == 0
            && self.unfinished == 0
            && self.stuck.is_empty()
            && self.drained.iter().all(DrainReport::is_clean)
    }
}

impl fmt::Display for StopReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped in {:.1?}: {} sessions finished", self.took, self.sessions_finished)?;
        for (count, what) in [
            (self.sessions_cancelled, "cancelled"),
            (self.sessions_stuck, "stuck"),
            (self.unfinished, "hooks unfinished"),
            (self.stuck.len(), "jobs stuck"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        self.stuck.iter().try_for_each(|job| write!(f, "\n  {job}"))?;
        self.drained
            .iter()
            .filter(|report| !report.is_clean())
            .try_for_each(|report| write!(f, "\n  a pool: {report}"))
    }
}
