//! [`ServerShared`]: what all sessions of a server share: how far its stop has come, the clock, and the limits.
//!
//! Deadlines cost a session one word. A session arms a point of the server's coarse clock. One task
//! of the server moves the clock and wakes the sessions whose point has passed. A deadline is late
//! by at most one tick, and never early: it is counted from the time itself, because the clock
//! stands still while the loop is blocked.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Stopping;

use portcullis_runtime::Pool;
use portcullis_runtime::internal::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// How far the server's stop has come. Only ever goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownPhase {
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
pub struct SessionLimits {
    /// From the connection to the first request.
    pub first_request: Option<Duration>,
    /// From one request to the next.
    pub idle: Option<Duration>,
    /// Until the peer has read what is written.
    pub write: Option<Duration>,
    /// From the first byte of a frame to its end.
    pub frame: Option<Duration>,
    /// A frame gets one more second for each of this many bytes.
    pub frame_rate: u64,
    /// How many bytes unfinished frames may hold, in all sessions together.
    pub unfinished: Option<usize>,
    /// The shortest of the service's states.
    pub state: Option<Duration>,
    /// How long a connection that is being closed may linger.
    pub linger: Duration,
}

impl SessionLimits {
    /// The same, with the shortest time limit of the states of a service.
    #[inline]
    pub fn with_states(self, shortest: Option<Duration>) -> Self {
        Self { state: shortest, ..self }
    }

    /// A tick that is small beside every limit, and neither busy nor blind.
    #[inline]
    pub fn tick(&self) -> Duration {
        let shortest =
            [self.first_request, self.idle, self.frame, self.write, self.state].into_iter().flatten().min();
        let tick = shortest.unwrap_or(Duration::MAX) / TICKS_PER_LIMIT;
        tick.clamp(Duration::from_millis(5), MAX_TICK)
    }
}

/// How much may wait in each session, and where large frames are decoded.
#[derive(Clone, Debug)]
pub struct QueueLimits {
    /// How many responses may wait.
    pub responses: usize,
    /// What the waiting responses may weigh together.
    pub response_weight: Option<WeightLimit>,
    /// How many bytes of responses may be encoded and not written while requests go on being
    /// handled.
    pub unwritten: usize,
    /// How many events may wait.
    pub events: usize,
    /// Where large frames are decoded, if not on the loop.
    pub decode_on: Option<DecodeOn>,
}

/// What a response weighs, and what all that wait may weigh together. The type of the responses is
/// erased, because the options of a server do not name its service.
#[derive(Clone)]
pub struct WeightLimit {
    max: usize,
    weigh: Arc<dyn Any + Send + Sync>,
}

type Weigh<Rsp> = Box<dyn Fn(&Rsp) -> usize + Send + Sync>;

impl WeightLimit {
    /// `weigh` is called for each response; together they weigh at most `max`.
    #[inline]
    pub fn new<Rsp: 'static>(max: usize, weigh: impl Fn(&Rsp) -> usize + Send + Sync + 'static) -> Self {
        let weigh: Weigh<Rsp> = Box::new(weigh);
        Self { max, weigh: Arc::new(weigh) }
    }

    /// What a response weighs, and what all may that wait.
    #[inline]
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
pub struct DecodeOn {
    /// Where they are decoded.
    pub pool: Pool,
    /// Frames of at most this many bytes are decoded on the loop.
    pub above: usize,
}

/// The coarse clock is late by no more than this.
pub const MAX_TICK: Duration = Duration::from_millis(500);

/// Limits that are chosen at run time, perhaps by a peer, make the clock no finer than this: each
/// tick looks at every session.
const MIN_TICK_AT_RUN_TIME: Duration = Duration::from_millis(50);

/// How many ticks the shortest limit has. A limit may be late by one.
const TICKS_PER_LIMIT: u32 = 8;

/// For a limit of this length, no clock is too coarse.
const COARSEST_LIMIT: Duration = MAX_TICK.saturating_mul(TICKS_PER_LIMIT);

/// What all sessions of a server share.
#[derive(Debug)]
pub struct ServerShared {
    phase: AtomicU8,
    began: Instant,
    /// Whole milliseconds since then, as of the last tick.
    now: AtomicU64,
    /// In milliseconds.
    tick: AtomicU64,
    limits: SessionLimits,
    queue_limits: QueueLimits,
    /// How many bytes unfinished frames hold.
    unfinished: AtomicUsize,
    stopping: Stopping,
    /// [`Service::state_name`](crate::Service::state_name).
    state_name: fn(u16) -> &'static str,
}

impl ServerShared {
    /// The clock begins now. `stopping` is the server's stop.
    #[inline]
    pub fn new(limits: SessionLimits, queue_limits: QueueLimits, stopping: Stopping) -> Self {
        Self {
            phase: AtomicU8::new(0),
            began: Instant::now(),
            now: AtomicU64::new(0),
            tick: AtomicU64::new(millis(limits.tick())),
            limits,
            queue_limits,
            unfinished: AtomicUsize::new(0),
            stopping,
            state_name: |_| "",
        }
    }

    /// The same, for sessions with states.
    #[inline]
    pub fn with_state_names(self, state_name: fn(u16) -> &'static str) -> Self {
        Self { state_name, ..self }
    }

    /// The name of the state with this index; empty if there are no states.
    #[inline]
    pub fn state_name(&self, index: u16) -> &'static str {
        (self.state_name)(index)
    }

    /// The beginning of the server's stop.
    #[inline]
    pub fn stopping(&self) -> &Stopping {
        &self.stopping
    }

    /// The time limits of sessions.
    #[inline]
    pub fn limits(&self) -> &SessionLimits {
        &self.limits
    }

    /// The limits of their queues.
    #[inline]
    pub fn queue_limits(&self) -> &QueueLimits {
        &self.queue_limits
    }

    /// Adds to the bytes that unfinished frames hold; `false` if that exceeds the limit.
    #[must_use]
    #[inline]
    pub fn hold(&self, bytes: usize) -> bool {
        let held = self.unfinished.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.limits.unfinished.is_none_or(|max| held <= max)
    }

    /// Returns whether `bytes` more would leave half of the memory of unfinished frames to others.
    #[inline]
    pub fn has_spare_memory(&self, bytes: usize) -> bool {
        let held = self.unfinished.load(Ordering::Relaxed).saturating_add(bytes);
        self.limits.unfinished.is_none_or(|max| held <= max / 2)
    }

    /// Subtracts from the bytes that unfinished frames hold.
    #[inline]
    pub fn give_back(&self, bytes: usize) {
        self.unfinished.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How far the stop has come.
    #[inline]
    pub fn phase(&self) -> ShutdownPhase {
        match self.phase.load(Ordering::Acquire) {
            0 => ShutdownPhase::Running,
            1 => ShutdownPhase::Draining,
            2 => ShutdownPhase::Cancelling,
            _ => ShutdownPhase::Aborting,
        }
    }

    /// Moves on to `phase`. The caller wakes the sessions after that.
    #[inline]
    pub fn set_phase(&self, phase: ShutdownPhase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// What the clock shows.
    #[inline]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The time between two ticks of the clock.
    #[inline]
    pub fn tick_interval(&self) -> Duration {
        Duration::from_millis(self.tick.load(Ordering::Relaxed))
    }

    /// Makes the clock fine enough for a limit that was chosen at run time.
    #[inline]
    pub fn refine_tick(&self, limit: Duration) {
        // A comparison with a constant is cheaper than a division for each wait.
        if limit >= COARSEST_LIMIT {
            return;
        }
        let tick = millis((limit / TICKS_PER_LIMIT).max(MIN_TICK_AT_RUN_TIME));
        if tick < self.tick.load(Ordering::Relaxed) {
            self.tick.fetch_min(tick, Ordering::Relaxed);
        }
    }

    /// Moves the clock to where the time is.
    #[inline]
    pub fn tick(&self) {
        self.now.store(self.time(), Ordering::Relaxed);
    }

    /// Whether the clock should have been moved long ago.
    #[inline]
    pub fn is_clock_late(&self) -> bool {
        self.time().saturating_sub(self.now()) > millis(2 * MAX_TICK)
    }

    /// What the clock would show if it were moved now.
    #[inline]
    pub fn time(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// The point at which `limit`, counted from now, has surely passed. Never zero, which stands
    /// for "no deadline".
    #[inline]
    pub fn deadline_after(&self, limit: Duration) -> u64 {
        self.time().saturating_add(millis(limit)).saturating_add(1)
    }
}

/// In whole milliseconds, the unit of the clock.
#[inline]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
