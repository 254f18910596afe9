//! [`Pool`]: a named, bounded set of threads.
//!
//! The way of a job: [`Pool::run`] (or a `#[blocking]` method) makes its [`job_cell`] and submits
//! it at the call; the [`queue`] holds it until a [`thread`] claims it; the cell runs the body and
//! delivers the outcome to the [`Offload`]. The protocol of threads, queue and cell is in
//! `README.md` beside this file.

mod builder;
mod config;
mod drain;
mod estimate;
mod external;
mod inner;
mod job_builder;
mod job_cell;
mod lanes;
mod local;
mod map;
#[cfg(all(test, portcullis_loom))]
mod models;
mod offload;
mod queue;
mod registry;
mod stats;
#[cfg(all(test, not(portcullis_loom)))]
mod tests;
mod thread;
mod thread_slot;

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

pub use self::builder::{Overflow, PoolBuilder};
pub use self::config::PoolConfig;
pub use self::drain::DrainReport;
pub use self::estimate::MethodEstimate;
pub(crate) use self::external::root_job;
pub use self::external::{ExternalCancelHandle, ExternalJob};
pub use self::job_builder::{JobBuilder, deadline};
pub use self::map::PoolMap;
pub use self::offload::Offload;
pub use self::stats::{Histogram, PoolStats};

use self::inner::{Inner, QueuedJob, RunResult};
use self::queue::Reserved;
use crate::context;
use crate::error::Interrupted;
use crate::hooks::PoolProbe;
use crate::job::ParentLink;
use crate::report::RunningJob;
use crate::worker::Worker;

/// A named, bounded set of threads for blocking and CPU-heavy work; a handle, cheap to clone.
///
/// At most `queue` jobs wait for its threads; what happens to one more is its [`Overflow`]. Jobs
/// are taken in the order of their calls. The threads are started by [`PoolBuilder::build`] and
/// named `{pool}-{n}`. (Linux shows 15 bytes of a name, in `top -H` for example; of a longer one
/// the start and the number.)
///
/// # Life
/// The pool stops with its last handle: jobs that are in its queue still run, then its threads end.
/// Dropping a handle never blocks. [`drain`](Self::drain) stops it with a deadline and a report.
///
/// ```
/// # use portcullis_runtime::{Interrupted, Pool};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cpu = Pool::builder("cpu").threads(2).queue_capacity(16).build()?;
/// let sum = futures::executor::block_on(cpu.run(|worker| {
///     let mut sum = 0_u64;
///     for n in 0..1000 {
///         worker.check()?; // cancelled? past the deadline?
///         sum += n;
///     }
///     Ok::<_, Interrupted>(sum)
/// }))??;
/// assert_eq!(sum, 499_500);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pool {
    handle: Arc<Handle>,
}

/// Counts the handles, so that the last one closes the queue.
struct Handle(Arc<Inner>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

impl Pool {
    /// Starts to set up a pool; `name` shows in its threads' names, in logs and in reports.
    pub fn builder(name: impl Into<String>) -> PoolBuilder {
        PoolBuilder::new(name.into())
    }

    /// The pool of the process, for `#[blocking]` methods that name none: made at the first call,
    /// never drained.
    ///
    /// It has min(32, cores + 4) threads, as asyncio's default executor, and a queue of 1024 whose
    /// overflow waits; the environment variables `PORTCULLIS_SHARED_THREADS` (up to 4096) and
    /// `PORTCULLIS_SHARED_QUEUE` (numbers) say otherwise. If the system gives fewer threads it
    /// makes do with those, and starts the others when jobs need them and they can be had. While it
    /// has no thread at all, jobs are answered [`Interrupted::Full`]; each of them tries to start
    /// one.
    pub fn shared() -> &'static Pool {
        static SHARED: OnceLock<Pool> = OnceLock::new();
        SHARED.get_or_init(|| {
            let number = |name| std::env::var(name).ok().and_then(|text| text.trim().parse::<usize>().ok());
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Pool::builder("shared")
                .threads(number("PORTCULLIS_SHARED_THREADS").unwrap_or_else(|| (cores + 4).min(32)).min(4096))
                .queue_capacity(number("PORTCULLIS_SHARED_QUEUE").unwrap_or(1024))
                .build_best_effort()
        })
    }

    /// Reserves a slot for a job that is submitted here and now and must not overflow.
    fn reserve(&self, waker: &Waker) -> Reserved<'_, Arc<dyn QueuedJob>> {
        let inner = self.inner();
        // On behalf of a job that holds a thread here, that thread runs it if no other is free.
        let has_waiting_ancestor =
            || ParentLink::new(context::current().host).waiting_ancestor(inner.id).is_some();
        if inner.queue.never_overflows() || has_waiting_ancestor() {
            Reserved::NotNeeded
        } else {
            inner.queue.reserve(waker)
        }
    }

    /// For a test kit.
    #[doc(hidden)]
    pub fn probe(&self) -> Arc<dyn PoolProbe> {
        Arc::clone(self.inner()) as Arc<dyn PoolProbe>
    }

    fn from_inner(inner: Arc<Inner>) -> Self {
        registry::register(&inner);
        Self { handle: Arc::new(Handle(inner)) }
    }

    #[inline]
    fn inner(&self) -> &Arc<Inner> {
        &self.handle.0
    }

    /// The name given to [`builder`](Self::builder).
    pub fn name(&self) -> &str {
        &self.inner().name
    }

    /// Runs `f` on a thread of this pool. The job is submitted here, not at the first poll.
    ///
    /// What it can end with besides its value is in [`Interrupted`]; see [`Offload`] for
    /// cancellation and panics.
    #[track_caller]
    pub fn run<F, T>(&self, f: F) -> Offload<T>
    where
        F: FnOnce(&Worker) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.job("closure").run(f)
    }

    /// As [`run`](Self::run), for a function that returns a `Result` whose error can also say an
    /// [`Interrupted`].
    #[track_caller]
    pub fn try_run<F, T, E>(&self, f: F) -> Offload<T, E>
    where
        F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Interrupted> + Send + 'static,
    {
        self.job("closure").try_run(f)
    }

    /// A job with a name and options; `method` shows in logs and reports. This is what a
    /// `#[blocking]` method writes.
    ///
    /// The jobs of one line of code and one `method` share an estimate of their run time.
    #[inline]
    #[track_caller]
    pub fn job(&self, method: &'static str) -> JobBuilder<'_> {
        JobBuilder::new(self, method, Location::caller())
    }

    /// For tests, in debug builds: runs `hold` between the moment when a thread takes a job out of
    /// the queue and its claim.
    ///
    /// # Panics
    /// If it was called before.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    pub fn hold_before_claim(&self, hold: impl Fn() + Send + Sync + 'static) {
        assert!(self.inner().queue.before_claim.set(Box::new(hold)).is_ok(), "called twice");
    }

    /// The jobs that hold a thread now, as a drain would report them: for watchdogs and debugging.
    pub fn running_jobs(&self) -> Vec<RunningJob> {
        let jobs = self.inner().slots.iter().flat_map(|slot| slot.jobs());
        jobs.map(|job| job.describe_running()).collect()
    }

    /// What the pool does now, and has done.
    pub fn stats(&self) -> PoolStats {
        let inner = self.inner();
        let (queued, waiting) = inner.queue.waiting();
        let now = (queued, waiting, inner.queue.running());
        let times = inner.slots.iter().map(|slot| &slot.times);
        inner.counters.stats(now, &inner.queue.estimates, times)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name())
            .field("threads", &self.inner().slots.len())
            .finish()
    }
}
