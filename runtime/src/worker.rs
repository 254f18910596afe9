//! [`Worker`] and [`Wait`]: a thread's way back to the loop.

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

/// The marker that keeps a [`Worker`] on its thread: its name is what rustc's help shows.
#[allow(non_camel_case_types)]
trait a_Worker_belongs_to_its_own_pool_thread {}

/// Proof that this thread may block: lent to a job for as long as it runs.
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
pub struct Worker { // lent to one thread: `check` it there; for others, a flag, a channel or `Pool::map`
    host: Arc<dyn Host>,
    _here: PhantomData<dyn a_Worker_belongs_to_its_own_pool_thread>,
}

impl Worker {
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, _here: PhantomData }
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// Whether this job should go on: the everyday line of a long computation.
    ///
    /// # Errors
    /// [`Interrupted::Cancelled`] if whoever awaited this job has gone or a drain ran out of time,
    /// [`Interrupted::Deadline`] if its deadline has passed.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.host.cancel_reason() {
            Some(why) => Err(why.to_interrupted()),
            None => Ok(()),
        }
    }

    /// Whether this job has been told to stop, for any reason that [`check`](Self::check) would
    /// give.
    pub fn is_cancelled(&self) -> bool {
        self.host.cancel_reason().is_some()
    }

    /// When this job's time is up, if it has a deadline. It was counted from the call.
    pub fn deadline(&self) -> Option<Instant> {
        self.host.meta().deadline()
    }

    /// Blocks this thread for `time`, but no longer than the job has left.
    ///
    /// # Errors
    /// As [`check`](Self::check), as soon as the job is told to stop.
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

    /// Runs `f` on the loop, in the task that awaits this job, and returns its value. (EasyNetwork:
    /// `run_sync`.)
    ///
    /// # Errors
    /// As [`Wait::wait`]; a panic of `f` comes back as [`Interrupted::Panicked`] and does not reach
    /// the loop.
    #[track_caller]
    pub fn call<F, R>(&self, f: F) -> Result<R, Interrupted>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        async move { f() }.wait(self)
    }

    /// Runs `f` on the loop soon, in the task that awaits this job, without waiting for it.
    ///
    /// What one thread asks for takes effect in the order in which it asked: a later
    /// [`call`](Self::call) or [`wait`](Wait::wait) finds `f` done. A panic of `f` is logged.
    ///
    /// # Errors
    /// [`Interrupted::Abandoned`] if the task that awaits this job is gone, [`Interrupted::Closed`]
    /// if the server has stopped; then `f` never runs.
    pub fn call_soon<F>(&self, f: F) -> Result<(), Interrupted>
    where
        F: FnOnce() + Send + 'static,
    {
        let call = boxed_call(&self.host, host_call::catch_and_log_panic(f));
        Arc::clone(&self.host).call_host_soon(call)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("method", &self.host.meta().name).finish_non_exhaustive()
    }
}

/// `future.wait(worker)`: from a thread, run a future on the loop and wait for its value.
///
/// Implemented for every `Send + 'static` future: a helper of the service
/// (`self.count(1).wait(worker)?`), [`peer.send(..)`](crate::Peer::send), a
/// [`PortalTask`](crate::PortalTask), any async block. The result is the future's output, or why
/// the wait ended early: a future that gives a `Result` itself takes two `?`. An
/// [`Offload`](crate::Offload) takes one: its own [`wait`](crate::Offload::wait) joins both errors.
///
/// The future is polled by the task that awaits this job, on the loop: that task's span,
/// cancellation and order hold, nothing is spawned, and it needs no async runtime of a particular
/// make. While the thread waits, it runs jobs that were offloaded on its behalf to its own pool
/// when that pool has no free thread (so that loop and pool may call each other to a depth of 64).
///
/// The semantics are trio's (`trio.from_thread.run`: the host task runs what its thread waits for).
#[rustfmt::skip]
pub trait Wait: Future + Send + Sized + 'static // owns what it needs: `Arc::clone(self)` for `self`, clones; and no worker
where
    Self::Output: Send + 'static,
{
    /// Blocks this thread until the future has run to its end on the loop.
    ///
    /// # Errors
    /// - [`Interrupted::Abandoned`] if the task that awaits this job is gone: the wait ends at
    ///   once, the future is dropped.
    /// - [`Interrupted::Deadline`], [`Interrupted::Cancelled`] if that happens to the job
    ///   meanwhile.
    /// - [`Interrupted::Panicked`] if the future panicked; the loop does not notice.
    /// - [`Interrupted::Closed`] if the server has stopped, [`Interrupted::NoRuntime`] in a
    ///   detached job with nothing to run on.
    #[track_caller]
    fn wait(self, worker: &Worker) -> Result<Self::Output, Interrupted> {
        let at = Location::caller();
        let call = boxed_call(&worker.host, self);
        let back = Arc::clone(&worker.host).call_host(call, at)?;
        host_call::into_output(back)
    }
}

impl<F> Wait for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
}
