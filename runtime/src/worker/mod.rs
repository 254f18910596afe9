//! [`Worker`] and [`Wait`]: how a pool thread waits for async code, and calls the event loop.

#[cfg(all(test, portcullis_loom))]
mod models;
mod poll;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::context::boxed_call;
use crate::error::Interrupted;
use crate::hooks::Hooks;
use crate::host_call;
use crate::job::Host;
use crate::report::WaitsFor;
use crate::timer;
use poll::WaitState;

/// The marker that keeps a [`Worker`] on its thread: its name is what rustc's help shows.
#[allow(non_camel_case_types)]
trait a_Worker_belongs_to_its_own_pool_thread {}

/// Proof that this thread may block. A job gets a reference to it for as long as it runs.
///
/// A `&Worker` is what [`Wait::wait`] asks for, so code on the loop, which has none, cannot wait by
/// mistake. It is neither `Send` nor `Sync`: a future or another thread can't hold it.
///
/// ```compile_fail,E0277
/// # use portcullis_runtime::Worker;
/// fn leave(worker: &Worker) {
///     std::thread::scope(|scope| { scope.spawn(|| worker.check()); });
/// }
/// ```
#[rustfmt::skip]
pub struct Worker { // belongs to one thread: call `check` there, and give other threads a flag, a channel or `Pool::map`
    host: Arc<dyn Host>,
    wait_state: WaitState,
    _here: PhantomData<dyn a_Worker_belongs_to_its_own_pool_thread>,
}

impl Worker {
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, wait_state: WaitState::default(), _here: PhantomData }
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// Whether this job should go on: the everyday line of a long computation.
    ///
    /// # Errors
    /// [`Interrupted::Cancelled`] if the caller has dropped the offload or a drain ran out of time,
    /// [`Interrupted::Deadline`] if its deadline has passed.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.host.cancel_reason() {
            Some(why) => Err(why.to_interrupted(true)),
            None => Ok(()),
        }
    }

    /// Whether this job was cancelled, for any reason that [`check`](Self::check) would
    /// give.
    pub fn is_cancelled(&self) -> bool {
        self.host.cancel_reason().is_some()
    }

    /// When this job's time is up, if it has a deadline. It was counted from the call. `None` after
    /// [`commit`](Self::commit).
    pub fn deadline(&self) -> Option<Instant> {
        self.host.meta().deadline().filter(|_| !self.host.is_committed())
    }

    /// Declares the point of no return: returns whether the result is still wanted, and if so makes
    /// sure that the caller gets it.
    ///
    /// Call it before the step that must not be repeated or undone, such as the commit of a
    /// transaction or a payment. An error means that the caller has been answered already, or has
    /// dropped the `Offload`; return it. After `Ok`, nothing interrupts the job: its deadline no
    /// longer applies, not to the jobs either that it makes from then on, and
    /// [`check`](Self::check) and waits do not fail for a cancellation. The caller waits for the
    /// result. If the caller drops the [`Offload`](crate::Offload), the job runs to its end as a
    /// [detached](crate::Offload::detach) one. A drain or a stop that runs out of time reports the
    /// job as stuck.
    ///
    /// ```
    /// # use portcullis_runtime::{Interrupted, Pool, Worker};
    /// # struct Transaction;
    /// # impl Transaction { fn commit(self) -> u64 { 7 } }
    /// fn book(worker: &Worker, transaction: Transaction) -> Result<u64, Interrupted> {
    ///     worker.commit()?; // a caller that has given up gets no booking
    ///     Ok(transaction.commit())
    /// }
    /// # futures::executor::block_on(async {
    /// # let pool = Pool::builder("db").threads(1).build().unwrap();
    /// assert_eq!(pool.try_run(|worker| book(worker, Transaction)).await?, 7);
    /// # Ok::<_, Interrupted>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn commit(&self) -> Result<(), Interrupted> {
        self.host.commit()
    }

    /// Blocks this thread for `time`, but no longer than the job has left.
    ///
    /// # Errors
    /// As [`check`](Self::check), as soon as the job is cancelled.
    #[track_caller]
    pub fn sleep(&self, time: Duration) -> Result<(), Interrupted> {
        let at = Location::caller();
        match self.host.meta().hooks() {
            None => self.host.sleep(time, at),
            Some(hooks) => self.sleep_by(&**hooks, time, at),
        }
    }

    /// Sleeps by the clock of a test.
    #[cold]
    fn sleep_by(
        &self,
        hooks: &dyn Hooks,
        time: Duration,
        at: &'static Location<'static>,
    ) -> Result<(), Interrupted> {
        let awake = Arc::new(AtomicBool::new(false));
        let (wakes, sleeper) = (Arc::clone(&awake), Arc::clone(&self.host));
        let wake = move || {
            wakes.store(true, Ordering::Release);
            sleeper.notify_worker();
        };
        match hooks.start_timer(hooks.now() + time.min(timer::NEVER), Box::new(wake)) {
            Some(timer) => {
                let is_over = || awake.load(Ordering::Acquire) || timer.is_finished();
                self.host.park((at, WaitsFor::Time), &is_over)
            }
            None => self.host.sleep(time, at),
        }
    }

    /// Runs `f` on the event loop, in the task that awaits this job, and returns its value.
    /// (EasyNetwork: `run_sync`.)
    ///
    /// It needs no runtime of a particular make. The task has to poll the
    /// [`Offload`](crate::Offload): while it holds the `Offload` and does not poll it, this thread
    /// waits. A detached job has no such task; `f` then runs as a task of the server, else of the
    /// tokio runtime that was current at the job's call.
    ///
    /// # Errors
    /// As [`run_on_loop`](Self::run_on_loop).
    ///
    /// # Panics
    /// A panic of `f` is returned as [`Interrupted::Panicked`], and does not reach the task.
    #[track_caller]
    pub fn call<F, R>(&self, f: F) -> Result<R, Interrupted>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.run_on_loop(async move { f() })
    }

    /// Runs `f` on the loop soon, in the task that awaits this job, without waiting for it. If
    /// 16,384 functions of this job wait already, it waits until they and `f` have run, as
    /// [`call`](Self::call) does: a job that is faster than the loop is slowed down.
    ///
    /// The calls of one thread take effect in the order in which they were made: a later
    /// [`call`](Self::call) or [`run_on_loop`](Self::run_on_loop) finds `f` done. A
    /// [`wait`](Wait::wait) is no call, because it runs on this thread: it does not wait for `f`.
    /// A panic of `f` is logged.
    ///
    /// # Errors
    /// As [`run_on_loop`](Self::run_on_loop); then `f` never runs.
    #[track_caller]
    pub fn call_soon<F>(&self, f: F) -> Result<(), Interrupted>
    where
        F: FnOnce() + Send + 'static,
    {
        let call = boxed_call(&self.host, host_call::catch_and_log_panic(f));
        match self.host.call_host_soon(&self.host, call)? {
            Some(call) => self.host.call_host(&self.host, call, Location::caller()).map(drop),
            None => Ok(()),
        }
    }

    /// Runs `future` on the event loop, inside the task that awaits this job, and returns its
    /// output. (EasyNetwork: `run_coroutine`; trio: `from_thread.run`.)
    ///
    /// Use it for what only that task can do: task-local values, `spawn_local`, a future that the
    /// loop must poll although this thread runs another job meanwhile. Everything else is cheaper
    /// and simpler with [`Wait::wait`], which polls on this thread, allocates nothing and takes
    /// futures that are not `Send` and that borrow.
    ///
    /// That task's span, cancellation and order hold, and nothing is spawned. As for
    /// [`call`](Self::call), the task has to poll the `Offload`, and a detached job has its calls
    /// run as a task.
    ///
    /// ```
    /// # use portcullis_runtime::{Interrupted, Pool};
    /// tokio::task_local! { static REQUEST: u32; }
    ///
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("cpu").threads(1).build().unwrap();
    /// let job = pool.try_run(|worker| worker.run_on_loop(async { REQUEST.get() }));
    /// assert_eq!(REQUEST.scope(7, job).await?, 7);
    /// # Ok::<_, Interrupted>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`Interrupted::Abandoned`] if the task that awaits this job was dropped: the wait ends at
    ///   once, and the future is dropped.
    /// - [`Interrupted::Deadline`], [`Interrupted::Cancelled`] if that happens to the job.
    /// - [`Interrupted::Closed`] if the server has stopped, [`Interrupted::NoRuntime`] in a
    ///   detached job that has neither a server nor a tokio runtime.
    ///
    /// # Panics
    /// A panic of the future is returned as [`Interrupted::Panicked`], and does not reach the task.
    #[track_caller]
    pub fn run_on_loop<F>(&self, future: F) -> Result<F::Output, Interrupted>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let at = Location::caller();
        let call = boxed_call(&self.host, future);
        let completed = self.host.call_host(&self.host, call, at)?;
        host_call::into_output(completed)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("method", &self.host.meta().name).finish_non_exhaustive()
    }
}

/// `future.wait(worker)`: blocks a pool thread until a future is ready, and polls it there.
///
/// Implemented for every future: a helper of the service (`self.count(1).wait(worker)?`),
/// `peer.send(..)`, a [`PortalTask`](crate::PortalTask), any async block. The
/// result is the future's output, or why the wait ended early: a future that gives a `Result`
/// itself takes two `?`. An [`Offload`](crate::Offload) takes one: its own
/// [`wait`](crate::Offload::wait) joins both errors.
///
/// The worker's own thread polls the future, inside the job: the job's span, context values, tokio
/// runtime, deadline and cancellation apply, and the future is dropped there. So it need not be
/// `Send`, and it may borrow. Nothing is spawned, and a wait allocates nothing after the first one
/// of its job. What has to run in the task that awaits the job goes through
/// [`Worker::run_on_loop`].
///
/// While the thread is parked, it runs jobs that were offloaded on its behalf to its own pool when
/// that pool has no free thread, so loop and pool may call each other to a depth of 64. It does not
/// poll the future meanwhile. A future that has to make progress while it waits for such a job (it
/// reads a channel that the job fills) therefore belongs on the loop.
///
/// A future that is always ready is not interrupted, as any code that does not call
/// [`Worker::check`]: tokio's cooperative budget does not apply here.
pub trait Wait: Future + Sized {
    /// Polls the future on this thread until it is ready, and returns its output.
    ///
    /// # Errors
    /// - [`Interrupted::Deadline`], [`Interrupted::Cancelled`] if that has happened to the job, or
    ///   happens to it meanwhile: the future is dropped.
    /// - [`Interrupted::Abandoned`] if no task awaits this job, and the runtime or the server that
    ///   would run its tasks has ended: what the future waits for may never happen.
    ///
    /// # Panics
    /// A panic of the future is returned as [`Interrupted::Panicked`].
    #[track_caller]
    fn wait(self, worker: &Worker) -> Result<Self::Output, Interrupted> {
        poll::poll_to_end(&worker.host, &worker.wait_state, self, Location::caller())
    }
}

impl<F: Future> Wait for F {}
