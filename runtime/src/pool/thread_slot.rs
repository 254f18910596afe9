//! Seats: which jobs sit on which thread, so that a drain can name and cancel those that run; and what the thread has done.

use std::cell::OnceCell;
use std::sync::Arc;

use super::stats::Times;
use crate::context::{PoolThread, set_pool_thread};
use crate::job::Host;
use crate::sync::{Mutex, thread_local};

/// One pool thread's jobs, outermost first: more than one while jobs run on it that were lent to it. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct Seat {
    /// Its pool's name.
    pub(super) pool: String,
    state: Mutex<Seated>,
    /// Of the jobs that have sat here. Written by this thread alone.
    pub(super) times: Times,
}

#[derive(Default)]
struct Seated {
    jobs: Vec<Arc<dyn Host>>,
    /// A drain ran out of time: no job starts here any more.
    closed: bool,
    /// Jobs that came after that, and that nobody had told to stop.
    turned_away: usize,
}

impl Seat {
    pub(super) fn new(pool: &str) -> Arc<Self> {
        Arc::new(Self { pool: pool.to_owned(), state: Mutex::default(), times: Times::default() })
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
    static SEAT: OnceCell<Arc<Seat>> = const { OnceCell::new() };
}

/// Makes `seat` this thread's own, for good.
pub(super) fn install(seat: &Arc<Seat>) {
    SEAT.with(|mine| drop(mine.set(Arc::clone(seat))));
    set_pool_thread(Arc::clone(seat) as Arc<dyn PoolThread>);
}

impl PoolThread for Seat {
    fn current_job(&self) -> Option<Arc<dyn Host>> {
        self.state.lock().jobs.last().cloned()
    }
}

/// What became of a job that came to a seat.
pub(super) enum Occupied<R, F> {
    Left(R),
    /// A drain ran out of time while the job was on its way to this thread, where the drain could not see it: the job must not
    /// begin, and `F` was not called.
    Closed(F),
}

/// Shows `job` as sitting here while `f` runs. (`f` does not panic: a job's panic is caught inside.) `given_up` is asked when the job
/// shows: whoever gives up jobs either sees this one, or is seen.
pub(super) fn occupy<R, F: FnOnce(Option<&Seat>) -> R>(
    job: &Arc<dyn Host>,
    given_up: impl FnOnce() -> bool,
    f: F,
) -> Occupied<R, F> {
    SEAT.with(|mine| {
        let Some(seat) = mine.get() else { return Occupied::Left(f(None)) };
        let mut state = seat.state.lock();
        if state.closed {
            state.turned_away += usize::from(job.cancel_reason().is_none());
            return Occupied::Closed(f);
        }
        state.jobs.push(Arc::clone(job));
        drop(state);
        let occupied = if given_up() { Occupied::Closed(f) } else { Occupied::Left(f(Some(seat))) };
        let left = seat.state.lock().jobs.pop();
        drop(left);
        occupied
    })
}
