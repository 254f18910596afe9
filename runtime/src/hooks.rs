//! [`Hooks`]: what a test kit observes and replaces in jobs and pools.
//!
//! Production code has none. A job keeps its hooks in the boxed, rarely used part of its metadata,
//! a pool in an `Option`; both are `None` there, and the same code is compiled whether a test kit
//! is part of the build or not. The kit's paused clock stands still while a job is at work, and the
//! caller of an inline pool waits for as long. The hooks of a job are called for what it does:
//!
//! ```text
//! queued ── started ──> at work <── resumed / parked ──> parked       any ── finished ──> finished
//!                       at work, parked ── handing_thread_off / thread_returned ──> handed off ──> at work
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::spawn::Executor;

/// Observes one job, and is its clock. Every method is called without a lock of the job's queue
/// held.
pub trait Hooks: Send + Sync {
    /// The time that the job's deadline is counted by.
    fn now(&self) -> Instant;

    /// Runs `action` at `deadline` of that time; `None` if this is the time of the operating
    /// system.
    fn start_timer(&self, deadline: Instant, action: Box<dyn FnOnce() + Send>) -> Option<Box<dyn HookTimer>>;

    /// The job was queued, handed off or refused.
    fn submitted(&self);

    /// A thread has claimed the job.
    fn started(&self);

    /// The worker is about to go on after it was parked.
    fn resumed(&self);

    /// The worker waits for something that has to wake it.
    fn parked(&self);

    /// The worker waits, and its thread begins a job that was handed off to it. Until that job is
    /// over the worker cannot go on.
    fn handing_thread_off(&self);

    /// The job that was handed off has left the thread.
    fn thread_returned(&self);

    /// The host has completed a call of the worker's.
    fn call_completed(&self);

    /// The job's output was delivered or dropped.
    fn finished(&self);
}

/// A timer of [`Hooks::start_timer`]; dropping it cancels it.
pub trait HookTimer: Send + Sync {
    /// Whether the action has run, or never will.
    fn is_finished(&self) -> bool;
}

/// How the threads of one pool take jobs in a test.
pub trait PoolHooks: Send + Sync {
    /// The hooks of a job that is made for this pool where `executor` is current.
    fn job_hooks(&self, executor: &Executor, pool: &Arc<dyn PoolProbe>) -> Option<Arc<dyn Hooks>>;

    /// Whether the threads take a job only when [`run_thread`](Self::run_thread) makes them.
    fn is_stepped(&self) -> bool;

    /// Called on each thread of the pool before it takes jobs by itself.
    fn run_thread(&self, thread: &dyn SteppedThread);
}

/// A pool thread that takes jobs one by one.
pub trait SteppedThread {
    /// Runs the first job of the queue to its end, if there is one; `started` is called with its
    /// name.
    fn run_next(&self, started: &mut dyn FnMut(&'static str)) -> bool;
}

/// A look at a pool. A job that a thread has taken out of the queue and not begun yet is counted
/// under the queue's lock.
pub trait PoolProbe: Send + Sync {
    /// The pool's name.
    fn name(&self) -> &str;

    /// How many threads the pool may have.
    fn threads(&self) -> usize;

    /// Whether a job is about to begin: it is queued and a thread is free for it, or a thread has
    /// taken it out and not begun it.
    fn has_job_about_to_begin(&self) -> bool;

    /// Whether every thread runs a job that has begun.
    fn all_threads_run_a_job(&self) -> bool;

    /// Whether every thread has taken a job, begun or not.
    fn all_threads_have_a_job(&self) -> bool;

    /// The names of the queued jobs, oldest first.
    fn queued(&self) -> Vec<&'static str>;
}

/// Makes the hooks of a job for a pool without [`PoolHooks`].
pub type MakeHooks = fn(&Executor, &Arc<dyn PoolProbe>) -> Option<Arc<dyn Hooks>>;

/// How many [`install`]s have no [`uninstall`] yet. Written by tests only.
static INSTALLED: AtomicUsize = AtomicUsize::new(0);
static MAKE: OnceLock<MakeHooks> = OnceLock::new();

/// From now on `make` is asked for the hooks of each new job, until [`uninstall`]. The first `make`
/// of the process counts.
pub fn install(make: MakeHooks) {
    MAKE.get_or_init(|| make);
    INSTALLED.fetch_add(1, Ordering::Release);
}

/// Takes one [`install`] back.
pub fn uninstall() {
    INSTALLED.fetch_sub(1, Ordering::Release);
}

/// The hooks of a job that is being made: none, but for tests.
#[inline]
pub(crate) fn of_new_job<P: PoolProbe + 'static>(
    pool_hooks: Option<&Arc<dyn PoolHooks>>,
    executor: &Executor,
    pool: &Arc<P>,
) -> Option<Arc<dyn Hooks>> {
    if pool_hooks.is_none() && INSTALLED.load(Ordering::Acquire) == 0 {
        return None;
    }
    make(pool_hooks, executor, Arc::clone(pool) as Arc<dyn PoolProbe>)
}

#[cold]
fn make(
    pool_hooks: Option<&Arc<dyn PoolHooks>>,
    executor: &Executor,
    pool: Arc<dyn PoolProbe>,
) -> Option<Arc<dyn Hooks>> {
    match pool_hooks {
        Some(hooks) => hooks.job_hooks(executor, &pool),
        None => MAKE.get().and_then(|make| make(executor, &pool)),
    }
}
