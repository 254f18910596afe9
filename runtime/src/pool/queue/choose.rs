//! Which job a free thread gets: the first of the queue, unless that cannot end in time.
//!
//! | the first job | the thread gets | the jobs before that |
//! |---|---|---|
//! | has no deadline, or can end by it | the first job | – |
//! | cannot end by its deadline, and a later job can | the first later job that can | are refused with `Deadline` |
//! | cannot, and no other job can | the job with the latest deadline of the last [`BATCH`] | stay in the queue |
//!
//! Whether a job can end in time is a guess from the [estimate](crate::pool::estimate) of its call
//! site. A job that the guess is against still gets a thread that nothing else can use, so an idle
//! pool refuses no job, and an estimate that is too high gets new samples. Among such jobs the one
//! with the latest deadline is the likeliest to end in time; if the threads took the first one each
//! time, every job would start shortly before its deadline and end late.
//!
//! The work of a thread under the lock is bounded: in one hold it looks at no more than [`BATCH`]
//! jobs for the first time, and refuses no more than that. The queue notes how many jobs at its
//! front are late ([`State::late`]), so no thread looks for a second time at a job that another one
//! has found late, and the late jobs that are not refused now are refused by the next threads.
//!
//! With a [limit of the delay](super::delay) the queue first refuses the jobs that have waited for
//! too long, also only if another job waits.

use std::time::{Duration, Instant};

use super::entry::Entry;
use super::{Claim, JobQueue, State, WATCHED};
use crate::error::catch_and_log;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// How many jobs a thread looks at, and how many it refuses, in one hold of the lock.
pub(super) const BATCH: usize = 64;

/// A job must be expected to end this many mean deviations before its deadline.
const DEVIATIONS: u64 = 2;

/// Why a queued job does not get a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer job takes its slot in a full queue.
    Shed,
    /// It cannot end by its deadline.
    CannotEndInTime,
    /// It has waited for too long in a queue that limits the delay.
    Delayed { retry_after: Duration },
}

/// The jobs that had to leave the queue.
type Refused<J> = Vec<(Entry<J>, Refusal)>;

/// What one hold of the lock has found.
enum Choice<J> {
    Job(Entry<J>),
    /// All jobs looked at are late. There are more.
    LookFurther,
    /// The queue is empty.
    None,
}

/// The time of this choice, read at most once: nanoseconds since the queue's epoch.
struct Now(Option<u64>);

impl<J: Claim> JobQueue<J> {
    /// Chooses a job for a thread, counts it as running, and refuses those that have to leave for
    /// it. Returns the job and its charge; `Err`: the queue is empty, and still locked.
    #[inline(never)]
    pub(super) fn choose_and_refuse<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<J>>,
    ) -> Result<(J, u32), MutexGuard<'a, State<J>>> {
        let mut limit = BATCH;
        loop {
            let mut refused = Vec::new();
            let (entry, taken) = match self.choose(&mut state, &mut refused, limit) {
                Choice::Job(entry) => (Some(entry), 1),
                Choice::None if refused.is_empty() => return Err(state),
                Choice::LookFurther | Choice::None => (None, 0),
            };
            limit -= refused.len();
            self.note_taken(state, taken + refused.len());
            if !refused.is_empty() {
                self.refuse(refused);
            }
            if let Some(Entry { job, micros, .. }) = entry {
                return Ok((job, micros));
            }
            state = self.state.lock();
        }
    }

    /// `limit`: how many jobs may be refused.
    fn choose(&self, state: &mut State<J>, refused: &mut Refused<J>, limit: usize) -> Choice<J> {
        if state.jobs.is_empty() {
            return Choice::None; // other threads have taken the jobs while the lock was released
        }
        refuse_delayed(state, refused, limit);
        let mut now = Now(None);
        let mut can_run =
            |entry: &Entry<J>| self.can_end_in_time(entry, &mut now) && !entry.job.is_cancelled();
        let usable = state.jobs.range(state.late..).take(BATCH).position(&mut can_run);
        let Some(usable) = usable else {
            state.late = state.jobs.len().min(state.late + BATCH);
            return if state.late < state.jobs.len() { Choice::LookFurther } else { choose_late(state) };
        };
        state.late += usable;
        for _ in 0..state.late.min(limit - refused.len()) {
            // The estimate may have fallen since the job was found late.
            if state.jobs.front().is_some_and(&mut can_run) {
                return state.pop_front().map_or(Choice::None, Choice::Job);
            }
            refused.extend(state.pop_front().map(|late| (late, Refusal::CannotEndInTime)));
        }
        state.remove_first_in_time().map_or(Choice::None, Choice::Job)
    }

    fn can_end_in_time(&self, entry: &Entry<J>, now: &mut Now) -> bool {
        if !entry.has_deadline() {
            return true;
        }
        let now = if entry.by_test_clock {
            self.epoch.nanos(entry.job.now())
        } else {
            *now.0.get_or_insert_with(|| self.epoch.nanos(Instant::now()))
        };
        let run_time = self.estimates.get(entry.estimate).at_most(DEVIATIONS);
        entry.ends_in_time(now, run_time.saturating_mul(1_000))
    }

    /// Answers the callers of jobs that were taken out and are counted as running. Called without
    /// the lock, since the jobs' captures are dropped here.
    #[cold]
    fn refuse(&self, refused: Refused<J>) {
        let count = refused.len();
        let (mut tombstones, mut micros) = (0, 0);
        for (Entry { job, micros: charge, .. }, refusal) in refused {
            if job.claim() {
                job.refuse(refusal);
            } else {
                tombstones += 1;
                micros += i64::from(charge);
            }
            catch_and_log("a drop of what a job's caller had current", || drop(job));
        }
        let mut state = self.state.lock();
        state.tombstones -= tombstones;
        state.work_micros += micros;
        if self.running.fetch_sub(count, Ordering::AcqRel) & WATCHED != 0 {
            self.wake_waiters(state);
        }
    }
}

/// All jobs are late: takes out the one with the latest deadline of those that came last.
fn choose_late<J: Claim>(state: &mut State<J>) -> Choice<J> {
    let from = state.jobs.len().saturating_sub(BATCH);
    let mut latest: Option<(usize, &Entry<J>)> = None;
    for (at, entry) in state.jobs.range(from..).enumerate() {
        let is_later = latest.is_none_or(|(_, latest)| entry.is_due_after(latest));
        if is_later && !entry.job.is_cancelled() {
            latest = Some((from + at, entry));
        }
    }
    // If all of them are cancelled, the thread takes a tombstone, and looks again.
    let at = latest.map_or(from, |(at, _)| at);
    state.remove_late(at).map_or(Choice::None, Choice::Job)
}

/// Takes out the jobs that have waited for too long, as long as another job waits.
fn refuse_delayed<J: Claim>(state: &mut State<J>, refused: &mut Refused<J>, at_most: usize) {
    while let (Some(limit), Some(first)) = (&mut state.delay_limit, state.jobs.front()) {
        let Some((now, delay)) = first.job.queue_delay() else { break };
        let retry_after = limit.target();
        if !limit.is_too_late(now, delay) || state.jobs.len() == 1 || refused.len() == at_most {
            break;
        }
        refused.extend(state.pop_front().map(|first| (first, Refusal::Delayed { retry_after })));
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::job::{Charge, EstimateId};
    use crate::pool::builder::Overflow;
    use crate::pool::queue::{Demand, PushResult, TimeLimit};

    const JOBS: usize = 10_000;
    const SECOND: Duration = Duration::from_secs(1);
    /// The estimate of each job that has a deadline.
    const SITE: EstimateId = EstimateId(0);

    /// Counts how often threads look at the jobs of a queue, and refuse them.
    #[derive(Default)]
    struct Counts {
        looks: AtomicUsize,
        refused: AtomicUsize,
        /// By how many seconds the time of the limit of the delay is later than that of the
        /// deadlines.
        delay_clock: AtomicUsize,
    }

    struct FakeJob {
        number: usize,
        demand: Demand,
        now: Instant,
        counts: Arc<Counts>,
    }

    impl Claim for FakeJob {
        fn mark_queued(&self) -> bool {
            true
        }

        fn mark_lane_blocked(&self) -> bool {
            true
        }

        fn claim(&self) -> bool {
            true
        }

        fn is_cancelled(&self) -> bool {
            false
        }

        fn demand(&self) -> Demand {
            self.demand
        }

        fn now(&self) -> Instant {
            self.counts.looks.fetch_add(1, SeqCst);
            self.now
        }

        fn queue_delay(&self) -> Option<(Instant, Duration)> {
            let later = SECOND * self.counts.delay_clock.load(SeqCst) as u32;
            Some((self.now + later, SECOND))
        }

        fn refuse(&self, _: Refusal) {
            self.counts.refused.fetch_add(1, SeqCst);
        }
    }

    /// A queue whose jobs are expected to take a second.
    struct Fixture {
        queue: JobQueue<FakeJob>,
        counts: Arc<Counts>,
        now: Instant,
        jobs: usize,
    }

    impl Fixture {
        fn new() -> Self {
            let queue = JobQueue::new(1, JOBS + 1, Overflow::Reject);
            queue.estimates.record(SITE, SECOND.as_micros() as u64, false);
            Self { queue, counts: Arc::default(), now: Instant::now(), jobs: 0 }
        }

        /// Queues a job with `left` until its deadline.
        fn push(&mut self, left: Duration) {
            let limit = TimeLimit {
                deadline: Some(self.now + left),
                longest_wait: Duration::MAX,
                by_test_clock: true,
            };
            let demand = Demand { charge: Charge { micros: 0, estimate: SITE }, limit: Some(limit) };
            let (number, counts) = (self.jobs, Arc::clone(&self.counts));
            self.jobs += 1;
            let pushed = self.queue.push(FakeJob { number, demand, now: self.now, counts }, &demand, false);
            assert!(matches!(pushed, PushResult::Queued));
        }

        /// The number of the job that a thread takes.
        fn take(&self) -> Option<usize> {
            self.queue.try_pop_now().map(|(job, _)| job.number)
        }

        /// How often the threads looked at a job, and how many they refused, since the last call.
        fn counts(&self) -> (usize, usize) {
            (self.counts.looks.swap(0, SeqCst), self.counts.refused.swap(0, SeqCst))
        }
    }

    #[test]
    fn a_dequeue_refuses_a_bounded_number_of_late_jobs_and_leaves_the_others_to_the_next() {
        let mut fixture = Fixture::new();
        (0..JOBS).for_each(|_| fixture.push(SECOND / 2));
        fixture.push(10 * SECOND);
        assert_eq!(fixture.take(), Some(JOBS));
        let (looks, refused) = fixture.counts();
        assert_eq!(refused, BATCH);
        assert!(looks <= JOBS + 1 + BATCH, "{looks}");
        // The next thread looks at no late job again, but for those that it refuses.
        fixture.push(10 * SECOND);
        assert_eq!(fixture.take(), Some(JOBS + 1));
        let (looks, refused) = fixture.counts();
        assert_eq!(refused, BATCH);
        assert!(looks <= 1 + BATCH, "{looks}");
    }

    #[test]
    fn a_dequeue_refuses_a_bounded_number_of_jobs_for_their_deadlines_and_their_delay_together() {
        let mut fixture = Fixture::new();
        fixture.queue = JobQueue::new(1, JOBS + 1, Overflow::Reject).delay_limit(Some(SECOND * 3 / 100));
        fixture.queue.estimates.record(SITE, SECOND.as_micros() as u64, false);
        (0..JOBS).for_each(|_| fixture.push(SECOND / 2));
        fixture.push(10 * SECOND);
        assert_eq!(fixture.take(), Some(JOBS));
        assert_eq!(fixture.counts().1, BATCH);
        // From the second interval on the queue stands: each job in it has waited for too long.
        let interval = 1;
        fixture.counts.delay_clock.store(interval, SeqCst);
        (0..BATCH + 1).for_each(|_| fixture.push(10 * SECOND));
        while fixture.take().is_some() {
            assert!(fixture.counts().1 <= BATCH);
        }
    }

    #[test]
    fn one_hold_of_the_lock_looks_at_a_bounded_number_of_jobs() {
        let mut fixture = Fixture::new();
        (0..JOBS).for_each(|_| fixture.push(SECOND / 2));
        let mut refused = Vec::new();
        let mut state = fixture.queue.state.lock();
        for _ in 1..JOBS.div_ceil(BATCH) {
            assert!(matches!(fixture.queue.choose(&mut state, &mut refused, BATCH), Choice::LookFurther));
            assert_eq!(fixture.counts(), (BATCH, 0));
        }
        assert!(matches!(fixture.queue.choose(&mut state, &mut refused, BATCH), Choice::Job(_)));
        assert!(refused.is_empty());
    }

    #[test]
    fn a_thread_that_looks_further_may_find_the_queue_empty() {
        let mut fixture = Fixture::new();
        (0..BATCH + 1).for_each(|_| fixture.push(SECOND / 2));
        let mut state = fixture.queue.state.lock();
        assert!(matches!(fixture.queue.choose(&mut state, &mut Vec::new(), BATCH), Choice::LookFurther));
        while state.pop_front().is_some() {}
        assert!(matches!(fixture.queue.choose(&mut state, &mut Vec::new(), BATCH), Choice::None));
        assert!(fixture.queue.choose_and_refuse(state).is_err());
        assert_eq!(fixture.take(), None);
    }

    #[test]
    fn a_queue_of_late_jobs_is_worked_off_with_one_look_at_each() {
        let mut fixture = Fixture::new();
        (0..JOBS).for_each(|_| fixture.push(SECOND / 2));
        let mut taken = Vec::new();
        while let Some(number) = fixture.take() {
            taken.push(number);
        }
        assert_eq!(fixture.counts(), (JOBS, 0));
        taken.sort_unstable();
        assert_eq!(taken, (0..JOBS).collect::<Vec<_>>());
        assert_eq!(fixture.queue.state.lock().late, 0);
    }

    #[test]
    fn threads_that_share_a_queue_of_late_jobs_run_or_refuse_each_once() {
        let mut fixture = Fixture::new();
        let runs: Vec<_> = (0..JOBS).map(|_| AtomicUsize::new(0)).collect();
        // Long sequences of late jobs, so that threads release the lock while they look.
        for at in 0..JOBS {
            fixture.push(if at % 500 == 499 { 10 * SECOND } else { SECOND / 2 });
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(number) = fixture.take() {
                        runs[number].fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert!(runs.iter().all(|runs| runs.load(SeqCst) <= 1));
        let ran: usize = runs.iter().map(|runs| runs.load(SeqCst)).sum();
        assert_eq!(ran + fixture.counts().1, JOBS);
        assert!((0..JOBS).filter(|at| at % 500 == 499).all(|at| runs[at].load(SeqCst) == 1));
        let state = fixture.queue.state.lock();
        assert_eq!((state.late, state.tombstones, fixture.queue.running()), (0, 0, 0));
    }

    #[test]
    fn late_jobs_run_if_the_estimate_falls_before_they_are_refused() {
        let mut fixture = Fixture::new();
        (0..4).for_each(|_| fixture.push(SECOND / 2));
        assert_eq!(fixture.take(), Some(0));
        for _ in 0..200 {
            let _ = fixture.queue.estimates.record(SITE, 1_000, false);
        }
        fixture.push(SECOND / 2);
        let rest: Vec<_> = std::iter::from_fn(|| fixture.take()).collect();
        assert_eq!(rest, [1, 2, 3, 4]);
        assert_eq!(fixture.counts.refused.load(SeqCst), 0);
    }

    #[test]
    fn a_job_that_comes_to_the_front_is_before_those_in_time_and_after_the_late_ones() {
        let mut fixture = Fixture::new();
        (0..3).for_each(|_| fixture.push(SECOND / 2));
        assert_eq!(fixture.take(), Some(0));
        fixture.push(10 * SECOND);
        let (number, counts) = (9, Arc::clone(&fixture.counts));
        fixture.queue.requeue_front(FakeJob { number, demand: Demand::default(), now: fixture.now, counts });
        assert_eq!(fixture.take(), Some(9));
        assert_eq!(fixture.counts().1, 2);
        assert_eq!((fixture.take(), fixture.take()), (Some(3), None));
    }
}
