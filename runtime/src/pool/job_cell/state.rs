//! [`AtomicJobState`]: which thread owns a job. One compare-exchange decides between the thread that
//! claims it and the one that cancels it.

use crate::sync::atomic::{AtomicU8, Ordering};

/// The state of a job up to its claim.
///
/// | from | to |
/// |---|---|
/// | `New` | `Queued`, `HandedOff`, `LaneBlocked` |
/// | `LaneBlocked` | `Queued` |
/// | `HandedOff` | `Queued`, `Claimed` |
/// | `Queued` | `Claimed` |
/// | all but `Claimed` | `Cancelled` |
pub(super) struct AtomicJobState(AtomicU8);

/// The values of [`AtomicJobState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum JobState {
    New,
    /// In the queue, or about to enter it and known only to its caller.
    Queued,
    /// Handed off to a thread that waits, or will.
    HandedOff,
    /// Waits for its lane, which another job holds.
    LaneBlocked,
    Claimed,
    Cancelled,
}

impl AtomicJobState {
    #[inline]
    pub(super) fn new(state: JobState) -> Self {
        Self(AtomicU8::new(state as u8))
    }

    #[inline]
    fn transition(&self, from: JobState, to: JobState) -> bool {
        self.0.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[inline]
    pub(super) fn claim(&self) -> bool {
        self.transition(JobState::Queued, JobState::Claimed)
            || self.transition(JobState::HandedOff, JobState::Claimed)
    }

    #[inline]
    pub(super) fn mark_queued(&self) -> bool {
        self.0.load(Ordering::Acquire) == JobState::Queued as u8
            || [JobState::New, JobState::HandedOff, JobState::LaneBlocked]
                .into_iter()
                .any(|from| self.transition(from, JobState::Queued))
    }

    #[inline]
    pub(super) fn mark_lane_blocked(&self) -> bool {
        self.transition(JobState::New, JobState::LaneBlocked)
    }

    #[inline]
    pub(super) fn mark_handed_off(&self) -> bool {
        self.transition(JobState::New, JobState::HandedOff)
    }

    /// Cancels the job, so that no thread can claim it. Returns the state before, or `None` if the
    /// job was claimed or cancelled before.
    pub(super) fn cancel(&self) -> Option<JobState> {
        loop {
            let waiting = [JobState::New, JobState::Queued, JobState::HandedOff, JobState::LaneBlocked];
            let now = self.0.load(Ordering::Acquire);
            let from = waiting.into_iter().find(|state| *state as u8 == now)?;
            if self.transition(from, JobState::Cancelled) {
                return Some(from);
            }
        }
    }

    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == JobState::Cancelled as u8
    }
}
