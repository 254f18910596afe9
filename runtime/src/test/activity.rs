//! What a job does now, and who is told: the paused clock of its runtime, and the inline pool's caller.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::Keeper;
use crate::error::Interrupted;
use crate::job::{Home, Job, WaitsFor};
use crate::pool::Inner;

/// The limit of every wait in here that a test can't set: a test that hangs is to say so.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Queued,
    Works,
    Rests,
    Lends,
    Over,
}

/// What one job does now. In most jobs of a test nobody listens, and this is a `None`.
#[derive(Clone)]
pub(crate) struct Activity(Option<Arc<Listened>>);

struct Listened {
    keeper: Option<Arc<Keeper>>,
    /// The inline pool.
    inline: Option<Arc<Inner>>,
    does: Mutex<Does>,
    changed: Condvar,
}

impl Activity {
    /// A job was just made for `pool`, in a place whose loop is `home`.
    pub(crate) fn new(home: &Home, pool: &Arc<Inner>) -> Self {
        let keeper = match home {
            Home::Tokio(handle) => Keeper::of(handle),
            Home::Nowhere | Home::Given(_) => None,
        };
        let inline = pool.is_inline().then(|| Arc::clone(pool));
        if keeper.is_none() && inline.is_none() {
            return Self(None);
        }
        if let Some(keeper) = &keeper {
            keeper.expect_from(pool);
        }
        Self(Some(Arc::new(Listened {
            keeper,
            inline,
            does: Mutex::new(Does::Queued),
            changed: Condvar::new(),
        })))
    }

    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn now(&self) -> Instant {
        self.keeper().map_or_else(Instant::now, |keeper| keeper.now())
    }

    /// The paused clock that this job lives by.
    pub(crate) fn keeper(&self) -> Option<&Arc<Keeper>> {
        self.0.as_ref().and_then(|listened| listened.keeper.as_ref())
    }

    pub(crate) fn begins(&self) {
        self.goes(Does::Works, |does| does == Does::Queued);
    }

    pub(crate) fn works(&self) {
        self.goes(Does::Works, |does| does == Does::Rests);
    }

    pub(crate) fn rests(&self) {
        self.goes(Does::Rests, |does| does == Does::Works);
    }

    pub(crate) fn lends(&self) {
        self.goes(Does::Lends, |does| matches!(does, Does::Works | Does::Rests));
    }

    pub(crate) fn goes_on(&self) {
        self.goes(Does::Works, |does| does == Does::Lends);
    }

    pub(crate) fn over(&self) {
        self.goes(Does::Over, |does| does != Does::Over);
    }

    fn goes(&self, to: Does, from: impl FnOnce(Does) -> bool) {
        let Some(listened) = &self.0 else { return };
        let mut does = listened.does();
        let before = *does;
        if !from(before) {
            return;
        }
        *does = to;
        if let Some(keeper) = &listened.keeper {
            // Under the lock, so that the keeper hears of the steps in their order.
            match (before == Does::Works, to == Does::Works) {
                (false, true) => keeper.take(),
                (true, false) => keeper.give_back(),
                _ => keeper.look_again(),
            }
        }
        drop(does);
        listened.changed.notify_all();
    }

    pub(crate) fn submitted(&self) {
        if let Some(keeper) = self.keeper() {
            keeper.look_again();
        }
        self.answered();
    }

    /// An inline pool's caller waits here until the job is at rest, or over, or no thread is free for it.
    pub(crate) fn answered(&self) {
        let Some((listened, pool)) = self.0.as_ref().and_then(|l| Some((l, l.inline.as_ref()?))) else {
            return;
        };
        let until = Instant::now() + LIMIT;
        let mut does = listened.does();
        loop {
            match *does {
                Does::Rests | Does::Lends | Does::Over => return,
                Does::Queued if pool.is_occupied() => return,
                Does::Queued | Does::Works => {}
            }
            assert!(
                Instant::now() < until,
                "a job on the inline pool `{}` has been at work for {LIMIT:?}, and the loop waits for it: does it wait for the loop \
                 otherwise than by `.wait(worker)`?",
                pool.name
            );
            // Not for ever: whether a thread is free is not told here.
            let limit =
                if *does == Does::Queued { Duration::from_millis(1) } else { Duration::from_millis(50) };
            does = listened.changed.wait_timeout(does, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn sleep(
        &self,
        host: &Arc<dyn Job>,
        time: Duration,
        at: &'static Location<'static>,
    ) -> Option<Result<(), Interrupted>> {
        let keeper = self.keeper()?;
        let awake = Arc::new(AtomicBool::new(false));
        let (rings, sleeper) = (Arc::clone(&awake), Arc::clone(host));
        let alarm = keeper.after(time, move || {
            rings.store(true, Ordering::Release);
            sleeper.nudge_worker();
        });
        let slept = host.park((at, WaitsFor::Time), &|| awake.load(Ordering::Acquire) || alarm.is_finished());
        alarm.abort();
        Some(slept)
    }
}

impl Listened {
    fn does(&self) -> MutexGuard<'_, Does> {
        self.does.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listened {
    /// Whatever has become of the job, it holds the clock no longer.
    fn drop(&mut self) {
        let does = *self.does.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Does::Works, Some(keeper)) = (does, &self.keeper) {
            keeper.give_back();
        }
    }
}
