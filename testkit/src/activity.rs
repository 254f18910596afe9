//! What a job does now, and who is told: the paused clock of its runtime, and the inline pool's
//! caller.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::clock::Keeper;
use crate::hooks::{HookTimer, Hooks, PoolProbe};
use crate::spawn::Executor;

/// The limit of every wait in here that a test can't set: a test that hangs is to say so.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Queued,
    AtWork,
    Parked,
    HandedOff,
    Finished,
}

/// What one job does now.
pub(crate) struct Activity {
    keeper: Option<Arc<Keeper>>,
    /// Its pool, if that is inline.
    inline: Option<Arc<dyn PoolProbe>>,
    does: Mutex<Does>,
    changed: Condvar,
}

impl Activity {
    /// The hooks of a job that is made for `pool` where `executor` is current. Nobody wants to know
    /// of most jobs of a test: those have none.
    pub(super) fn of_new_job(
        executor: &Executor,
        pool: &Arc<dyn PoolProbe>,
        is_inline: bool,
    ) -> Option<Arc<dyn Hooks>> {
        let keeper = match executor {
            Executor::Tokio(handle) => Keeper::of(handle),
            Executor::None | Executor::Custom(_) => None,
        };
        if keeper.is_none() && !is_inline {
            return None;
        }
        if let Some(keeper) = &keeper {
            keeper.expect_from(pool);
        }
        let inline = is_inline.then(|| Arc::clone(pool));
        let does = Mutex::new(Does::Queued);
        Some(Arc::new(Self { keeper, inline, does, changed: Condvar::new() }))
    }

    fn goes(&self, to: Does, from: impl FnOnce(Does) -> bool) {
        let mut does = self.does();
        let before = *does;
        if !from(before) {
            return;
        }
        *does = to;
        if let Some(keeper) = &self.keeper {
            // Under the lock, so that the keeper hears of the steps in their order.
            match (before == Does::AtWork, to == Does::AtWork) {
                (false, true) => keeper.take(),
                (true, false) => keeper.give_back(),
                _ => keeper.look_again(),
            }
        }
        drop(does);
        self.changed.notify_all();
    }

    fn does(&self) -> MutexGuard<'_, Does> {
        self.does.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks for Activity {
    fn now(&self) -> Instant {
        self.keeper.as_ref().map_or_else(Instant::now, |keeper| keeper.now())
    }

    fn start_timer(&self, deadline: Instant, action: Box<dyn FnOnce() + Send>) -> Option<Box<dyn HookTimer>> {
        Some(Box::new(Timer(self.keeper.as_ref()?.at(deadline, action))))
    }

    fn submitted(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.look_again();
        }
        self.call_completed();
    }

    fn started(&self) {
        self.goes(Does::AtWork, |does| does == Does::Queued);
    }

    fn resumed(&self) {
        self.goes(Does::AtWork, |does| does == Does::Parked);
    }

    fn parked(&self) {
        self.goes(Does::Parked, |does| does == Does::AtWork);
    }

    fn handing_thread_off(&self) {
        self.goes(Does::HandedOff, |does| matches!(does, Does::AtWork | Does::Parked));
    }

    fn thread_returned(&self) {
        self.goes(Does::AtWork, |does| does == Does::HandedOff);
    }

    fn finished(&self) {
        self.goes(Does::Finished, |does| does != Does::Finished);
    }

    /// An inline pool's caller waits here until the job is parked, or finished, or no thread is
    /// free for it.
    fn call_completed(&self) {
        let Some(pool) = &self.inline else { return };
        let until = Instant::now() + LIMIT;
        let mut does = self.does();
        loop {
            match *does {
                Does::Parked | Does::HandedOff | Does::Finished => return,
                Does::Queued if pool.all_threads_run_a_job() => return,
                Does::Queued | Does::AtWork => {}
            }
            assert!(
                Instant::now() < until,
                "a job on the inline pool `{}` has been at work for {LIMIT:?}, and the loop waits for it: does it wait for the loop \
                 otherwise than by `.wait(worker)`?",
                pool.name()
            );
            // Not for ever: whether a thread is free is not told here.
            let limit =
                if *does == Does::Queued { Duration::from_millis(1) } else { Duration::from_millis(50) };
            does = self.changed.wait_timeout(does, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Activity {
    /// Whatever has become of the job, it holds the clock no longer.
    fn drop(&mut self) {
        let does = *self.does.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Does::AtWork, Some(keeper)) = (does, &self.keeper) {
            keeper.give_back();
        }
    }
}

/// A timer of the paused clock.
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
