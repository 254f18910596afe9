//! [`ServerShared`]: what all sessions of a server share: how far its stop has come, the clock, and the limits.
//!
//! Deadlines cost a session one word. A session arms a point of the server's coarse clock. One task of the
//! server moves the clock and wakes the sessions whose point has passed. A deadline is late by at most one tick, and never
//! early: it is counted from the time itself, because the clock stands still while the loop is blocked.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::pool::Pool;
use crate::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// How far the server's stop has come. Only ever goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShutdownPhase {
    /// Sessions are served.
    Running,
    /// Idle sessions end; those at work finish.
    Draining,
    /// The grace is over: handlers are dropped, `on(disconnect)` runs.
    Cancelling,
    /// Even `on(disconnect)` is dropped.
    Aborting,
}

/// Time limits of a session; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionLimits {
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

impl SessionLimits {
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

/// How much may wait in each session, and where large frames are decoded.
#[derive(Clone, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) responses: usize,
    /// What the waiting responses may weigh together.
    pub(crate) response_weight: Option<WeightLimit>,
    pub(crate) events: usize,
    /// Where large frames are decoded, if not on the loop.
    pub(crate) decode_on: Option<DecodeOn>,
}

/// What a response weighs, and what all that wait may weigh together. The type of the responses is erased, because the options of
/// a server do not name its service.
#[derive(Clone)]
pub(crate) struct WeightLimit {
    max: usize,
    weigh: Arc<dyn Any + Send + Sync>,
}

type Weigh<Rsp> = Box<dyn Fn(&Rsp) -> usize + Send + Sync>;

impl WeightLimit {
    pub(crate) fn new<Rsp: 'static>(
        max: usize,
        weigh: impl Fn(&Rsp) -> usize + Send + Sync + 'static,
    ) -> Self {
        let weigh: Weigh<Rsp> = Box::new(weigh);
        Self { max, weigh: Arc::new(weigh) }
    }

    /// What a response weighs, and what all may that wait.
    pub(super) fn weigh<Rsp: 'static>(&self, response: &Rsp) -> Option<(usize, usize)> {
        let weigh = self.weigh.downcast_ref::<Weigh<Rsp>>()?;
        Some((weigh(response), self.max))
    }
}

impl fmt::Debug for WeightLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightLimit").field("max", &self.max).finish_non_exhaustive()
    }
}

/// Frames of more than `above` bytes are decoded on `pool`.
#[derive(Clone, Debug)]
pub(crate) struct DecodeOn {
    pub(crate) pool: Pool,
    pub(crate) above: usize,
}

/// The coarse clock is behind by no more.
pub(crate) const MAX_TICK: Duration = Duration::from_millis(500);

/// What all sessions of a server share.
#[derive(Debug)]
pub(crate) struct ServerShared {
    phase: AtomicU8,
    began: Instant,
    /// Whole milliseconds since then, as of the last tick.
    now: AtomicU64,
    limits: SessionLimits,
    queue_limits: QueueLimits,
    /// How many bytes unfinished frames hold.
    unfinished: AtomicUsize,
}

impl ServerShared {
    pub(crate) fn new(limits: SessionLimits, queue_limits: QueueLimits) -> Self {
        Self {
            phase: AtomicU8::new(0),
            began: Instant::now(),
            now: AtomicU64::new(0),
            limits,
            queue_limits,
            unfinished: AtomicUsize::new(0),
        }
    }

    pub(crate) fn limits(&self) -> &SessionLimits {
        &self.limits
    }

    pub(crate) fn queue_limits(&self) -> &QueueLimits {
        &self.queue_limits
    }

    /// Unfinished frames hold so many bytes more; `false` if that is too much.
    #[must_use]
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        let held = self.unfinished.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.limits.unfinished.is_none_or(|max| held <= max)
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.unfinished.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> ShutdownPhase {
        match self.phase.load(Ordering::Acquire) {
            0 => ShutdownPhase::Running,
            1 => ShutdownPhase::Draining,
            2 => ShutdownPhase::Cancelling,
            _ => ShutdownPhase::Aborting,
        }
    }

    /// Moves on to `phase`. The caller wakes the sessions after that.
    pub(crate) fn set_phase(&self, phase: ShutdownPhase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Moves the clock to where the time is.
    pub(crate) fn tick(&self) {
        self.now.store(self.time(), Ordering::Relaxed);
    }

    /// Whether the clock should have been moved long ago.
    pub(crate) fn is_late(&self) -> bool {
        self.time().saturating_sub(self.now()) > millis(2 * MAX_TICK)
    }

    /// What the clock would show if it were moved now.
    pub(crate) fn time(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// The point at which `limit`, counted from now, has surely passed. Never zero, which stands for "no deadline".
    pub(crate) fn deadline_after(&self, limit: Duration) -> u64 {
        self.time().saturating_add(millis(limit)).saturating_add(1)
    }
}

/// In whole milliseconds, the unit of the clock.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
