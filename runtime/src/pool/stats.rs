//! What a pool has done: exact counts and rough histograms, cheap to keep; reported to the
//! `metrics` facade too, if that feature is on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::estimate::{CallSite, Estimate, Estimates, MethodEstimate};

/// The running totals.
#[derive(Default)]
pub(crate) struct Counters {
    rejected: AtomicU64,
    shed: AtomicU64,
    panicked: AtomicU64,
    deadline_exceeded: AtomicU64,
    expired_unstarted: AtomicU64,
    overloaded: AtomicU64,
}

/// The times of the jobs of one thread, which alone writes them.
#[derive(Default)]
pub(super) struct ThreadHistograms {
    waited: Buckets,
    ran: Buckets,
}

/// Counts by the power of two of the microseconds.
#[derive(Default)]
struct Buckets([AtomicU64; BUCKETS]);

const BUCKETS: usize = 32;

/// The time in whole microseconds.
#[inline]
pub(super) fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()))
}

impl Buckets {
    fn count(&self, micros: u64) {
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        let count = &self.0[bucket.min(BUCKETS - 1)];
        count.store(count.load(Relaxed) + 1, Relaxed); // one writer: nothing to lock
    }

    fn add_to(&self, sum: &mut Histogram) {
        sum.0.iter_mut().zip(&self.0).for_each(|(sum, count)| *sum += count.load(Relaxed));
    }
}

impl ThreadHistograms {
    /// Counts one more job, and returns the microseconds that it ran for. For the thread that the
    /// times belong to.
    #[inline]
    pub(super) fn ran(&self, pool: &str, waited: Duration, ran: Duration) -> u64 {
        let ran_micros = micros(ran);
        self.waited.count(micros(waited));
        self.ran.count(ran_micros);
        #[cfg(feature = "metrics")]
        {
            let pool = || metrics::SharedString::from(pool.to_owned());
            metrics::histogram!("portcullis_job_wait_seconds", "pool" => pool()).record(waited);
            metrics::histogram!("portcullis_job_run_seconds", "pool" => pool()).record(ran);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = pool;
        ran_micros
    }
}

impl Counters {
    pub(crate) fn rejected(&self, pool: &str) {
        self.rejected.fetch_add(1, Relaxed);
        report_failed("rejected", pool);
    }

    pub(crate) fn shed(&self, pool: &str) {
        self.shed.fetch_add(1, Relaxed);
        report_failed("shed", pool);
    }

    pub(crate) fn panicked(&self, pool: &str) {
        self.panicked.fetch_add(1, Relaxed);
        report_failed("panicked", pool);
    }

    pub(crate) fn deadline_exceeded(&self, pool: &str) {
        self.deadline_exceeded.fetch_add(1, Relaxed);
        report_failed("missed its deadline", pool);
    }

    /// A job that was counted as [`deadline_exceeded`](Self::deadline_exceeded) never ran.
    pub(crate) fn expired_unstarted(&self, pool: &str) {
        self.expired_unstarted.fetch_add(1, Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("portcullis_jobs_expired_unstarted_total", "pool" => pool.to_owned()).increment(1);
        #[cfg(not(feature = "metrics"))]
        let _ = pool;
    }

    pub(crate) fn overloaded(&self, pool: &str) {
        self.overloaded.fetch_add(1, Relaxed);
        report_failed("overloaded", pool);
    }

    pub(super) fn stats<'a>(
        &self,
        (queued, waiting, running): (usize, usize, usize),
        estimates: &Estimates,
        times: impl Iterator<Item = &'a ThreadHistograms>,
    ) -> PoolStats {
        let (mut waited, mut ran) = (Histogram::EMPTY, Histogram::EMPTY);
        for thread in times {
            thread.waited.add_to(&mut waited);
            thread.ran.add_to(&mut ran);
        }
        PoolStats {
            queued,
            waiting_for_capacity: waiting,
            running,
            completed: ran.count(),
            rejected: self.rejected.load(Relaxed),
            shed: self.shed.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            deadline_exceeded: self.deadline_exceeded.load(Relaxed),
            expired_unstarted: self.expired_unstarted.load(Relaxed),
            overloaded: self.overloaded.load(Relaxed),
            wait_time: waited,
            run_time: ran,
            estimates: estimates.snapshot(),
        }
    }
}

/// One job that did not end well: a counter with the pool and the reason as labels.
fn report_failed(reason: &'static str, pool: &str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("portcullis_jobs_failed_total", "pool" => pool.to_owned(), "reason" => reason)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (reason, pool);
}

/// The estimate of a call site has changed.
#[inline]
pub(super) fn report_estimate(pool: &str, site: CallSite, estimate: Estimate) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("portcullis_job_estimate_seconds", "pool" => pool.to_owned(), "method" => site.method)
        .set(estimate.run_time().as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (pool, site, estimate);
}

/// The state and the totals of a [`Pool`](crate::Pool), from [`Pool::stats`](crate::Pool::stats).
///
/// With feature `metrics` the same goes to the [`metrics`](https://docs.rs/metrics) facade,
/// labelled with the pool's name: `portcullis_job_wait_seconds`, `portcullis_job_run_seconds`
/// (histograms), `portcullis_jobs_failed_total` (a counter, by `reason`),
/// `portcullis_jobs_expired_unstarted_total` (a counter) and `portcullis_job_estimate_seconds` (a
/// gauge, by `method`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Jobs in the queue now.
    pub queued: usize,
    /// Jobs that wait for a slot in the queue now ([`Overflow::Wait`](crate::Overflow::Wait)).
    pub waiting_for_capacity: usize,
    /// Threads that run a job now.
    pub running: usize,
    /// Jobs whose body has ended, by return or by panic.
    pub completed: u64,
    /// Jobs refused because the queue was full.
    pub rejected: u64,
    /// Jobs shed from a full queue.
    pub shed: u64,
    /// Jobs whose body panicked.
    pub panicked: u64,
    /// Jobs answered with [`Interrupted::Deadline`](crate::Interrupted::Deadline), queued or
    /// running.
    pub deadline_exceeded: u64,
    /// Those of them that never ran: their deadline passed in the queue, or they could not have
    /// ended by it and left their thread to another job.
    pub expired_unstarted: u64,
    /// Jobs refused with [`Interrupted::Overloaded`](crate::Interrupted::Overloaded).
    pub overloaded: u64,
    /// The times from call to start, of the jobs done.
    pub wait_time: Histogram,
    /// The times from start to end, of the jobs done.
    pub run_time: Histogram,
    /// How long the jobs of each method take, by the pool's estimates. A pool keeps 64 of them;
    /// methods beyond that share one, which is not listed.
    pub estimates: Vec<MethodEstimate>,
}

/// How many times fell into each power of two of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram([u64; BUCKETS]);

impl Histogram {
    const EMPTY: Self = Self([0; BUCKETS]);

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// A time that at least the fraction `q` (0 to 1) of them does not exceed: right up to a factor
    /// of two. `None` if there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.buckets().find_map(|(at_most, count)| {
            seen += count;
            (seen >= rank).then_some(at_most)
        })
    }

    /// The buckets that hold any, shortest times first: the time that none in it exceeds, and how
    /// many it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let held = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        held.map(|(bucket, count)| (Duration::from_micros(1 << bucket), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_bound_the_times_from_above_within_a_factor_of_two() {
        let (one, other) = (ThreadHistograms::default(), ThreadHistograms::default());
        for millis in 1..=100 {
            let times = if millis % 3 == 0 { &one } else { &other };
            times.ran("p", Duration::from_micros(millis), Duration::from_millis(millis));
        }
        let run =
            Counters::default().stats((0, 0, 0), &Estimates::default(), [&one, &other].into_iter()).run_time;
        assert_eq!(run.count(), 100);
        let half = run.quantile(0.5).unwrap();
        assert!(half >= Duration::from_millis(50) && half <= Duration::from_millis(100), "{half:?}");
        assert!(run.quantile(1.0).unwrap() >= Duration::from_millis(100));
        assert_eq!(Histogram::EMPTY.quantile(0.5), None);
    }
}
