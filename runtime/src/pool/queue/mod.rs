//! The line: where jobs wait for a thread, and idle threads for a job.
//!
//! One lock guards one first-come-first-served queue. The first `queue` jobs of it hold a *place*; under
//! [`Overflow::Wait`] the jobs behind them wait for one, by the ticket that they took at the call: they are
//! simply further back in the same line, so nothing has to be moved when a place falls free.
//!
//! Promises (the protocol is argued in `README.md` above this folder):
//! - a job is claimed exactly once: by a thread that runs it, or by whoever cancels or sheds it;
//! - a cancelled job gives its place back before `forget` returns;
//! - while a live job is in the line, some thread is on its way to it or no thread is idle: no lost wake-up
//!   ([`workers`]).

mod reserve;
mod workers;

pub(crate) use self::reserve::{Reservation, Reserved};

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use super::builder::Overflow;
use crate::error::contained;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, OwnLine};

/// Something in the line that is run once, or cancelled once.
pub(crate) trait Claim {
    /// Enters the line, under its lock; `false` if it was cancelled on the way.
    fn line_up(&self) -> bool;
    /// Enters a lane behind its holder, under the line's lock; `false` if it was cancelled on the way.
    fn stand_aside(&self) -> bool;
    /// Takes the job out of everybody else's reach; `false` if somebody was quicker.
    fn claim(&self) -> bool;
    /// Whether the job was cancelled where it stood: an empty shell that nobody will run.
    fn is_dead(&self) -> bool;
}

/// What became of a job that asked to join the line.
pub(crate) enum Joined<J> {
    /// It is in the line.
    Lined,
    /// It is in the line, and this older job had to leave it. The caller tells that job.
    Shed(J),
    /// No thread is free and the caller has a waiting thread to lend: run it there.
    Lend(J),
    /// No place.
    Full,
    /// The line is closed.
    Closed,
}

/// Whether a job gets in.
enum Admitted<J> {
    Yes,
    InsteadOf(J),
    OnALentThread,
    No,
    Never,
}

/// See [`Line::running`].
const WATCHED: usize = 1 << (usize::BITS - 1);

/// What is written at every job stands alone: the lock and what it guards, the count, the hint. Together on one line they cost a
/// fifth of the throughput.
pub(crate) struct Line<J> {
    state: OwnLine<Mutex<State<J>>>,
    bell: Condvar,
    /// Jobs that threads have taken out and not finished: counted up under the lock, down without it. The bit
    /// [`WATCHED`] says that somebody wants to know when it is idle here, or when there is room; in the same word, so that the
    /// job that ends can't miss it.
    running: OwnLine<AtomicUsize>,
    /// Hint for spinning threads: the line is not empty, or has closed.
    look: OwnLine<AtomicBool>,
    threads: usize,
    places: usize,
    overflow: Overflow,
    /// Threads with nothing to do for so long leave, all but one; they come back when they are needed.
    keep_alive: Option<Duration>,
    /// Threads are started when they are needed, not by the builder alone.
    on_demand: bool,
    /// Runs between the moment when a thread takes a job out and its claim, so that a test can hold the thread there.
    #[cfg(test)]
    pub(super) before_claim: std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State<J> {
    jobs: VecDeque<J>,
    /// Shells in `jobs`, and those that a thread has taken out and not looked at yet. A cancel marks its job first and counts it
    /// here a moment later, so this may lag (and dip below zero if a thread meets the shell in between).
    dead: isize,
    /// Jobs that stand aside until their lane is free (see `lanes.rs`): admitted, and no thread's business yet.
    aside: usize,
    /// Threads asleep on the bell that nobody has called.
    parked: usize,
    /// Threads called and not yet awake: each will look at the line.
    called: usize,
    /// Threads that spin: each will look at the line before it parks.
    spinning: usize,
    /// Threads that there are, running or not.
    alive: usize,
    /// Threads on their way out for want of work, each still in its seat: no longer alive, not yet missed.
    leaving: usize,
    /// No new jobs; threads leave when the line is empty.
    closed: bool,
    on_idle: Vec<Waker>,
    /// Those who wait for a place without a job in the line.
    on_room: Vec<Waker>,
}

impl<J> State<J> {
    /// The jobs that a thread could take: low by one for each thread that has taken out a shell and not looked at it yet. Such
    /// a thread counts as running, and will look at the line again.
    fn live(&self) -> usize {
        (self.jobs.len() as isize - self.dead).max(0) as usize
    }

    fn waiting(&self) -> usize {
        self.live() + self.aside
    }

    /// The jobs that wait or run; exact, since what `live` lacks `running` has too much.
    fn admitted(&self, running: usize) -> usize {
        ((self.jobs.len() + self.aside + running) as isize - self.dead).max(0) as usize
    }
}

impl<J: Claim> Line<J> {
    pub(crate) fn new(threads: usize, places: usize, overflow: Overflow) -> Self {
        Self {
            state: OwnLine(Mutex::new(State {
                jobs: VecDeque::new(),
                dead: 0,
                aside: 0,
                parked: 0,
                called: 0,
                spinning: 0,
                alive: threads,
                leaving: 0,
                closed: false,
                on_idle: Vec::new(),
                on_room: Vec::new(),
            })),
            bell: Condvar::new(),
            running: OwnLine(AtomicUsize::new(0)),
            look: OwnLine(AtomicBool::new(false)),
            threads,
            places,
            overflow,
            keep_alive: None,
            on_demand: false,
            #[cfg(test)]
            before_claim: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn keep_alive(mut self, limit: Option<Duration>) -> Self {
        self.keep_alive = limit;
        self.on_demand |= limit.is_some();
        self
    }

    /// For a pool that could not get all of its threads: it begins with `alive` of them.
    pub(crate) fn begin_with(mut self, alive: usize) -> Self {
        self.on_demand |= alive < self.threads;
        self.state.0.get_mut().alive = alive;
        self
    }

    /// Joins the line, or says why not. `lendable`: the caller stands in for a thread of this very pool that waits.
    pub(crate) fn join(&self, job: J, lendable: bool) -> Joined<J> {
        let mut state = self.state.lock();
        let shed = match self.admit(&mut state, lendable) {
            Admitted::Yes => None,
            Admitted::InsteadOf(oldest) => Some(oldest),
            Admitted::OnALentThread => return Joined::Lend(job),
            Admitted::No => return Joined::Full,
            Admitted::Never => return Joined::Closed,
        };
        if job.line_up() {
            state.jobs.push_back(job);
            self.call_a_thread(state);
        }
        shed.map_or(Joined::Lined, Joined::Shed)
    }

    /// As [`join`](Self::join), for a job that stands aside until its lane is free.
    pub(crate) fn stand_aside(&self, job: &J) -> Joined<J> {
        let mut state = self.state.lock();
        let shed = match self.admit(&mut state, false) {
            Admitted::Yes | Admitted::OnALentThread => None,
            Admitted::InsteadOf(oldest) => Some(oldest),
            Admitted::No => return Joined::Full,
            Admitted::Never => return Joined::Closed,
        };
        if job.stand_aside() {
            state.aside += 1;
        }
        shed.map_or(Joined::Lined, Joined::Shed)
    }

    fn admit(&self, state: &mut State<J>, lendable: bool) -> Admitted<J> {
        if state.closed {
            return Admitted::Never;
        }
        if state.waiting() < self.places && !lendable {
            return Admitted::Yes; // never mind how many run: they have a thread each
        }
        let taken = state.admitted(self.running());
        if taken >= self.threads && lendable {
            return Admitted::OnALentThread;
        }
        if taken < self.threads.saturating_add(self.places) {
            return Admitted::Yes;
        }
        match self.overflow {
            Overflow::Wait => Admitted::Yes,
            Overflow::Reject => Admitted::No,
            Overflow::ShedOldest => claim_oldest(state).map_or(Admitted::No, Admitted::InsteadOf),
        }
    }

    /// Whether a job would be admitted that is not lendable, and no other one has to go for it.
    fn has_room(&self, state: &State<J>) -> bool {
        state.waiting() < self.places
            || state.admitted(self.running()) < self.threads.saturating_add(self.places)
    }

    /// The lane of a job that stood aside is free: it goes to the front, its ticket is old. `false`: it was cancelled.
    pub(crate) fn come_back(&self, job: J) -> bool {
        let mut state = self.state.lock();
        let comes = job.line_up();
        if comes {
            state.aside -= 1;
            state.jobs.push_front(job);
            self.call_a_thread(state);
        }
        comes
    }

    /// A job that stood aside was cancelled.
    pub(crate) fn forget_aside(&self) {
        let mut state = self.state.lock();
        state.aside -= 1;
        if state.closed && state.waiting() == 0 {
            self.call_all(state);
            state = self.state.lock();
        }
        self.tell_watchers(state);
    }

    /// Puts a job back that was lent to a thread which had no use for it: it was admitted long ago.
    pub(crate) fn rejoin(&self, job: J) {
        let mut state = self.state.lock();
        if job.line_up() {
            state.jobs.push_front(job);
            self.call_a_thread(state);
        }
    }

    /// A job was cancelled where it stood: its place is free from here on.
    pub(crate) fn forget(&self) {
        let mut state = self.state.lock();
        state.dead += 1;
        let mut shells = Vec::new();
        if state.dead > 32 && state.dead > state.jobs.len() as isize / 2 {
            let (kept, dead): (VecDeque<J>, Vec<J>) = {
                let mut kept = VecDeque::with_capacity(state.live());
                let mut dead = Vec::new();
                for job in state.jobs.drain(..) {
                    if job.is_dead() { dead.push(job) } else { kept.push_back(job) }
                }
                (kept, dead)
            };
            state.jobs = kept;
            state.dead -= dead.len() as isize;
            shells = dead;
        }
        self.tell_watchers(state);
        drop(shells);
    }

    /// No new jobs from now on; what is in the line still runs, then the threads leave.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.look.store(true, Ordering::Relaxed);
        let wakers = std::mem::take(&mut state.on_room);
        self.call_all(state);
        wake_all(wakers);
    }

    /// Registers `waker` to be woken when nothing waits and nothing runs; `true` if that is so already.
    pub(crate) fn watch_idle(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let running = self.running.fetch_or(WATCHED, Ordering::AcqRel) & !WATCHED;
        if state.waiting() == 0 && running == 0 {
            return true;
        }
        if !state.on_idle.iter().any(|known| known.will_wake(waker)) {
            state.on_idle.push(waker.clone());
        }
        false
    }

    /// A job has ended, or given its place back.
    fn tell_watchers(&self, mut state: MutexGuard<'_, State<J>>) {
        let mut wakers = Vec::new();
        if !state.on_room.is_empty() && self.has_room(&state) {
            wakers = std::mem::take(&mut state.on_room);
        }
        if !state.on_idle.is_empty() && state.waiting() == 0 && self.running() == 0 {
            wakers.append(&mut state.on_idle);
        }
        if state.on_idle.is_empty() && state.on_room.is_empty() {
            self.running.fetch_and(!WATCHED, Ordering::AcqRel); // set under the lock only
        }
        drop(state);
        wake_all(wakers);
    }

    /// The jobs that wait, oldest first (shells included).
    pub(crate) fn snapshot(&self) -> Vec<J>
    where
        J: Clone,
    {
        self.state.lock().jobs.iter().cloned().collect()
    }

    /// How many jobs wait in a place, and how many behind those wait for a place.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = self.state.lock().waiting();
        let placed = waiting.min(self.places.saturating_add(self.threads.saturating_sub(self.running())));
        (placed, waiting - placed)
    }

    /// Looks at how many jobs wait for a thread and how many the threads hold, both at the same moment: no thread takes a job
    /// out of the queue until `look` returns.
    pub(crate) fn at_one_moment<R>(&self, look: impl FnOnce(usize, usize) -> R) -> R {
        let state = self.state.lock();
        look(state.live(), self.running())
    }

    pub(crate) fn places(&self) -> usize {
        self.places
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire) & !WATCHED
    }
}

fn wake_all(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(|waker| contained("a waker", || waker.wake()));
}

fn claim_oldest<J: Claim>(state: &mut State<J>) -> Option<J> {
    while let Some(job) = state.jobs.pop_front() {
        if job.claim() {
            return Some(job);
        }
        state.dead -= 1;
    }
    None
}

/// A running job's hold on its thread, given back when it really ends, before its result is delivered: who
/// sees the result finds the thread free. (The order is trio's: idle before delivering.)
pub(crate) struct Place<'a, J: Claim> {
    line: Option<&'a Line<J>>,
    waited: bool,
}

impl<J: Claim> Place<'_, J> {
    /// A job that runs on a lent thread takes no place.
    pub(crate) fn none() -> Self {
        Place { line: None, waited: true }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.line.is_none()
    }

    /// The thread had nothing to do before it took the job.
    pub(crate) fn was_waited_for(&self) -> bool {
        self.waited
    }
}

impl<J: Claim> Drop for Place<'_, J> {
    fn drop(&mut self) {
        let Some(line) = self.line else { return };
        if line.running.fetch_sub(1, Ordering::AcqRel) & WATCHED != 0 {
            line.tell_watchers(line.state.lock());
        }
    }
}
