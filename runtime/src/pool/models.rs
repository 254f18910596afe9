//! Models of what the threads of a pool share, for loom: every interleaving (up to a bound of
//! preemptions).
//!
//! `RUSTFLAGS="--cfg portcullis_loom" cargo test -p portcullis-runtime --release --lib models`

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

use super::builder::Spin;
use super::estimate::RunTime;
use super::queue::{Claim, Demand, JobQueue, PushResult, Refusal, Reserved, TimeLimit};
use super::{Overflow, Pool};
use crate::error::Interrupted;
use crate::job::{CancelReason, Charge, EstimateId, Job};

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(f);
}

/// A job that counts what happens to it.
struct FakeJob {
    state: AtomicUsize,
    ran: AtomicUsize,
    refused: AtomicUsize,
    demand: Demand,
}

const HOUR: Duration = Duration::from_secs(3600);

const NEW: usize = 0;
const QUEUED: usize = 1;
const CLAIMED: usize = 2;
const CANCELLED: usize = 3;

impl FakeJob {
    fn new() -> Arc<Self> {
        Self::with(Demand::default())
    }

    fn with(demand: Demand) -> Arc<Self> {
        let (ran, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { state: AtomicUsize::new(NEW), ran, refused, demand })
    }

    /// A job that the queue does not expect to end by its deadline.
    fn doomed(queue: &JobQueue<Arc<Self>>) -> Arc<Self> {
        let charge = Charge { micros: 5, estimate: EstimateId(0) };
        queue.estimates.record(charge.estimate, HOUR.as_micros() as u64, false);
        let limit = TimeLimit {
            deadline: Some(Instant::now() + HOUR / 60),
            longest_wait: HOUR / 2,
            by_test_clock: false,
        };
        Self::with(Demand { charge, limit: Some(limit) })
    }

    fn transition(&self, from: usize, to: usize) -> bool {
        self.state.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }

    fn cancel(&self, queue: &JobQueue<Arc<Self>>) -> bool {
        let cancelled = self.transition(QUEUED, CANCELLED);
        if cancelled {
            queue.note_cancelled(self.demand.charge);
        }
        cancelled
    }
}

impl Claim for Arc<FakeJob> {
    fn mark_queued(&self) -> bool {
        self.transition(NEW, QUEUED)
    }

    fn mark_lane_blocked(&self) -> bool {
        false
    }

    fn claim(&self) -> bool {
        self.transition(QUEUED, CLAIMED)
    }

    fn is_cancelled(&self) -> bool {
        self.state.load(SeqCst) == CANCELLED
    }

    fn demand(&self) -> Demand {
        self.demand
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn queue_delay(&self) -> Option<(Instant, Duration)> {
        None
    }

    fn refuse(&self, refusal: Refusal) {
        assert_eq!(refusal, Refusal::CannotEndInTime);
        self.refused.fetch_add(1, SeqCst);
    }
}

fn push(queue: &JobQueue<Arc<FakeJob>>, job: Arc<FakeJob>) -> PushResult<Arc<FakeJob>> {
    let demand = job.demand;
    queue.push(job, &demand, false)
}

fn run_all(queue: &JobQueue<Arc<FakeJob>>, spin: Spin) {
    while let Some((job, place)) = queue.pop_spinning(spin).or_else(|| queue.pop_blocking()) {
        job.ran.fetch_add(1, SeqCst);
        drop(place);
    }
}

fn wait_for_idle(queue: &Arc<JobQueue<Arc<FakeJob>>>) {
    let idle = Arc::clone(queue);
    block_on(std::future::poll_fn(move |cx| {
        if idle.poll_idle(cx.waker()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }));
}

fn no_job_is_lost(spin: Spin) {
    model(move || {
        let queue = Arc::new(JobQueue::new(2, 2, Overflow::Wait));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || run_all(&queue, spin))
            })
            .collect();
        let jobs = [FakeJob::new(), FakeJob::new()];
        for job in &jobs {
            assert!(matches!(push(&queue, Arc::clone(job)), PushResult::Queued));
        }
        queue.close();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(jobs.iter().all(|job| job.ran.load(SeqCst) == 1));
    });
}

#[test]
fn queue_park_wake_sleeping_threads() {
    no_job_is_lost(Spin::NONE);
}

#[test]
fn queue_park_wake_spinning_threads() {
    no_job_is_lost(Spin::turns_for_models(1));
}

/// The push wakes the thread, without the help of a close.
#[test]
fn queue_wakes_a_thread_without_a_close() {
    model(|| {
        let queue = Arc::new(JobQueue::<Arc<FakeJob>>::new(1, 2, Overflow::Wait));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || {
            for _ in 0..2 {
                let soon = theirs.pop_spinning(Spin::turns_for_models(1));
                let (job, place) = soon.or_else(|| theirs.pop_blocking()).expect("open");
                job.ran.fetch_add(1, SeqCst);
                drop(place);
            }
        });
        let jobs = [FakeJob::new(), FakeJob::new()];
        for job in &jobs {
            assert!(matches!(push(&queue, Arc::clone(job)), PushResult::Queued));
        }
        thread.join().unwrap();
        assert!(jobs.iter().all(|job| job.ran.load(SeqCst) == 1));
    });
}

#[test]
fn cancel_at_dequeue_against_run() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 1, Overflow::Reject));
        let job = FakeJob::new();
        assert!(matches!(push(&queue, Arc::clone(&job)), PushResult::Queued));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        let cancelled = job.cancel(&queue);
        // The slot is free at once, whether the thread or the cancel met the tombstone first.
        if cancelled {
            assert_eq!(queue.waiting(), (0, 0));
        }
        queue.close();
        thread.join().unwrap();
        assert_eq!(job.ran.load(SeqCst), usize::from(!cancelled));
        assert_eq!((queue.waiting(), queue.running()), ((0, 0), 0));
    });
}

/// The thread may have taken the tombstone out, and not looked at it yet.
#[test]
fn slot_of_a_cancelled_job_is_free_at_once() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 0, Overflow::Reject));
        let (first, second) = (FakeJob::new(), FakeJob::new());
        assert!(matches!(push(&queue, Arc::clone(&first)), PushResult::Queued));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        let cancelled = first.cancel(&queue);
        let admitted = matches!(push(&queue, Arc::clone(&second)), PushResult::Queued);
        assert!(admitted || !cancelled);
        queue.close();
        thread.join().unwrap();
        assert_eq!(second.ran.load(SeqCst), usize::from(admitted));
    });
}

/// A waiter for a slot is woken when a job ends, and when a queued job is cancelled.
#[test]
fn free_slot_wakes_its_waiter() {
    for cancelled in [false, true] {
        model(move || {
            let queue = Arc::new(JobQueue::new(1, 0, Overflow::Reject));
            let (first, second) = (FakeJob::new(), FakeJob::new());
            assert!(matches!(push(&queue, Arc::clone(&first)), PushResult::Queued));
            let theirs = Arc::clone(&queue);
            let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
            let waits = Arc::clone(&queue);
            let (comes, same) = (Arc::clone(&second), Arc::clone(&queue));
            let waiter = thread::spawn(move || {
                block_on(std::future::poll_fn(move |cx| match waits.reserve(cx.waker()) {
                    Reserved::Slot(slot) => {
                        slot.take(Arc::clone(&comes));
                        std::task::Poll::Ready(())
                    }
                    Reserved::NotNeeded => panic!("it is open"),
                    Reserved::Later => std::task::Poll::Pending,
                }));
                same.close();
            });
            if cancelled {
                first.cancel(&queue);
            }
            waiter.join().unwrap();
            thread.join().unwrap();
            assert_eq!(second.ran.load(SeqCst), 1);
            assert_eq!((queue.waiting(), queue.running()), ((0, 0), 0));
        });
    }
}

/// The thread does not overlook the next job, even if nothing else notifies it.
#[test]
fn tombstone_does_not_hide_the_next_job() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 2, Overflow::Wait));
        let (first, second) = (FakeJob::new(), FakeJob::new());
        assert!(matches!(push(&queue, Arc::clone(&first)), PushResult::Queued));
        let (theirs, last) = (Arc::clone(&queue), Arc::clone(&second));
        let thread = thread::spawn(move || {
            loop {
                let (job, place) = theirs.pop_blocking().expect("open");
                job.ran.fetch_add(1, SeqCst);
                drop(place);
                if Arc::ptr_eq(&job, &last) {
                    return;
                }
            }
        });
        let cancelled = first.cancel(&queue);
        assert!(matches!(push(&queue, Arc::clone(&second)), PushResult::Queued));
        thread.join().unwrap();
        assert_eq!(first.ran.load(SeqCst), usize::from(!cancelled));
    });
}

/// A job is in the queue, taken out by a thread, or on its slot: `at_one_moment` sees it
/// everywhere.
#[test]
fn job_before_its_slot_is_counted() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 1, Overflow::Wait));
        let slot = Arc::new(loom::sync::Mutex::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let (theirs, sits, begins) = (Arc::clone(&queue), Arc::clone(&slot), Arc::clone(&begun));
        let thread = thread::spawn(move || {
            let (_, place) = theirs.pop_blocking().expect("a job");
            begins.store(1, SeqCst);
            *sits.lock().unwrap() = true;
            *sits.lock().unwrap() = false;
            drop(place);
        });
        assert!(matches!(push(&queue, FakeJob::new()), PushResult::Queued));
        let on_its_way = queue.at_one_moment(|waiting, running| {
            let occupied = usize::from(*slot.lock().unwrap());
            waiting > 0 || running > occupied
        });
        assert!(on_its_way || begun.load(SeqCst) == 1);
        thread.join().unwrap();
    });
}

/// A waiter for an idle pool is woken also if the last job was cancelled.
#[test]
fn cancel_at_dequeue_against_idle() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 1, Overflow::Reject));
        let job = FakeJob::new();
        assert!(matches!(push(&queue, Arc::clone(&job)), PushResult::Queued));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        job.cancel(&queue);
        wait_for_idle(&queue);
        queue.close();
        thread.join().unwrap();
    });
}

/// A job that cannot end in time leaves its thread to the next one. It is answered once, by the
/// thread or by the one that cancels it; the next one runs; and nothing of it is left in the
/// counts.
#[test]
fn refusal_at_dequeue_against_cancel() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 2, Overflow::Wait));
        let (doomed, next) = (FakeJob::doomed(&queue), FakeJob::new());
        assert!(matches!(push(&queue, Arc::clone(&doomed)), PushResult::Queued));
        assert!(matches!(push(&queue, Arc::clone(&next)), PushResult::Queued));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        let cancelled = doomed.cancel(&queue);
        queue.close();
        thread.join().unwrap();
        assert_eq!(doomed.refused.load(SeqCst), usize::from(!cancelled));
        assert_eq!((doomed.ran.load(SeqCst), next.ran.load(SeqCst)), (0, 1));
        assert_eq!((queue.waiting(), queue.running(), queue.work_micros()), ((0, 0), 0, 0));
    });
}

/// Two threads, one job that cannot end in time and one that can: the first is refused, or runs
/// because the other thread has taken the second.
#[test]
fn refusal_at_dequeue_against_another_thread() {
    model(|| {
        let queue = Arc::new(JobQueue::new(2, 2, Overflow::Wait));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || run_all(&queue, Spin::NONE))
            })
            .collect();
        let (doomed, next) = (FakeJob::doomed(&queue), FakeJob::new());
        assert!(matches!(push(&queue, Arc::clone(&doomed)), PushResult::Queued));
        assert!(matches!(push(&queue, Arc::clone(&next)), PushResult::Queued));
        queue.close();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(doomed.refused.load(SeqCst) + doomed.ran.load(SeqCst), 1);
        assert_eq!(next.ran.load(SeqCst), 1);
        assert_eq!((queue.waiting(), queue.running(), queue.work_micros()), ((0, 0), 0, 0));
    });
}

/// A waiter for an idle pool is woken also if the last thing that a thread did was to refuse a job.
#[test]
fn refusal_at_dequeue_against_idle() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 2, Overflow::Wait));
        let (doomed, next) = (FakeJob::doomed(&queue), FakeJob::new());
        assert!(matches!(push(&queue, doomed), PushResult::Queued));
        assert!(matches!(push(&queue, Arc::clone(&next)), PushResult::Queued));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        // The thread finds one job or none after this.
        next.cancel(&queue);
        wait_for_idle(&queue);
        queue.close();
        thread.join().unwrap();
        assert_eq!(queue.work_micros(), 0);
    });
}

/// Threads update the estimate of a call site while callers read it: a sample may be lost, but
/// every value that is read is the estimate after some of the samples, never half of one and half
/// of another.
#[test]
fn estimate_updates_are_whole() {
    model(|| {
        let fold = |samples: &[u64]| {
            let run_time = RunTime::default();
            samples.iter().for_each(|sample| drop(run_time.record(*sample, false)));
            run_time.load()
        };
        let possible = [&[][..], &[100], &[900], &[100, 900], &[900, 100]].map(fold);
        let run_time = Arc::new(RunTime::default());
        let threads: Vec<_> = [100, 900]
            .into_iter()
            .map(|sample| {
                let run_time = Arc::clone(&run_time);
                thread::spawn(move || drop(run_time.record(sample, false)))
            })
            .collect();
        assert!(possible.contains(&run_time.load()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(possible[1..].contains(&run_time.load()));
    });
}

#[test]
fn drain_against_submit() {
    model(|| {
        let queue = Arc::new(JobQueue::new(1, 2, Overflow::Wait));
        let theirs = Arc::clone(&queue);
        let thread = thread::spawn(move || run_all(&theirs, Spin::NONE));
        let job = FakeJob::new();
        let (queue2, job2) = (Arc::clone(&queue), Arc::clone(&job));
        let submitter = thread::spawn(move || matches!(push(&queue2, job2), PushResult::Queued));
        queue.close();
        wait_for_idle(&queue);
        let admitted = submitter.join().unwrap();
        thread.join().unwrap();
        assert_eq!(job.ran.load(SeqCst), usize::from(admitted));
    });
}

fn pool() -> Pool {
    Pool::builder("model").threads(1).queue_capacity(1).idle_spins(0).wait_spins(0).build().expect("a thread")
}

/// Counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn deliver_against_poll() {
    model(|| {
        let pool = pool();
        assert_eq!(block_on(pool.run(|_| 7)).expect("delivered"), 7);
    });
}

#[test]
fn deliver_against_drop() {
    model(|| {
        let pool = pool();
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Counted(Arc::clone(&dropped));
        drop(pool.run(move |_| counted));
        // The only thread has dropped it when it takes the next job.
        block_on(pool.run(|_| ())).expect("the thread lives on");
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

/// A job that has passed its point of no return is not cancelled by a drop, before or after it.
#[test]
fn commit_against_drop() {
    model(|| {
        let pool = pool();
        let offload = pool.run(|worker| {
            if worker.commit().is_ok() {
                assert!(worker.check().is_ok());
            }
        });
        drop(offload);
        // The thread has not panicked.
        block_on(pool.run(|_| ())).expect("the thread lives on");
        assert_eq!(pool.stats().panicked, 0);
    });
}

/// A job commits while another thread interrupts it: exactly one of them succeeds.
#[test]
fn commit_against_cancel() {
    for why in [CancelReason::Deadline, CancelReason::Drained] {
        model(move || {
            let pool = pool();
            let committed = Arc::new(AtomicUsize::new(0));
            let commits = Arc::clone(&committed);
            let offload = pool.run(move |worker| {
                if worker.commit().is_ok() {
                    commits.store(1, SeqCst);
                    assert!(worker.check().is_ok());
                } else {
                    assert!(worker.check().is_err());
                }
            });
            let theirs = pool.clone();
            let canceller =
                thread::spawn(move || theirs.inner().jobs().iter().for_each(|job| job.interrupt(why)));
            let answer = block_on(offload);
            canceller.join().unwrap();
            assert_eq!(pool.stats().panicked, 0);
            match answer {
                Ok(()) => assert_eq!(committed.load(SeqCst), 1),
                Err(_) => {
                    block_on(pool.run(|_| ())).expect("the thread lives on");
                    assert_eq!(committed.load(SeqCst), 0);
                }
            }
        });
    }
}

/// The nested job runs on the thread that waits for it, so the host of the outer job polls its
/// call.
#[test]
fn portal_call_of_a_job_that_was_handed_off() {
    model(|| {
        let pool = pool();
        let inner = pool.clone();
        let answer = block_on(pool.run(move |worker| inner.run(|worker| worker.call(|| 3)).wait(worker)));
        assert!(matches!(answer, Ok(Ok(Ok(3)))));
    });
}

/// The outer job calls, too, while the nested one does.
#[test]
fn portal_calls_of_two_jobs_on_one_thread() {
    model(|| {
        let pool = pool();
        let inner = pool.clone();
        let answer = block_on(pool.run(move |worker| {
            let nested = inner.run(|worker| worker.call(|| 3));
            let own = worker.call(|| 4)?;
            Ok::<_, Interrupted>((own, nested.wait(worker)??))
        }));
        assert!(matches!(answer, Ok(Ok((4, 3)))));
    });
}

#[test]
fn portal_call_against_its_answer() {
    model(|| {
        let pool = pool();
        let answer = block_on(pool.run(|worker| worker.call(|| 3)));
        assert!(matches!(answer, Ok(Ok(3))));
    });
}

#[test]
fn portal_call_against_abandoned_host() {
    model(|| {
        let pool = pool();
        let mut offload = pool.run(|worker| {
            let answer = worker.run_on_loop(std::future::pending::<()>());
            assert!(matches!(answer, Err(Interrupted::Abandoned)));
        });
        block_on(std::future::poll_fn(|cx| {
            assert!(std::pin::Pin::new(&mut offload).poll(cx).is_pending());
            std::task::Poll::Ready(())
        }));
        drop(offload);
        // The thread came back from its wait.
        block_on(pool.run(|_| ())).expect("the thread lives on");
    });
}
