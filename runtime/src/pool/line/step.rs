//! What stepped pools ask of a line: one job at a time.

use super::{Claim, Line, Place};
use crate::sync::atomic::Ordering;

impl<J: Claim> Line<J> {
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
}
