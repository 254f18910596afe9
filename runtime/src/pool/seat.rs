//! Seats: which jobs sit on which thread, so that a drain can name and cancel those that run.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::job::Job;
use crate::sync::{Mutex, thread_local};

/// One pool thread's jobs, outermost first: more than one while jobs run on it that were lent to it.
#[derive(Default)]
pub(crate) struct Seat(Mutex<Vec<Arc<dyn Job>>>);

impl Seat {
    pub(crate) fn jobs(&self) -> Vec<Arc<dyn Job>> {
        self.0.lock().clone()
    }
}

thread_local! {
    static SEAT: OnceCell<Arc<Seat>> = const { OnceCell::new() };
}

/// Makes `seat` this thread's own, for good.
pub(super) fn take(seat: Arc<Seat>) {
    SEAT.with(|mine| drop(mine.set(seat)));
}

/// Shows `job` as sitting here while `f` runs. (`f` does not panic: a job's panic is caught inside.)
pub(super) fn occupy<R>(job: Arc<dyn Job>, f: impl FnOnce() -> R) -> R {
    let seat = SEAT.with(|mine| mine.get().cloned());
    let Some(seat) = seat else { return f() };
    seat.0.lock().push(job);
    let result = f();
    let left = seat.0.lock().pop();
    drop(left);
    result
}
