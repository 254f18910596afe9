//! [`Job`]: what the line, the worker, the drain and the portal need to know of a job, its types forgotten.

use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::activity::Activity;
use crate::crossing::BoxCall;
use crate::error::{Interrupted, contained};
use crate::pool::{LaneKey, Place, PoolId};
use crate::scope::Scope;
use crate::spawn::{BoxTask, Spawn};
use crate::sync::Mutex;
use crate::values::Values;
use crate::worker::Worker;

/// The deepest that loop and pool may call each other (O9).
pub(crate) const MAX_DEPTH: u32 = 64;

/// Why a job was told to stop. The first reason stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Why {
    /// Its `Offload` was dropped.
    Dropped = 1,
    Deadline = 2,
    Shed = 3,
    /// A drain ran out of time.
    Drained = 4,
    /// Its pool has no thread, and the system gives it none.
    NoThread = 5,
}

impl Why {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Dropped, Self::Deadline, Self::Shed, Self::Drained, Self::NoThread]
            .into_iter()
            .find(|why| *why as u8 == code)
    }

    /// How the job itself and its caller hear of it.
    pub(crate) fn told(self) -> Interrupted {
        match self {
            Self::Dropped | Self::Drained => Interrupted::Cancelled,
            Self::Deadline => Interrupted::Deadline,
            Self::Shed => Interrupted::Shed,
            Self::NoThread => Interrupted::Full,
        }
    }

    /// How a worker that waits for the loop hears of it: nobody is left to answer a dropped job.
    pub(crate) fn told_while_waiting(self) -> Interrupted {
        match self {
            Self::Dropped => Interrupted::Abandoned,
            other => other.told(),
        }
    }
}

/// What is fixed about a job from its call on.
pub(crate) struct About {
    pub(crate) method: &'static str,
    /// `None`: a thread that no pool owns, on a visit (`Portal::enter_thread`).
    pub(crate) pool: Option<PoolId>,
    pub(crate) called: Instant,
    /// The server that the caller belongs to.
    pub(crate) scope: Option<Arc<Scope>>,
    /// What the caller had set with `context!`.
    pub(crate) values: Option<Arc<Values>>,
    /// The loop that was current at the call, for tasks of a job that belongs to no server.
    pub(crate) home: Home,
    /// Boxed, since the cell travels from core to core and mostly has nothing of it.
    pub(crate) special: Option<Box<Special>>,
    /// What it does now, for tests.
    pub(crate) activity: Activity,
}

/// What is fixed about few jobs.
#[derive(Default)]
pub(crate) struct Special {
    pub(crate) deadline: Option<Instant>,
    /// Jobs of one lane run one after the other.
    pub(crate) lane: Option<LaneKey>,
    /// The job on whose behalf the call was made: its thread waits, or will.
    pub(crate) parent: Parent,
    /// Of a visit: the desk of the portal that it came through.
    pub(crate) desk: Option<Arc<dyn Job>>,
}

/// The way up the chain of jobs that wait for each other.
#[derive(Default)]
pub(crate) struct Parent(Option<Mutex<Option<Arc<dyn Job>>>>);

impl Parent {
    #[inline]
    pub(crate) fn new(host: Option<Arc<dyn Job>>) -> Self {
        Self(host.map(|host| Mutex::new(Some(host))))
    }

    /// The nearest job up the chain that has not ended. Those that have wait for nothing and are let go: a relay of
    /// jobs, each started by the one before, is no descent and keeps nobody's memory.
    pub(crate) fn live(&self) -> Option<Arc<dyn Job>> {
        let nearest = self.0.as_ref()?;
        loop {
            let job = nearest.lock().clone()?;
            if !job.is_over() {
                return Some(job);
            }
            let above = job.about().parent().live();
            *nearest.lock() = above;
        }
    }

    /// How many jobs up the chain wait.
    pub(crate) fn depth(&self) -> u32 {
        std::iter::successors(self.live(), |job| job.about().parent().live()).map(|_| 1).sum()
    }

    /// Whether a job up the chain is in this lane of `pool`: what is done on its behalf is part of it.
    pub(crate) fn holds(&self, pool: PoolId, lane: LaneKey) -> bool {
        std::iter::successors(self.live(), |job| job.about().parent().live()).any(|job| {
            let about = job.about();
            about.lane() == Some(lane) && about.pool == Some(pool)
        })
    }

    /// The nearest job up the chain that holds a thread of `pool`.
    pub(crate) fn lender(&self, pool: PoolId) -> Option<Arc<dyn Job>> {
        std::iter::successors(self.live(), |job| job.about().parent().live())
            .find(|job| job.about().pool == Some(pool))
    }
}

/// Where tasks of a job run that belongs to no server.
#[derive(Clone)]
pub(crate) enum Home {
    Nowhere,
    Tokio(tokio::runtime::Handle),
    Given(Arc<dyn Spawn>),
}

impl Home {
    /// Makes a tokio runtime current on this thread for as long as the guard lives.
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered(match self {
            Self::Tokio(handle) => Some(handle.enter()),
            Self::Nowhere | Self::Given(_) => None,
        })
    }

    /// Whether [`enter`](Self::enter) would make no difference where `self` is entered.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tokio(this), Self::Tokio(that)) => this.id() == that.id(),
            (Self::Tokio(_), _) | (_, Self::Tokio(_)) => false,
            _ => true,
        }
    }

    /// The tokio runtime that is current here, if any.
    #[inline]
    pub(crate) fn here() -> Self {
        tokio::runtime::Handle::try_current().map_or(Self::Nowhere, Self::Tokio)
    }
}

/// A thread is in its job's runtime until this goes.
pub(crate) struct Entered<'a>(Option<tokio::runtime::EnterGuard<'a>>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // tokio panics here if the job has entered a runtime and not left it, which must not cost the thread.
        contained("leaving a runtime", || drop(self.0.take()));
    }
}

impl About {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.special.as_ref().and_then(|special| special.deadline)
    }

    pub(crate) fn lane(&self) -> Option<LaneKey> {
        self.special.as_ref().and_then(|special| special.lane)
    }

    pub(crate) fn parent(&self) -> &Parent {
        static NOBODY: Parent = Parent(None);
        self.special.as_ref().map_or(&NOBODY, |special| &special.parent)
    }

    /// Whether it came in through the portal with this desk.
    pub(crate) fn is_visit_by(&self, desk: &Arc<dyn Job>) -> bool {
        let theirs = self.special.as_ref().and_then(|special| special.desk.as_ref());
        theirs.is_some_and(|theirs| Arc::ptr_eq(theirs, desk))
    }

    /// Runs `task` for this job: in its server, else on the loop that was current at the call.
    /// `at`: where the user's code has spawned it, for the reports; none if it is one of our own.
    pub(crate) fn spawn(
        &self,
        task: BoxTask,
        at: Option<&'static Location<'static>>,
    ) -> Result<(), Interrupted> {
        match (&self.scope, &self.home) {
            (Some(scope), _) => scope.spawn(task, at),
            (None, Home::Tokio(handle)) => Spawn::spawn(handle, task),
            (None, Home::Given(spawner)) => spawner.spawn(task),
            (None, Home::Nowhere) => Err(Interrupted::NoLoop),
        }
    }
}

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The loop, to run a future to its end: `.wait(worker)`, `worker.call(..)`.
    Loop,
    /// The receiver of a [`channel`](crate::channel()), to make room: [`Sender::send`](crate::Sender::send).
    Room,
    /// Time to pass: [`Worker::sleep`](crate::Worker::sleep).
    Time,
}

/// A place in the user's code where a worker waits, and for what.
pub(crate) type WaitsAt = (&'static Location<'static>, WaitsFor);

/// Where a job stands, for a drain's report.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StuckJob {
    /// The method, as `Type::method`, or the name given to [`Pool::job`](crate::Pool::job).
    pub method: &'static str,
    /// The pool's name.
    pub pool: String,
    /// Time since the call.
    pub age: Duration,
    /// Where the job waits, if it waits in a function of this crate; else it runs code of its own.
    pub waits_at: Option<&'static Location<'static>>,
    /// What it waits for there.
    pub waits_for: Option<WaitsFor>,
    /// The job waits in a crossing for an `Offload` that is held but that nobody polls (P8).
    pub unpolled: bool,
}

impl std::fmt::Display for StuckJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` on pool `{}` for {:?}", self.method, self.pool, self.age)?;
        match self.waits_at {
            Some(at) if self.unpolled => write!(f, ", waiting at {at} for an offload that nobody polls"),
            Some(at) => match self.waits_for {
                Some(WaitsFor::Room) => write!(f, ", waiting for room in a channel at {at}"),
                Some(WaitsFor::Time) => write!(f, ", sleeping at {at}"),
                Some(WaitsFor::Loop) | None => write!(f, ", waiting for the loop at {at}"),
            },
            None => f.write_str(", running"),
        }
    }
}

/// What a worker asks its host to do.
pub(crate) enum Errand {
    /// Poll this to its end and answer with it; the worker waits.
    Asked(BoxCall),
    /// Poll this once, it is a function; nobody waits.
    Soon(BoxCall),
}

/// What is left of a job that ran.
#[derive(Default)]
pub(crate) struct Ran {
    /// To be woken when the thread has let go of the job.
    pub(crate) caller: Option<Waker>,
    /// When the body ended, if the thread went straight on from there.
    pub(crate) ended: Option<Instant>,
}

/// A job, or a visit, with its types forgotten: one allocation seen from several sides.
pub(crate) trait Job: Send + Sync {
    fn about(&self) -> &About;

    // In the line.

    /// Takes the job for running; once, and never after an interrupt.
    fn claim(&self) -> bool;
    fn is_dead(&self) -> bool;
    /// Enters the line (or comes back to it from a thread it was lent to); `false` if it is dead already.
    fn line_up(&self) -> bool;
    /// Waits behind the job that holds its lane; `false` if it is dead already.
    fn stand_aside(&self) -> bool;
    /// Is about to be lent to a waiting thread; `false` if it is dead already.
    fn be_lent(&self) -> bool;
    /// Runs it on this thread, as `worker`'s. Only for who claimed it. `since`: when the thread was free for it, if that is known.
    fn run(&self, worker: &Worker, place: Place<'_, Arc<dyn Job>>, since: Option<Instant>) -> Ran;
    /// Gives the job up, queued or running, for the caller and for the thread; the first reason stays.
    fn interrupt(&self, why: Why);
    /// Notes that it holds its lane.
    fn hold_lane(&self);
    /// Lets the next job of this one's lane go ahead, if it holds it.
    fn leave_lane(&self);
    /// Gives up a job that the caller of this has claimed, to make room.
    fn shed(&self);
    fn stuck(&self) -> StuckJob;

    // As the host of its worker.

    fn why(&self) -> Option<Why>;
    /// The body has returned.
    fn is_over(&self) -> bool;
    /// The thread that was on a visit leaves: nothing is lent to it any more.
    fn end_visit(&self);
    /// The worker waits until `call` has been polled to its end by the host. `at`: where, for the reports.
    fn cross(self: Arc<Self>, call: BoxCall, at: &'static Location<'static>) -> Result<BoxCall, Interrupted>;
    /// The host polls `call` (which is ready at its first poll) when it gets there; the worker goes on.
    fn soon(self: Arc<Self>, call: BoxCall) -> Result<(), Interrupted>;
    /// Blocks the worker's thread for `time`; ends early when the job is told to stop. `at`: where, for the reports.
    fn sleep(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted>;
    /// Blocks the worker's thread until `done`, which is asked again after each `nudge_worker`; ends early when the
    /// job is told to stop. `at`: where, for the reports.
    fn park(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted>;
    fn nudge_worker(&self);
    /// Runs `job` on this job's thread as soon as that waits; gives it back if it will not wait any more.
    fn lend(&self, job: Arc<dyn Job>) -> Result<(), Arc<dyn Job>>;

    // From the host.

    /// For an attendant: what to do next; with nothing left it has ended.
    fn next_errand(&self) -> Option<Errand>;
    fn answer(&self, call: BoxCall);
    /// The attendant goes away before its time; `unanswered`: with a call that the worker waits for.
    fn leave_unattended(&self, unanswered: bool);
}
