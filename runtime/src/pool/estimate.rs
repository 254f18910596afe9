//! [`Estimates`]: how long the jobs of each call site take to run on this pool.
//!
//! The estimate of a call site is a smoothed run time and a mean deviation, computed as TCP
//! computes its retransmission timeout (RFC 6298). A run lasts from the start of the body to its
//! end, so time in the queue does not count, and time that the job waits for the event loop does.
//!
//! Both values are in one atomic word. Callers read it; the threads of the pool store it without a
//! lock. If two threads update the word at the same moment, one of the two samples is lost, which
//! the next sample makes good. The word is stored only if it changes.

use std::panic::Location;
use std::sync::OnceLock;
use std::time::Duration;

use crate::job::{Charge, EstimateId};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many call sites of a pool have an estimate of their own. All others share one.
const SITES: usize = if cfg!(portcullis_loom) { 1 } else { 64 };

/// How many entries of the table a call site may go to.
const PROBES: usize = if cfg!(portcullis_loom) { 1 } else { 8 };

/// Shorter runs count as zero, so that the word of a call site whose jobs are that short never
/// changes, and the cores of its callers and threads share its cache line.
const SHORTEST_MICROS: u64 = 4;

/// A sample below this limit is never cut.
const UNCUT_MICROS: u64 = 1_000;

/// The estimates of one pool: a hash table of fixed size, in which entries are set once.
pub(crate) struct Estimates {
    entries: [Entry; SITES],
    /// For the call sites that found no entry.
    others: RunTime,
}

/// On a cache line of its own: other call sites' jobs should not slow down this one's callers.
#[repr(align(64))]
#[derive(Default)]
struct Entry {
    site: OnceLock<CallSite>,
    run_time: RunTime,
}

/// Where jobs are made: the method that [`Pool::job`](super::Pool::job) is given, and the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallSite {
    pub(crate) method: &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl CallSite {
    /// The entry to try first: the upper bits of a product, as in Knuth's multiplicative hashing.
    #[inline]
    fn hash(self) -> usize {
        let address = std::ptr::from_ref(self.at).addr() ^ self.method.as_ptr().addr().rotate_left(17);
        let product = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((u128::from(product) * SITES as u128) >> 64) as usize
    }

    /// Whether the two are the same, by address. One call site may have several addresses.
    #[inline]
    fn is(self, other: Self) -> bool {
        std::ptr::eq(self.at, other.at) && std::ptr::eq(self.method, other.method)
    }
}

/// The estimate of the call sites that have none of their own.
const OTHERS: EstimateId = EstimateId(SITES as u16);

impl Default for Estimates {
    fn default() -> Self {
        Self { entries: std::array::from_fn(|_| Entry::default()), others: RunTime::default() }
    }
}

impl Estimates {
    /// What a new job of this call site is charged.
    #[inline]
    pub(crate) fn charge(&self, site: CallSite) -> Charge {
        let first = site.hash();
        if let Some(known) = self.entries[first].site.get() {
            if known.is(site) {
                let micros = self.entries[first].run_time.load().expected();
                return Charge { micros, estimate: EstimateId(first as u16) };
            }
        }
        self.charge_after_search(site, first)
    }

    #[cold]
    fn charge_after_search(&self, site: CallSite, first: usize) -> Charge {
        let mut probes = (first..first + PROBES).map(|at| at % SITES);
        let found = probes.find(|at| *self.entries[*at].site.get_or_init(|| site) == site);
        let estimate = found.map_or(OTHERS, |at| EstimateId(at as u16));
        Charge { micros: self.get(estimate).expected(), estimate }
    }

    #[inline]
    fn run_time(&self, id: EstimateId) -> &RunTime {
        self.entries.get(usize::from(id.0)).map_or(&self.others, |entry| &entry.run_time)
    }

    /// The estimate as it is now.
    #[inline]
    pub(crate) fn get(&self, id: EstimateId) -> Estimate {
        self.run_time(id).load()
    }

    /// A job has run for `micros`. `cut_short`: it was cancelled or panicked, and might have
    /// taken longer; such a sample can raise the estimate, and never lowers it.
    ///
    /// Returns the call site and the new estimate if that has changed.
    #[inline]
    pub(crate) fn record(
        &self,
        id: EstimateId,
        micros: u64,
        cut_short: bool,
    ) -> Option<(CallSite, Estimate)> {
        let run_time = self.run_time(id);
        if micros < SHORTEST_MICROS && run_time.load().micros() == 0 {
            return None; // as nearly every job that does next to nothing
        }
        let changed = run_time.record(micros, cut_short)?;
        let site = self.entries.get(usize::from(id.0))?.site.get()?;
        Some((*site, changed))
    }

    /// The call sites that have an estimate.
    pub(crate) fn snapshot(&self) -> Vec<MethodEstimate> {
        let known = self.entries.iter().filter_map(|entry| Some((entry.site.get()?, entry.run_time.load())));
        let mut all: Vec<_> = known
            .filter(|(_, estimate)| estimate.is_known())
            .map(|(site, estimate)| MethodEstimate {
                method: site.method,
                called_at: site.at,
                run_time: estimate.run_time(),
                deviation: Duration::from_micros(estimate.deviation_micros()),
            })
            .collect();
        all.sort_by_key(|one| (one.method, one.called_at.file(), one.called_at.line()));
        all
    }
}

/// How long the jobs of one method take, for [`PoolStats::estimates`](super::PoolStats::estimates).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodEstimate {
    /// The method, or `closure`.
    pub method: &'static str,
    /// Where its jobs are made: the `#[blocking]` method, or the call of
    /// [`Pool::run`](crate::Pool::run).
    pub called_at: &'static Location<'static>,
    /// The smoothed time from start to end.
    pub run_time: Duration,
    /// The mean deviation from that.
    pub deviation: Duration,
}

/// The shared word: see [`Estimate`].
#[derive(Default)]
pub(super) struct RunTime(AtomicU64);

impl RunTime {
    #[inline]
    pub(super) fn load(&self) -> Estimate {
        Estimate(self.0.load(Relaxed))
    }

    #[inline]
    pub(super) fn record(&self, micros: u64, cut_short: bool) -> Option<Estimate> {
        let before = self.load();
        let after = before.after(micros, cut_short);
        if after == before {
            return None;
        }
        self.0.store(after.0, Relaxed);
        Some(after)
    }
}

/// A smoothed run time (the upper half, in eighths of a microsecond) and its mean deviation (the
/// lower half, in quarters). Zero: there was no sample yet, or all were shorter than
/// [`SHORTEST_MICROS`]. Times beyond nine minutes count as nine minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate(u64);

impl Estimate {
    #[inline]
    fn of(eighths: u64, quarters: u64) -> Self {
        let max = u64::from(u32::MAX);
        Self(eighths.min(max) << 32 | quarters.min(max))
    }

    fn is_known(self) -> bool {
        self.0 != 0
    }

    fn micros(self) -> u64 {
        self.0 >> 35
    }

    pub(super) fn run_time(self) -> Duration {
        Duration::from_micros(self.micros())
    }

    fn deviation_micros(self) -> u64 {
        u64::from(self.0 as u32) >> 2
    }

    /// The expected run time, in microseconds.
    #[inline]
    fn expected(self) -> u32 {
        self.micros() as u32
    }

    /// A run time, in microseconds, that most jobs do not exceed: the mean and `deviations` more.
    /// Of exponentially distributed times, one in twelve exceeds two deviations.
    #[inline]
    pub(crate) fn at_most(self, deviations: u64) -> u64 {
        self.micros() + deviations * self.deviation_micros()
    }

    /// The estimate after one more sample: RFC 6298, 2.2 and 2.3, with alpha = 1/8 and beta = 1/4.
    ///
    /// A sample counts as at most twice the longest time expected. A single outlier therefore
    /// changes little, and jobs that have become slower double the estimate within a few samples.
    #[inline]
    fn after(self, micros: u64, cut_short: bool) -> Self {
        let sample = if micros < SHORTEST_MICROS { 0 } else { micros.min(u64::from(u32::MAX)) };
        if !self.is_known() {
            return if cut_short { self } else { Self::of(sample << 3, sample << 1) };
        }
        let sample = sample.min((2 * self.at_most(4)).max(UNCUT_MICROS));
        let mean = self.micros();
        if cut_short && sample <= mean {
            return self;
        }
        let (eighths, quarters) = (self.0 >> 32, u64::from(self.0 as u32));
        let error = mean.abs_diff(sample);
        Self::of(eighths - mean + sample, quarters - (quarters >> 2) + error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: impl IntoIterator<Item = u64>) -> Estimate {
        samples.into_iter().fold(Estimate(0), |estimate, sample| estimate.after(sample, false))
    }

    fn steady(micros: u64) -> impl Iterator<Item = u64> {
        std::iter::repeat_n(micros, 100)
    }

    #[test]
    fn the_first_sample_is_the_estimate_and_half_of_it_the_deviation() {
        let estimate = after([4_000]);
        assert_eq!((estimate.micros(), estimate.deviation_micros()), (4_000, 2_000));
    }

    #[test]
    fn equal_samples_leave_no_deviation_and_do_not_change_the_word() {
        let estimate = after(steady(4_000));
        assert_eq!(estimate.micros(), 4_000);
        assert!(estimate.deviation_micros() < 4, "{estimate:?}");
        assert_eq!(estimate.after(4_000, false).micros(), 4_000);
        assert_eq!(after(steady(SHORTEST_MICROS - 1)), Estimate(0));
    }

    #[test]
    fn one_outlier_of_a_minute_less_than_doubles_the_longest_time_expected() {
        let before = after(steady(4_000));
        let outlier = before.after(60_000_000, false);
        assert!(outlier.micros() < 5_000, "{outlier:?}");
        assert!(outlier.at_most(4) < 3 * before.at_most(4), "{outlier:?}");
        let healed = steady(4_000).take(20).fold(outlier, |estimate, sample| estimate.after(sample, false));
        assert!(healed.at_most(2) < 4_500, "{healed:?}");
    }

    #[test]
    fn jobs_that_become_ten_times_slower_are_known_after_a_few_samples() {
        let slower = steady(40_000)
            .take(8)
            .fold(after(steady(4_000)), |estimate, sample| estimate.after(sample, false));
        assert!(slower.at_most(2) > 40_000, "{slower:?}");
        let slower = steady(40_000).fold(slower, |estimate, sample| estimate.after(sample, false));
        assert!(slower.micros() > 39_900 && slower.at_most(2) < 41_000, "{slower:?}");
    }

    #[test]
    fn jobs_that_become_faster_are_known_after_some_thirty_samples() {
        let faster = steady(1_000)
            .take(30)
            .fold(after(steady(40_000)), |estimate, sample| estimate.after(sample, false));
        assert!(faster.micros() < 2_000, "{faster:?}");
    }

    #[test]
    fn a_run_cut_short_raises_the_estimate_and_never_lowers_it() {
        let before = after(steady(4_000));
        assert_eq!(before.after(1_000, true), before);
        assert!(before.after(8_000, true).micros() > 4_000);
        assert_eq!(Estimate(0).after(1_000, true), Estimate(0));
    }

    #[test]
    fn times_beyond_every_bound_saturate() {
        let estimate = after([u64::MAX >> 4, u64::MAX >> 4, u64::MAX >> 4]);
        assert_eq!(estimate.micros(), u64::from(u32::MAX >> 3));
    }

    #[track_caller]
    fn site(method: &'static str) -> CallSite {
        CallSite { method, at: Location::caller() }
    }

    #[test]
    fn each_call_site_has_its_estimate_until_the_table_is_full() {
        let estimates = Estimates::default();
        let (one, other) = (site("read"), site("read"));
        assert_ne!(estimates.charge(one).estimate, estimates.charge(other).estimate);
        estimates.record(estimates.charge(one).estimate, 3_000, false);
        assert_eq!((estimates.charge(one).micros, estimates.charge(other).micros), (3_000, 0));
        assert_eq!(estimates.snapshot().len(), 1);
        for n in 0..10 * SITES {
            let name: &'static str = Box::leak(format!("method {n}").into_boxed_str());
            estimates.charge(site(name));
        }
        let late = estimates.charge(site("late"));
        assert_eq!(late.estimate, OTHERS);
        assert!(estimates.record(late.estimate, 7_000, false).is_none());
        assert_eq!(estimates.charge(site("later")).micros, 7_000);
        assert_eq!(estimates.charge(one).micros, 3_000);
    }
}
