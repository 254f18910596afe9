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

//!
//! In this folder: [`ticket`], who has the job; [`body`], its run on a thread; [`meet`], its worker and its host; [`ends`], its
//! end before its time.

mod body;
mod ends;
mod meet;
mod ticket;

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

pub(super) use self::body::{Load, Traced};
use self::meet::{Meet, give_back};
use self::ticket::{Stands, Ticket};
use super::line::{Claim, Place};
use super::stats::Tally;
use super::{Inner, PoolId};
use crate::activity::Activity;
use crate::crossing::BoxCall;
use crate::error::Interrupted;
use crate::job::{About, Errand, Job, Ran, StuckJob, WaitsAt, Why};
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::worker::Worker;

pub(crate) struct Cell<F, T, E> {
    about: About,
    ticket: Ticket,
    /// The first [`Why`], as its code; 0: none.
    told: AtomicU8,
    /// It is the one of its lane that may run.
    holds_lane: AtomicBool,
    /// Something happened that the waiting worker should look at: it spins on this before it sleeps.
    nudged: AtomicBool,
    bell: Condvar,
    state: Mutex<State<F, T, E>>,
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
    meet: Meet,
}

/// How a job ended, for its caller.
enum Ended<T, E> {
    Returned(Result<T, E>),
    Interrupted(Interrupted),
}

/// What the host is to do next.
pub(crate) enum Step<T, E> {
    Errand(Errand),
    Ended(Result<T, E>),
}

/// What the `Offload` sees of the cell.
pub(crate) trait Outcome<T, E>: Send + Sync {
    /// What there is to do for the host; with nothing to do, `waker` is registered. `busy`: it still polls a call.
    fn poll_step(&self, busy: bool, waker: &Waker) -> Option<Step<T, E>>;
    fn answer(&self, call: BoxCall);
    fn activity(&self) -> &Activity;
    fn as_job(self: Arc<Self>) -> Arc<dyn Job>;
    /// The caller goes: what it would have got is dropped, and the job is told to stop.
    fn leave(&self);
    /// The caller goes and lets the job run on. `taken`: the call that it was polling for the worker.
    fn detach(self: Arc<Self>, taken: Option<BoxCall>);
}

impl<F, T, E> Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    #[inline]
    pub(super) fn new(about: About, load: Load<F>) -> Arc<Self> {
        // Until it is in the line, only an alarm, a lane or a lender could get in between.
        let stands = if about.special.is_none() { Stands::Lined } else { Stands::New };
        Self::with(about, stands, Work::Queued(load), Caller::Awaits)
    }

    #[inline]
    fn with(about: About, stands: Stands, work: Work<F>, caller: Caller) -> Arc<Self> {
        let meet = Meet::default();
        Arc::new(Self {
            about,
            ticket: Ticket::new(stands),
            told: AtomicU8::new(0),
            holds_lane: AtomicBool::new(false),
            nudged: AtomicBool::new(false),
            bell: Condvar::new(),
            state: Mutex::new(State { work, ended: None, caller, waker: None, meet }),
        })
    }

    /// A visit: a thread that is here already, and that no task awaits.
    fn visit(about: About) -> Arc<Self> {
        Self::with(about, Stands::Taken, Work::Running, Caller::Detached)
    }

    /// From here on the deadline is watched. Before the job joins the line, so that no run is missed.
    pub(super) fn arm(self: &Arc<Self>) -> Result<(), Interrupted> {
        let Some(deadline) = self.about.deadline() else {
            return Ok(());
        };
        let me: Weak<Self> = Arc::downgrade(self);
        let armed = crate::timer::expire(deadline, me).map_err(|_| Interrupted::Full)?;
        self.state.lock().meet.set_alarm(armed);
        Ok(())
    }

    /// The job was never admitted.
    pub(super) fn refuse(&self, why: Interrupted) {
        self.ticket.kill();
        let mut state = self.state.lock();
        let load = std::mem::replace(&mut state.work, Work::Over);
        state.ended = Some(Ended::Interrupted(why));
        let alarm = state.meet.take_alarm();
        drop(state);
        drop((load, alarm));
        self.activity().over();
    }

    pub(in crate::pool) fn activity(&self) -> &Activity {
        &self.about.activity
    }

    fn pool(&self) -> Option<Arc<Inner>> {
        self.about.pool.and_then(PoolId::pool)
    }

    fn count(&self, what: fn(&Tally, &str)) {
        if let Some(pool) = self.pool() {
            what(&pool.tally, &pool.name);
        }
    }
}

/// The host of a thread that no pool owns.
pub(crate) fn visit(about: About) -> Arc<dyn Job> {
    type Nothing = fn(&Worker) -> Result<(), Interrupted>;
    Cell::<Nothing, (), Interrupted>::visit(about)
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
            if let Some(errand) = state.meet.next_errand() {
                return Some(Step::Errand(errand));
            }
        }
        if let Some(ended) = state.ended.take() {
            drop(state); // `From` is the user's code
            return Some(Step::Ended(match ended {
                Ended::Returned(result) => result,
                Ended::Interrupted(interrupted) => Err(E::from(interrupted)),
            }));
        }
        let known = state.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        let before = if known { None } else { state.waker.replace(waker.clone()) };
        drop(state);
        drop(before); // it may be the last to hold its task, whose drop is the user's code
        None
    }

    fn answer(&self, call: BoxCall) {
        self.give_answer(call);
    }

    fn activity(&self) -> &Activity {
        &self.about.activity
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
            self.end_early(Why::Dropped);
        }
    }

    fn detach(self: Arc<Self>, taken: Option<BoxCall>) {
        self.go_on_alone(taken);
    }
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

    fn line_up(&self) -> bool {
        self.ticket.line_up()
    }

    fn stand_aside(&self) -> bool {
        self.ticket.stand_aside()
    }

    fn be_lent(&self) -> bool {
        self.ticket.be_lent()
    }

    fn claim(&self) -> bool {
        let claimed = self.ticket.claim();
        if claimed {
            self.activity().begins();
        }
        claimed
    }

    fn is_dead(&self) -> bool {
        self.ticket.is_dead()
    }

    fn run(&self, worker: &Worker, place: Place<'_, Arc<dyn Job>>, since: Option<Instant>) -> Ran {
        self.run_on(worker, place, since)
    }

    fn interrupt(&self, why: Why) {
        self.end_early(why);
    }

    fn hold_lane(&self) {
        self.take_lane();
    }

    fn leave_lane(&self) {
        self.pass_lane();
    }

    fn shed(&self) {
        self.end_shed();
    }

    fn stuck(&self) -> StuckJob {
        let state = self.state.lock();
        StuckJob {
            method: self.about.method,
            pool: self.pool().map_or_else(String::new, |pool| pool.name.clone()),
            age: self.about.called.elapsed(),
            waits_at: state.meet.waits_at.map(|(at, _)| at),
            waits_for: state.meet.waits_at.map(|(_, what)| what),
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
        self.ask(call, at)
    }

    fn soon(self: Arc<Self>, call: BoxCall) -> Result<(), Interrupted> {
        self.ask_soon(call)
    }

    fn sleep(&self, time: Duration, at: &'static Location<'static>) -> Result<(), Interrupted> {
        self.rest(time, at)
    }

    fn park(&self, at: WaitsAt, done: &dyn Fn() -> bool) -> Result<(), Interrupted> {
        self.park_until(at, done)
    }

    fn nudge_worker(&self) {
        self.nudge(&mut self.state.lock());
    }

    fn lend(&self, job: Arc<dyn Job>) -> Result<(), Arc<dyn Job>> {
        self.lend_to(job)
    }

    fn next_errand(&self) -> Option<Errand> {
        self.attend()
    }

    fn answer(&self, call: BoxCall) {
        self.give_answer(call);
    }

    fn leave_unattended(&self, unanswered: bool) {
        self.unattended(unanswered);
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
