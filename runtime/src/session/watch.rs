//! What every session of a server looks at: the stop, the clock and the limits.
//!
//! Deadlines cost a session one word. A session arms a point of the server's coarse clock; one task of the
//! server moves the clock and wakes the sessions whose point has passed ([`Hub::sweep`](super::hub::Hub::sweep)).
//! A deadline is late by at most one tick, and never early: it is counted from the time itself, since the clock of a
//! loop that was held up stands still.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::decoding::DecodeOn;

use crate::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// How far the server's stop has come. Only ever goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Sessions are served.
    Open,
    /// Idle sessions end; those at work finish.
    Stopping,
    /// The grace is over: handlers are dropped, `on(disconnect)` runs.
    Cancelling,
    /// Even `on(disconnect)` is dropped.
    Abandoning,
}

/// Time limits of a session; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) first_request: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) write: Option<Duration>,
    /// To finish a frame that has begun; and how many bytes a second it must be beyond that.
    pub(crate) frame: Option<Duration>,
    pub(crate) frame_rate: u64,
    /// How many bytes unfinished frames may hold, in all sessions together.
    pub(crate) unfinished: Option<usize>,
    /// The shortest of the service's states.
    pub(crate) state: Option<Duration>,
    /// How long a connection that is being closed may linger.
    pub(crate) linger: Duration,
}

impl Limits {
    pub(crate) fn with_states(self, shortest: Option<Duration>) -> Self {
        Self { state: shortest, ..self }
    }

    /// A tick that is small beside every limit, and neither busy nor blind.
    pub(crate) fn tick(&self) -> Duration {
        let shortest =
            [self.first_request, self.idle, self.frame, self.write, self.state].into_iter().flatten().min();
        let tick = shortest.unwrap_or(Duration::MAX) / 8;
        tick.clamp(Duration::from_millis(5), MAX_TICK)
    }
}

/// How much may wait in each session.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) responses: usize,
    /// What they may weigh.
    pub(crate) scales: Option<Scales>,
    pub(crate) events: usize,
    /// Where large frames are decoded, if not on the loop.
    pub(crate) decode_on: Option<DecodeOn>,
}

/// How heavy responses are, and may be together. Their type is forgotten: a server is nobody's before it has a service.
#[derive(Clone)]
pub(crate) struct Scales {
    most: usize,
    weigh: Arc<dyn Any + Send + Sync>,
}

type Weigh<Rsp> = Box<dyn Fn(&Rsp) -> usize + Send + Sync>;

impl Scales {
    pub(crate) fn new<Rsp: 'static>(
        most: usize,
        weigh: impl Fn(&Rsp) -> usize + Send + Sync + 'static,
    ) -> Self {
        let weigh: Weigh<Rsp> = Box::new(weigh);
        Self { most, weigh: Arc::new(weigh) }
    }

    /// What a response weighs, and what all may that wait.
    pub(super) fn weigh<Rsp: 'static>(&self, response: &Rsp) -> Option<(usize, usize)> {
        let weigh = self.weigh.downcast_ref::<Weigh<Rsp>>()?;
        Some((weigh(response), self.most))
    }
}

impl fmt::Debug for Scales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scales").field("most", &self.most).finish_non_exhaustive()
    }
}

/// The coarse clock is behind by no more.
const MAX_TICK: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Watch {
    phase: AtomicU8,
    began: Instant,
    /// Whole milliseconds since then, as of the last tick.
    now: AtomicU64,
    limits: Limits,
    bounds: Bounds,
    /// How many bytes unfinished frames hold.
    unfinished: AtomicUsize,
}

impl Watch {
    pub(crate) fn new(limits: Limits, bounds: Bounds) -> Self {
        Self {
            phase: AtomicU8::new(0),
            began: Instant::now(),
            now: AtomicU64::new(0),
            limits,
            bounds,
            unfinished: AtomicUsize::new(0),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Unfinished frames hold so many bytes more; `false` if that is too much.
    #[must_use]
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let held = self.unfinished.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.limits.unfinished.is_none_or(|most| held <= most)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.unfinished.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Stopping,
            2 => Phase::Cancelling,
            _ => Phase::Abandoning,
        }
    }

    /// The caller wakes the sessions afterwards; see [`Hub::advance`](super::hub::Hub::advance).
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Moves the clock to where the time is.
    pub(super) fn tick(&self) {
        self.now.store(self.time(), Ordering::Relaxed);
    }

    /// Whether the clock should have been moved long ago.
    pub(super) fn is_late(&self) -> bool {
        self.time().saturating_sub(self.now()) > millis(2 * MAX_TICK)
    }

    /// What the clock would show if it were moved now.
    pub(super) fn time(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// The point at which `limit`, counted from now, has surely passed. Never zero, which stands for "no deadline".
    pub(super) fn after(&self, limit: Duration) -> u64 {
        self.time().saturating_add(millis(limit)).saturating_add(1)
    }
}

/// A coarse point of the watch's clock in two bytes, which an idle session has to spare. It comes round after more than an
/// hour: an old stamp may then look like a fresh one, for about two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(u16);

impl Stamp {
    /// In milliseconds. Zero stands for "never".
    const UNIT: u64 = 64;

    fn units(millis: u64) -> u16 {
        // Cut off: the stamp comes round.
        ((millis / Self::UNIT) as u16).max(1)
    }

    /// A point of the coarse clock, which may be behind by one tick.
    pub(super) fn at(now: u64) -> Self {
        Self(Self::units(now))
    }

    /// Whether the stamp is no older than `age`, give or take a tick.
    pub(super) fn is_within(self, age: Duration, now: u64) -> bool {
        let age = Self::units(millis(age + MAX_TICK)) + 1;
        self.0 != 0 && Self::units(now).wrapping_sub(self.0) <= age
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
