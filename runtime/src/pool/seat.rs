//! Seats: which jobs sit on which thread, so that a drain can name and cancel those that run; and what the thread has done.

use std::cell::OnceCell;
use std::sync::Arc;

use super::stats::Times;
use crate::job::Job;
use crate::sync::{Mutex, thread_local};

/// One pool thread's jobs, outermost first: more than one while jobs run on it that were lent to it. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct Seat {
    /// Its pool's name.
    pub(super) pool: String,
    jobs: Mutex<Vec<Arc<dyn Job>>>,
    /// Of the jobs that have sat here. Written by this thread alone.
    pub(super) times: Times,
}

impl Seat {
    pub(super) fn new(pool: &str) -> Arc<Self> {
        Arc::new(Self { pool: pool.to_owned(), jobs: Mutex::default(), times: Times::default() })
    }

    pub(crate) fn jobs(&self) -> Vec<Arc<dyn Job>> {
        self.jobs.lock().clone()
    }
}

thread_local! {
    static SEAT: OnceCell<Arc<Seat>> = const { OnceCell::new() };
}

/// Makes `seat` this thread's own, for good.
pub(super) fn take(seat: Arc<Seat>) {
    SEAT.with(|mine| drop(mine.set(seat)));
}

/// The job that runs on this pool thread: the innermost, if there are several.
pub(crate) fn sitting() -> Option<Arc<dyn Job>> {
    SEAT.try_with(|mine| mine.get().and_then(|seat| seat.jobs.lock().last().cloned())).ok().flatten()
}

/// Shows `job` as sitting here while `f` runs. (`f` does not panic: a job's panic is caught inside.)
pub(super) fn occupy<R>(job: &Arc<dyn Job>, f: impl FnOnce(Option<&Seat>) -> R) -> R {
    SEAT.with(|mine| {
        let Some(seat) = mine.get() else { return f(None) };
        seat.jobs.lock().push(Arc::clone(job));
        let result = f(Some(seat));
        let left = seat.jobs.lock().pop();
        drop(left);
        result
    })
}
