//! How a worker that waits and its host exchange calls.
//!
//! The host is the task that awaits the job. A job that no task awaits, and an external thread,
//! have a [`HostTask`] instead: one at a time for each worker, so its calls keep their order (P7).
//! The first call spawns it, and it ends when no call is left.
//!
//! A job that was handed off to a waiting thread cannot rely on the task that awaits it: often that
//! task is a future that the thread polls, and polls only when the job has ended. So the host of
//! the job whose thread it is polls the calls of both, by a [`HostTask`] that it does not spawn.
//!
//! A worker that polls a future itself needs no host. But where no task awaits the job, nothing
//! would end its wait when the runtime is shut down. Therefore the first such wait spawns a host
//! task, too, which stays: until the job ends if it belongs to no server, and for as long as the
//! worker is parked if it does, because a server's stop waits for its tasks. Its drop ends the
//! wait. A job of a server's pool needs none of that: the server's drain cancels it.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Awaiter, JobCell, Stage, State, Unfinished};
use crate::context::spawn_for;
use crate::error::{Interrupted, catch_and_log};
use crate::hooks::{HookTimer, Hooks};
use crate::host_call::BoxCall;
use crate::host_task::HostTask;
use crate::job::{HandedOff, Host, HostRequest, HostTaskStep, Job, MAX_QUEUED_CALLS};
use crate::pool::builder::Spin;
use crate::pool::thread_slot;
use crate::report::{WaitsAt, WaitsFor};
use crate::spawn::{BoxTask, Executor};
use crate::sync::MutexGuard;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::timer::TimerGuard;
use crate::worker::Worker;

#[derive(Default)]
pub(super) struct HostChannel {
    pub(super) pending_call: Option<BoxCall>,
    completed_call: Option<BoxCall>,
    /// The host dropped the call that it had taken; or the host task was dropped while the worker
    /// was parked between two polls.
    abandoned: bool,
    /// A host task was made and has not ended. Until then no other host takes a request.
    pub(super) has_host_task: bool,
    /// The job runs on the thread of one that waits.
    pub(super) is_handed_off: bool,
    /// The host task stays when it has nothing to do.
    host_task_stays: bool,
    pub(super) waiting_at: Option<WaitsAt>,
    parked: bool,
    /// Boxed, because most jobs have none of it, and a small cell moves faster between cores.
    rare: Option<Box<RareState>>,
}

/// What few jobs have.
#[derive(Default)]
struct RareState {
    timers: Timers,
    /// For the host: calls whose result no thread waits for.
    queued_calls: VecDeque<BoxCall>,
    /// For the host: the host tasks of jobs that run on the worker's thread.
    served: Vec<BoxTask>,
    /// Of the host task, while it polls a call: for an interruption.
    call_waker: Option<Waker>,
    /// For the worker, while it waits: jobs that run on its thread.
    handed_off: VecDeque<Arc<dyn HandedOff>>,
}

/// The timers of a job's deadlines.
#[derive(Default)]
pub(super) struct Timers {
    #[allow(dead_code)]
    pub(super) end: Option<DeadlineTimer>,
    #[allow(dead_code)]
    pub(super) start: Option<DeadlineTimer>,
}

/// Interrupts the job at its deadline; dropping it prevents that.
pub(super) enum DeadlineTimer {
    Thread(#[allow(dead_code)] TimerGuard),
    /// By the clock of a test.
    Hook(#[allow(dead_code)] Box<dyn HookTimer>),
}

impl HostChannel {
    fn rare_mut(&mut self) -> &mut RareState {
        self.rare.get_or_insert_default()
    }

    /// What the host does next, in the order of the worker's calls. The worker waits only for the
    /// last.
    #[inline]
    pub(super) fn next_request(&mut self) -> Option<HostRequest> {
        if let Some(call) = self.rare.as_mut().and_then(|rare| rare.queued_calls.pop_front()) {
            return Some(HostRequest::CallSoon(call));
        }
        self.pending_call.take().map(HostRequest::Call)
    }

    #[inline]
    pub(super) fn next_served(&mut self) -> Option<BoxTask> {
        self.rare.as_mut()?.served.pop()
    }

    pub(super) fn take_served(&mut self) -> Vec<BoxTask> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.served)).unwrap_or_default()
    }

    fn has_queued_calls(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.queued_calls.is_empty())
    }

    /// Whether there is something for the host besides the worker's own call.
    fn has_requests(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.queued_calls.is_empty() || !rare.served.is_empty())
    }

    #[inline]
    fn has_handed_off(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.handed_off.is_empty())
    }

    fn next_handed_off(&mut self) -> Option<Arc<dyn HandedOff>> {
        self.rare.as_mut()?.handed_off.pop_front()
    }

    pub(super) fn set_timers(&mut self, timers: Timers) {
        self.rare_mut().timers = timers;
    }

    #[inline]
    pub(super) fn take_timers(&mut self) -> Option<Timers> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.timers))
    }

    /// To be called when the job is interrupted.
    #[inline]
    pub(super) fn take_call_waker(&mut self) -> Option<Waker> {
        self.rare.as_mut()?.call_waker.take()
    }

    pub(super) fn take_queued_calls(&mut self) -> Option<VecDeque<BoxCall>> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.queued_calls))
    }

    #[inline]
    pub(super) fn take_handed_off(&mut self) -> Option<VecDeque<Arc<dyn HandedOff>>> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.handed_off))
    }
}

/// Puts jobs that were handed off to a thread which did not park back into their queue.
#[inline]
pub(super) fn requeue(handed_off: Option<VecDeque<Arc<dyn HandedOff>>>) {
    if let Some(jobs) = handed_off {
        jobs.into_iter().for_each(HandedOff::requeue);
    }
}

/// The worker's side.
impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Has the host poll `call` to its end, and waits for it.
    pub(super) fn ask(
        &self,
        this: &Arc<dyn Host>,
        call: BoxCall,
        at: &'static Location<'static>,
    ) -> Result<BoxCall, Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            drop(state);
            drop(call);
            return Err(why.to_call_error());
        }
        state.host.abandoned = false;
        state.host.pending_call = Some(call);
        // The host answers soon, so this thread spins first, without the lock, unless it has a job
        // to run meanwhile.
        let spin = if state.host.has_handed_off() { Spin::NONE } else { self.spin() };
        self.notified.store(false, Ordering::Release);
        let at = (at, WaitsFor::Loop);
        let before = state.host.waiting_at.replace(at);
        let called = self.notify_host(this, state);
        if called.is_ok() {
            spin.until(|| self.notified.load(Ordering::Acquire));
        }
        let mut state = self.state.lock();
        state.host.waiting_at = before;
        called?;
        let answer = self.wait_until(state, at, Spin::NONE, None, |state| {
            if let Some(call) = state.host.completed_call.take() {
                return Some(Ok(call));
            }
            if std::mem::take(&mut state.host.abandoned) {
                return Some(Err(Interrupted::Abandoned));
            }
            self.cancel_reason().map(|why| Err(why.to_call_error()))
        });
        answer.unwrap_or(Err(Interrupted::Abandoned))
    }

    /// Has the host poll `call`, a function, after the calls before it. Gives it back if too many
    /// wait.
    pub(super) fn ask_soon(
        &self,
        this: &Arc<dyn Host>,
        call: BoxCall,
    ) -> Result<Option<BoxCall>, Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            return Err(why.to_call_error());
        }
        let queued = &mut state.host.rare_mut().queued_calls;
        if queued.len() >= MAX_QUEUED_CALLS {
            return Ok(Some(call));
        }
        queued.push_back(call);
        self.notify_host(this, state).map(|()| None)
    }

    /// Wakes the host, because there is something to do.
    fn notify_host(
        &self,
        this: &Arc<dyn Host>,
        mut state: MutexGuard<'_, State<F, T, E>>,
    ) -> Result<(), Interrupted> {
        let is_detached = state.awaiter == Awaiter::Detached;
        if is_detached || state.host.is_handed_off {
            let has_host_task = std::mem::replace(&mut state.host.has_host_task, true);
            if !has_host_task && is_detached {
                drop(state);
                return self.spawn_host_task(this, None);
            }
            if !has_host_task {
                drop(state);
                return self.ask_host_of_thread(Box::pin(HostTask::new(Arc::clone(this), None)));
            }
            if !is_detached {
                return Ok(()); // the host task looks again before it ends
            }
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn spawn_host_task(&self, this: &Arc<dyn Host>, taken: Option<BoxCall>) -> Result<(), Interrupted> {
        // If no executor takes it, it is dropped, which ends the worker's wait.
        spawn_for(&self.meta, Box::pin(HostTask::new(Arc::clone(this), taken)), None)
    }

    /// Has the host of the job whose thread this one runs on poll `task`.
    fn ask_host_of_thread(&self, task: BoxTask) -> Result<(), Interrupted> {
        // That job has not ended, since this one is on its stack.
        let waiting = self.meta.pool.and_then(|pool| self.meta.parent().waiting_ancestor(pool));
        waiting.map_or(Err(Interrupted::Abandoned), |waiting| waiting.serve(task))
    }

    /// As [`Host::serve`].
    pub(super) fn serve_job_on_thread(&self, task: BoxTask) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            drop(state);
            return Err(why.to_call_error());
        }
        match state.awaiter {
            _ if state.host.is_handed_off => {
                drop(state);
                self.ask_host_of_thread(task)
            }
            Awaiter::Detached => {
                drop(state);
                spawn_for(&self.meta, task, None)
            }
            Awaiter::Dropped => {
                drop(state);
                Err(Interrupted::Abandoned)
            }
            Awaiter::Attached => {
                state.host.rare_mut().served.push(task);
                let waker = state.waker.take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                Ok(())
            }
        }
    }

    /// Whether a wait without a host needs a host task that stays, for its drop.
    fn needs_host_task_to_wait(&self) -> bool {
        match (&self.meta.scope, &self.meta.executor) {
            (Some(_), _) => self.meta.pool.is_none(),
            (None, Executor::None) => false,
            (None, Executor::Tokio(_) | Executor::Custom(_)) => true,
        }
    }

    /// Blocks the worker for `time`, or until the job is cancelled.
    pub(super) fn sleep_until_cancelled(
        &self,
        time: Duration,
        at: &'static Location<'static>,
    ) -> Result<(), Interrupted> {
        let limit = Instant::now().checked_add(time);
        let at = (at, WaitsFor::Time);
        let reason = self.wait_until(self.state.lock(), at, Spin::NONE, limit, |_| self.cancel_reason());
        reason.map_or(Ok(()), |why| Err(why.to_interrupted(true)))
    }

    /// Blocks the worker until `done`, or until the job is cancelled.
    pub(super) fn park_until(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        let ended =
            self.wait_until(self.state.lock(), at, self.spin(), None, |_| match self.cancel_reason() {
                _ if done() => Some(Ok(())),
                Some(why) => Some(Err(why.to_interrupted(true))),
                None => None,
            });
        ended.unwrap_or(Ok(()))
    }

    /// Blocks the worker between two polls of a future. `this` is this job.
    pub(super) fn park_between_polls(
        &self,
        this: &Arc<dyn Host>,
        at: &'static Location<'static>,
        is_woken: &AtomicBool,
    ) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        if is_woken.load(Ordering::Acquire) {
            // The future may wait for this very job.
            if let Some(job) = state.host.next_handed_off() {
                drop(state);
                job.run_handed_off(&self.meta);
            }
            return self.cancel_reason().map_or(Ok(()), |why| Err(why.to_interrupted(true)));
        }
        let stays = state.awaiter == Awaiter::Detached && self.needs_host_task_to_wait();
        if stays {
            state.host.host_task_stays = true;
            if !std::mem::replace(&mut state.host.has_host_task, true) {
                state.host.abandoned = false;
                drop(state);
                self.spawn_host_task(this, None)?;
                state = self.state.lock();
            }
        }
        let ended = self.wait_until(state, (at, WaitsFor::Wakeup), self.spin(), None, |state| {
            if is_woken.load(Ordering::Acquire) {
                return Some(Ok(()));
            }
            if std::mem::take(&mut state.host.abandoned) {
                return Some(Err(Interrupted::Abandoned));
            }
            self.cancel_reason().map(|why| Err(why.to_interrupted(true)))
        });
        if stays && self.meta.scope.is_some() {
            self.let_host_task_end();
        }
        ended.unwrap_or(Ok(()))
    }

    /// Lets a host task end that has stayed although it had nothing to do.
    pub(super) fn let_host_task_end(&self) {
        let mut state = self.state.lock();
        let waker = state.host_task_waker();
        drop(state);
        wake(waker);
    }

    /// How this thread waits. (A job that was handed off waits as the jobs of its thread do.)
    fn spin(&self) -> Spin {
        if self.meta.pool.is_some() { thread_slot::wait_spins() } else { Spin::NONE }
    }

    /// Blocks the worker until `done` returns something, or until `limit`; runs jobs that are
    /// handed off to this thread meanwhile.
    fn wait_until<'a, R>(
        &'a self,
        mut state: MutexGuard<'a, State<F, T, E>>,
        at: WaitsAt,
        spin: Spin,
        limit: Option<Instant>,
        mut done: impl FnMut(&mut State<F, T, E>) -> Option<R>,
    ) -> Option<R> {
        let mut may_spin = true;
        // A job that is polled here may wait inside the wait of this one.
        let before = state.host.waiting_at.replace(at);
        loop {
            if let Some(result) = done(&mut state) {
                state.host.waiting_at = before;
                return Some(result);
            }
            if let Some(job) = state.host.next_handed_off() {
                drop(state);
                job.run_handed_off(&self.meta);
                state = self.state.lock();
                may_spin = true;
                continue;
            }
            if std::mem::take(&mut may_spin) && spin.turns() > 0 {
                self.notified.store(false, Ordering::Release);
                drop(state);
                spin.until(|| self.notified.load(Ordering::Acquire));
                state = self.state.lock();
                continue;
            }
            match limit {
                Some(limit) => {
                    let left = limit.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.host.waiting_at = before;
                        return None;
                    }
                    state.host.parked = true;
                    state = self.condvar.wait_for(state, left);
                }
                None => {
                    self.meta.notify(Hooks::parked);
                    state.host.parked = true;
                    state = self.condvar.wait(state);
                }
            }
            state.host.parked = false;
        }
    }
}

/// The host's side.
impl<F, T, E> JobCell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Makes a worker that waits check its condition again, and releases the lock.
    pub(super) fn notify(&self, mut state: MutexGuard<'_, State<F, T, E>>) {
        self.meta.notify(Hooks::resumed);
        let parked = std::mem::take(&mut state.host.parked);
        drop(state);
        self.wake_worker(parked);
    }

    /// Wakes the worker after a change that was made under the lock. The lock is released by now,
    /// because the worker would wait for it. If the worker is not parked yet, it finds the change
    /// before it parks.
    #[inline]
    fn wake_worker(&self, is_parked: bool) {
        self.notified.store(true, Ordering::Release);
        if is_parked {
            self.condvar.notify_one();
        }
    }

    /// Returns the completed call to the worker, and registers `waker` for what comes next. In one
    /// step, because the worker that goes on takes the lock, too. `false` if there is something for
    /// the host already.
    pub(super) fn put_completed(&self, call: BoxCall, waker: Option<&Waker>) -> bool {
        let mut state = self.state.lock();
        state.host.completed_call = Some(call);
        let call_waker = state.host.take_call_waker();
        self.meta.notify(Hooks::resumed);
        let idle = state.output.is_none() && !state.host.has_requests();
        let before = waker.filter(|_| idle).and_then(|waker| state.waker.replace(waker.clone()));
        let parked = std::mem::take(&mut state.host.parked);
        drop(state);
        self.wake_worker(parked);
        drop((before, call_waker)); // this may drop their task, which is the user's code
        idle
    }

    pub(super) fn accept_handoff(&self, job: Arc<dyn HandedOff>) -> Result<(), Arc<dyn HandedOff>> {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Running) {
            return Err(job);
        }
        state.host.rare_mut().handed_off.push_back(job);
        self.notify(state);
        Ok(())
    }

    /// The host task's next step.
    pub(super) fn step_of_host_task(&self, waker: &Waker) -> HostTaskStep {
        let mut state = self.state.lock();
        if let Some(request) = state.host.next_request() {
            return HostTaskStep::Run(request);
        }
        if state.host.host_task_stays {
            let before = state.waker.replace(waker.clone());
            drop(state);
            drop(before); // this may drop its task, which is the user's code
            return HostTaskStep::Stay;
        }
        state.host.has_host_task = false;
        let wakers = state.wakers_after_host_task();
        drop(state);
        wakers.wake();
        HostTaskStep::End
    }

    /// As [`Host::poll_interrupted`].
    pub(super) fn poll_interrupted_for_host_task(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if self.cancel_reason().is_some() {
            return true;
        }
        let known = &mut state.host.rare_mut().call_waker;
        let is_known = known.as_ref().is_some_and(|known| known.will_wake(waker));
        let before = if is_known { None } else { known.replace(waker.clone()) };
        drop(state);
        drop(before); // this may drop its task, which is the user's code
        false
    }

    /// The host task was dropped before its end; `has_call`: with a call that the worker waits for.
    pub(super) fn without_host_task(&self, has_call: bool) {
        let mut state = self.state.lock();
        let asked = state.host.pending_call.take();
        let soon = state.host.take_queued_calls();
        state.host.has_host_task = false;
        let wakers = state.wakers_after_host_task();
        state.host.abandoned = has_call || asked.is_some() || state.host.host_task_stays;
        self.notify(state);
        drop((asked, soon));
        wakers.wake();
    }

    /// From now on no task awaits the job. `left`: what the task was polling for it.
    pub(super) fn go_on_detached(self: &Arc<Self>, left: Unfinished) {
        let Unfinished { call, mut served } = left;
        let mut state = self.state.lock();
        state.awaiter = Awaiter::Detached;
        let output = (state.output.take(), state.waker.take());
        let polls = matches!(state.host.waiting_at, Some((_, WaitsFor::Wakeup)));
        let stays = polls && self.needs_host_task_to_wait();
        state.host.host_task_stays = stays;
        let busy =
            stays || call.is_some() || state.host.pending_call.is_some() || state.host.has_queued_calls();
        // A job that was handed off may have one.
        let has_host_task = std::mem::replace(&mut state.host.has_host_task, busy);
        state.host.has_host_task |= has_host_task;
        served.append(&mut state.host.take_served());
        drop(state);
        drop(output);
        if busy && !has_host_task {
            let this = Arc::clone(self) as Arc<dyn Host>;
            let _ = self.spawn_host_task(&this, call);
        }
        for task in served {
            // If no executor takes it, it is dropped, which ends the other worker's wait.
            let _ = spawn_for(&self.meta, task, None);
        }
    }
}

impl<F, T, E> State<F, T, E> {
    /// Lets the host task end, if there is one that stays; its waker, to be called without the
    /// lock.
    pub(super) fn host_task_waker(&mut self) -> Option<Waker> {
        let stays = std::mem::take(&mut self.host.host_task_stays);
        if stays { self.waker.take() } else { None }
    }
}

/// What is left of a host task that has ended, for its end without the lock.
struct WakersAfterHostTask {
    /// Of the task that awaits a job which was handed off: it gets the output now.
    awaiter: Option<Waker>,
    /// Of the host task itself. Its drop may drop a task, which is the user's code.
    own: Option<Waker>,
}

impl WakersAfterHostTask {
    fn wake(self) {
        wake(self.awaiter);
        drop(self.own);
    }
}

impl<F, T, E> State<F, T, E> {
    fn wakers_after_host_task(&mut self) -> WakersAfterHostTask {
        let own = self.waker.take_if(|_| self.awaiter == Awaiter::Detached);
        let awaiter = self.waker.take_if(|_| matches!(self.stage, Stage::Finished));
        WakersAfterHostTask { awaiter, own }
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        catch_and_log("a waker", || waker.wake());
    }
}
