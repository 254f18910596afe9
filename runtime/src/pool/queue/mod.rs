//! [`JobQueue`]: jobs wait here for a thread, and idle threads for a job.
//!
//! One lock guards one first-in-first-out queue. The first `capacity` jobs of it hold a *slot*;
//! under [`Overflow::Wait`] the jobs after them wait for a slot, in the order of their calls. They
//! are further back in the same queue, so nothing has to be moved when a slot becomes free.
//!
//! Guarantees (`README.md` in the parent folder has the protocol):
//! - a job is claimed exactly once: by a thread that runs it, or by the one that cancels or sheds
//!   it;
//! - a cancelled job gives its slot back before `note_cancelled` returns;
//! - while a runnable job is queued, a thread is on its way to it or no thread is idle: no wake-up
//!   is lost ([`workers`]).

mod choose;
mod delay;
mod entry;
mod reserve;
mod workers;

pub(crate) use self::choose::Refusal;
pub(crate) use self::entry::{Demand, TimeLimit};
pub(crate) use self::reserve::{Reservation, Reserved};

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use self::delay::DelayLimit;
use self::entry::{Entry, Epoch};
use super::builder::Overflow;
use super::estimate::Estimates;
use crate::error::catch_and_log;
use crate::job::Charge;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{CachePadded, Condvar, Mutex, MutexGuard};

/// Something in the queue that is run once, or cancelled once.
pub(crate) trait Claim {
    /// Enters the queue, under its lock; `false` if it was cancelled on the way.
    fn mark_queued(&self) -> bool;
    /// Begins to wait for its lane, under the queue's lock; `false` if it was cancelled on the
    /// way.
    fn mark_lane_blocked(&self) -> bool;
    /// Claims the job, so that no other thread can; `false` if it was claimed or cancelled before.
    fn claim(&self) -> bool;
    /// Whether the job was cancelled while it was queued. Such an entry of the queue is a *tombstone*.
    fn is_cancelled(&self) -> bool;
    /// What the job asks of the queue.
    fn demand(&self) -> Demand;
    /// The time by the clock of the job's deadline.
    fn now(&self) -> Instant;
    /// The time, and for how long the job has waited in the queue; `None` if the limit of the delay
    /// does not apply to it.
    fn queue_delay(&self) -> Option<(Instant, Duration)>;
    /// Answers the caller of a job that was claimed in order to refuse it.
    fn refuse(&self, refusal: Refusal);
}

/// What became of a job that was to enter the queue.
pub(crate) enum PushResult<J> {
    /// It is queued.
    Queued,
    /// It is queued, and this older job had to leave the queue. The caller has to
    /// [refuse](Claim::refuse) it.
    QueuedShedding(J),
    /// No thread is free and the caller has a waiting ancestor on a thread of this pool: hand the
    /// job off to that thread.
    HandOff(J),
    /// The queue is full.
    Full,
    /// The job cannot end by its deadline: the jobs before it take this long.
    Overloaded(Duration),
    /// The queue is closed.
    Closed,
}

/// Whether a job gets in.
enum Admission<J> {
    Accept,
    AcceptShedding(J),
    HandOff,
    Full,
    Overloaded(Duration),
    Closed,
}

/// See [`JobQueue::running`].
const WATCHED: usize = 1 << (usize::BITS - 1);

/// The lock with what it guards, the count and the hint are written at every job, so each has cache
/// lines of its own. Sharing one costs a fifth of the throughput.
pub(crate) struct JobQueue<J> {
    state: CachePadded<Mutex<State<J>>>,
    condvar: Condvar,
    /// Jobs that threads have taken out and not finished: counted up under the lock, down without
    /// it. The bit [`WATCHED`] says that a task waits for the pool to be idle, or for capacity. It
    /// is in the same word, so that the job that ends cannot miss it.
    running: CachePadded<AtomicUsize>,
    /// Hint for spinning threads: the queue is not empty, or has closed.
    work_hint: CachePadded<AtomicBool>,
    threads: usize,
    capacity: usize,
    overflow: Overflow,
    /// The moment from which `entry` counts.
    epoch: Epoch,
    pub(super) estimates: Arc<Estimates>,
    /// Threads that are idle for so long end, all but one; they are started again when they are
    /// needed.
    keep_alive: Option<Duration>,
    /// Threads are started when they are needed, not by the builder alone.
    on_demand: bool,
    /// Runs between the moment when a thread takes a job out and its claim, so that a test can hold
    /// the thread there.
    #[cfg(debug_assertions)]
    pub(super) before_claim: std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State<J> {
    jobs: VecDeque<Entry<J>>,
    /// How many of the first `jobs` cannot end by their deadlines, or are cancelled, as a thread
    /// has found.
    late: usize,
    /// The sum of the charges of the runnable jobs. As `tombstones`, it may be wrong for a moment
    /// while a cancelled job leaves the queue.
    work_micros: i64,
    /// Refuses jobs that have waited for too long.
    delay_limit: Option<DelayLimit>,
    /// Tombstones in `jobs`, and those that a thread has taken out and not looked at yet. A cancel
    /// marks its job first and counts it here a moment later, so this may lag (and fall below zero
    /// if a thread meets the tombstone in between).
    tombstones: isize,
    /// Jobs that are blocked by their lane (see `lanes.rs`): admitted, and not runnable yet.
    lane_blocked: usize,
    /// Threads that are parked on the condvar and not notified.
    parked: usize,
    /// Threads notified and not yet awake: each will look at the queue.
    notified: usize,
    /// Threads that spin: each will look at the queue before it parks.
    spinning: usize,
    /// Threads that there are, running or not.
    live_threads: usize,
    /// Threads that are ending because they were idle. Each still has its thread slot, so none can
    /// be started for it yet.
    exiting_threads: usize,
    /// No new jobs; threads leave when the queue is empty.
    closed: bool,
    idle_wakers: Vec<Waker>,
    /// Tasks that wait for capacity and have no job in the queue.
    capacity_wakers: Vec<Waker>,
}

impl<J> State<J> {
    /// The jobs that a thread could take: low by one for each thread that has taken out a tombstone
    /// and not looked at it yet. Such a thread counts as running, and will look at the queue again.
    fn runnable(&self) -> usize {
        (self.jobs.len() as isize - self.tombstones).max(0) as usize
    }

    fn queued(&self) -> usize {
        self.runnable() + self.lane_blocked
    }

    /// The jobs that wait or run; exact, since what `runnable` lacks `running` has too much.
    fn in_system(&self, running: usize) -> usize {
        ((self.jobs.len() + self.lane_blocked + running) as isize - self.tombstones).max(0) as usize
    }

    #[inline]
    fn push_back(&mut self, entry: Entry<J>) {
        self.work_micros += i64::from(entry.micros);
        self.jobs.push_back(entry);
    }

    /// Queues a job before all others that are not late.
    fn push_front(&mut self, entry: Entry<J>) {
        self.work_micros += i64::from(entry.micros);
        self.jobs.push_front(entry);
        self.jobs.swap(0, self.late);
    }

    fn pop_front(&mut self) -> Option<Entry<J>> {
        self.late = self.late.saturating_sub(1);
        let entry = self.jobs.pop_front();
        self.note_removed(entry)
    }

    /// Takes out the first job after the late ones, which change their order.
    fn remove_first_in_time(&mut self) -> Option<Entry<J>> {
        let entry = self.jobs.swap_remove_front(self.late);
        self.note_removed(entry)
    }

    /// Takes out a late job.
    fn remove_late(&mut self, at: usize) -> Option<Entry<J>> {
        self.late -= 1;
        let entry = self.jobs.remove(at);
        self.note_removed(entry)
    }

    #[inline]
    fn note_removed(&mut self, entry: Option<Entry<J>>) -> Option<Entry<J>> {
        self.work_micros -= entry.as_ref().map_or(0, |entry| i64::from(entry.micros));
        entry
    }

    /// An entry that was taken out is a tombstone: the thread that cancelled it has subtracted its
    /// charge, or will in a moment.
    fn note_tombstone(&mut self, charge_micros: u32) {
        self.tombstones -= 1;
        self.work_micros += i64::from(charge_micros);
    }
}

impl<J: Claim> JobQueue<J> {
    pub(crate) fn new(threads: usize, capacity: usize, overflow: Overflow) -> Self {
        Self {
            state: CachePadded(Mutex::new(State {
                jobs: VecDeque::new(),
                late: 0,
                work_micros: 0,
                delay_limit: None,
                tombstones: 0,
                lane_blocked: 0,
                parked: 0,
                notified: 0,
                spinning: 0,
                live_threads: threads,
                exiting_threads: 0,
                closed: false,
                idle_wakers: Vec::new(),
                capacity_wakers: Vec::new(),
            })),
            condvar: Condvar::new(),
            running: CachePadded(AtomicUsize::new(0)),
            work_hint: CachePadded(AtomicBool::new(false)),
            threads,
            capacity,
            overflow,
            epoch: Epoch::now(),
            estimates: Arc::default(),
            keep_alive: None,
            on_demand: false,
            #[cfg(debug_assertions)]
            before_claim: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn keep_alive(mut self, limit: Option<Duration>) -> Self {
        self.keep_alive = limit;
        self.on_demand |= limit.is_some();
        self
    }

    /// Limits the time that jobs wait in the queue.
    pub(crate) fn delay_limit(mut self, target: Option<Duration>) -> Self {
        self.state.0.get_mut().delay_limit = target.map(DelayLimit::new);
        self
    }

    /// For a pool that could not get all of its threads: it begins with `live_threads` of them.
    pub(crate) fn begin_with(mut self, live_threads: usize) -> Self {
        self.on_demand |= live_threads < self.threads;
        self.state.0.get_mut().live_threads = live_threads;
        self
    }

    /// Queues the job, or says why not. `has_waiting_ancestor`: a thread of this pool waits for the
    /// caller.
    #[inline]
    pub(crate) fn push(&self, job: J, demand: &Demand, has_waiting_ancestor: bool) -> PushResult<J> {
        let mut state = self.state.lock();
        let shed = match self.admit(&mut state, demand, has_waiting_ancestor) {
            Admission::Accept => None,
            Admission::AcceptShedding(oldest) => Some(oldest),
            Admission::HandOff => return PushResult::HandOff(job),
            Admission::Full => return PushResult::Full,
            Admission::Overloaded(wait) => return PushResult::Overloaded(wait),
            Admission::Closed => return PushResult::Closed,
        };
        if job.mark_queued() {
            state.push_back(Entry::new(job, demand, self.epoch));
            self.notify_one_thread(state);
        }
        shed.map_or(PushResult::Queued, PushResult::QueuedShedding)
    }

    /// As [`push`](Self::push), for a job that is blocked by its lane.
    pub(crate) fn push_lane_blocked(&self, job: &J) -> PushResult<J> {
        let mut state = self.state.lock();
        // The job waits for its lane, so the work in the queue says nothing about its wait.
        let shed = match self.admit(&mut state, &Demand::default(), false) {
            Admission::Accept | Admission::HandOff => None,
            Admission::AcceptShedding(oldest) => Some(oldest),
            Admission::Full => return PushResult::Full,
            Admission::Overloaded(wait) => return PushResult::Overloaded(wait),
            Admission::Closed => return PushResult::Closed,
        };
        if job.mark_lane_blocked() {
            state.lane_blocked += 1;
        }
        shed.map_or(PushResult::Queued, PushResult::QueuedShedding)
    }

    #[inline]
    fn admit(&self, state: &mut State<J>, demand: &Demand, has_waiting_ancestor: bool) -> Admission<J> {
        if state.closed {
            return Admission::Closed;
        }
        if let (Some(limit), false) = (&demand.limit, has_waiting_ancestor) {
            if let Some(wait) = self.wait_beyond(state, limit) {
                return Admission::Overloaded(wait);
            }
        }
        if state.queued() < self.capacity && !has_waiting_ancestor {
            return Admission::Accept; // the jobs that run have a thread each
        }
        let taken = state.in_system(self.running());
        if taken >= self.threads && has_waiting_ancestor {
            return Admission::HandOff;
        }
        if taken < self.threads.saturating_add(self.capacity) {
            return Admission::Accept;
        }
        match self.overflow {
            Overflow::Wait => Admission::Accept,
            Overflow::Reject => Admission::Full,
            Overflow::ShedOldest => shed_oldest(state).map_or(Admission::Full, Admission::AcceptShedding),
        }
    }

    /// The predicted wait of a new job, if that is longer than its deadlines allow: half of the
    /// time until its end.
    ///
    /// This limit does not depend on how long the job itself takes. If it did, quick jobs would
    /// fill the queue so far that no slow one could ever enter it; this way all methods with the
    /// same deadline are refused in the same proportion. The other half is for the run, and for
    /// threads that are slower than predicted.
    fn wait_beyond(&self, state: &State<J>, limit: &TimeLimit) -> Option<Duration> {
        if state.runnable() == 0 || state.in_system(self.running()) < self.threads {
            return None; // no job would run before this one, or a thread is free for it
        }
        let work = u64::try_from(state.work_micros).unwrap_or(0);
        let wait = Duration::from_micros(work / self.threads as u64);
        (wait > limit.longest_wait).then_some(wait)
    }

    /// Whether a job without a waiting ancestor would be admitted, and no other one would be shed
    /// for it.
    fn has_capacity(&self, state: &State<J>) -> bool {
        state.queued() < self.capacity
            || state.in_system(self.running()) < self.threads.saturating_add(self.capacity)
    }

    /// The lane of a blocked job is free: the job goes to the front, since it was called before
    /// those that are queued. `false`: it was cancelled.
    pub(crate) fn unblock(&self, job: J) -> bool {
        let mut state = self.state.lock();
        let comes = job.mark_queued();
        if comes {
            state.lane_blocked -= 1;
            let demand = job.demand();
            state.push_front(Entry::new(job, &demand, self.epoch));
            self.notify_one_thread(state);
        }
        comes
    }

    /// A job was cancelled that was blocked by its lane.
    pub(crate) fn note_blocked_cancelled(&self) {
        let mut state = self.state.lock();
        state.lane_blocked -= 1;
        if state.closed && state.queued() == 0 {
            self.notify_all_threads(state);
            state = self.state.lock();
        }
        self.wake_waiters(state);
    }

    /// Puts a job back that was handed off to a thread which did not wait any more. It was admitted
    /// already.
    pub(crate) fn requeue_front(&self, job: J) {
        let mut state = self.state.lock();
        if job.mark_queued() {
            let demand = job.demand();
            state.push_front(Entry::new(job, &demand, self.epoch));
            self.notify_one_thread(state);
        }
    }

    /// A queued job was cancelled: its slot is free from here on.
    pub(crate) fn note_cancelled(&self, charge: Charge) {
        let mut state = self.state.lock();
        state.tombstones += 1;
        state.work_micros -= i64::from(charge.micros);
        let mut removed = Vec::new();
        if state.tombstones > 32 && state.tombstones > state.jobs.len() as isize / 2 {
            let (late, live) = (state.late, state.runnable());
            let mut kept = VecDeque::with_capacity(live);
            for (at, entry) in std::mem::take(&mut state.jobs).into_iter().enumerate() {
                if entry.job.is_cancelled() {
                    state.late -= usize::from(at < late);
                    removed.push(entry);
                } else {
                    kept.push_back(entry);
                }
            }
            state.jobs = kept;
            state.tombstones -= removed.len() as isize;
        }
        self.wake_waiters(state);
        drop(removed);
    }

    /// No new jobs from now on; what is in the queue still runs, then the threads leave.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.work_hint.store(true, Ordering::Relaxed);
        let wakers = std::mem::take(&mut state.capacity_wakers);
        self.notify_all_threads(state);
        wake_all(wakers);
    }

    /// Registers `waker` to be woken when nothing waits and nothing runs; `true` if that is so
    /// already.
    pub(crate) fn poll_idle(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let running = self.running.fetch_or(WATCHED, Ordering::AcqRel) & !WATCHED;
        if state.queued() == 0 && running == 0 {
            return true;
        }
        if !state.idle_wakers.iter().any(|known| known.will_wake(waker)) {
            state.idle_wakers.push(waker.clone());
        }
        false
    }

    /// A job has ended, or given its slot back.
    fn wake_waiters(&self, mut state: MutexGuard<'_, State<J>>) {
        let mut wakers = Vec::new();
        if !state.capacity_wakers.is_empty() && self.has_capacity(&state) {
            wakers = std::mem::take(&mut state.capacity_wakers);
        }
        if !state.idle_wakers.is_empty() && state.queued() == 0 && self.running() == 0 {
            wakers.append(&mut state.idle_wakers);
        }
        if state.idle_wakers.is_empty() && state.capacity_wakers.is_empty() {
            self.running.fetch_and(!WATCHED, Ordering::AcqRel); // set under the lock only
        }
        drop(state);
        wake_all(wakers);
    }

    /// The jobs that wait, oldest first (tombstones included).
    pub(crate) fn snapshot(&self) -> Vec<J>
    where
        J: Clone,
    {
        self.state.lock().jobs.iter().map(|entry| entry.job.clone()).collect()
    }

    /// How many jobs have a slot, and how many wait for one.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = self.state.lock().queued();
        let with_slot =
            waiting.min(self.capacity.saturating_add(self.threads.saturating_sub(self.running())));
        (with_slot, waiting - with_slot)
    }

    /// Looks at how many jobs wait for a thread and how many the threads hold, both at the same
    /// moment: no thread takes a job out of the queue until `look` returns.
    pub(crate) fn at_one_moment<R>(&self, look: impl FnOnce(usize, usize) -> R) -> R {
        let state = self.state.lock();
        look(state.runnable(), self.running())
    }

    #[cfg(all(test, portcullis_loom))]
    pub(crate) fn work_micros(&self) -> i64 {
        self.state.lock().work_micros
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire) & !WATCHED
    }
}

fn wake_all(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(|waker| catch_and_log("a waker", || waker.wake()));
}

fn shed_oldest<J: Claim>(state: &mut State<J>) -> Option<J> {
    while let Some(Entry { job, micros, .. }) = state.pop_front() {
        if job.claim() {
            return Some(job);
        }
        state.note_tombstone(micros);
    }
    None
}

/// Counts a job as running. It is dropped when the job really ends, before its output is delivered:
/// a caller that has the output finds the thread free. (The order is trio's: idle before
/// delivering.)
pub(crate) struct RunGuard<'a, J: Claim> {
    queue: Option<&'a JobQueue<J>>,
    was_idle: bool,
}

impl<J: Claim> RunGuard<'_, J> {
    /// For a job that runs on the thread of one that waits.
    pub(crate) fn uncounted() -> Self {
        RunGuard { queue: None, was_idle: true }
    }

    pub(crate) fn is_uncounted(&self) -> bool {
        self.queue.is_none()
    }

    /// The thread had nothing to do before it took the job.
    pub(crate) fn was_idle(&self) -> bool {
        self.was_idle
    }
}

impl<J: Claim> Drop for RunGuard<'_, J> {
    fn drop(&mut self) {
        let Some(queue) = self.queue else { return };
        if queue.running.fetch_sub(1, Ordering::AcqRel) & WATCHED != 0 {
            queue.wake_waiters(queue.state.lock());
        }
    }
}
