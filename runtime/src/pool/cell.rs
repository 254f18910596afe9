//! The cell of one job: its closure, then its outcome, and the meeting point of its worker and its host.
//!
//! One allocation a job. The line sees it as a [`Job`], the `Offload` as an [`Outcome`]. Who may do what:
//!
//! | state of `work` | moves on by |
//! |---|---|
//! | `Queued` | `claim` + `run` (a thread) → `Running`; `interrupt` after its own `claim` → `Over`, closure dropped |
//! | `Running` | the body returns → `Over`; `interrupt` answers the caller and tells the worker, the body goes on |
//! | `Over` | nothing |
//!
//! The outcome is written at most once, by whichever of the two comes first.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Span, dispatcher};

use super::builder::Spin;
use super::line::{Claim, Place};
use super::seat;
use super::stats::Tally;
use crate::context::{self, Current};
use crate::crossing::BoxCall;
use crate::error::{Interrupted, Panic};
use crate::job::{About, Job, StuckJob, Why};
use crate::portal::Attendant;
use crate::scope::Member;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::timer::Armed;
use crate::worker::Worker;

/// How a job ended, for its caller.
enum Ended<T, E> {
    Returned(Result<T, E>),
    Interrupted(Interrupted),
}

/// What the host is to do next.
pub(crate) enum Step<T, E> {
    /// Poll this to its end and answer with it; the worker waits.
    Asked(BoxCall),
    /// Poll this once, it is a function; nobody waits.
    Soon(BoxCall),
    Ended(Result<T, E>),
}

/// What the `Offload` sees of the cell.
pub(crate) trait Outcome<T, E>: Send + Sync {
    /// What there is to do for the host; with nothing to do, `waker` is registered. `busy`: it still polls a call.
    fn poll_step(&self, busy: bool, waker: &Waker) -> Option<Step<T, E>>;
    fn answer(&self, call: BoxCall);
    fn as_job(self: Arc<Self>) -> Arc<dyn Job>;
    /// The caller goes: what it would have got is dropped, and the job is told to stop.
    fn leave(&self);
    /// The caller goes and lets the job run on. `taken`: the call that it was polling for the worker.
    fn detach(self: Arc<Self>, taken: Option<BoxCall>);
}

/// Everything that travels to the thread, and is gone before the outcome is delivered.
pub(super) struct Load<F> {
    pub(super) body: F,
    pub(super) traced: Option<Traced>,
    pub(super) member: Option<Member>,
}

/// The caller's span and subscriber; a span brings its subscriber along.
pub(super) enum Traced {
    Span(Span),
    Dispatch(Dispatch),
}

impl Traced {
    /// `None` while nothing listens to anything: there is nothing to carry, and carrying it is not free.
    pub(super) fn here() -> Option<Self> {
        if LevelFilter::current() == LevelFilter::OFF {
            return None;
        }
        let span = Span::current();
        if span.is_none() {
            return Some(Self::Dispatch(dispatcher::get_default(Clone::clone)));
        }
        Some(Self::Span(span))
    }

    /// Runs `body`, then `log`, as if they were called where this was made. The span is let go before this returns.
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

enum Work<F> {
    Queued(Load<F>),
    Running,
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Awaits,
    Detached,
    Gone,
}

struct State<F, T, E> {
    work: Work<F>,
    ended: Option<Ended<T, E>>,
    caller: Caller,
    waker: Option<Waker>,
    alarm: Option<Armed>,
    meet: Meet,
}

/// Where the worker that waits and the host that answers meet.
#[derive(Default)]
struct Meet {
    asked: Option<BoxCall>,
    answered: Option<BoxCall>,
    /// The host dropped the call that it had taken.
    abandoned: bool,
    waits_at: Option<&'static Location<'static>>,
    asleep: bool,
    /// Boxed, since hardly any job has some and every job's cell travels from core to core.
    errands: Option<Box<Errands>>,
}

/// What the worker and the host do for each other in passing.
#[derive(Default)]
struct Errands {
    /// For the host: calls that nobody waits for.
    soon: VecDeque<BoxCall>,
    /// For the worker, while it waits: jobs that run on its thread.
    lent: VecDeque<Arc<dyn Job>>,
}

impl Meet {
    fn errands(&mut self) -> &mut Errands {
        self.errands.get_or_insert_default()
    }

    fn next_soon(&mut self) -> Option<BoxCall> {
        self.errands.as_mut()?.soon.pop_front()
    }

    fn next_lent(&mut self) -> Option<Arc<dyn Job>> {
        self.errands.as_mut()?.lent.pop_front()
    }

    fn take_soon(&mut self) -> VecDeque<BoxCall> {
        self.errands.as_mut().map(|errands| std::mem::take(&mut errands.soon)).unwrap_or_default()
    }

    fn take_lent(&mut self) -> VecDeque<Arc<dyn Job>> {
        self.errands.as_mut().map(|errands| std::mem::take(&mut errands.lent)).unwrap_or_default()
    }
}

/// Who has the job: `NEW` → `LINED` (maybe by way of `LENT` or `ASIDE`) or `LENT` → `TAKEN` by the thread that runs it, or `DEAD` from any but that.
mod ticket {
    pub(super) const NEW: u8 = 0;
    pub(super) const LINED: u8 = 1;
    pub(super) const LENT: u8 = 2;
    pub(super) const ASIDE: u8 = 3;
    pub(super) const TAKEN: u8 = 4;
    pub(super) const DEAD: u8 = 5;
}

pub(crate) struct Cell<F, T, E> {
    about: About,
    ticket: AtomicU8,
    /// The first [`Why`], as its code; 0: none.
    told: AtomicU8,
    /// It is the one of its lane that may run.
    holds_lane: AtomicBool,
    /// Something happened that the waiting worker should look at: it spins on this before it sleeps.
    nudged: AtomicBool,
    bell: Condvar,
    state: Mutex<State<F, T, E>>,
}

impl<F, T, E> Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    pub(super) fn new(about: About, load: Load<F>) -> Arc<Self> {
        Self::with(about, Work::Queued(load), Caller::Awaits)
    }

    fn with(about: About, work: Work<F>, caller: Caller) -> Arc<Self> {
        let meet = Meet::default();
        Arc::new(Self {
            about,
            ticket: AtomicU8::new(ticket::NEW),
            told: AtomicU8::new(0),
            holds_lane: AtomicBool::new(false),
            nudged: AtomicBool::new(false),
            bell: Condvar::new(),
            state: Mutex::new(State { work, ended: None, caller, waker: None, alarm: None, meet }),
        })
    }

    /// A visit: a thread that is here already, and that no task awaits.
    fn visit(about: About) -> Arc<Self> {
        let cell = Self::with(about, Work::Running, Caller::Detached);
        cell.ticket.store(ticket::TAKEN, Ordering::Release);
        cell
    }

    /// From here on the deadline is watched. Before the job joins the line, so that no run is missed.
    pub(super) fn arm(self: &Arc<Self>) -> Result<(), Interrupted> {
        let Some(deadline) = self.about.deadline else {
            return Ok(());
        };
        let me: Weak<Self> = Arc::downgrade(self);
        let armed = crate::timer::expire(deadline, me).map_err(|_| Interrupted::Full)?;
        self.state.lock().alarm = Some(armed);
        Ok(())
    }

    /// The job was never admitted.
    pub(super) fn refuse(&self, why: Interrupted) {
        self.ticket.store(ticket::DEAD, Ordering::Release);
        let mut state = self.state.lock();
        let load = std::mem::replace(&mut state.work, Work::Over);
        state.ended = Some(Ended::Interrupted(why));
        let alarm = state.alarm.take();
        drop(state);
        drop((load, alarm));
    }

    /// Tells the worker, if it waits, to look again. Under the lock, so that it can't fall asleep in between.
    fn nudge(&self, state: &mut State<F, T, E>) {
        self.nudged.store(true, Ordering::Release);
        if std::mem::take(&mut state.meet.asleep) {
            self.bell.notify_one();
        }
    }

    fn ticket_from(&self, from: u8, to: u8) -> bool {
        self.ticket.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Runs the body with everything of the caller's that it should see; nothing of it is left afterwards.
    fn run_body(self: &Arc<Self>, load: Load<F>) -> Result<Result<T, E>, Panic> {
        let Load { body, traced, member } = load;
        let host: Arc<dyn Job> = Arc::clone(self) as Arc<dyn Job>;
        let mut current = Current::of(Arc::clone(&host));
        // As on tokio's own blocking threads: timers and sockets can be made here, to be awaited by `wait`.
        let _entered = self.about.home.enter();
        let started = Instant::now();
        let waited = started.duration_since(self.about.called);
        let body = move || {
            let worker = Worker::new(host);
            let result = catch_unwind(AssertUnwindSafe(|| body(&worker)));
            (result.map_err(Panic::new), started.elapsed())
        };
        let (result, ran) = context::with(&mut current, false, || match traced {
            Some(traced) => traced.run(body, |(_, ran)| self.log(waited, *ran)),
            None => body(),
        });
        if let Some(pool) = &self.about.pool {
            pool.tally.ran(&pool.name, waited, ran);
        }
        drop(member);
        result
    }

    fn log(&self, waited: Duration, ran: Duration) {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("an unnamed thread");
        tracing::debug!(target: "portcullis::pool", method = self.about.method, "queued {waited:.1?} ran {ran:.1?} on {thread}");
    }

    /// Delivers what the body returned, unless the caller has been answered already or has gone.
    fn finish(&self, result: Result<Result<T, E>, Panic>) {
        let ended = match result {
            Ok(returned) => Ended::Returned(returned),
            Err(panic) => {
                self.count(Tally::panicked);
                Ended::Interrupted(Interrupted::Panicked(panic))
            }
        };
        let mut state = self.state.lock();
        state.work = Work::Over;
        let lent = state.meet.take_lent();
        let alarm = state.alarm.take();
        let (unwanted, waker) = if state.caller == Caller::Awaits && self.why().is_none() {
            state.ended = Some(ended);
            (None, state.waker.take())
        } else {
            (Some(ended), None)
        };
        drop(state);
        drop(alarm);
        // Nobody waits for it: its drop, which is the user's code, must not end this thread.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unwanted)));
        give_back(lent);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn spin(&self) -> Spin {
        self.about.pool.as_ref().map_or(Spin::NONE, |pool| pool.spin)
    }

    /// Takes the job out of every thread's reach; where it stood, or `None` if a thread has it already.
    fn kill(&self) -> Option<u8> {
        loop {
            let from = self.ticket.load(Ordering::Acquire);
            if from == ticket::TAKEN || from == ticket::DEAD {
                return None;
            }
            if self.ticket_from(from, ticket::DEAD) {
                return Some(from);
            }
        }
    }

    fn give_up_place(&self, from: u8) {
        let Some(pool) = &self.about.pool else { return };
        match from {
            ticket::ASIDE => return pool.line.forget_aside(), // behind the lane's holder, not holding it
            ticket::LINED => pool.line.forget(),
            _ => {}
        }
        self.leave_lane();
    }

    fn count(&self, what: fn(&Tally, &str)) {
        if let Some(pool) = &self.about.pool {
            what(&pool.tally, &pool.name);
        }
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
                    job.run(Place::none());
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
                    state.meet.asleep = true;
                    state = self.bell.wait(state);
                }
            }
            state.meet.asleep = false;
        }
    }
}

/// Jobs that were lent to a thread which never waited go back to the line that they came for.
fn give_back(lent: VecDeque<Arc<dyn Job>>) {
    for job in lent {
        if let Some(pool) = job.about().pool.clone() {
            pool.line.rejoin(job);
            pool.call_up();
        }
    }
}

/// The host of a thread that no pool owns.
pub(crate) fn visit(about: About) -> Arc<dyn Job> {
    type Nothing = fn(&Worker) -> Result<(), Interrupted>;
    Cell::<Nothing, (), Interrupted>::visit(about)
}

impl<F, T, E> Job for Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn about(&self) -> &About {
        &self.about
    }

    fn claim(&self) -> bool {
        self.ticket_from(ticket::LINED, ticket::TAKEN) || self.ticket_from(ticket::LENT, ticket::TAKEN)
    }

    fn is_dead(&self) -> bool {
        self.ticket.load(Ordering::Acquire) == ticket::DEAD
    }

    fn run(self: Arc<Self>, place: Place<'_, Arc<dyn Job>>) {
        let work = {
            let mut state = self.state.lock();
            std::mem::replace(&mut state.work, Work::Running)
        };
        let Work::Queued(load) = work else { return };
        // Looked at again here: the alarm may be late, and a drop may have come between the line and us.
        let late = self.about.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late {
            self.interrupt(Why::Deadline);
        }
        let result = if self.why().is_some() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(load)));
            None
        } else {
            Some(seat::occupy(Arc::clone(&self) as Arc<dyn Job>, || self.run_body(load)))
        };
        self.leave_lane();
        drop(place);
        match result {
            Some(result) => self.finish(result),
            None => self.state.lock().work = Work::Over,
        }
    }

    fn interrupt(&self, why: Why) {
        let killed_in = self.kill();
        let mut state = self.state.lock();
        if matches!(state.work, Work::Over) {
            return;
        }
        let first = self.told.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let work =
            if killed_in.is_some() { Some(std::mem::replace(&mut state.work, Work::Over)) } else { None };
        let mut waker = None;
        if state.caller == Caller::Awaits && state.ended.is_none() {
            state.ended = Some(Ended::Interrupted(why.told()));
            waker = state.waker.take();
        }
        let unanswered = state.meet.asked.take();
        let alarm = state.alarm.take();
        self.nudge(&mut state);
        drop(state);
        if first && why == Why::Deadline {
            self.count(Tally::missed_deadline);
        }
        if let Some(from) = killed_in {
            self.give_up_place(from);
        }
        drop((work, unanswered, alarm));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn hold_lane(&self) {
        self.holds_lane.store(true, Ordering::Release);
        // Cancelled on its way in: whoever did it could not know of the lane yet.
        if self.is_dead() {
            self.leave_lane();
        }
    }

    fn leave_lane(&self) {
        let (Some(pool), Some(lane)) = (&self.about.pool, self.about.lane) else { return };
        if !self.holds_lane.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Some(next) = pool.lanes.leave(lane) {
            next.hold_lane();
            if !pool.line.come_back(Arc::clone(&next)) {
                next.leave_lane(); // cancelled just now
            }
            pool.call_up();
        }
    }

    fn shed(&self) {
        self.leave_lane();
        let mut state = self.state.lock();
        self.told.store(Why::Shed as u8, Ordering::Release);
        let work = std::mem::replace(&mut state.work, Work::Over);
        let awaited = state.caller == Caller::Awaits;
        let waker = if awaited {
            state.ended = Some(Ended::Interrupted(Interrupted::Shed));
            state.waker.take()
        } else {
            None
        };
        let alarm = state.alarm.take();
        drop(state);
        drop((work, alarm));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn stuck(&self) -> StuckJob {
        let state = self.state.lock();
        StuckJob {
            method: self.about.method,
            pool: self.about.pool.as_ref().map_or_else(String::new, |pool| pool.name.clone()),
            age: self.about.called.elapsed(),
            waits_at: state.meet.waits_at,
            unpolled: state.meet.asked.is_some(),
        }
    }

    fn why(&self) -> Option<Why> {
        Why::from_code(self.told.load(Ordering::Acquire))
    }

    fn is_over(&self) -> bool {
        matches!(self.state.lock().work, Work::Over)
    }

    fn end_visit(&self) {
        let mut state = self.state.lock();
        state.work = Work::Over;
        let lent = state.meet.take_lent();
        drop(state);
        give_back(lent);
    }

    fn cross(self: Arc<Self>, call: BoxCall, at: &'static Location<'static>) -> Result<BoxCall, Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.why() {
            drop(state);
            drop(call);
            return Err(why.told_while_waiting());
        }
        state.meet.waits_at = Some(at);
        if state.caller == Caller::Detached {
            drop(state);
            let host = Arc::clone(&self) as Arc<dyn Job>;
            if let Err(refused) = self.about.spawn(Box::pin(Attendant::new(host, call))) {
                self.state.lock().meet.waits_at = None;
                return Err(refused);
            }
            state = self.state.lock();
        } else {
            state.meet.asked = Some(call);
            if let Some(waker) = state.waker.take() {
                drop(state);
                waker.wake();
                state = self.state.lock();
            }
        }
        let back = self.wait_until(state, self.spin(), None, |state| {
            if let Some(call) = state.meet.answered.take() {
                return Some(Ok(call));
            }
            if std::mem::take(&mut state.meet.abandoned) {
                return Some(Err(Interrupted::Abandoned));
            }
            self.why().map(|why| Err(why.told_while_waiting()))
        });
        self.state.lock().meet.waits_at = None;
        back.unwrap_or(Err(Interrupted::Abandoned))
    }

    fn soon(self: Arc<Self>, call: BoxCall) -> Result<(), Interrupted> {
        let mut state = self.state.lock();
        if let Some(why) = self.why() {
            return Err(why.told_while_waiting());
        }
        if state.caller == Caller::Detached {
            drop(state);
            let host = Arc::clone(&self) as Arc<dyn Job>;
            return self.about.spawn(Box::pin(Attendant::unanswered(host, call)));
        }
        state.meet.errands().soon.push_back(call);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Result<(), Interrupted> {
        let limit = Instant::now().checked_add(time);
        let state = self.state.lock();
        let told = self.wait_until(state, Spin::NONE, limit, |_| self.why());
        told.map_or(Ok(()), |why| Err(why.told()))
    }

    fn park(&self, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        let state = self.state.lock();
        let ended = self.wait_until(state, self.spin(), None, |_| match self.why() {
            _ if done() => Some(Ok(())),
            Some(why) => Some(Err(why.told())),
            None => None,
        });
        ended.unwrap_or(Ok(()))
    }

    fn nudge_worker(&self) {
        self.nudge(&mut self.state.lock());
    }

    fn lend(&self, job: Arc<dyn Job>) -> Result<(), Arc<dyn Job>> {
        let mut state = self.state.lock();
        if !matches!(state.work, Work::Running) {
            return Err(job);
        }
        state.meet.errands().lent.push_back(job);
        self.nudge(&mut state);
        Ok(())
    }

    fn line_up(&self) -> bool {
        [ticket::NEW, ticket::LENT, ticket::ASIDE]
            .into_iter()
            .any(|from| self.ticket_from(from, ticket::LINED))
    }

    fn stand_aside(&self) -> bool {
        self.ticket_from(ticket::NEW, ticket::ASIDE)
    }

    fn be_lent(&self) -> bool {
        self.ticket_from(ticket::NEW, ticket::LENT)
    }

    fn answer(&self, call: BoxCall) {
        let mut state = self.state.lock();
        state.meet.answered = Some(call);
        self.nudge(&mut state);
    }

    fn abandon_call(&self) {
        let mut state = self.state.lock();
        state.meet.abandoned = true;
        self.nudge(&mut state);
    }
}

impl<F, T, E> Outcome<T, E> for Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Interrupted> + Send + 'static,
{
    fn poll_step(&self, busy: bool, waker: &Waker) -> Option<Step<T, E>> {
        let mut state = self.state.lock();
        if !busy {
            // In the order in which the worker asked; it waits only for the last.
            if let Some(call) = state.meet.next_soon() {
                return Some(Step::Soon(call));
            }
            if let Some(call) = state.meet.asked.take() {
                return Some(Step::Asked(call));
            }
        }
        if let Some(ended) = state.ended.take() {
            drop(state); // `From` is the user's code
            return Some(Step::Ended(match ended {
                Ended::Returned(result) => result,
                Ended::Interrupted(interrupted) => Err(E::from(interrupted)),
            }));
        }
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            None => state.waker = Some(waker.clone()),
        }
        None
    }

    fn answer(&self, call: BoxCall) {
        Job::answer(self, call);
    }

    fn as_job(self: Arc<Self>) -> Arc<dyn Job> {
        self
    }

    fn leave(&self) {
        let mut state = self.state.lock();
        state.caller = Caller::Gone;
        let left = (state.ended.take(), state.waker.take(), state.meet.take_soon());
        let over = matches!(state.work, Work::Over);
        drop(state);
        drop(left);
        if !over {
            self.interrupt(Why::Dropped);
        }
    }

    fn detach(self: Arc<Self>, taken: Option<BoxCall>) {
        let mut state = self.state.lock();
        state.caller = Caller::Detached;
        let left = (state.ended.take(), state.waker.take());
        let asked = taken.or_else(|| state.meet.asked.take());
        let soon = state.meet.take_soon();
        drop(state);
        drop(left);
        let host = Arc::clone(&self) as Arc<dyn Job>;
        let unanswered = soon.into_iter().map(|call| Attendant::unanswered(Arc::clone(&host), call));
        let answered = asked.map(|call| Attendant::new(Arc::clone(&host), call));
        for attendant in unanswered.chain(answered) {
            // Where nothing can run it, dropping the attendant tells the worker.
            let _ = self.about.spawn(Box::pin(attendant));
        }
    }
}

impl Claim for Arc<dyn Job> {
    fn line_up(&self) -> bool {
        Job::line_up(&**self)
    }

    fn stand_aside(&self) -> bool {
        Job::stand_aside(&**self)
    }

    fn claim(&self) -> bool {
        Job::claim(&**self)
    }

    fn is_dead(&self) -> bool {
        Job::is_dead(&**self)
    }
}
