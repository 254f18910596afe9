//! A job with its types forgotten, from several sides.
//!
//! | trait | held by |
//! |---|---|
//! | [`Job`] | drains, scopes and timers: they observe a job and may interrupt it |
//! | [`Host`] | [`Worker`](crate::Worker), portal, channel and host task: the two ends of a wait |
//! | [`HandedOff`] | a worker that waits, of a job that its thread runs meanwhile |
//! | `QueuedJob` in `pool` | the job queue and the pool's threads |

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::error::Interrupted;
use crate::hooks::Hooks;
use crate::host_call::BoxCall;
use crate::report::{RunningJob, WaitsAt};
use crate::scope::Scope;
use crate::spawn::{BoxTask, Executor};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;
use crate::values::ContextValues;

/// The deepest that loop and pool may call each other (O9).
pub(crate) const MAX_DEPTH: u32 = 64;

/// How many functions of one job may wait for the loop whose results no thread waits for.
pub(crate) const MAX_QUEUED_CALLS: usize = if cfg!(portcullis_loom) { 1 } else { 16_384 };

/// The number of a pool. A job knows its pool by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolId(NonZeroUsize);

impl PoolId {
    /// A number that no pool has had.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Self(NonZeroUsize::new(NEXT.fetch_add(1, Relaxed)).unwrap_or(NonZeroUsize::MIN))
    }
}

/// The number of the estimate that the jobs of one call site share, in their pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EstimateId(pub(crate) u16);

/// What a job is expected to take, by the estimate when it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// The expected run time. It is added to the queue's work and subtracted again, so it must not
    /// change in between.
    pub(crate) micros: u32,
    pub(crate) estimate: EstimateId,
}

/// A lane's key, hashed. Two keys that meet in one number share a lane, which is slower and still
/// right.
pub(crate) type LaneKey = u64;

/// Why a job was cancelled. The first reason is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CancelReason {
    /// Its `Offload` was dropped.
    Dropped = 1,
    Deadline = 2,
    Shed = 3,
    /// A drain ran out of time.
    Drained = 4,
    /// Its pool has no thread, and the system gives it none.
    NoThread = 5,
    /// It waited for too long in a queue that limits the delay.
    Overloaded = 6,
}

impl CancelReason {
    #[inline]
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        if code == 0 {
            return None;
        }
        [Self::Dropped, Self::Deadline, Self::Shed, Self::Drained, Self::NoThread, Self::Overloaded]
            .into_iter()
            .find(|why| *why as u8 == code)
    }

    /// The error of the job's caller, or of the job itself. `began`: see [`Interrupted::began`].
    pub(crate) fn to_interrupted(self, began: bool) -> Interrupted {
        match self {
            Self::Dropped | Self::Drained => Interrupted::Cancelled { began },
            Self::Deadline => Interrupted::Deadline { began },
            Self::Shed => Interrupted::Shed,
            Self::NoThread => Interrupted::Full,
            Self::Overloaded => Interrupted::Overloaded { retry_after: Duration::ZERO },
        }
    }

    /// The error of a worker's call to its host: if the job was dropped, its host is dropped too.
    pub(crate) fn to_call_error(self) -> Interrupted {
        match self {
            Self::Dropped => Interrupted::Abandoned,
            other => other.to_interrupted(true),
        }
    }
}

/// What is fixed about a job from its call on.
pub(crate) struct JobMeta {
    pub(crate) name: &'static str,
    /// `None`: a thread that no pool owns (`Portal::enter_thread`).
    pub(crate) pool: Option<PoolId>,
    pub(crate) submitted_at: Instant,
    pub(crate) charge: Charge,
    /// The server that the caller belongs to.
    pub(crate) scope: Option<Arc<Scope>>,
    /// What the caller had set with `context!`.
    pub(crate) values: Option<Arc<ContextValues>>,
    /// The loop that was current at the call, for tasks of a job that belongs to no server.
    pub(crate) executor: Executor,
    /// Boxed, because most jobs have none of it, and a small cell moves faster between cores.
    pub(crate) rare: Option<Box<RareMeta>>,
}

/// What is fixed about few jobs.
#[derive(Default)]
pub(crate) struct RareMeta {
    pub(crate) deadline: Option<Instant>,
    /// The job never runs if it has not begun by then.
    pub(crate) starts_by: Option<Instant>,
    /// When the job was made, by the clock of its deadline; `None` if that is `submitted_at`.
    pub(crate) called_at: Option<Instant>,
    /// Jobs of one lane run one after the other.
    pub(crate) lane: Option<LaneKey>,
    /// The job on whose behalf the call was made: its thread waits, or will.
    pub(crate) parent: ParentLink,
    /// Of a thread that entered through a portal: the job that stands for the portal itself.
    pub(crate) portal_root: Option<Arc<dyn Host>>,
    /// What a test observes.
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
}

/// The way up the chain of jobs that wait for each other.
#[derive(Default)]
pub(crate) struct ParentLink(Option<Mutex<Option<Arc<dyn Host>>>>);

impl ParentLink {
    #[inline]
    pub(crate) fn new(host: Option<Arc<dyn Host>>) -> Self {
        Self(host.map(|host| Mutex::new(Some(host))))
    }

    /// The nearest job up the chain that has not ended. Jobs that have ended wait for nothing and
    /// are removed from the chain, so a relay of jobs, each of which starts the next, keeps no
    /// memory.
    pub(crate) fn nearest_running(&self) -> Option<Arc<dyn Host>> {
        let nearest = self.0.as_ref()?;
        loop {
            let job = nearest.lock().clone()?;
            if !job.is_finished() {
                return Some(job);
            }
            let above = job.meta().parent().nearest_running();
            *nearest.lock() = above;
        }
    }

    /// The deadline that a job on behalf of this one inherits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let parent = self.nearest_running()?;
        if parent.is_committed() { None } else { parent.meta().deadline() }
    }

    /// How many jobs up the chain wait.
    pub(crate) fn depth(&self) -> u32 {
        std::iter::successors(self.nearest_running(), |job| job.meta().parent().nearest_running())
            .map(|_| 1)
            .sum()
    }

    /// Whether a job up the chain is in this lane of `pool`: what is done on its behalf is part of
    /// it.
    pub(crate) fn holds_lane(&self, pool: PoolId, lane: LaneKey) -> bool {
        std::iter::successors(self.nearest_running(), |job| job.meta().parent().nearest_running()).any(
            |job| {
                let meta = job.meta();
                meta.lane() == Some(lane) && meta.pool == Some(pool)
            },
        )
    }

    /// The nearest job up the chain that holds a thread of `pool`.
    pub(crate) fn waiting_ancestor(&self, pool: PoolId) -> Option<Arc<dyn Host>> {
        std::iter::successors(self.nearest_running(), |job| job.meta().parent().nearest_running())
            .find(|job| job.meta().pool == Some(pool))
    }
}

impl JobMeta {
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.rare.as_ref().and_then(|rare| rare.deadline)
    }

    /// The deadline of the job's start.
    #[inline]
    pub(crate) fn starts_by(&self) -> Option<Instant> {
        self.rare.as_ref().and_then(|rare| rare.starts_by)
    }

    /// Whether a deadline, which the job has inherited as a rule, had passed when the job was made.
    #[inline]
    pub(crate) fn is_late_at_call(&self) -> bool {
        let Some(rare) = &self.rare else { return false };
        [rare.deadline, rare.starts_by]
            .into_iter()
            .flatten()
            .min()
            .is_some_and(|first| first <= self.called_at())
    }

    /// When the job was made, by the clock of its deadline.
    pub(crate) fn called_at(&self) -> Instant {
        self.rare.as_ref().and_then(|rare| rare.called_at).unwrap_or(self.submitted_at)
    }

    #[inline]
    pub(crate) fn lane(&self) -> Option<LaneKey> {
        self.rare.as_ref().and_then(|rare| rare.lane)
    }

    pub(crate) fn parent(&self) -> &ParentLink {
        static NO_PARENT: ParentLink = ParentLink(None);
        self.rare.as_ref().map_or(&NO_PARENT, |rare| &rare.parent)
    }

    /// Whether it stands for a thread that entered through the portal of this root job.
    pub(crate) fn entered_through(&self, portal_root: &Arc<dyn Host>) -> bool {
        let theirs = self.rare.as_ref().and_then(|rare| rare.portal_root.as_ref());
        theirs.is_some_and(|theirs| Arc::ptr_eq(theirs, portal_root))
    }

    /// What a test observes.
    #[inline]
    pub(crate) fn hooks(&self) -> Option<&Arc<dyn Hooks>> {
        self.rare.as_ref().and_then(|rare| rare.hooks.as_ref())
    }

    /// Tells the hooks, if there are any.
    #[inline]
    pub(crate) fn notify(&self, event: impl FnOnce(&(dyn Hooks + 'static))) {
        if let Some(hooks) = self.hooks() {
            event(&**hooks);
        }
    }
}

/// What a worker asks its host to do.
pub(crate) enum HostRequest {
    /// Poll this to its end and complete the call with it; the worker waits.
    Call(BoxCall),
    /// Poll this once: it is a function, and no thread waits for it.
    CallSoon(BoxCall),
}

/// What a host task does next.
pub(crate) enum HostTaskStep {
    Run(HostRequest),
    /// Stay, so that the end of its executor ends the worker's wait. The waker is registered.
    Stay,
    /// End. The next request gets a new host task.
    End,
}

/// A job, or a thread that entered through a portal: one allocation, observed.
pub(crate) trait Job: Any + Send + Sync {
    fn meta(&self) -> &JobMeta;
    fn as_any(&self) -> &dyn Any;
    fn into_job(self: Arc<Self>) -> Arc<dyn Job>;
    fn cancel_reason(&self) -> Option<CancelReason>;
    /// The body has returned, or never will run.
    fn is_finished(&self) -> bool;
    /// Interrupts the job, queued or running, for its caller and its thread. The first reason is
    /// kept.
    fn interrupt(&self, why: CancelReason);
    /// For a report.
    fn describe_running(&self) -> RunningJob;
}

/// A job as its worker and its host see it: the two ends of a call.
pub(crate) trait Host: Job {
    // Called by the worker. `this` is this job.

    /// Waits until the host has polled `call` to its end. `at`: where, for the reports.
    fn call_host(
        &self,
        this: &Arc<dyn Host>,
        call: BoxCall,
        at: &'static Location<'static>,
    ) -> Result<BoxCall, Interrupted>;
    /// Has the host poll `call`, which is ready at its first poll, and does not wait for it. Gives
    /// it back if [`MAX_QUEUED_CALLS`] wait already.
    fn call_host_soon(&self, this: &Arc<dyn Host>, call: BoxCall) -> Result<Option<BoxCall>, Interrupted>;
    /// Blocks the worker's thread for `time`, or until the job is cancelled. `at`: where, for the
    /// reports.
    fn sleep(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted>;
    /// Blocks the worker's thread until `done`, which is called again after each `notify_worker`,
    /// or until the job is cancelled. `at`: where, for the reports.
    fn park(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted>;
    /// As `park`, between two polls of a future: until `is_woken`, or until the runtime of a job
    /// that no task awaits was shut down. Runs a job that was handed off to this thread also if
    /// `is_woken` is set already.
    fn park_until_woken(
        &self,
        this: &Arc<dyn Host>,
        at: &'static Location<'static>,
        is_woken: &AtomicBool,
    ) -> Result<(), Interrupted>;
    /// Makes a worker that is parked check its condition again.
    fn notify_worker(&self);
    /// Makes the job one that nothing interrupts; the reason if it was interrupted before.
    fn commit(&self) -> Result<(), Interrupted>;
    /// Whether [`commit`](Self::commit) has succeeded.
    fn is_committed(&self) -> bool;
    /// Runs `job` on this job's thread as soon as that is parked; gives it back if the worker does
    /// not park any more.
    fn hand_off(&self, job: Arc<dyn HandedOff>) -> Result<(), Arc<dyn HandedOff>>;

    /// Has the host poll `task`, which polls the calls of a job that runs on this job's thread
    /// while this job waits.
    fn serve(&self, task: BoxTask) -> Result<(), Interrupted>;

    // Called by the host.

    /// For a host task: what to do next.
    fn next_step(&self, waker: &Waker) -> HostTaskStep;
    fn complete_call(&self, call: BoxCall);
    /// Whether the job was interrupted, so that its worker waits for no call. If not, `waker` is
    /// woken when it is.
    fn poll_interrupted(&self, waker: &Waker) -> bool;
    /// The host task was dropped before its end; `has_call`: with a call that the worker waits for.
    fn host_task_dropped(&self, has_call: bool);
}

/// A job that runs on the thread of another one, which waits for it.
pub(crate) trait HandedOff: Send + Sync {
    /// Claims the job and runs it on this thread, as long as `waiting`, which has the thread,
    /// waits; nothing if the job was cancelled.
    fn run_handed_off(self: Arc<Self>, waiting: &JobMeta);
    /// Goes back to the queue that the job came for.
    fn requeue(self: Arc<Self>);
}
