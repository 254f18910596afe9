//! How a figure is measured: a warm-up, interleaved repetitions, and medians.

use std::time::{Duration, Instant};

/// How much work is measured for a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Measured rounds of each contestant.
    repetitions: usize,
    /// The divisor of a round's full size.
    shrink: usize,
}

impl Plan {
    pub(crate) fn thorough() -> Self {
        Self { repetitions: 7, shrink: 1 }
    }

    pub(crate) fn quick() -> Self {
        Self { repetitions: 5, shrink: 50 }
    }

    /// A plan for rounds that take a minute each.
    #[cfg(feature = "peers")]
    pub(crate) fn few(&self) -> Self {
        Self { repetitions: 3, ..*self }
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.shrink > 1
    }

    /// The size of a round whose full size is `full`.
    pub(crate) fn size(&self, full: usize) -> usize {
        (full / self.shrink).max(1)
    }
}

/// One implementation of the work. A round returns one value for each metric of the case.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) round: Box<dyn FnMut() -> Vec<f64>>,
}

impl Contestant {
    pub(crate) fn new(name: &'static str, round: impl FnMut() -> Vec<f64> + 'static) -> Self {
        Self { name, round: Box::new(round) }
    }
}

/// The results of a contestant: `metrics[m][r]` is metric `m` in repetition `r`.
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) metrics: Vec<Vec<f64>>,
}

/// Runs one warm-up round of each contestant, and then measured rounds in turn.
///
/// The order rotates, so that a machine that slows down favours none.
pub(crate) fn interleave(plan: &Plan, mut contestants: Vec<Contestant>) -> Vec<Shown> {
    let mut shown: Vec<Shown> = contestants
        .iter_mut()
        .map(|contestant| Shown {
            name: contestant.name,
            metrics: vec![Vec::new(); (contestant.round)().len()],
        })
        .collect();
    for repetition in 0..plan.repetitions {
        for turn in 0..contestants.len() {
            let which = (turn + repetition) % contestants.len();
            let values = (contestants[which].round)();
            for (metric, value) in shown[which].metrics.iter_mut().zip(values) {
                metric.push(value);
            }
        }
    }
    shown
}

/// The median, the minimum and the maximum of some values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self { median: at(sorted.len() / 2), least: at(0), most: at(sorted.len().saturating_sub(1)) }
    }
}

/// Collects latencies.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds the time since `start`.
    pub(crate) fn since(&mut self, start: Instant) {
        self.0.push(start.elapsed());
    }

    /// Adds the mean of `count` trips that began at `start`.
    pub(crate) fn since_for_each(&mut self, start: Instant, count: usize) {
        self.0.push(start.elapsed().div_f64(count as f64));
    }

    /// p50 and p99 in microseconds: the metrics of a latency case.
    pub(crate) fn percentiles(mut self) -> Vec<f64> {
        self.0.sort_unstable();
        let at = |percent: usize| {
            let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
            self.0.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
        };
        vec![at(50), at(99)]
    }
}
