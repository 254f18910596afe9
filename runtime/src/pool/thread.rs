//! The loop of a pool thread.

use std::sync::Arc;
use std::time::Instant;

use super::Inner;
use super::builder::Spin;
use super::local;
use super::queue::RunGuard;
use super::thread_slot::{self, ThreadSlot};
use super::{QueuedJob, RunResult};
use crate::error::catch_and_log;
use crate::hooks::{Hooks, SteppedThread};
use crate::job::JobMeta;
use crate::worker::Worker;

/// Runs job after job until the queue is closed and empty. Jobs catch their own panics.
pub(super) fn run_loop(inner: &Inner, slot: &Arc<ThreadSlot>, spin: Spin) {
    thread_slot::install(slot);
    if let Some(hooks) = &inner.hooks {
        hooks.run_thread(&Stepped(inner));
    }
    let mut next = None;
    while let Some(taken) = next.take().or_else(|| inner.queue.pop_blocking()) {
        next = run_batch(inner, spin, taken);
    }
    catch_and_log("a drop of a thread's own values", local::clear);
}

type ClaimedJob<'a> = (Arc<dyn QueuedJob>, RunGuard<'a, Arc<dyn QueuedJob>>);

/// Runs a job, and those that follow it soon and belong to the same runtime. The runtime is entered
/// once for all of them, since every entry counts on a word that all threads share; and left before
/// this thread parks, so that the thread keeps no runtime alive.
///
/// Returns the job that ended the batch, if one did.
fn run_batch<'a>(
    inner: &'a Inner,
    spin: Spin,
    (mut job, mut guard): ClaimedJob<'a>,
) -> Option<ClaimedJob<'a>> {
    let executor = job.meta().executor.clone();
    // As on tokio's own blocking threads: timers and sockets can be made here, to be awaited by
    // `wait`.
    let _entered = executor.enter();
    let mut since = None;
    loop {
        let ended = run(job, guard, since);
        (job, guard) = inner.queue.pop_spinning(spin)?;
        if !executor.same_as(&job.meta().executor) {
            return Some((job, guard));
        }
        since = if guard.was_idle() { None } else { ended };
    }
}

/// This thread, while a test has it take one job after the other.
struct Stepped<'a>(&'a Inner);

impl SteppedThread for Stepped<'_> {
    fn run_next(&self, started: &mut dyn FnMut(&'static str)) -> bool {
        let Some((job, guard)) = self.0.queue.try_pop_now() else { return false };
        started(job.meta().name);
        let executor = job.meta().executor.clone();
        let _entered = executor.enter();
        run(job, guard, None);
        true
    }
}

/// Runs a job that was claimed, on the thread of `waiting`.
pub(super) fn run_handed_off(job: Arc<dyn QueuedJob>, waiting: &JobMeta) {
    let executor = job.meta().executor.clone();
    let _entered = executor.enter();
    let hooks = job.meta().hooks().cloned();
    waiting.notify(Hooks::handing_thread_off);
    run_on(job, RunGuard::uncounted(), None);
    waiting.notify(Hooks::thread_returned); // before the other is over, so that one of them is at work all the time
    if let Some(hooks) = hooks {
        hooks.finished();
    }
}

/// Runs a job that was claimed. Returns when its body ended.
fn run(
    job: Arc<dyn QueuedJob>,
    guard: RunGuard<'_, Arc<dyn QueuedJob>>,
    since: Option<Instant>,
) -> Option<Instant> {
    let hooks = job.meta().hooks().cloned();
    let ended = run_on(job, guard, since);
    if let Some(hooks) = hooks {
        hooks.finished();
    }
    ended
}

/// Runs a job that was claimed, and drops it before its caller is woken. So the caller frees the
/// cell, on the thread that allocated it. Returns when its body ended.
#[inline(always)] // 40 instructions a job
fn run_on(
    job: Arc<dyn QueuedJob>,
    guard: RunGuard<'_, Arc<dyn QueuedJob>>,
    since: Option<Instant>,
) -> Option<Instant> {
    let RunResult { caller, ended } = job.run(guard, since);
    if let Some(caller) = caller {
        catch_and_log("a waker", || caller.wake());
    }
    ended
}

/// Drops a job that has run. This may be the last handle on its caller's context values, whose drop
/// is the user's code: a panic in it must not end the thread.
pub(super) fn release(worker: Worker) {
    catch_and_log("a drop of what a job's caller had current", || drop(worker));
}
