//! [`Activity`]: the state of a job in a test, which it reports to the paused clock of its runtime
//! and to the caller of an inline pool.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::clock::ClockController;
use crate::hooks::{HookTimer, Hooks, PoolProbe};
use crate::spawn::Executor;

/// The limit of every wait in this crate that a test cannot set, so that a test that hangs fails.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActivityState {
    Queued,
    Running,
    Parked,
    HandedOff,
    Finished,
}

/// The state of one job.
pub(crate) struct Activity {
    controller: Option<Arc<ClockController>>,
    /// The job's pool, if it is inline.
    inline: Option<Arc<dyn PoolProbe>>,
    state: Mutex<ActivityState>,
    changed: Condvar,
}

impl Activity {
    /// Returns the hooks of a job for `pool`, made where `executor` is current. `None` if neither a
    /// paused clock nor an inline pool observes it.
    pub(super) fn of_new_job(
        executor: &Executor,
        pool: &Arc<dyn PoolProbe>,
        is_inline: bool,
    ) -> Option<Arc<dyn Hooks>> {
        let controller = match executor {
            Executor::Tokio(handle) => ClockController::of(handle),
            Executor::None | Executor::Custom(_) => None,
        };
        if controller.is_none() && !is_inline {
            return None;
        }
        if let Some(controller) = &controller {
            controller.job_submitted(pool);
        }
        let inline = is_inline.then(|| Arc::clone(pool));
        let state = Mutex::new(ActivityState::Queued);
        Some(Arc::new(Self { controller, inline, state, changed: Condvar::new() }))
    }

    fn transition(&self, to: ActivityState, from: impl FnOnce(ActivityState) -> bool) {
        let mut state = self.state();
        let before = *state;
        if !from(before) {
            return;
        }
        *state = to;
        if let Some(controller) = &self.controller {
            // Under the lock, so that the clock is informed in the order of the transitions.
            match (before == ActivityState::Running, to == ActivityState::Running) {
                (false, true) => controller.job_started(),
                (true, false) => controller.job_stopped(),
                _ => controller.recheck(),
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, ActivityState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks for Activity {
    fn now(&self) -> Instant {
        self.controller.as_ref().map_or_else(Instant::now, |controller| controller.now())
    }

    fn start_timer(&self, deadline: Instant, action: Box<dyn FnOnce() + Send>) -> Option<Box<dyn HookTimer>> {
        Some(Box::new(Timer(self.controller.as_ref()?.run_at(deadline, action))))
    }

    fn submitted(&self) {
        if let Some(controller) = &self.controller {
            controller.recheck();
        }
        self.call_completed();
    }

    fn started(&self) {
        self.transition(ActivityState::Running, |state| state == ActivityState::Queued);
    }

    fn resumed(&self) {
        self.transition(ActivityState::Running, |state| state == ActivityState::Parked);
    }

    fn parked(&self) {
        self.transition(ActivityState::Parked, |state| state == ActivityState::Running);
    }

    fn handing_thread_off(&self) {
        self.transition(ActivityState::HandedOff, |state| {
            matches!(state, ActivityState::Running | ActivityState::Parked)
        });
    }

    fn thread_returned(&self) {
        self.transition(ActivityState::Running, |state| state == ActivityState::HandedOff);
    }

    fn finished(&self) {
        self.transition(ActivityState::Finished, |state| state != ActivityState::Finished);
    }

    /// Blocks the caller of an inline pool until the job is parked or finished, or no thread is
    /// free for it.
    fn call_completed(&self) {
        let Some(pool) = &self.inline else { return };
        let deadline = Instant::now() + TEST_TIMEOUT;
        let mut state = self.state();
        loop {
            match *state {
                ActivityState::Parked | ActivityState::HandedOff | ActivityState::Finished => return,
                ActivityState::Queued if pool.all_threads_run_a_job() => return,
                ActivityState::Queued | ActivityState::Running => {}
            }
            assert!(
                Instant::now() < deadline,
                "a job on the inline pool `{}` has been running for {TEST_TIMEOUT:?} while the event loop waits for it; \
                 use `.wait(worker)` in the job to wait for the loop",
                pool.name()
            );
            // Check again after a while, because a thread that becomes free does not notify this
            // condvar.
            let limit = if *state == ActivityState::Queued {
                Duration::from_millis(1)
            } else {
                Duration::from_millis(50)
            };
            state = self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Activity {
    /// A dropped job no longer stops the clock.
    fn drop(&mut self) {
        let state = *self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (ActivityState::Running, Some(controller)) = (state, &self.controller) {
            controller.job_stopped();
        }
    }
}

/// A timer on the paused clock.
struct Timer(AbortHandle);

impl HookTimer for Timer {
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
