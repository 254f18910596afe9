//! [`JobCell`]: a job in one allocation: its closure, then its output, and the calls between its
//! worker and its host.
//!
//! The queue sees it as a [`QueuedJob`], the worker as a [`Host`], the `Offload` as an
//! [`OffloadHandle`].
//!
//! | [`Stage`] | next stage |
//! |---|---|
//! | `Pending` | a thread claims and runs it → `Running`; `interrupt` cancels it → `Finished`, closure dropped |
//! | `Running` | the body returns → `Finished`; `interrupt` answers the caller and notifies the worker, and the body goes on; nothing if the job has committed |
//! | `Finished` | – |
//!
//! The output is written at most once, by whichever of the two comes first.
//!
//! In this folder: [`state`], which thread owns the job; [`run`], its run on a thread; [`host`],
//! its worker and its host; [`cancel`], its end before its time.

mod cancel;
mod host;
mod run;
mod state;

use std::any::Any;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use self::host::{DeadlineTimer, HostChannel, Timers, requeue, wake};
pub(super) use self::run::{Payload, TraceContext};
use self::state::{AtomicJobState, JobState};
use super::queue::{Claim, Demand, Refusal, RunGuard};
use super::stats::Counters;
use super::{Inner, QueuedJob, RunResult, registry, thread};
use crate::error::Interrupted;
use crate::hooks::Hooks;
use crate::host_call::BoxCall;
use crate::job::{CancelReason, HandedOff, Host, HostRequest, HostTaskStep, Job, JobMeta};
use crate::report::{RunningJob, WaitsAt};
use crate::spawn::BoxTask;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::timer::{self, Expire};
use crate::worker::Worker;

pub(crate) struct JobCell<F, T, E> {
    meta: JobMeta,
    job_state: AtomicJobState,
    /// The first [`CancelReason`], as its code; 0: none.
    cancel_code: AtomicU8,
    /// The job holds its lane: it is the one that may run.
    holds_lane: AtomicBool,
    /// The worker should look at its state again. It spins on this before it parks.
    notified: AtomicBool,
    condvar: Condvar,
    state: Mutex<State<F, T, E>>,
}

enum Stage<F> {
    Pending(Payload<F>),
    Running,
    Finished,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaiter {
    Attached,
    Detached,
    Dropped,
}

struct State<F, T, E> {
    stage: Stage<F>,
    output: Option<Output<T, E>>,
    awaiter: Awaiter,
    /// The job has passed its point of no return: nothing interrupts it.
    committed: bool,
    waker: Option<Waker>,
    host: HostChannel,
}

/// How a job ended, for its caller.
enum Output<T, E> {
    Returned(Result<T, E>),
    Interrupted(Interrupted),
}

/// What the host does next.
pub(crate) enum HostPoll<T, E> {
    Request(HostRequest),
    /// Poll this to its end, beside all else: see [`Host::serve`].
    Serve(BoxTask),
    Output(Result<T, E>),
}

/// What a host polls and has not polled to its end.
#[derive(Default)]
pub(crate) struct Unfinished {
    /// The worker's call.
    pub(crate) call: Option<BoxCall>,
    /// See [`Host::serve`].
    pub(crate) served: Vec<BoxTask>,
}

/// The cell as the `Offload` sees it.
pub(crate) trait OffloadHandle<T, E>: Send + Sync {
    /// What the host has to do. If that is nothing, `waker` is registered. `busy`: the host still
    /// polls a call.
    fn poll_host(&self, busy: bool, waker: &Waker) -> Option<HostPoll<T, E>>;
    /// The host has completed `call`. `true`: `waker` is registered, and there is nothing to do.
    fn complete_call(&self, call: BoxCall, waker: &Waker) -> bool;
    fn job_meta(&self) -> &JobMeta;
    fn as_host(self: Arc<Self>) -> Arc<dyn Host>;
    /// The caller drops the offload: the output is dropped, and the job is cancelled unless it has
    /// passed its point of no return.
    fn drop_awaiter(self: Arc<Self>, left: Unfinished);
    /// Lets the job run on without a caller.
    fn detach(self: Arc<Self>, left: Unfinished);
}

impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    #[inline]
    pub(super) fn new(meta: JobMeta, payload: Payload<F>) -> Arc<Self> {
        // Before a job is in the queue, only a timer, a lane or a waiting ancestor knows of it.
        let job_state = if meta.rare.is_none() { JobState::Queued } else { JobState::New };
        Self::with(meta, job_state, Stage::Pending(payload), Awaiter::Attached)
    }

    #[inline]
    fn with(meta: JobMeta, job_state: JobState, stage: Stage<F>, awaiter: Awaiter) -> Arc<Self> {
        let host = HostChannel::default();
        Arc::new(Self {
            meta,
            job_state: AtomicJobState::new(job_state),
            cancel_code: AtomicU8::new(0),
            holds_lane: AtomicBool::new(false),
            notified: AtomicBool::new(false),
            condvar: Condvar::new(),
            state: Mutex::new(State { stage, output: None, awaiter, committed: false, waker: None, host }),
        })
    }

    /// The job of an external thread: it runs already, and no task awaits it.
    pub(super) fn external(meta: JobMeta) -> Arc<Self> {
        Self::with(meta, JobState::Claimed, Stage::Running, Awaiter::Detached)
    }

    /// Starts the timers of the deadlines, if there are any. Called before the job is queued, so
    /// that a timer misses no run.
    #[inline]
    pub(super) fn start_deadline_timers(self: &Arc<Self>) -> Result<(), Interrupted> {
        if self.meta.rare.is_some() { self.start_timers() } else { Ok(()) }
    }

    #[inline(never)]
    fn start_timers(self: &Arc<Self>) -> Result<(), Interrupted> {
        let start_timer = |at: Instant| {
            let me: Weak<Self> = Arc::downgrade(self);
            let by_test_clock = self.meta.hooks().and_then(|hooks| {
                let me: Weak<dyn Expire> = me.clone();
                hooks.start_timer(at, Box::new(|| timer::expire_now(me)))
            });
            match by_test_clock {
                Some(timer) => Ok(DeadlineTimer::Hook(timer)),
                None => timer::expire_at(at, me).map(DeadlineTimer::Thread).map_err(|_| Interrupted::Full),
            }
        };
        let end = self.meta.deadline().map(start_timer).transpose()?;
        let start = self.meta.starts_by().map(start_timer).transpose()?;
        if end.is_some() || start.is_some() {
            self.state.lock().host.set_timers(Timers { end, start });
        }
        Ok(())
    }

    /// Answers the caller of a job that was not admitted. Returns false if its deadline has
    /// answered it meanwhile.
    pub(super) fn reject(&self, why: Interrupted) -> bool {
        if self.job_state.cancel().is_none() {
            return false;
        }
        let mut state = self.state.lock();
        let payload = std::mem::replace(&mut state.stage, Stage::Finished);
        state.output = Some(Output::Interrupted(why));
        let timers = state.host.take_timers();
        drop(state);
        drop((payload, timers));
        self.meta.notify(Hooks::finished);
        true
    }

    /// The time that the job's deadline is counted by.
    fn now(&self) -> Instant {
        self.meta.hooks().map_or_else(Instant::now, |hooks| hooks.now())
    }

    /// Whether the job has a cancel reason.
    #[inline]
    fn is_interrupted(&self) -> bool {
        self.cancel_code.load(Ordering::Acquire) != 0
    }

    fn pool(&self) -> Option<Arc<Inner>> {
        self.meta.pool.and_then(registry::pool)
    }

    fn record(&self, what: fn(&Counters, &str)) {
        if let Some(pool) = self.pool() {
            what(&pool.counters, &pool.name);
        }
    }
}

impl<F, T, E> OffloadHandle<T, E> for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Interrupted> + Send + 'static,
{
    fn poll_host(&self, busy: bool, waker: &Waker) -> Option<HostPoll<T, E>> {
        let mut state = self.state.lock();
        if let Some(task) = state.host.next_served() {
            return Some(HostPoll::Serve(task));
        }
        let is_served = state.host.has_host_task;
        if !busy && !is_served {
            if let Some(request) = state.host.next_request() {
                return Some(HostPoll::Request(request));
            }
        }
        // What the body has called, and another host polls, is done before its output is there.
        let is_early = |output: &Output<T, E>| is_served && matches!(output, Output::Returned(_));
        if let Some(output) = state.output.take_if(|output| !is_early(output)) {
            drop(state); // `From` is the user's code
            return Some(HostPoll::Output(match output {
                Output::Returned(result) => result,
                Output::Interrupted(interrupted) => Err(E::from(interrupted)),
            }));
        }
        let known = state.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        let before = if known { None } else { state.waker.replace(waker.clone()) };
        drop(state);
        drop(before); // this may drop its task, which is the user's code
        None
    }

    fn complete_call(&self, call: BoxCall, waker: &Waker) -> bool {
        self.put_completed(call, Some(waker))
    }

    fn job_meta(&self) -> &JobMeta {
        &self.meta
    }

    fn as_host(self: Arc<Self>) -> Arc<dyn Host> {
        self
    }

    fn drop_awaiter(self: Arc<Self>, left: Unfinished) {
        let mut state = self.state.lock();
        if state.committed {
            drop(state);
            return self.go_on_detached(left);
        }
        state.awaiter = Awaiter::Dropped;
        let requests = (state.host.take_queued_calls(), state.host.take_served());
        let output = (state.output.take(), state.waker.take());
        let finished = matches!(state.stage, Stage::Finished);
        drop(state);
        drop((output, requests));
        if !finished {
            self.end_early(CancelReason::Dropped);
        }
        // Only now, so that the worker does not take its call for one that is still polled.
        drop(left);
    }

    fn detach(self: Arc<Self>, left: Unfinished) {
        self.go_on_detached(left);
    }
}

impl<F, T, E> Job for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn meta(&self) -> &JobMeta {
        &self.meta
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_job(self: Arc<Self>) -> Arc<dyn Job> {
        self
    }

    fn cancel_reason(&self) -> Option<CancelReason> {
        CancelReason::from_code(self.cancel_code.load(Ordering::Acquire))
    }

    fn is_finished(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Finished)
    }

    fn interrupt(&self, why: CancelReason) {
        self.end_early(why);
    }

    fn describe_running(&self) -> RunningJob {
        let state = self.state.lock();
        RunningJob {
            method: self.meta.name,
            pool: self.pool().map_or_else(String::new, |pool| pool.name.clone()),
            age: self.meta.submitted_at.elapsed(),
            waiting_at: state.host.waiting_at.map(|(at, _)| at),
            waits_for: state.host.waiting_at.map(|(_, what)| what),
            host_not_polled: state.host.pending_call.is_some(),
        }
    }
}

impl<F, T, E> Expire for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn expire(&self) {
        let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|at| self.now() >= at);
        if has_passed(self.meta.starts_by()) && !has_passed(self.meta.deadline()) {
            self.end_unless_claimed(CancelReason::Deadline);
        } else {
            self.end_early(CancelReason::Deadline);
        }
    }
}

impl<F, T, E> Host for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn call_host(
        &self,
        this: &Arc<dyn Host>,
        call: BoxCall,
        at: &'static Location<'static>,
    ) -> Result<BoxCall, Interrupted> {
        self.ask(this, call, at)
    }

    fn call_host_soon(&self, this: &Arc<dyn Host>, call: BoxCall) -> Result<Option<BoxCall>, Interrupted> {
        self.ask_soon(this, call)
    }

    fn sleep(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted> {
        self.sleep_until_cancelled(time, at)
    }

    fn park(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        self.park_until(at, done)
    }

    fn park_until_woken(
        &self,
        this: &Arc<dyn Host>,
        at: &'static Location<'static>,
        is_woken: &AtomicBool,
    ) -> Result<(), Interrupted> {
        self.park_between_polls(this, at, is_woken)
    }

    fn notify_worker(&self) {
        self.notify(self.state.lock());
    }

    fn commit(&self) -> Result<(), Interrupted> {
        self.pass_point_of_no_return()
    }

    fn is_committed(&self) -> bool {
        self.state.lock().committed
    }

    fn hand_off(&self, job: Arc<dyn HandedOff>) -> Result<(), Arc<dyn HandedOff>> {
        self.accept_handoff(job)
    }

    fn serve(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.serve_job_on_thread(task)
    }

    fn next_step(&self, waker: &Waker) -> HostTaskStep {
        self.step_of_host_task(waker)
    }

    fn complete_call(&self, call: BoxCall) {
        self.put_completed(call, None);
    }

    fn poll_interrupted(&self, waker: &Waker) -> bool {
        self.poll_interrupted_for_host_task(waker)
    }

    fn host_task_dropped(&self, has_call: bool) {
        self.without_host_task(has_call);
    }
}

impl<F, T, E> HandedOff for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn run_handed_off(self: Arc<Self>, waiting: &JobMeta) {
        if QueuedJob::claim(&*self) {
            thread::run_handed_off(self, waiting);
        }
    }

    fn requeue(self: Arc<Self>) {
        if let Some(pool) = self.pool() {
            pool.queue.requeue_front(self as Arc<dyn QueuedJob>);
            pool.ensure_thread();
        }
    }
}

impl<F, T, E> QueuedJob for JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn claim(&self) -> bool {
        let claimed = self.job_state.claim();
        if claimed {
            self.meta.notify(Hooks::started);
        }
        claimed
    }

    fn is_cancelled(&self) -> bool {
        self.job_state.is_cancelled()
    }

    fn mark_queued(&self) -> bool {
        self.job_state.mark_queued()
    }

    fn mark_lane_blocked(&self) -> bool {
        self.job_state.mark_lane_blocked()
    }

    fn mark_handed_off(&self) -> bool {
        self.job_state.mark_handed_off()
    }

    fn run(self: Arc<Self>, place: RunGuard<'_, Arc<dyn QueuedJob>>, since: Option<Instant>) -> RunResult {
        self.run_and_release(place, since)
    }

    fn acquire_lane(&self) {
        self.take_lane();
    }

    fn release_lane(&self) {
        self.pass_lane();
    }

    fn refuse(&self, refusal: Refusal) {
        match refusal {
            Refusal::Shed => self.end_unstarted(CancelReason::Shed, Interrupted::Shed),
            Refusal::CannotEndInTime => {
                self.end_unstarted(CancelReason::Deadline, Interrupted::Deadline { began: false })
            }
            Refusal::Delayed { retry_after } => {
                self.end_unstarted(CancelReason::Overloaded, Interrupted::Overloaded { retry_after });
            }
        }
    }

    fn now(&self) -> Instant {
        JobCell::now(self)
    }

    fn into_handed_off(self: Arc<Self>) -> Arc<dyn HandedOff> {
        self
    }
}

impl Claim for Arc<dyn QueuedJob> {
    fn mark_queued(&self) -> bool {
        QueuedJob::mark_queued(&**self)
    }

    fn mark_lane_blocked(&self) -> bool {
        QueuedJob::mark_lane_blocked(&**self)
    }

    fn claim(&self) -> bool {
        QueuedJob::claim(&**self)
    }

    fn is_cancelled(&self) -> bool {
        QueuedJob::is_cancelled(&**self)
    }

    fn demand(&self) -> Demand {
        Demand::of(self.meta())
    }

    fn now(&self) -> Instant {
        QueuedJob::now(&**self)
    }

    fn queue_delay(&self) -> Option<(Instant, Duration)> {
        let meta = self.meta();
        if meta.lane().is_some() {
            return None; // it may have waited for its lane
        }
        let now = QueuedJob::now(&**self);
        Some((now, now.saturating_duration_since(meta.called_at())))
    }

    fn refuse(&self, refusal: Refusal) {
        QueuedJob::refuse(&**self, refusal);
    }
}

impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Ends the job of an external thread: no more jobs are handed off to it.
    pub(super) fn finish_external(&self) {
        let mut state = self.state.lock();
        state.stage = Stage::Finished;
        let handed_off = state.host.take_handed_off();
        let host_task = state.host_task_waker();
        drop(state);
        requeue(handed_off);
        wake(host_task);
    }
}
