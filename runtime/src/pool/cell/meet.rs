//! Where a worker that waits meets whoever answers it.
//!
//! The host is the task that awaits the job; of a job that nobody awaits, and of a thread on a visit, it is an
//! [`Attendant`]: one task at a time for one worker, so that what the worker asks for happens in its order (P7). It is
//! spawned when there is something to do and ends when there is not.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Caller, Cell, State, Work};
use crate::crossing::BoxCall;
use crate::error::Interrupted;
use crate::job::{Errand, Job, WaitsAt, WaitsFor};
use crate::pool::builder::Spin;
use crate::pool::{PoolId, thread};
use crate::portal::Attendant;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use crate::timer::Armed;
use crate::worker::Worker;

#[derive(Default)]
pub(super) struct Meet {
    pub(super) asked: Option<BoxCall>,
    answered: Option<BoxCall>,
    /// The host dropped the call that it had taken.
    abandoned: bool,
    /// An attendant is on its way, or at work.
    attended: bool,
    pub(super) waits_at: Option<WaitsAt>,
    asleep: bool,
    /// Boxed, since hardly any job has some and every job's cell travels from core to core.
    errands: Option<Box<Errands>>,
}

/// What the worker and the host do for each other in passing, and the alarm of a job with a deadline.
#[derive(Default)]
struct Errands {
    alarm: Option<Armed>,
    /// For the host: calls that nobody waits for.
    soon: VecDeque<BoxCall>,
    /// For the worker, while it waits: jobs that run on its thread.
    lent: VecDeque<Arc<dyn Job>>,
}

impl Meet {
    fn errands(&mut self) -> &mut Errands {
        self.errands.get_or_insert_default()
    }

    /// What the host is to do next, in the order in which the worker asked; it waits only for the last.
    #[inline]
    pub(super) fn next_errand(&mut self) -> Option<Errand> {
        if let Some(call) = self.errands.as_mut().and_then(|errands| errands.soon.pop_front()) {
            return Some(Errand::Soon(call));
        }
        self.asked.take().map(Errand::Asked)
    }

    fn has_soon(&self) -> bool {
        self.errands.as_ref().is_some_and(|errands| !errands.soon.is_empty())
    }

    fn next_lent(&mut self) -> Option<Arc<dyn Job>> {
        self.errands.as_mut()?.lent.pop_front()
    }

    pub(super) fn set_alarm(&mut self, alarm: Armed) {
        self.errands().alarm = Some(alarm);
    }

    #[inline]
    pub(super) fn take_alarm(&mut self) -> Option<Armed> {
        self.errands.as_mut()?.alarm.take()
    }

    pub(super) fn take_soon(&mut self) -> Option<VecDeque<BoxCall>> {
        self.errands.as_mut().map(|errands| std::mem::take(&mut errands.soon))
    }

    #[inline]
    pub(super) fn take_lent(&mut self) -> Option<VecDeque<Arc<dyn Job>>> {
        self.errands.as_mut().map(|errands| std::mem::take(&mut errands.lent))
    }
}

/// Jobs that were lent to a thread which never waited go back to the line that they came for.
pub(super) fn give_back(lent: Option<VecDeque<Arc<dyn Job>>>) {
    let Some(lent) = lent else { return };
    for job in lent {
        if let Some(pool) = job.about().pool.and_then(PoolId::pool) {
            pool.line.rejoin(job);
            pool.call_up();
        }
    }
}

/// The worker's side.
impl<F, T, E> Cell<F, T, E>
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
        if let Some(why) = self.why() {
            drop(state);
            drop(call);
            return Err(why.told_while_waiting());
        }
        state.meet.waits_at = Some((at, WaitsFor::Loop));
        state.meet.asked = Some(call);
        let answer = self.call_host(state).and_then(|()| self.wait_for_answer());
        let mut state = self.state.lock();
        state.meet.waits_at = None;
        if answer.is_err() {
            // A refused attendant has said that it is gone, and this says so already.
            state.meet.abandoned = false;
        }
        answer
    }

    fn wait_for_answer(&self) -> Result<BoxCall, Interrupted> {
        let answer = self.wait_until(self.state.lock(), self.spin(), None, |state| {
            if let Some(call) = state.meet.answered.take() {
                return Some(Ok(call));
            }
            if std::mem::take(&mut state.meet.abandoned) {
                return Some(Err(Interrupted::Abandoned));
            }
            self.why().map(|why| Err(why.told_while_waiting()))
        });
        answer.unwrap_or(Err(Interrupted::Abandoned))
    }

    /// Has the host poll `call`, a function, when it gets there.
    pub(super) fn ask_soon(self: Arc<Self>, call: BoxCall) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.why() {
            return Err(why.told_while_waiting());
        }
        state.meet.errands().soon.push_back(call);
        self.call_host(state)
    }

    /// Tells the host that there is something to do.
    fn call_host(self: &Arc<Self>, mut state: MutexGuard<'_, State<F, T, E>>) -> Result<(), Interrupted> {
        if state.caller == Caller::Detached {
            if std::mem::replace(&mut state.meet.attended, true) {
                return Ok(());
            }
            drop(state);
            return self.send_attendant(None);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn send_attendant(self: &Arc<Self>, taken: Option<BoxCall>) -> Result<(), Interrupted> {
        // Where nothing can run it, dropping it says so to the worker.
        let host = Arc::clone(self) as Arc<dyn Job>;
        self.about.spawn(Box::pin(Attendant::new(host, taken)), None)
    }

    /// Blocks the worker for `time`, or until the job is told to stop.
    pub(super) fn rest(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted> {
        let limit = Instant::now().checked_add(time);
        let mut state = self.state.lock();
        state.meet.waits_at = Some((at, WaitsFor::Time));
        let told = self.wait_until(state, Spin::NONE, limit, |_| self.why());
        self.state.lock().meet.waits_at = None;
        told.map_or(Ok(()), |why| Err(why.told()))
    }

    /// Blocks the worker until `done`, or until the job is told to stop.
    pub(super) fn park_until(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        state.meet.waits_at = Some(at);
        let ended = self.wait_until(state, self.spin(), None, |_| match self.why() {
            _ if done() => Some(Ok(())),
            Some(why) => Some(Err(why.told())),
            None => None,
        });
        self.state.lock().meet.waits_at = None;
        ended.unwrap_or(Ok(()))
    }

    fn spin(&self) -> Spin {
        self.pool().map_or(Spin::NONE, |pool| pool.wait_spin)
    }

    /// Blocks the worker until `done` finds what it waits for; runs jobs lent to this thread meanwhile.
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
            if let Some(job) = state.meet.next_lent() {
                drop(state);
                if job.claim() {
                    thread::run_lent(job, self.activity());
                }
                state = self.state.lock();
                may_spin = true;
                continue;
            }
            if std::mem::take(&mut may_spin) {
                self.nudged.store(false, Ordering::Release);
                drop(state);
                spin.until(|| self.nudged.load(Ordering::Acquire));
                state = self.state.lock();
                continue;
            }
            let now = Instant::now();
            match limit {
                Some(limit) if limit <= now => return None,
                Some(limit) => {
                    state.meet.asleep = true;
                    state = self.bell.wait_for(state, limit - now);
                }
                None => {
                    self.activity().rests();
                    state.meet.asleep = true;
                    state = self.bell.wait(state);
                }
            }
            state.meet.asleep = false;
        }
    }
}

/// The other side.
impl<F, T, E> Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Tells the worker, if it waits, to look again. Under the lock, so that it can't fall asleep in between.
    pub(super) fn nudge(&self, state: &mut State<F, T, E>) {
        self.activity().works();
        self.nudged.store(true, Ordering::Release);
        if std::mem::take(&mut state.meet.asleep) {
            self.bell.notify_one();
        }
    }

    pub(super) fn give_answer(&self, call: BoxCall) {
        let mut state = self.state.lock();
        state.meet.answered = Some(call);
        self.nudge(&mut state);
    }

    pub(super) fn lend_to(&self, job: Arc<dyn Job>) -> Result<(), Arc<dyn Job>> {
        let mut state = self.state.lock();
        if !matches!(state.work, Work::Running) {
            return Err(job);
        }
        state.meet.errands().lent.push_back(job);
        self.nudge(&mut state);
        Ok(())
    }

    /// The attendant's next errand; with none left it is done, and the next one is a new attendant's.
    pub(super) fn attend(&self) -> Option<Errand> {
        let mut state = self.state.lock();
        let errand = state.meet.next_errand();
        state.meet.attended = errand.is_some();
        errand
    }

    /// The attendant goes away before its time; `unanswered`: with a call in hand that the worker waits for.
    pub(super) fn unattended(&self, unanswered: bool) {
        let mut state = self.state.lock();
        let asked = state.meet.asked.take();
        let soon = state.meet.take_soon();
        state.meet.attended = false;
        state.meet.abandoned = unanswered || asked.is_some();
        self.nudge(&mut state);
        drop(state);
        drop((asked, soon));
    }

    /// From now on nobody awaits the job. `taken`: the call that whoever did was polling for it.
    pub(super) fn go_on_alone(self: &Arc<Self>, taken: Option<BoxCall>) {
        let mut state = self.state.lock();
        state.caller = Caller::Detached;
        let left = (state.ended.take(), state.waker.take());
        let busy = taken.is_some() || state.meet.asked.is_some() || state.meet.has_soon();
        state.meet.attended = busy;
        drop(state);
        drop(left);
        if busy {
            let _ = self.send_attendant(taken);
        }
    }
}
