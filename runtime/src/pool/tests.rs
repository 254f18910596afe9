//! What must not lose sight of a job that a thread has taken out of the queue and not claimed yet:
//! drains, stops, the paused clock, inline pools. The tests hold a thread at that point.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures::executor::block_on;

use super::inner::QueuedJob;
use super::queue::Refusal;
use super::{Offload, Overflow, Pool};
use crate::error::Interrupted;
use crate::hooks::{HookTimer, Hooks, PoolHooks, PoolProbe, SteppedThread};
use crate::job::CancelReason;
use crate::scope::Scope;
use crate::spawn::Executor;
use crate::threads::refuse;

const LIMIT: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let (open, _) = self.1.wait_timeout_while(self.0.lock().unwrap(), LIMIT, |open| !*open).unwrap();
        assert!(*open, "not within {LIMIT:?}");
    }
}

/// A thread of the pool is held between the queue and the claim.
struct Held {
    pool: Pool,
    reached: Arc<Gate>,
    leave: Arc<Gate>,
    ran: Arc<AtomicBool>,
}

impl Held {
    fn new(pool: Pool) -> Self {
        let held = Self { pool, reached: Arc::default(), leave: Arc::default(), ran: Arc::default() };
        let (reached, leave) = (Arc::clone(&held.reached), Arc::clone(&held.leave));
        let hold = move || {
            reached.open();
            leave.pass();
        };
        held.pool.hold_before_claim(hold);
        held
    }

    /// Submits a job, and returns when a thread has it in hand.
    fn job(&self) -> Offload<()> {
        let ran = Arc::clone(&self.ran);
        let job = self.pool.run(move |_| ran.store(true, SeqCst));
        self.reached.pass();
        job
    }
}

fn pool() -> Pool {
    Pool::builder("held").threads(1).queue_capacity(4).build().unwrap()
}

#[test]
fn a_job_in_hand_is_counted() {
    let held = Held::new(pool());
    assert_eq!(held.pool.inner().in_hand(), 0);
    let job = held.job();
    assert_eq!(held.pool.inner().in_hand(), 1);
    held.leave.open();
    block_on(job).unwrap();
    assert_eq!(held.pool.inner().in_hand(), 0);
}

#[test]
fn a_drain_that_runs_out_of_time_cancels_a_job_in_hand() {
    let held = Held::new(pool());
    let job = held.job();
    let mut drain = pin!(held.pool.drain(Duration::ZERO));
    assert!(drain.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    held.leave.open();
    let report = block_on(drain);
    assert_eq!((report.cancelled, report.stuck.len()), (1, 0));
    assert!(matches!(block_on(job), Err(Interrupted::Cancelled { .. })));
    assert!(!held.ran.load(SeqCst));
}

#[test]
fn a_drain_that_cannot_wait_for_a_job_in_hand_reports_it_and_the_job_never_runs() {
    let held = Held::new(pool());
    let job = held.job();
    let report = block_on(held.pool.drain(Duration::ZERO));
    assert_eq!((report.cancelled, report.stuck.len()), (1, 0));
    held.leave.open();
    assert!(matches!(block_on(job), Err(Interrupted::Cancelled { .. })));
    assert!(!held.ran.load(SeqCst));
}

#[test]
fn a_drain_waits_for_a_job_in_hand_while_it_has_time() {
    let held = Held::new(pool());
    let job = held.job();
    let mut drain = pin!(held.pool.drain(LIMIT));
    assert!(drain.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    held.leave.open();
    assert!(block_on(drain).is_clean());
    block_on(job).unwrap();
    assert!(held.ran.load(SeqCst));
}

/// A thread takes a job in order to refuse it, and the job's deadline passes meanwhile.
#[test]
fn o18_a_refused_job_is_counted_once() {
    let held = Held::new(pool());
    let running = held.job();
    let job = held.pool.job("late").deadline(LIMIT).run(|_| ());
    let queued = held.pool.inner().queue.snapshot().pop().expect("it is queued");
    assert!(QueuedJob::claim(&*queued));
    queued.interrupt(CancelReason::Deadline);
    QueuedJob::refuse(&*queued, Refusal::CannotEndInTime);
    assert!(matches!(block_on(job), Err(Interrupted::Deadline { began: false })));
    let stats = held.pool.stats();
    assert_eq!((stats.deadline_exceeded, stats.expired_unstarted), (1, 1));
    held.leave.open();
    block_on(running).unwrap();
}

/// Lets the deadline of each job pass as soon as its timer is started, when the job is not queued
/// yet.
struct Hasty;

impl Hooks for Hasty {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn start_timer(&self, deadline: Instant, action: Box<dyn FnOnce() + Send>) -> Option<Box<dyn HookTimer>> {
        while Instant::now() < deadline {
            std::thread::yield_now();
        }
        action();
        Some(Box::new(Self))
    }

    fn submitted(&self) {}
    fn started(&self) {}
    fn resumed(&self) {}
    fn parked(&self) {}
    fn handing_thread_off(&self) {}
    fn thread_returned(&self) {}
    fn call_completed(&self) {}
    fn finished(&self) {}
}

impl HookTimer for Hasty {
    fn is_finished(&self) -> bool {
        true
    }
}

impl PoolHooks for Hasty {
    fn job_hooks(&self, _: &Executor, _: &Arc<dyn PoolProbe>) -> Option<Arc<dyn Hooks>> {
        Some(Arc::new(Self))
    }

    fn is_stepped(&self) -> bool {
        false
    }

    fn run_thread(&self, _: &dyn SteppedThread) {}
}

#[test]
fn o18_a_job_whose_deadline_passes_while_it_is_refused_is_counted_once() {
    let pool = Pool::builder("full").threads(1).queue_capacity(0).overflow(Overflow::Reject);
    let pool = pool.hooks(Arc::new(Hasty)).build().unwrap();
    let leave = Arc::new(Gate::default());
    let go = Arc::clone(&leave);
    let running = pool.run(move |_| go.pass());
    let late = block_on(pool.job("late").deadline(Duration::from_millis(1)).run(|_| ()));
    assert!(matches!(late, Err(Interrupted::Deadline { began: false })), "{late:?}");
    let stats = pool.stats();
    assert_eq!((stats.deadline_exceeded, stats.expired_unstarted, stats.rejected), (1, 1, 0));
    leave.open();
    block_on(running).unwrap();
}

/// A job that was handed off to a thread which did not wait again returns to the queue, when the
/// pool is drained already.
#[test]
fn a_job_that_comes_back_to_a_drained_pool_never_runs() {
    let pool = pool();
    let (asked, leave) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let ran = Arc::new(AtomicBool::new(false));
    let lent = Arc::new(Mutex::new(None));
    let (theirs, here, go) = (pool.clone(), Arc::clone(&asked), Arc::clone(&leave));
    let (keeps, runs) = (Arc::clone(&lent), Arc::clone(&ran));
    let mut lender = pool.run(move |worker| {
        let offload = move || *keeps.lock().unwrap() = Some(theirs.run(move |_| runs.store(true, SeqCst)));
        worker.call_soon(offload).unwrap();
        here.open();
        go.pass();
    });
    asked.pass();
    assert!(pin!(&mut lender).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let job = lent.lock().unwrap().take().expect("the host has run the function");
    let report = block_on(pool.drain(Duration::ZERO));
    assert_eq!(report.stuck.len(), 1);
    leave.open();
    assert!(matches!(block_on(job), Err(Interrupted::Cancelled { began: false })));
    assert!(!ran.load(SeqCst));
}

#[test]
fn a_server_that_gives_up_its_jobs_cancels_one_in_hand_and_leaves_the_pool_to_others() {
    struct Nowhere;
    impl crate::spawn::Spawn for Nowhere {
        fn spawn(&self, _: crate::spawn::BoxTask) -> Result<(), Interrupted> {
            Err(Interrupted::Closed)
        }
    }
    let held = Held::new(pool());
    let scope = Scope::new(Arc::new(Nowhere));
    let job = block_on(scope.enter(std::future::poll_fn(|_| std::task::Poll::Ready(held.job()))));
    let mut drained = pin!(scope.drained(Instant::now()));
    assert!(drained.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    held.leave.open();
    assert!(block_on(drained).is_empty());
    assert!(matches!(block_on(job), Err(Interrupted::Cancelled { began: false })));
    assert!(!held.ran.load(SeqCst));
    assert_eq!(block_on(held.pool.run(|_| 7)).unwrap(), 7);
}

/// No thread could be had at the start.
#[test]
fn a_pool_without_a_thread_answers_full_and_tries_again_with_the_next_job() {
    let few = || Pool::builder("few").threads(2).queue_capacity(4).build_best_effort();
    let pool = refuse::beyond(0, few);
    for _ in 0..2 {
        let refused = refuse::beyond(0, || pool.run(|_| 1));
        assert!(matches!(block_on(refused), Err(Interrupted::Full)));
        let lane = refuse::beyond(0, || pool.job("lane").lane("a").run(|_| 1));
        assert!(matches!(block_on(lane), Err(Interrupted::Full)));
    }
    let stats = pool.stats();
    assert_eq!((stats.rejected, stats.queued, stats.running), (4, 0, 0));
    assert_eq!(block_on(pool.run(|_| 2)).unwrap(), 2);
    // One that there is does the work of those that can't be had.
    let job = refuse::beyond(0, || pool.run(|_| 3));
    assert_eq!(block_on(job).unwrap(), 3);
}

#[test]
fn a_pool_that_began_with_few_threads_gets_all_of_them_when_they_are_needed() {
    let pool = Pool::builder("few").threads(3).queue_capacity(4).start(1).unwrap();
    let together = Arc::new(std::sync::Barrier::new(3));
    let jobs = [(); 3].map(|()| {
        let together = Arc::clone(&together);
        pool.run(move |_| together.wait().is_leader())
    });
    assert_eq!(jobs.map(|job| block_on(job).unwrap()).iter().filter(|leads| **leads).count(), 1);
}

#[test]
fn a_job_in_hand_is_about_to_begin() {
    let held = Held::new(pool());
    let probe = held.pool.probe();
    assert!(!probe.has_job_about_to_begin());
    let job = held.job();
    assert!(probe.has_job_about_to_begin());
    assert!(probe.all_threads_have_a_job() && !probe.all_threads_run_a_job());
    held.leave.open();
    block_on(job).unwrap();
}

/// A job is as large in a build with the test kit as in one without it.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_job_has_one_size() {
    type Job = super::job_cell::JobCell<fn(&crate::Worker) -> Result<(), Interrupted>, (), Interrupted>;
    assert_eq!((size_of::<Job>(), size_of::<crate::job::JobMeta>()), (256, 96));
}
