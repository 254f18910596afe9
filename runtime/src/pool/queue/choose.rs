//! Which job a free thread gets: the first of the queue, unless that cannot end in time.
//!
//! | the first job | the thread gets | the jobs before that |
//! |---|---|---|
//! | has no deadline, or can end by it | the first job | – |
//! | cannot end by its deadline, and a later job can | the first later job that can | are refused with `Deadline` |
//! | cannot, and no other job can | the job with the latest deadline | stay in the queue |
//!
//! Whether a job can end in time is a guess from the [estimate](crate::pool::estimate) of its call
//! site. A job that the guess is against still gets a thread that nothing else can use, so an idle
//! pool refuses no job, and an estimate that is too high gets new samples. Among such jobs the one
//! with the latest deadline is the likeliest to end in time; if the threads took the first one each
//! time, every job would start shortly before its deadline and end late.
//!
//! With a [limit of the delay](super::delay) the queue first refuses the jobs that have waited for
//! too long, also only if another job waits.

use std::time::{Duration, Instant};

use super::entry::Entry;
use super::{Claim, JobQueue, State, WATCHED};
use crate::error::catch_and_log;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// How many entries are looked at to find a job that can end in time. The lock is held meanwhile.
const MAX_LOOKED_AT: usize = 4096;

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

/// A job that was taken out of the queue, and those that had to leave for it.
struct Taken<J> {
    entry: Entry<J>,
    refused: Vec<(Entry<J>, Refusal)>,
}

/// The time of this choice, read at most once: nanoseconds since the queue's epoch.
struct Now(Option<u64>);

impl<J: Claim> JobQueue<J> {
    /// Chooses a job for a thread, counts it as running, and refuses those that have to leave for
    /// it. `first` is the first job of the queue, which was just taken out.
    #[inline(never)]
    pub(super) fn choose_and_refuse(&self, mut state: MutexGuard<'_, State<J>>, first: Entry<J>) -> Entry<J> {
        let Taken { entry, refused } = self.choose(&mut state, first);
        self.note_taken(state, 1 + refused.len());
        if !refused.is_empty() {
            self.refuse(refused);
        }
        entry
    }

    fn choose(&self, state: &mut State<J>, first: Entry<J>) -> Taken<J> {
        let mut refused = Vec::new();
        let first = refuse_delayed(state, first, &mut refused);
        let mut now = Now(None);
        if self.can_end_in_time(&first, &mut now) {
            return Taken { entry: first, refused };
        }
        let others = || state.jobs.iter().take(MAX_LOOKED_AT);
        let usable =
            others().position(|entry| self.can_end_in_time(entry, &mut now) && !entry.job.is_cancelled());
        let entry = match usable {
            Some(at) => {
                refused.push((first, Refusal::CannotEndInTime));
                for _ in 0..at {
                    let late = state.pop_front();
                    refused.extend(late.map(|late| (late, Refusal::CannotEndInTime)));
                }
                state.pop_front()
            }
            None => {
                let latest = others().enumerate().fold(None, |latest, (at, entry)| {
                    let before = latest.map_or(&first, |(_, latest)| latest);
                    let later = entry.is_due_after(before) && !entry.job.is_cancelled();
                    if later { Some((at, entry)) } else { latest }
                });
                match latest.map(|(at, _)| at) {
                    Some(at) => {
                        let latest = state.remove(at);
                        state.push_front(first);
                        latest
                    }
                    None => Some(first),
                }
            }
        };
        match entry {
            Some(entry) => Taken { entry, refused },
            None => unreachable!("the position was just found, under the lock"),
        }
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
        let run_time = self.estimates.get(entry.charge.estimate).at_most(DEVIATIONS);
        entry.ends_in_time(now, run_time.saturating_mul(1_000))
    }

    /// Answers the callers of jobs that were taken out and are counted as running. Called without
    /// the lock, since the jobs' captures are dropped here.
    #[cold]
    fn refuse(&self, refused: Vec<(Entry<J>, Refusal)>) {
        let count = refused.len();
        let (mut tombstones, mut micros) = (0, 0);
        for (Entry { job, charge, .. }, refusal) in refused {
            if job.claim() {
                job.refuse(refusal);
            } else {
                tombstones += 1;
                micros += i64::from(charge.micros);
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

/// Takes out the jobs that have waited for too long, as long as another job waits; returns the
/// first that has not.
fn refuse_delayed<J: Claim>(
    state: &mut State<J>,
    mut first: Entry<J>,
    refused: &mut Vec<(Entry<J>, Refusal)>,
) -> Entry<J> {
    while let Some(limit) = &mut state.delay_limit {
        let Some((now, delay)) = first.job.queue_delay() else { break };
        let retry_after = limit.target();
        if !limit.is_too_late(now, delay) {
            break;
        }
        let Some(next) = state.pop_front() else { break };
        refused.push((std::mem::replace(&mut first, next), Refusal::Delayed { retry_after }));
    }
    first
}
