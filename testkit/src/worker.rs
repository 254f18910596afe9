//! [`worker`]: calls a blocking body with a [`Worker`] on the test's thread.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::pool::{ExternalCancelHandle, ExternalJob, Pool};
use crate::spawn::Executor;
use crate::threads::{self, ThreadName};
use portcullis_runtime::Worker;

/// Calls a blocking body on this thread, and lends it a [`Worker`]:
/// `test::worker(|worker| service.blocking_shrink(worker, request))`.
///
/// What it waits for (`.wait(worker)?`, `worker.call(..)`, `worker.spawn(..)`) runs on a tokio loop
/// of its own, on a thread beside. A test that is async may call it too, but its own loop stands
/// still meanwhile: what needs that one is better tested by `.await`ing the job on a [`Pool`].
///
/// ```
/// # use portcullis::{Interrupted, Wait, Worker, test};
/// fn total(worker: &Worker, parts: u32) -> Result<u32, Interrupted> {
///     worker.check()?;
///     async move { parts * 2 }.wait(worker)
/// }
/// assert_eq!(test::worker(|worker| total(worker, 21)).unwrap(), 42);
/// ```
///
/// # Panics
/// As `f` does; and if the system gives no thread for the loop.
pub fn worker<R>(f: impl FnOnce(&Worker) -> R) -> R {
    WorkerBuilder::new().run(f)
}

/// Like [`worker`], with a deadline, a cancellation, or the thread state of a pool.
///
/// ```
/// # use std::time::Duration;
/// # use portcullis::{Interrupted, Worker, test};
/// fn patient(worker: &Worker) -> Result<(), Interrupted> {
///     loop { worker.sleep(Duration::from_millis(1))?; }
/// }
/// let late = test::WorkerBuilder::new().deadline(Duration::from_millis(5)).run(patient);
/// assert!(matches!(late, Err(Interrupted::Deadline { .. })));
/// let cancelled = test::WorkerBuilder::new().cancelled().run(patient);
/// assert!(matches!(cancelled, Err(Interrupted::Cancelled { .. })));
/// let later = test::WorkerBuilder::new();
/// let cancel = later.cancel_handle();
/// std::thread::spawn(move || cancel.cancel());
/// assert!(matches!(later.run(patient), Err(Interrupted::Cancelled { .. })));
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing runs until `.run(..)`"]
pub struct WorkerBuilder {
    deadline: Option<Duration>,
    pool: Option<Pool>,
    cancel: WorkerCancelHandle,
}

impl WorkerBuilder {
    /// No deadline, not cancelled, no pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time that the body has, from [`run`](Self::run) on, by the real clock. Zero: the
    /// deadline has passed when it begins.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// The job is already cancelled when it begins.
    pub fn cancelled(self) -> Self {
        self.cancel.cancel();
        self
    }

    /// Returns a handle that cancels the job, from the body itself or from elsewhere.
    pub fn cancel_handle(&self) -> WorkerCancelHandle {
        self.cancel.clone()
    }

    /// Makes the thread count as one of `pool`'s: the body finds its
    /// [`thread_state`](portcullis_runtime::PoolBuilder::thread_state), and jobs that it submits
    /// there while no thread is free run here. The state stays with the test's thread.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// Calls `f` on this thread.
    ///
    /// # Panics
    /// As [`worker`].
    pub fn run<R>(self, f: impl FnOnce(&Worker) -> R) -> R {
        let runtime = TestRuntime::start();
        let deadline = self.deadline.and_then(|time| Instant::now().checked_add(time));
        let executor = Executor::Tokio(runtime.handle.clone());
        let mut job = ExternalJob::in_place_of(self.pool.as_ref(), "test::worker", deadline, executor);
        self.cancel.bind(job.cancel_handle());
        job.start_deadline_timer();
        job.run(f)
    }
}

/// Cancels the job of a [`WorkerBuilder`], as if its `Offload` had been dropped.
#[derive(Clone, Default)]
pub struct WorkerCancelHandle(Arc<crate::sync::Mutex<CancelTarget>>);

#[derive(Default)]
struct CancelTarget {
    job: Option<ExternalCancelHandle>,
    cancelled: bool,
}

impl WorkerCancelHandle {
    /// Cancels the job now, or at its beginning if it has not begun.
    pub fn cancel(&self) {
        let mut target = self.0.lock();
        target.cancelled = true;
        let job = target.job.clone();
        drop(target);
        if let Some(job) = job {
            job.cancel();
        }
    }

    fn bind(&self, job: ExternalCancelHandle) {
        let mut target = self.0.lock();
        target.job = Some(job.clone());
        let cancelled = target.cancelled;
        drop(target);
        if cancelled {
            job.cancel();
        }
    }
}

impl std::fmt::Debug for WorkerCancelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerCancelHandle")
            .field("cancelled", &self.0.lock().cancelled)
            .finish_non_exhaustive()
    }
}

/// A tokio runtime on a thread of its own, until this is dropped.
struct TestRuntime {
    handle: Handle,
    /// Dropping it stops the runtime.
    _stop: oneshot::Sender<()>,
}

impl TestRuntime {
    fn start() -> Self {
        let (handle_tx, handle_rx) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            let _ = handle_tx.send(runtime.handle().clone());
            let _ = runtime.block_on(stopped);
            // Do not wait for blocking tasks of the body.
            runtime.shutdown_background();
        };
        let thread = threads::start(ThreadName::internal("test-loop"), None, run);
        drop(thread.expect("a thread for the test's loop"));
        let handle = handle_rx.recv().expect("a tokio runtime for the test's loop");
        Self { handle, _stop: stop }
    }
}
