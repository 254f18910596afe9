//! [`pause`]: pauses tokio's clock, and also stops it while jobs run.
//!
//! Tokio advances a paused clock when the event loop is idle, and it does not know of pool threads.
//! It does not advance the clock while a task of its own `spawn_blocking` exists. Therefore the
//! [`ClockController`] of a paused runtime keeps such a task alive while a job runs.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time;

use super::activity::Activity;
use crate::hooks::{self, PoolProbe};
use crate::timer;

/// Pauses tokio's clock on this runtime while the guard lives, so that a timer costs no time:
/// whenever there is nothing else to do, the clock jumps to the next one. As
/// [`tokio::time::pause`], and besides the clock **stands while a job of this runtime is at work**
/// on a pool. The runtime may have been started paused.
///
/// ```
/// # use std::time::Duration;
/// # use portcullis::{Interrupted, Pool, Wait, test};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let time = test::pause();
/// let pool = Pool::builder("cpu").threads(1).build()?;
///
/// // The job takes its real time, and none of the loop's: the limit does not cut it short.
/// let job = pool.run(|_| std::thread::sleep(Duration::from_millis(50)));
/// tokio::time::timeout(Duration::from_millis(1), job).await??;
/// assert_eq!(time.elapsed(), Duration::ZERO);
///
/// // What it waits for on the loop is the loop's time, which goes on; so do its deadline and `worker.sleep`.
/// pool.run(|worker| tokio::time::sleep(Duration::from_secs(3600)).wait(worker)).await??;
/// assert!(time.elapsed() >= Duration::from_secs(3600));
///
/// let late = pool.job("late").deadline(Duration::from_secs(60)).run(|worker| worker.sleep(Duration::MAX));
/// assert!(matches!(late.await, Err(Interrupted::Deadline { .. })));
/// # Ok(())
/// # }
/// ```
///
/// | by the paused clock | by the real one |
/// |---|---|
/// | tokio's timers, on the loop and in `.wait(worker)` | `std::thread::sleep`, std's `Instant` |
/// | a job's deadline (and [`Worker::deadline`](portcullis_runtime::Worker::deadline), as a point of that clock), [`Worker::sleep`](portcullis_runtime::Worker::sleep) | [`Pool::drain`](portcullis_runtime::Pool::drain); what stats and reports say of durations |
/// | the server's limits, its grace | the limits of the kit itself |
///
/// A job that is *at work* past its deadline learns it when the clock moves, which only
/// [`advance`](Paused::advance) does then; so does a stop whose jobs ignore it. A job at rest
/// (waiting for the loop, for room in a channel, asleep by its worker) lets the clock go on; so
/// does one that is queued behind such jobs, or on a [stepped](super::TestPoolBuilder::stepped)
/// pool. Only jobs that were submitted on this runtime, or on behalf of such a one, after this call
/// are looked at.
///
/// # Panics
/// Outside a tokio runtime, and on one that is not current-thread: tokio can pause no other.
#[must_use = "time goes on when the guard is dropped"]
#[track_caller]
pub fn pause() -> Paused {
    let handle = Handle::current();
    let paused_by_us = !is_paused();
    if paused_by_us {
        time::pause();
    }
    let controller = ClockController::new(handle);
    register(&controller);
    Paused { controller, since: time::Instant::now(), paused_by_us }
}

/// Tokio's clock stands while this lives; made by [`pause`].
pub struct Paused {
    controller: Arc<ClockController>,
    since: time::Instant,
    /// Whether [`pause`] has paused the clock; else it was paused before.
    paused_by_us: bool,
}

impl Paused {
    /// Returns how far the clock has advanced since it was paused.
    pub fn elapsed(&self) -> Duration {
        self.controller.instant().duration_since(self.since)
    }

    /// Moves the clock on, whatever runs: by this time, and by the millisecond that tokio
    /// rounds its timers up by. As [`tokio::time::advance`], and returns when what is due has
    /// fired: a deadline that has passed has cancelled its job.
    pub async fn advance(&self, by: Duration) {
        // Tokio's timers count in whole milliseconds, rounded up.
        time::advance(by + Duration::from_millis(1)).await;
        // They fire when the loop next polls them; their tasks run in the turn after that.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns whether a job is running, so that the clock is stopped.
    pub fn is_waiting_for_jobs(&self) -> bool {
        self.controller.state().is_clock_held
    }
}

impl fmt::Debug for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paused").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        unregister(&self.controller);
        self.controller.close();
        let _entered = self.controller.handle.enter();
        if self.paused_by_us && is_paused() {
            time::resume();
        }
    }
}

/// Tokio has no such query. A clock that is not paused advances within a microsecond.
fn is_paused() -> bool {
    let (from, real) = (time::Instant::now(), Instant::now());
    while real.elapsed() < Duration::from_micros(2) {
        std::hint::spin_loop();
    }
    time::Instant::now() == from
}

static CONTROLLERS: Mutex<Vec<(Id, Arc<ClockController>)>> = Mutex::new(Vec::new());

fn controllers() -> MutexGuard<'static, Vec<(Id, Arc<ClockController>)>> {
    CONTROLLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn register(controller: &Arc<ClockController>) {
    controllers().push((controller.handle.id(), Arc::clone(controller)));
    hooks::install(|executor, pool| Activity::of_new_job(executor, pool, false));
}

fn unregister(controller: &Arc<ClockController>) {
    controllers().retain(|(_, known)| !Arc::ptr_eq(known, controller));
    hooks::uninstall();
}

/// Controls the clock of one runtime.
pub(crate) struct ClockController {
    handle: Handle,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Running jobs.
    at_work: usize,
    /// Pools that jobs were made for.
    pools: Vec<Weak<dyn PoolProbe>>,
    /// Incremented by each event.
    epoch: u64,
    /// Whether the blocking task exists that stops tokio's clock.
    is_clock_held: bool,
    closed: bool,
}

impl ClockController {
    fn new(handle: Handle) -> Arc<Self> {
        Arc::new(Self { handle, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Returns the controller of this runtime's clock if [`pause`] has paused it; of several, the
    /// latest.
    pub(crate) fn of(handle: &Handle) -> Option<Arc<Self>> {
        let id = handle.id();
        controllers()
            .iter()
            .rev()
            .find(|(known, _)| *known == id)
            .map(|(_, controller)| Arc::clone(controller))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn instant(&self) -> time::Instant {
        let _entered = self.handle.enter();
        time::Instant::now()
    }

    /// Returns the time by the paused clock.
    pub(crate) fn now(&self) -> Instant {
        self.instant().into_std()
    }

    /// Runs `f` on the event loop at `when`.
    pub(crate) fn run_at(&self, when: Instant, f: impl FnOnce() + Send + 'static) -> AbortHandle {
        let timer = async move {
            time::sleep_until(time::Instant::from_std(when)).await;
            f();
        };
        self.handle.spawn(timer).abort_handle()
    }

    /// Call before a job is submitted to `pool`: from now on a thread may be about to run it.
    pub(crate) fn job_submitted(self: &Arc<Self>, pool: &Arc<dyn PoolProbe>) {
        let mut state = self.state();
        if !state.pools.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(pool))) {
            state.pools.retain(|known| known.strong_count() > 0);
            state.pools.push(Arc::downgrade(pool));
        }
        self.hold_clock(state);
    }

    /// A job runs.
    pub(crate) fn job_started(self: &Arc<Self>) {
        let mut state = self.state();
        state.at_work += 1;
        self.hold_clock(state);
    }

    /// A running job has parked or finished.
    pub(crate) fn job_stopped(self: &Arc<Self>) {
        let mut state = self.state();
        state.at_work -= 1;
        self.hold_clock(state);
    }

    /// Another event of a job.
    pub(crate) fn recheck(self: &Arc<Self>) {
        self.hold_clock(self.state());
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Stops the clock until no job runs.
    fn hold_clock(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        state.epoch += 1;
        if !state.is_clock_held && !state.closed {
            state.is_clock_held = true;
            let controller = Arc::clone(self);
            // From this call on tokio does not move the clock.
            drop(self.handle.spawn_blocking(move || controller.wait_until_idle()));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Runs on a blocking thread of tokio. Returns when no job runs and no thread is about to run
    /// one.
    fn wait_until_idle(&self) {
        let mut state = self.state();
        loop {
            if state.closed {
                break;
            }
            if state.at_work == 0 {
                let epoch = state.epoch;
                let pools: Vec<_> = state.pools.iter().filter_map(Weak::upgrade).collect();
                // Without the lock, which a job takes when it begins. A job that begins while we
                // look changes the epoch; one that has not begun is in its pool's line or in a
                // thread's hand, and therefore due.
                drop(state);
                let due = pools.iter().any(|pool| pool.has_job_about_to_begin());
                drop(pools);
                state = self.state();
                if !due && state.epoch == epoch {
                    break;
                }
                if state.epoch != epoch {
                    continue;
                }
            }
            // A job is about to begin for an instant only, so check again soon. Running jobs notify
            // the condvar.
            let limit = Duration::from_millis(if state.at_work == 0 { 1 } else { 100 });
            state = self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_clock_held = false;
    }
}

/// Awaits `work` until `deadline` by the real clock. `None` is a timeout.
pub(crate) async fn with_real_deadline<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut out = None;
    timer::until(deadline, |waker| {
        let done = work.as_mut().poll(&mut Context::from_waker(waker));
        match done {
            Poll::Ready(value) => {
                out = Some(value);
                true
            }
            Poll::Pending => false,
        }
    })
    .await;
    out
}
