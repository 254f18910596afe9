//! How a worker that waits and its host exchange calls.
//!
//! The host is the task that awaits the job; of a job that nobody awaits, and of an external
//! thread, it is a
//! [`HostTask`]: one task at a time for one worker, so that what the worker asks for happens in its order (P7). It is
//! spawned when there is something to do and ends when there is not.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Awaiter, JobCell, Stage, State};
use crate::context::spawn_for;
use crate::error::Interrupted;
use crate::hooks::{HookTimer, Hooks};
use crate::host_call::BoxCall;
use crate::host_task::HostTask;
use crate::job::{HandedOff, Host, HostRequest, Job};
use crate::pool::builder::Spin;
use crate::report::{WaitsAt, WaitsFor};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::timer::TimerGuard;
use crate::worker::Worker;

#[derive(Default)]
pub(super) struct HostChannel {
    pub(super) pending_call: Option<BoxCall>,
    completed_call: Option<BoxCall>,
    /// The host dropped the call that it had taken.
    abandoned: bool,
    /// A host task is on its way, or at work.
    has_host_task: bool,
    pub(super) waiting_at: Option<WaitsAt>,
    parked: bool,
    /// Boxed, since hardly any job has any of it and every job's cell travels from core to core.
    rare: Option<Box<RareState>>,
}

/// What few jobs have.
#[derive(Default)]
struct RareState {
    deadline_timer: Option<DeadlineTimer>,
    /// For the host: calls that nobody waits for.
    queued_calls: VecDeque<BoxCall>,
    /// For the worker, while it waits: jobs that run on its thread.
    handed_off: VecDeque<Arc<dyn HandedOff>>,
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

    /// What the host is to do next, in the order in which the worker asked; it waits only for the
    /// last.
    #[inline]
    pub(super) fn next_request(&mut self) -> Option<HostRequest> {
        if let Some(call) = self.rare.as_mut().and_then(|rare| rare.queued_calls.pop_front()) {
            return Some(HostRequest::CallSoon(call));
        }
        self.pending_call.take().map(HostRequest::Call)
    }

    fn has_queued_calls(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.queued_calls.is_empty())
    }

    fn next_handed_off(&mut self) -> Option<Arc<dyn HandedOff>> {
        self.rare.as_mut()?.handed_off.pop_front()
    }

    pub(super) fn set_timer(&mut self, timer: DeadlineTimer) {
        self.rare_mut().deadline_timer = Some(timer);
    }

    #[inline]
    pub(super) fn take_timer(&mut self) -> Option<DeadlineTimer> {
        self.rare.as_mut()?.deadline_timer.take()
    }

    pub(super) fn take_queued_calls(&mut self) -> Option<VecDeque<BoxCall>> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.queued_calls))
    }

    #[inline]
    pub(super) fn take_handed_off(&mut self) -> Option<VecDeque<Arc<dyn HandedOff>>> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.handed_off))
    }
}

/// Jobs that were handed off to a thread which never waited go back to the queue that they came
/// for.
pub(super) fn requeue(handed_off: Option<VecDeque<Arc<dyn HandedOff>>>) {
    handed_off.into_iter().flatten().for_each(HandedOff::requeue);
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
        self: Arc<Self>,
        call: BoxCall,
        at: &'static Location<'static>,
    ) -> Result<BoxCall, Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            drop(state);
            drop(call);
            return Err(why.to_wait_error());
        }
        state.host.waiting_at = Some((at, WaitsFor::Loop));
        state.host.pending_call = Some(call);
        let answer = self.notify_host(state).and_then(|()| self.wait_for_answer());
        let mut state = self.state.lock();
        state.host.waiting_at = None;
        if answer.is_err() {
            // A refused host task has said that it is gone, and this says so already.
            state.host.abandoned = false;
        }
        answer
    }

    fn wait_for_answer(&self) -> Result<BoxCall, Interrupted> {
        let answer = self.wait_until(self.state.lock(), self.spin(), None, |state| {
            if let Some(call) = state.host.completed_call.take() {
                return Some(Ok(call));
            }
            if std::mem::take(&mut state.host.abandoned) {
                return Some(Err(Interrupted::Abandoned));
            }
            self.cancel_reason().map(|why| Err(why.to_wait_error()))
        });
        answer.unwrap_or(Err(Interrupted::Abandoned))
    }

    /// Has the host poll `call`, a function, when it gets there.
    pub(super) fn ask_soon(self: Arc<Self>, call: BoxCall) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.cancel_reason() {
            return Err(why.to_wait_error());
        }
        state.host.rare_mut().queued_calls.push_back(call);
        self.notify_host(state)
    }

    /// Tells the host that there is something to do.
    fn notify_host(self: &Arc<Self>, mut state: MutexGuard<'_, State<F, T, E>>) -> Result<(), Interrupted> {
        if state.awaiter == Awaiter::Detached {
            if std::mem::replace(&mut state.host.has_host_task, true) {
                return Ok(());
            }
            drop(state);
            return self.spawn_host_task(None);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn spawn_host_task(self: &Arc<Self>, taken: Option<BoxCall>) -> Result<(), Interrupted> {
        // Where nothing can run it, dropping it says so to the worker.
        let host = Arc::clone(self) as Arc<dyn Host>;
        spawn_for(&self.meta, Box::pin(HostTask::new(host, taken)), None)
    }

    /// Blocks the worker for `time`, or until the job is told to stop.
    pub(super) fn rest(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted> {
        let limit = Instant::now().checked_add(time);
        let mut state = self.state.lock();
        state.host.waiting_at = Some((at, WaitsFor::Time));
        let told = self.wait_until(state, Spin::NONE, limit, |_| self.cancel_reason());
        self.state.lock().host.waiting_at = None;
        told.map_or(Ok(()), |why| Err(why.to_interrupted()))
    }

    /// Blocks the worker until `done`, or until the job is told to stop.
    pub(super) fn park_until(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        state.host.waiting_at = Some(at);
        let ended = self.wait_until(state, self.spin(), None, |_| match self.cancel_reason() {
            _ if done() => Some(Ok(())),
            Some(why) => Some(Err(why.to_interrupted())),
            None => None,
        });
        self.state.lock().host.waiting_at = None;
        ended.unwrap_or(Ok(()))
    }

    fn spin(&self) -> Spin {
        self.pool().map_or(Spin::NONE, |pool| pool.wait_spins)
    }

    /// Blocks the worker until `done` finds what it waits for; runs jobs handed off to this thread
    /// meanwhile.
    fn wait_until<'a, R>(
        &'a self,
        mut state: MutexGuard<'a, State<F, T, E>>,
        spin: Spin,
        limit: Option<Instant>,
        mut done: impl FnMut(&mut State<F, T, E>) -> Option<R>,
    ) -> Option<R> {
        let mut may_spin = true;
        loop {
            if let Some(result) = done(&mut state) {
                return Some(result);
            }
            if let Some(job) = state.host.next_handed_off() {
                drop(state);
                job.run_handed_off(&self.meta);
                state = self.state.lock();
                may_spin = true;
                continue;
            }
            if std::mem::take(&mut may_spin) {
                self.notified.store(false, Ordering::Release);
                drop(state);
                spin.until(|| self.notified.load(Ordering::Acquire));
                state = self.state.lock();
                continue;
            }
            let now = Instant::now();
            match limit {
                Some(limit) if limit <= now => return None,
                Some(limit) => {
                    state.host.parked = true;
                    state = self.condvar.wait_for(state, limit - now);
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
    /// Tells the worker, if it waits, to look again. Under the lock, so that it can't fall asleep
    /// in between.
    pub(super) fn notify(&self, state: &mut State<F, T, E>) {
        self.meta.notify(Hooks::resumed);
        self.notified.store(true, Ordering::Release);
        if std::mem::take(&mut state.host.parked) {
            self.condvar.notify_one();
        }
    }

    pub(super) fn put_completed(&self, call: BoxCall) {
        let mut state = self.state.lock();
        state.host.completed_call = Some(call);
        self.notify(&mut state);
    }

    pub(super) fn accept_handoff(&self, job: Arc<dyn HandedOff>) -> Result<(), Arc<dyn HandedOff>> {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Running) {
            return Err(job);
        }
        state.host.rare_mut().handed_off.push_back(job);
        self.notify(&mut state);
        Ok(())
    }

    /// The host task's next request; with none left it is done, and the next one is a new host
    /// task's.
    pub(super) fn request_of_host_task(&self) -> Option<HostRequest> {
        let mut state = self.state.lock();
        let request = state.host.next_request();
        state.host.has_host_task = request.is_some();
        request
    }

    /// The host task goes away before its time; `unanswered`: with a call in hand that the worker
    /// waits for.
    pub(super) fn without_host_task(&self, unanswered: bool) {
        let mut state = self.state.lock();
        let asked = state.host.pending_call.take();
        let soon = state.host.take_queued_calls();
        state.host.has_host_task = false;
        state.host.abandoned = unanswered || asked.is_some();
        self.notify(&mut state);
        drop(state);
        drop((asked, soon));
    }

    /// From now on nobody awaits the job. `taken`: the call that whoever did was polling for it.
    pub(super) fn go_on_detached(self: &Arc<Self>, taken: Option<BoxCall>) {
        let mut state = self.state.lock();
        state.awaiter = Awaiter::Detached;
        let left = (state.output.take(), state.waker.take());
        let busy = taken.is_some() || state.host.pending_call.is_some() || state.host.has_queued_calls();
        state.host.has_host_task = busy;
        drop(state);
        drop(left);
        if busy {
            let _ = self.spawn_host_task(taken);
        }
    }
}
