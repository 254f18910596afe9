//! Pools for tests: stepped by hand ([`TestPoolBuilder::stepped`]), and inline
//! ([`TestPoolBuilder::inline`]).

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::TEST_TIMEOUT;
use super::activity::Activity;
use crate::hooks::{Hooks, PoolHooks, PoolProbe, SteppedThread};
use crate::pool::{Pool, PoolBuilder};
use crate::spawn::Executor;

/// How often conditions are checked that notify no condvar.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The hooks of an inline pool: the caller of a job waits for it.
struct Inline;

impl PoolHooks for Inline {
    fn job_hooks(&self, executor: &Executor, pool: &Arc<dyn PoolProbe>) -> Option<Arc<dyn Hooks>> {
        Activity::of_new_job(executor, pool, true)
    }

    fn is_stepped(&self) -> bool {
        false
    }

    fn run_thread(&self, _: &dyn SteppedThread) {}
}

impl PoolHooks for Orders {
    fn job_hooks(&self, executor: &Executor, pool: &Arc<dyn PoolProbe>) -> Option<Arc<dyn Hooks>> {
        Activity::of_new_job(executor, pool, false)
    }

    fn is_stepped(&self) -> bool {
        !self.state().closed
    }

    /// Runs jobs when the stepper requests it, until the stepper is dropped.
    fn run_thread(&self, thread: &dyn SteppedThread) {
        while let Some(run) = self.next() {
            let ran = thread.run_next(&mut |method| run.set_running(method));
            self.thread_returned();
            run.set(if ran { StepState::Done } else { StepState::Nothing });
        }
    }
}

/// Pools for tests: jobs run when the test says so, or where they are called. The prelude of
/// `portcullis` has the methods.
pub trait TestPoolBuilder: Sized {
    /// As [`build`](PoolBuilder::build), but the pool's threads take a job only when the
    /// [`Stepper`] says so: a test decides what runs when. Everything else is as in any pool:
    /// threads, places, overflow, lanes, deadlines, cancellation.
    ///
    /// ```
    /// # use portcullis::{Pool, Wait, test::TestPoolBuilder};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (pool, stepper) = Pool::builder("db").threads(1).stepped()?;
    /// let write = pool.job("write").run(|_| 1);
    /// let read = tokio::spawn(pool.job("read").run(|worker| async { 2 }.wait(worker)));
    /// assert_eq!(stepper.queued(), ["write", "read"]);
    ///
    /// drop(write); // cancelled where it stood
    /// assert_eq!(stepper.queued(), ["read"]);
    ///
    /// assert!(stepper.step().await); // runs "read", which asks the loop, to its end
    /// assert_eq!(read.await???, 2);
    /// assert!(!stepper.step().await); // nothing is queued
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`build`](PoolBuilder::build).
    fn stepped(self) -> io::Result<(Pool, Stepper)>;

    /// As [`build`](PoolBuilder::build), but a call that submits a job returns only when that job
    /// is over, or waits for the loop; and when the loop has answered it, the loop waits again. So
    /// a job runs where it is called, for all that the rest of the loop can see, and a test is the
    /// same each time. The [`Worker`](portcullis_runtime::Worker) is still on a thread of the pool,
    /// and may wait for the loop as ever. A job that finds every thread taken is queued, as in any
    /// pool.
    ///
    /// # Panics
    /// Not this, but the call that submits, or the poll that answers, if the job is at work for ten
    /// seconds: it waits for something that the loop would have to do, otherwise than by
    /// `.wait(worker)`.
    ///
    /// # Errors
    /// As [`build`](PoolBuilder::build).
    fn inline(self) -> io::Result<Pool>;
}

impl TestPoolBuilder for PoolBuilder {
    fn stepped(self) -> io::Result<(Pool, Stepper)> {
        let orders = Arc::new(Orders::default());
        let pool = self.hooks(Arc::clone(&orders) as Arc<dyn PoolHooks>).build()?;
        let stepper = Stepper { pool: pool.probe(), orders };
        Ok((pool, stepper))
    }

    fn inline(self) -> io::Result<Pool> {
        self.hooks(Arc::new(Inline)).build()
    }
}

/// A pool for tests whose jobs run where they are called. The prelude of `portcullis` brings the
/// method.
pub trait TestPool {
    /// A pool named `inline` of four threads, whose jobs run where they are called:
    /// [`TestPoolBuilder::inline`].
    ///
    /// ```
    /// # use portcullis::{Pool, test::TestPool};
    /// # use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// static RAN: AtomicU32 = AtomicU32::new(0);
    /// let job = Pool::inline().run(|_| RAN.store(1, SeqCst));
    /// assert_eq!(RAN.load(SeqCst), 1); // before anybody polls
    /// # drop(job);
    /// ```
    ///
    /// # Panics
    /// If the system gives no thread.
    fn inline() -> Self;
}

impl TestPool for Pool {
    fn inline() -> Self {
        Self::builder("inline").threads(4).inline().expect("threads for an inline pool")
    }
}

/// Runs the jobs of a [stepped](TestPoolBuilder::stepped) pool, one at a time. Dropped, it lets
/// them run by themselves.
pub struct Stepper {
    pool: Arc<dyn PoolProbe>,
    orders: Arc<Orders>,
}

impl Stepper {
    /// Runs the job that is first in the line, on a thread of the pool: started when this returns,
    /// ended when the [`Step`] is. Nothing is started if nothing is queued, or no thread is free.
    ///
    /// While it is awaited, somebody has to poll the job's
    /// [`Offload`](portcullis_runtime::Offload), if the job waits for the loop: a task, the handler
    /// of a session, or a `join!`. What is offloaded to this pool on the job's behalf meanwhile,
    /// while no thread is free, runs on its thread, as ever, and takes no step.
    pub fn step(&self) -> Step {
        let run = Arc::new(Run::default());
        if self.orders.assign(&run, self.pool.threads(), || self.pool.all_threads_have_a_job()) {
            // Wait until the job is claimed, which is short, so that steps begin in the order of
            // their calls.
            run.wait_for(|step_state| step_state != StepState::Ordered);
        } else {
            run.set(StepState::Nothing);
        }
        Step { run }
    }

    /// Steps until nothing is queued; how often. See [`step`](Self::step) for jobs that wait for
    /// the loop.
    pub async fn run_all(&self) -> usize {
        let mut steps = 0;
        while self.step().await {
            steps += 1;
        }
        steps
    }

    /// The methods of the jobs that are queued, in their order; `Type::method`, or what
    /// [`Pool::job`] was given. Those that wait for their lane come in when it is free.
    pub fn queued(&self) -> Vec<&'static str> {
        self.pool.queued()
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        self.orders.state().closed = true;
        self.orders.changed.notify_all();
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepper").field("pool", &self.pool.name()).field("queued", &self.queued()).finish()
    }
}

/// One step of a [`Stepper`], which has begun. Its future ends when the job has: `false` if there
/// was none. Dropped, the job runs on.
#[must_use = "the job has only begun: `.await` its end, or `.join()` it"]
pub struct Step {
    run: Arc<Run>,
}

impl Step {
    /// The method that runs, or has run; `None` if nothing was there to run.
    pub fn job_name(&self) -> Option<&'static str> {
        self.run.state().method
    }

    /// Whether the job has ended, or there was none.
    pub fn is_finished(&self) -> bool {
        self.run.state().step_state.is_finished()
    }

    /// Blocks this thread until the job has ended, for tests that are not async; `false` if there
    /// was none.
    ///
    /// # Panics
    /// If the job takes longer than ten seconds: on the loop's own thread a job that waits for the
    /// loop never ends.
    pub fn join(self) -> bool {
        let step_state = self.run.wait_for(StepState::is_finished);
        assert!(
            step_state.is_finished(),
            "the step of `{}` did not finish within {TEST_TIMEOUT:?}",
            self.job_name().unwrap_or("?")
        );
        step_state == StepState::Done
    }
}

impl Future for Step {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.run.state();
        if state.step_state.is_finished() {
            return Poll::Ready(state.step_state == StepState::Done);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("method", &self.job_name())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// The steps that a stepper has requested.
#[derive(Default)]
struct Orders {
    state: Mutex<OrderQueue>,
    /// Notified when there is a step to run, or no more will come.
    changed: Condvar,
    /// Notified when a thread has finished a step.
    thread_free: Condvar,
}

#[derive(Default)]
struct OrderQueue {
    runs: VecDeque<Arc<Run>>,
    /// Threads that run a step, or have one assigned.
    busy: usize,
    closed: bool,
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, OrderQueue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Assigns a step to one of `threads`; `false` if they all have a job.
    fn assign(&self, run: &Arc<Run>, threads: usize, taken: impl Fn() -> bool) -> bool {
        let mut state = self.state();
        while state.busy >= threads {
            if taken() {
                return false;
            }
            // Its job has finished and the result is visible: it returns soon.
            state = self
                .thread_free
                .wait_timeout(state, CHECK_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.busy += 1;
        state.runs.push_back(Arc::clone(run));
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Blocks a thread until there is a step for it; `None` when no more will come.
    fn next(&self) -> Option<Arc<Run>> {
        let mut state = self.state();
        loop {
            if let Some(run) = state.runs.pop_front() {
                return Some(run);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn thread_returned(&self) {
        self.state().busy -= 1;
        self.thread_free.notify_all();
    }
}

/// One step, and its state.
#[derive(Default)]
struct Run {
    state: Mutex<RunState>,
    changed: Condvar,
}

#[derive(Default)]
struct RunState {
    step_state: StepState,
    method: Option<&'static str>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum StepState {
    #[default]
    Ordered,
    Running,
    Done,
    Nothing,
}

impl StepState {
    fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Nothing)
    }
}

impl Run {
    fn state(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_running(&self, method: &'static str) {
        self.state().method = Some(method);
        self.set(StepState::Running);
    }

    fn set(&self, step_state: StepState) {
        let mut state = self.state();
        state.step_state = step_state;
        let waker = if step_state.is_finished() { state.waker.take() } else { None };
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Blocks until `done` or the limit. Returns the state at that time.
    fn wait_for(&self, done: impl Fn(StepState) -> bool) -> StepState {
        let deadline = Instant::now() + TEST_TIMEOUT;
        let mut state = self.state();
        while !done(state.step_state) && Instant::now() < deadline {
            state =
                self.changed.wait_timeout(state, CHECK_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.step_state
    }
}
