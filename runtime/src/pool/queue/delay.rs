//! [`DelayLimit`]: bounds the time that jobs wait in the queue, by controlled delay (CoDel).
//!
//! A queue that absorbs a burst is useful; a queue that never empties only adds delay. The two are
//! distinguished by the *shortest* delay within an interval (RFC 8289): if even that exceeds the
//! target, the queue stands. During the next interval the queue then refuses each job that has
//! waited for more than twice the target, as the executors of Facebook's folly do. RFC 8289 drops
//! packets at a rising rate instead, because a network must not lose all packets of a flow; each
//! job has a caller that is informed, so there is no reason to refuse the jobs slowly.

use std::time::{Duration, Instant};

/// The interval, in targets: the target should be 5 to 10 % of it (RFC 8289, 4.3).
const TARGETS_PER_INTERVAL: u32 = 20;

/// The state of the control, under the queue's lock.
#[derive(Debug)]
pub(super) struct DelayLimit {
    target: Duration,
    /// The end of the interval; `None` until the first job.
    interval_end: Option<Instant>,
    /// The shortest delay of this interval.
    shortest: Duration,
    /// The shortest delay of the interval before exceeded the target.
    is_overloaded: bool,
}

impl DelayLimit {
    pub(super) fn new(target: Duration) -> Self {
        Self { target, interval_end: None, shortest: Duration::MAX, is_overloaded: false }
    }

    /// A job leaves the queue at `now` after `delay`; returns whether it has waited for too long.
    pub(super) fn is_too_late(&mut self, now: Instant, delay: Duration) -> bool {
        if self.interval_end.is_none_or(|end| now >= end) {
            let interval = self.target.saturating_mul(TARGETS_PER_INTERVAL);
            // Without a job for a whole interval, the queue was empty meanwhile.
            let follows = self.interval_end.is_some_and(|end| now < end + interval);
            self.is_overloaded = follows && self.shortest > self.target;
            self.shortest = Duration::MAX;
            self.interval_end = now.checked_add(interval);
        }
        self.shortest = self.shortest.min(delay);
        self.is_overloaded && delay > self.target.saturating_mul(2)
    }

    /// The delay that the queue aims at.
    pub(super) fn target(&self) -> Duration {
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(5);
    const INTERVAL: Duration = Duration::from_millis(100);

    /// Takes a job with this delay each millisecond of an interval; how many were refused.
    fn interval(limit: &mut DelayLimit, from: Instant, delay: impl Fn(u32) -> Duration) -> usize {
        let millis = 0..INTERVAL.as_millis() as u32;
        millis.filter(|at| limit.is_too_late(from + Duration::from_millis(1) * *at, delay(*at))).count()
    }

    #[test]
    fn a_burst_that_the_queue_works_off_within_an_interval_is_not_refused() {
        let (mut limit, start) = (DelayLimit::new(TARGET), Instant::now());
        let burst = |at: u32| Duration::from_millis(u64::from(100 - at));
        assert_eq!(interval(&mut limit, start, burst), 0);
        assert_eq!(interval(&mut limit, start + INTERVAL, burst), 0);
    }

    #[test]
    fn a_standing_queue_is_refused_from_the_second_interval_on_until_it_is_gone() {
        let (mut limit, start) = (DelayLimit::new(TARGET), Instant::now());
        assert_eq!(interval(&mut limit, start, |_| 3 * TARGET), 0);
        assert_eq!(interval(&mut limit, start + INTERVAL, |_| 3 * TARGET), 100);
        // A job that has not waited for long is taken even then, and shows that the queue is empty.
        let mixed = |at: u32| if at % 2 == 0 { TARGET } else { 3 * TARGET };
        assert_eq!(interval(&mut limit, start + 2 * INTERVAL, mixed), 50);
        assert_eq!(interval(&mut limit, start + 3 * INTERVAL, |_| 3 * TARGET), 0);
        // So does an interval without a job.
        assert_eq!(interval(&mut limit, start + 5 * INTERVAL, |_| 3 * TARGET), 0);
    }
}
