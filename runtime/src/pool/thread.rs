//! What a pool thread does all day.

use std::sync::Arc;
use std::time::Instant;

use super::Inner;
use super::builder::Spin;
use super::line::Place;
use super::local;
use super::seat::{self, Seat};
use crate::activity::Activity;
use crate::error::contained;
use crate::job::{Job, Ran};
use crate::worker::Worker;

/// Runs job after job until the line is closed and empty. Jobs catch their own panics.
pub(super) fn work(inner: &Inner, seat: Arc<Seat>, spin: Spin) {
    seat::take(seat);
    let mut next = None;
    while let Some(taken) = next.take().or_else(|| inner.line.next()) {
        next = stretch(inner, spin, taken);
    }
    contained("a drop of a thread's own values", local::clear);
}

type Taken<'a> = (Arc<dyn Job>, Place<'a, Arc<dyn Job>>);

/// Runs a job, and those that come soon after it and are of the same runtime. That is entered once for them all, since every
/// entry counts on a word that all threads share; and left before this thread sleeps, so that it keeps nothing alive.
///
/// The job that ended the stretch comes back, if one did.
fn stretch<'a>(inner: &'a Inner, spin: Spin, (mut job, mut place): Taken<'a>) -> Option<Taken<'a>> {
    let home = job.about().home.clone();
    // As on tokio's own blocking threads: timers and sockets can be made here, to be awaited by `wait`.
    let _entered = home.enter();
    let mut since = None;
    loop {
        let ended = run(job, place, since);
        (job, place) = inner.line.soon(spin)?;
        if !home.is_as(&job.about().home) {
            return Some((job, place));
        }
        since = if place.was_waited_for() { None } else { ended };
    }
}

/// Runs a job that was claimed, in its runtime.
#[cfg(feature = "test-util")]
pub(super) fn run_at_home(job: Arc<dyn Job>, place: Place<'_, Arc<dyn Job>>) {
    let home = job.about().home.clone();
    let _entered = home.enter();
    run(job, place, None);
}

/// Runs a job that was claimed, on the thread of one that waits; `lender`: of that one.
pub(super) fn run_lent(job: Arc<dyn Job>, lender: &Activity) {
    let home = job.about().home.clone();
    let _entered = home.enter();
    let activity = job.about().activity.clone();
    lender.lends();
    run_on(job, Place::none(), None);
    lender.goes_on(); // before the other is over, so that one of them is at work all the time
    activity.over();
}

/// Runs a job that was claimed. Returns when its body ended.
pub(super) fn run(
    job: Arc<dyn Job>,
    place: Place<'_, Arc<dyn Job>>,
    since: Option<Instant>,
) -> Option<Instant> {
    let activity = job.about().activity.clone();
    let ended = run_on(job, place, since);
    activity.over();
    ended
}

/// Runs a job that was claimed, and lets go of it before its caller is woken: so it is the caller who frees the cell, on the
/// thread that made it. Returns when its body ended.
#[inline(always)] // 40 instructions a job
fn run_on(job: Arc<dyn Job>, place: Place<'_, Arc<dyn Job>>, since: Option<Instant>) -> Option<Instant> {
    let worker = Worker::new(job);
    let Ran { caller, ended } = worker.host().run(&worker, place, since);
    // It may be the last to let go of the caller's context values, and wakers are the executor's: the thread outlives both.
    contained("a drop of what a job's caller had current", || drop(worker));
    if let Some(caller) = caller {
        contained("a waker", || caller.wake());
    }
    ended
}
