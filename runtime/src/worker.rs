//! [`Worker`] and [`Wait`]: a thread's way back to the loop.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crossing;
use crate::error::Interrupted;
use crate::job::Job;
use crate::pool::PoolId;
use crate::portal::PortalTask;

/// The marker that keeps a [`Worker`] on its thread: its name is what rustc's help shows.
#[allow(non_camel_case_types)]
trait a_Worker_belongs_to_its_own_pool_thread {}

/// Proof that this thread may block: lent to a job for as long as it runs.
///
/// A `&Worker` is what [`Wait::wait`] asks for, so code on the loop, which has none, cannot wait by mistake. It is
/// neither `Send` nor `Sync`: a future or another thread can't hold it.
///
/// ```compile_fail,E0277
/// # use portcullis_runtime::Worker;
/// fn leave(worker: &Worker) {
///     std::thread::scope(|scope| { scope.spawn(|| worker.check()); });
/// }
/// ```
#[rustfmt::skip]
pub struct Worker { // lent to one thread: `check` it there; for others, a flag, a channel or `Pool::map`
    host: Arc<dyn Job>,
    _here: PhantomData<dyn a_Worker_belongs_to_its_own_pool_thread>,
}

impl Worker {
    pub(crate) fn new(host: Arc<dyn Job>) -> Self {
        Self { host, _here: PhantomData }
    }

    pub(crate) fn host(&self) -> &Arc<dyn Job> {
        &self.host
    }

    /// The calling thread's own value of type `T`, made at its first use here by the pool's
    /// [`thread_state`](crate::PoolBuilder::thread_state): a database connection a thread, a scratch buffer, a random generator. It
    /// need be neither `Send` nor `Sync`, and goes with its thread.
    ///
    /// # Panics
    /// If the pool declares no such value (or if this is a thread that no pool owns), and with whatever its making
    /// panics with; the next job tries again.
    pub fn local<T: 'static>(&self) -> Rc<T> {
        let pool = self.host.about().pool.and_then(PoolId::pool);
        let local = pool.and_then(|pool| pool.locals.get::<T>());
        local.unwrap_or_else(|| {
            panic!("no `thread_state` of type `{}` on this thread's pool", std::any::type_name::<T>())
        })
    }

    /// Runs `f` in the pool's rayon threads ([`PoolBuilder::rayon`](crate::PoolBuilder::rayon)), so that parallel iterators in it
    /// use those; this thread waits. `f` can't wait for the loop: the worker stays here, as the compiler sees to.
    ///
    /// # Panics
    /// With whatever `f` panics with. Without threads of its own the pool leaves `f` to rayon's global ones.
    #[cfg(feature = "rayon")]
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let pool = self.host.about().pool.and_then(PoolId::pool);
        match pool.as_ref().and_then(|pool| pool.rayon.as_ref()) {
            Some(rayon) => rayon.install(f),
            None => f(),
        }
    }

    /// Whether this job should go on: the everyday line of a long computation.
    ///
    /// # Errors
    /// [`Interrupted::Cancelled`] if whoever awaited this job has gone or a drain ran out of time,
    /// [`Interrupted::Deadline`] if its deadline has passed.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.host.why() {
            Some(why) => Err(why.told()),
            None => Ok(()),
        }
    }

    /// Whether this job has been told to stop, for any reason that [`check`](Self::check) would give.
    pub fn is_cancelled(&self) -> bool {
        self.host.why().is_some()
    }

    /// When this job's time is up, if it has a deadline. It was counted from the call.
    pub fn deadline(&self) -> Option<Instant> {
        self.host.about().deadline()
    }

    /// Blocks this thread for `time`, but no longer than the job has left.
    ///
    /// # Errors
    /// As [`check`](Self::check), as soon as the job is told to stop.
    #[track_caller]
    pub fn sleep(&self, time: Duration) -> Result<(), Interrupted> {
        let at = Location::caller();
        let tested = self.host.about().activity.sleep(&self.host, time, at);
        tested.unwrap_or_else(|| self.host.sleep(time, at))
    }

    /// Runs `f` on the loop, in the task that awaits this job, and returns its value. (EasyNetwork: `run_sync`.)
    ///
    /// # Errors
    /// As [`Wait::wait`]; a panic of `f` comes back as [`Interrupted::Panicked`] and does not reach the loop.
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
    /// What one thread asks for takes effect in the order in which it asked: a later [`call`](Self::call) or
    /// [`wait`](Wait::wait) finds `f` done. A panic of `f` is logged.
    ///
    /// # Errors
    /// [`Interrupted::Abandoned`] if the task that awaits this job is gone, [`Interrupted::Closed`] if the server
    /// has stopped; then `f` never runs.
    pub fn call_soon<F>(&self, f: F) -> Result<(), Interrupted>
    where
        F: FnOnce() + Send + 'static,
    {
        Arc::clone(&self.host).soon(crossing::pack_for(&self.host, crossing::logged(f)))
    }

    /// Spawns `future` as a task of the server that this job works for, else of the tokio runtime that was
    /// current where the job was submitted. (EasyNetwork: `run_coroutine_soon`.)
    ///
    /// The task outlives the job. Dropping the [`PortalTask`] detaches it; a server's stop cancels what is left
    /// of its tasks when its grace is over. Where nothing can run it (no server, no tokio), or the server has
    /// stopped, the `PortalTask` answers [`Interrupted::NoLoop`] or [`Interrupted::Closed`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> PortalTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        PortalTask::spawn(&self.host, future)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("method", &self.host.about().method).finish_non_exhaustive()
    }
}

/// `future.wait(worker)`: from a thread, run a future on the loop and wait for its value.
///
/// Implemented for every `Send + 'static` future: a helper of the service (`self.count(1).wait(worker)?`),
/// [`peer.send(..)`](crate::Peer::send), a [`PortalTask`], any async block. The result is the future's output, or why the wait ended early:
/// a future that gives a `Result` itself takes two `?`. An [`Offload`](crate::Offload) takes one: its own
/// [`wait`](crate::Offload::wait) joins both errors.
///
/// The future is polled by the task that awaits this job, on the loop: that task's span, cancellation and order
/// hold, nothing is spawned, and it needs no async runtime of a particular make. While the thread waits, it runs
/// jobs that were offloaded on its behalf to its own pool when that pool has no free thread (so that loop and
/// pool may call each other to a depth of 64).
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
    /// - [`Interrupted::Abandoned`] if the task that awaits this job is gone: the wait ends at once, the future is dropped.
    /// - [`Interrupted::Deadline`], [`Interrupted::Cancelled`] if that happens to the job meanwhile.
    /// - [`Interrupted::Panicked`] if the future panicked; the loop does not notice.
    /// - [`Interrupted::Closed`] if the server has stopped, [`Interrupted::NoLoop`] in a detached job with nothing to run on.
    #[track_caller]
    fn wait(self, worker: &Worker) -> Result<Self::Output, Interrupted> {
        let at = Location::caller();
        let call = crossing::pack_for(&worker.host, self);
        let back = Arc::clone(&worker.host).cross(call, at)?;
        crossing::unpack(back)
    }
}

impl<F> Wait for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
}
