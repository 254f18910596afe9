//! [`Entry`]: a job in the queue, with what the queue has to know of it under its lock.
//!
//! The job itself is in the cache of the core that made it, so the queue copies the few values that
//! it compares: the deadline, and the [`Charge`].

use std::time::{Duration, Instant};

use crate::job::{Charge, EstimateId, JobMeta};

/// What a job asks of the queue. It is fixed when the job is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) charge: Charge,
    pub(crate) limit: Option<TimeLimit>,
}

impl Demand {
    #[inline]
    pub(crate) fn of(meta: &JobMeta) -> Self {
        let limit = if meta.rare.is_some() { TimeLimit::of(meta) } else { None };
        Self { charge: meta.charge, limit }
    }
}

/// The deadlines of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    /// `None`: the job has only a deadline for its start, and the timer of that ends it.
    pub(crate) deadline: Option<Instant>,
    /// If the predicted wait is longer, the job is refused at the call.
    pub(crate) longest_wait: Duration,
    /// The deadline is counted by the clock of a test, [`Claim::now`](super::Claim::now).
    pub(crate) by_test_clock: bool,
}

impl TimeLimit {
    /// The wait may take half of the time until the deadline, and all of the time until the
    /// deadline of the start.
    fn of(meta: &JobMeta) -> Option<Self> {
        let deadline = meta.deadline();
        let called_at = meta.called_at();
        let half = deadline.map(|deadline| deadline.saturating_duration_since(called_at) / 2);
        let to_start = meta.starts_by().map(|starts_by| starts_by.saturating_duration_since(called_at));
        let longest_wait = [half, to_start].into_iter().flatten().min()?;
        Some(Self { deadline, longest_wait, by_test_clock: meta.hooks().is_some() })
    }
}

/// A deadline that never passes.
const NEVER: u64 = u64::MAX;

/// A job in the queue: 32 bytes.
pub(super) struct Entry<J> {
    pub(super) job: J,
    /// In nanoseconds since the queue's [`Epoch`].
    deadline: u64,
    /// The job's [`Charge`].
    pub(super) micros: u32,
    pub(super) estimate: EstimateId,
    pub(super) by_test_clock: bool,
}

impl<J> Entry<J> {
    #[inline]
    pub(super) fn new(job: J, demand: &Demand, epoch: Epoch) -> Self {
        let Charge { micros, estimate } = demand.charge;
        let (deadline, by_test_clock) = match &demand.limit {
            Some(TimeLimit { deadline: Some(deadline), by_test_clock, .. }) => {
                (epoch.nanos(*deadline), *by_test_clock)
            }
            _ => (NEVER, false),
        };
        Self { job, deadline, micros, estimate, by_test_clock }
    }

    #[inline]
    pub(super) fn has_deadline(&self) -> bool {
        self.deadline != NEVER
    }

    /// Whether a job that starts at `now` and takes `run_time` ends by its deadline. Both in
    /// nanoseconds.
    pub(super) fn ends_in_time(&self, now: u64, run_time: u64) -> bool {
        now.saturating_add(run_time) <= self.deadline
    }

    pub(super) fn is_due_after(&self, other: &Self) -> bool {
        self.deadline > other.deadline
    }
}

/// The moment from which a queue counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epoch(Instant);

impl Epoch {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// The nanoseconds from the epoch to `at`: zero for an earlier moment, and less than [`NEVER`].
    pub(super) fn nanos(self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.0).as_nanos();
        u64::try_from(nanos).map_or(NEVER - 1, |nanos| nanos.min(NEVER - 1))
    }
}
