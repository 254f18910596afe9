//! [`ThreadSlot`]: the jobs that run on one pool thread, so that a drain can name and cancel them; and the thread's statistics.

use std::cell::OnceCell;
use std::sync::Arc;

use super::builder::Spin;
use super::estimate::Estimates;
use super::stats::{self, ThreadHistograms};
use crate::context::{PoolThread, set_pool_thread};
use crate::job::{EstimateId, Host};
use crate::sync::{Mutex, thread_local};

/// One pool thread's jobs, outermost first: more than one while it runs jobs that were handed off
/// to it. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct ThreadSlot {
    /// Its pool's name.
    pub(super) pool: String,
    state: Mutex<SlotState>,
    /// Of the jobs that have run here. Written by this thread alone.
    pub(super) times: ThreadHistograms,
    /// Shared by the threads of the pool.
    estimates: Arc<Estimates>,
    /// How its worker waits.
    wait_spins: Spin,
}

#[derive(Default)]
struct SlotState {
    jobs: Vec<Arc<dyn Host>>,
    /// A drain ran out of time: no job starts here any more.
    closed: bool,
    /// Jobs that came after that and were not cancelled.
    turned_away: usize,
}

impl ThreadSlot {
    pub(super) fn new(pool: &str, estimates: &Arc<Estimates>, wait_spins: Spin) -> Arc<Self> {
        Arc::new(Self {
            pool: pool.to_owned(),
            state: Mutex::default(),
            times: ThreadHistograms::default(),
            estimates: Arc::clone(estimates),
            wait_spins,
        })
    }

    /// A job has run here for `micros`: see [`Estimates::record`].
    #[inline]
    pub(super) fn record_run(&self, id: EstimateId, micros: u64, cut_short: bool) {
        if cfg!(portcullis_loom) {
            return; // the time is the real one, and a model must not depend on it
        }
        if let Some((site, estimate)) = self.estimates.record(id, micros, cut_short) {
            stats::report_estimate(&self.pool, site, estimate);
        }
    }

    pub(crate) fn jobs(&self) -> Vec<Arc<dyn Host>> {
        self.state.lock().jobs.clone()
    }

    pub(super) fn is_occupied(&self) -> bool {
        !self.state.lock().jobs.is_empty()
    }

    /// Lets no job start here from now on; the jobs that have started.
    pub(super) fn close(&self) -> Vec<Arc<dyn Host>> {
        let mut state = self.state.lock();
        state.closed = true;
        state.jobs.clone()
    }

    pub(super) fn turned_away(&self) -> usize {
        self.state.lock().turned_away
    }
}

thread_local! {
    static SLOT: OnceCell<Arc<ThreadSlot>> = const { OnceCell::new() };
}

/// How a worker waits on this thread.
pub(super) fn wait_spins() -> Spin {
    SLOT.with(|mine| mine.get().map_or(Spin::NONE, |slot| slot.wait_spins))
}

/// Makes `slot` this thread's own, for good.
pub(super) fn install(slot: &Arc<ThreadSlot>) {
    SLOT.with(|mine| drop(mine.set(Arc::clone(slot))));
    set_pool_thread(Arc::clone(slot) as Arc<dyn PoolThread>);
}

impl PoolThread for ThreadSlot {
    fn current_job(&self) -> Option<Arc<dyn Host>> {
        self.state.lock().jobs.last().cloned()
    }
}

/// What became of a job that was to run in a thread slot.
pub(super) enum Occupied<R, F> {
    Left(R),
    /// A drain ran out of time while the job was on its way to this thread, where the drain could
    /// not see it: the job must not begin, and `F` was not called.
    Closed(F),
}

/// Shows `job` in this thread's slot while `f` runs. (`f` does not panic: a job's panic is caught
/// inside.) `given_up` is asked when the job shows: the scope that gives up its jobs either sees
/// this one, or is seen.
pub(super) fn with_running_job<R, F: FnOnce(Option<&ThreadSlot>) -> R>(
    job: &Arc<dyn Host>,
    given_up: impl FnOnce() -> bool,
    f: F,
) -> Occupied<R, F> {
    SLOT.with(|mine| {
        let Some(slot) = mine.get() else { return Occupied::Left(f(None)) };
        let mut state = slot.state.lock();
        if state.closed {
            state.turned_away += usize::from(job.cancel_reason().is_none());
            return Occupied::Closed(f);
        }
        state.jobs.push(Arc::clone(job));
        drop(state);
        let occupied = if given_up() { Occupied::Closed(f) } else { Occupied::Left(f(Some(slot))) };
        let left = slot.state.lock().jobs.pop();
        drop(left);
        occupied
    })
}
