//! The run of a job on its thread: what the body sees of its caller, and how its output is
//! delivered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Span, dispatcher};

use super::host::{requeue, wake};
use super::{Awaiter, JobCell, Output, Stage};
use crate::context::{self, Current};
use crate::error::{Interrupted, Panic, catch_panic};
use crate::job::{CancelReason, Job};
use crate::pool::queue::RunGuard;
use crate::pool::stats::{self, Counters};
use crate::pool::thread_slot::{self, Occupied, ThreadSlot};
use crate::pool::{QueuedJob, RunResult, thread};
use crate::scope::ScopeGuard;
use crate::worker::Worker;

/// What the thread gets, and drops before it delivers the output.
pub(in crate::pool) struct Payload<F> {
    pub(in crate::pool) body: F,
    /// Boxed, because most jobs have none, and a small cell moves faster between cores.
    pub(in crate::pool) traced: Option<Box<TraceContext>>,
    pub(in crate::pool) member: Option<ScopeGuard>,
}

/// The caller's span and subscriber; a span brings its subscriber along.
pub(in crate::pool) enum TraceContext {
    Span(Span),
    Dispatch(Dispatch),
}

impl TraceContext {
    /// `None` if no subscriber listens, since capturing costs time.
    #[inline]
    pub(in crate::pool) fn current() -> Option<Box<Self>> {
        if LevelFilter::current() == LevelFilter::OFF { None } else { Some(Box::new(Self::capture())) }
    }

    fn capture() -> Self {
        let span = Span::current();
        if span.is_none() { Self::Dispatch(dispatcher::get_default(Clone::clone)) } else { Self::Span(span) }
    }

    /// Runs `body`, then `log`, as if they were called where this was captured. The span is dropped
    /// before this returns.
    fn run<R>(self, body: impl FnOnce() -> R, log: impl FnOnce(&R)) -> R {
        let span = match &self {
            Self::Span(span) => span,
            Self::Dispatch(_) => &Span::none(),
        };
        let dispatch = match &self {
            Self::Span(span) => &span.with_subscriber(|(_, dispatch)| dispatch.clone()).unwrap_or_default(),
            Self::Dispatch(dispatch) => dispatch,
        };
        dispatcher::with_default(dispatch, || {
            let result = span.in_scope(body);
            span.in_scope(|| log(&result));
            result
        })
    }
}

impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// For the thread that has claimed the job. The worker owns the thread's only handle on it,
    /// because a second one would cost two atomic operations.
    pub(super) fn run_and_release(
        self: Arc<Self>,
        guard: RunGuard<'_, Arc<dyn QueuedJob>>,
        since: Option<Instant>,
    ) -> RunResult {
        let worker = Worker::new(self);
        let ran = match worker.host().as_any().downcast_ref::<Self>() {
            Some(cell) => cell.run_on(&worker, guard, since),
            None => unreachable!("the worker was just made of this type"),
        };
        thread::release(worker);
        ran
    }

    fn run_on(
        &self,
        worker: &Worker,
        guard: RunGuard<'_, Arc<dyn QueuedJob>>,
        since: Option<Instant>,
    ) -> RunResult {
        // The timer may be late, and a cancellation may have come since the claim.
        if self.meta.rare.is_some() && self.is_late() {
            self.interrupt(CancelReason::Deadline);
        }
        let outermost = !guard.is_uncounted();
        let (stage, reason) = {
            let mut state = self.state.lock();
            state.host.is_handed_off = !outermost;
            // Both in one hold of the lock: an interruption that comes later finds that the job has
            // begun.
            (std::mem::replace(&mut state.stage, Stage::Running), self.cancel_reason())
        };
        let Stage::Pending(payload) = stage else { return RunResult::default() };
        if reason.is_some() {
            return self.never_run(payload, guard);
        }
        let run = |slot: Option<&ThreadSlot>| self.run_body(payload, worker, slot, outermost, since);
        let given_up = || self.meta.scope.as_ref().is_some_and(|scope| scope.has_given_up());
        match thread_slot::with_running_job(worker.host(), given_up, run) {
            Occupied::Left((result, ended)) => {
                self.pass_lane();
                drop(guard);
                self.finish(result, ended)
            }
            Occupied::Closed(run) => {
                self.end_before_body(CancelReason::Drained);
                self.never_run(run, guard)
            }
        }
    }

    /// Whether one of the deadlines has passed.
    #[inline(never)]
    fn is_late(&self) -> bool {
        let deadlines = [self.meta.deadline(), self.meta.starts_by()];
        deadlines.into_iter().flatten().min().is_some_and(|first| self.now() >= first)
    }

    /// Ends a claimed job that was cancelled before its body began. `payload` contains what the job
    /// captured.
    fn never_run(&self, payload: impl Sized, guard: RunGuard<'_, Arc<dyn QueuedJob>>) -> RunResult {
        let _ = catch_panic(|| drop(payload));
        self.pass_lane();
        drop(guard);
        self.state.lock().stage = Stage::Finished;
        RunResult::default()
    }

    /// Runs the body with the caller's span, values, scope and executor, and drops them afterwards.
    fn run_body(
        &self,
        payload: Payload<F>,
        worker: &Worker,
        slot: Option<&ThreadSlot>,
        outermost: bool,
        since: Option<Instant>,
    ) -> (Result<Result<T, E>, Panic>, Instant) {
        let Payload { body, traced, member } = payload;
        let started = since.unwrap_or_else(Instant::now);
        let waited = started.saturating_duration_since(self.meta.submitted_at);
        let started_by_test_clock = self.meta.hooks().map(|hooks| hooks.now());
        let body = || (catch_panic(|| body(worker)), Instant::now());
        let body = || match traced {
            // The body's own panic is caught inside. A panic of the subscriber must not end the
            // thread, and the caller must get an answer.
            Some(traced) => {
                let log = |(_, ended): &(_, Instant)| self.log(waited, *ended - started);
                catch_panic(|| traced.run(body, log)).unwrap_or_else(|panic| (Err(panic), Instant::now()))
            }
            None => body(),
        };
        let (result, ended) = if outermost && self.meta.scope.is_none() && self.meta.values.is_none() {
            context::with_pool_thread_job(body)
        } else {
            context::with(&mut Current::for_job(Arc::clone(worker.host())), false, body)
        };
        if let Some(slot) = slot {
            let mut micros = slot.times.ran(&slot.pool, waited, ended - started);
            if let Some(start) = started_by_test_clock {
                // The clock of the job's deadline is also that of its run.
                micros = stats::micros(self.now().saturating_duration_since(start));
            }
            slot.record_run(self.meta.charge.estimate, micros, result.is_err() || self.is_interrupted());
        }
        drop(member);
        (result, ended)
    }

    fn log(&self, waited: Duration, ran: Duration) {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("an unnamed thread");
        tracing::debug!(target: "portcullis::pool", method = self.meta.name, "queued {waited:.1?} ran {ran:.1?} on {thread}");
    }

    /// Delivers what the body returned, unless the caller has been answered or has dropped the
    /// `Offload`.
    fn finish(&self, result: Result<Result<T, E>, Panic>, ended_at: Instant) -> RunResult {
        let ended = match result {
            Ok(returned) => Output::Returned(returned),
            Err(panic) => {
                self.record(Counters::panicked);
                Output::Interrupted(Interrupted::Panicked(panic))
            }
        };
        let mut state = self.state.lock();
        state.stage = Stage::Finished;
        let handed_off = state.host.take_handed_off();
        let timers = state.host.take_timers();
        let awaited = state.awaiter == Awaiter::Attached && !self.is_interrupted();
        if awaited {
            state.output = Some(ended);
            let caller = state.waker.take();
            drop(state);
            drop(timers);
            requeue(handed_off);
            return RunResult { caller, ended: Some(ended_at) };
        }
        let host_task = state.host_task_waker();
        drop(state);
        drop(timers);
        wake(host_task);
        // The output is dropped here. A panic in the user's `Drop` must not end the pool thread.
        let _ = catch_panic(|| drop(ended));
        requeue(handed_off);
        RunResult::default()
    }
}
