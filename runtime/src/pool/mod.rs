//! [`Pool`]: a named, bounded set of threads.
//!
//! The way of a job: [`Pool::run`] (or a `#[blocking]` method) makes its [`job_cell`] and submits
//! it at the call; the [`queue`] holds it until a [`thread`] claims it; the cell runs the body and
//! delivers the outcome to the [`Offload`]. The protocol of threads, queue and cell is in
//! `README.md` beside this file.

mod builder;
mod drain;
mod external;
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
use std::hash::Hash;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

pub use builder::{Overflow, PoolBuilder, PoolConfig};
pub use drain::DrainReport;
pub(crate) use external::root_job;
pub use external::{ExternalCancelHandle, ExternalJob};
pub use map::PoolMap;
pub use offload::Offload;
pub use stats::{Histogram, PoolStats};

use crate::context;
use crate::error::Interrupted;
use crate::hooks::{self, Hooks, PoolHooks, PoolProbe};
use crate::job::{CancelReason, HandedOff, Job, JobMeta, LaneKey, MAX_DEPTH, ParentLink, PoolId, RareMeta};
use crate::report::RunningJob;
use crate::scope::{DrainSource, Scope};
use crate::spawn::Executor;
use crate::sync::{Mutex, spawn_thread};
use crate::threads::ThreadName;
use crate::worker::Worker;
use builder::Spin;
use job_cell::{JobCell, OffloadHandle, Payload, TraceContext};
use lanes::{Lanes, lane_key};
use local::ThreadLocals;
use queue::{JobQueue, PushResult, Reservation, Reserved, RunGuard};
use stats::Counters;
use thread_slot::ThreadSlot;

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

/// What the threads, the jobs and the handles share.
pub(crate) struct Inner {
    pub(crate) id: PoolId,
    pub(crate) name: String,
    pub(crate) queue: JobQueue<Arc<dyn QueuedJob>>,
    pub(crate) lanes: Lanes,
    pub(crate) counters: Counters,
    pub(crate) thread_locals: ThreadLocals,
    #[cfg(feature = "rayon")]
    pub(crate) rayon: Option<rayon::ThreadPool>,
    /// For threads that wait for a job.
    spin: Spin,
    /// For workers that wait for the loop.
    wait_spins: Spin,
    stack_size: Option<usize>,
    slots: Vec<Arc<ThreadSlot>>,
    /// The slots without a thread.
    free_slots: Mutex<Vec<usize>>,
    /// How its jobs run in tests.
    hooks: Option<Arc<dyn PoolHooks>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::unregister(self.id);
    }
}

impl Inner {
    /// A pool of which `live_threads` are about to be started.
    fn new(setup: &PoolBuilder, slots: Vec<Arc<ThreadSlot>>, live_threads: usize) -> Self {
        let queue =
            JobQueue::new(slots.len(), setup.queue_capacity, setup.overflow).keep_alive(setup.keep_alive);
        Self {
            id: PoolId::next(),
            name: setup.name.clone(),
            queue: queue.begin_with(live_threads),
            lanes: Lanes::default(),
            counters: Counters::default(),
            thread_locals: setup.thread_locals.clone(),
            #[cfg(feature = "rayon")]
            rayon: None,
            spin: setup.idle_spins,
            wait_spins: setup.wait_spins,
            stack_size: setup.stack_size,
            slots,
            free_slots: Mutex::default(),
            hooks: setup.hooks.clone(),
        }
    }

    fn set_free_slots(&self, slots: Vec<usize>) {
        *self.free_slots.lock() = slots;
    }

    /// Starts a thread for a free slot; the queue counts it already.
    fn spawn_pool_thread(self: &Arc<Self>) -> io::Result<()> {
        // A thread that is missing has given its slot back.
        let free_slots = self.free_slots.lock().pop();
        let n = free_slots.ok_or(io::ErrorKind::ResourceBusy)?;
        let inner = Arc::clone(self);
        let name = ThreadName::new(&*self.name, format!("-{n}"));
        let started = spawn_thread(name, self.stack_size, move || {
            thread::run_loop(&inner, &inner.slots[n], inner.spin);
            inner.free_slots.lock().push(n);
            inner.queue.thread_exited();
            // Dropping the thread's own values may have taken its time; whoever submitted a job
            // meanwhile found no slot for another thread.
            inner.ensure_thread();
        });
        if started.is_err() {
            self.free_slots.lock().push(n);
        }
        started
    }

    /// Starts a thread, if one is needed that has ended because it was idle, or that could not be
    /// started so far.
    #[inline]
    pub(crate) fn ensure_thread(self: &Arc<Self>) {
        if self.queue.starts_on_demand() {
            self.ensure_thread_slow();
        }
    }

    fn ensure_thread_slow(self: &Arc<Self>) {
        if self.queue.reserve_thread()
            && self.spawn_pool_thread().is_err()
            && !self.queue.cancel_thread_reservation()
        {
            // There is no thread, and nobody else is starting one: a job that comes later tries
            // again.
            for job in self.jobs() {
                if job.cancel_reason().is_none() {
                    self.counters.rejected(&self.name);
                }
                job.interrupt(CancelReason::NoThread);
            }
        }
    }

    /// Jobs that threads have taken out of the queue and that do not show on their slots yet (or,
    /// for an instant, any more). Nothing else can see these jobs.
    pub(crate) fn in_hand(&self) -> usize {
        self.queue.at_one_moment(|_, running| running.saturating_sub(self.occupied()))
    }

    /// The slots whose job shows: it was claimed, and has begun.
    fn occupied(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_occupied()).count()
    }

    /// The jobs that wait here or run here. In this order, so that whoever cancels them all does
    /// not free a thread for one that it has yet to come to.
    pub(crate) fn jobs(&self) -> Vec<Arc<dyn Job>> {
        let queued = self.lanes.snapshot().into_iter().chain(self.queue.snapshot().into_iter().rev());
        let mut jobs: Vec<_> = queued.map(Job::into_job).collect();
        jobs.extend(self.slots.iter().flat_map(|slot| slot.jobs()).map(Job::into_job));
        jobs
    }
}

impl DrainSource for Inner {
    fn cancel_jobs_of(&self, scope: &Arc<Scope>) {
        self.jobs_of(scope).for_each(|job| job.interrupt(CancelReason::Drained));
    }

    fn running_jobs_of(&self, scope: &Arc<Scope>) -> Vec<RunningJob> {
        let running = self.jobs_of(scope).filter(|job| !job.is_finished());
        running.map(|job| job.describe_running()).collect()
    }
}

impl Inner {
    fn jobs_of(&self, scope: &Arc<Scope>) -> impl Iterator<Item = Arc<dyn Job>> {
        let theirs =
            move |job: &Arc<dyn Job>| job.meta().scope.as_ref().is_some_and(|its| Arc::ptr_eq(its, scope));
        self.jobs().into_iter().filter(theirs)
    }
}

impl PoolProbe for Inner {
    fn name(&self) -> &str {
        &self.name
    }

    fn threads(&self) -> usize {
        self.slots.len()
    }

    fn has_job_about_to_begin(&self) -> bool {
        self.hooks.as_ref().is_none_or(|hooks| !hooks.is_stepped())
            && self.queue.at_one_moment(|waiting, running| {
                let occupied = self.occupied();
                running > occupied || (waiting > 0 && occupied < self.slots.len())
            })
    }

    fn all_threads_run_a_job(&self) -> bool {
        self.occupied() >= self.slots.len()
    }

    fn all_threads_have_a_job(&self) -> bool {
        self.queue.is_saturated()
    }

    fn queued(&self) -> Vec<&'static str> {
        let jobs = self.queue.snapshot();
        jobs.iter().filter(|job| !job.is_cancelled()).map(|job| job.meta().name).collect()
    }
}

/// A job, to the queue and to the threads of a pool.
pub(crate) trait QueuedJob: Job + HandedOff {
    /// Takes the job for running; once, and never after an interrupt.
    fn claim(&self) -> bool;
    fn is_cancelled(&self) -> bool;
    /// Enters the queue (or comes back to it from a thread that it was handed off to); `false` if
    /// it is cancelled already.
    fn mark_queued(&self) -> bool;
    /// Waits behind the job that holds its lane; `false` if it is cancelled already.
    fn mark_lane_blocked(&self) -> bool;
    /// Is about to be handed off to a waiting thread; `false` if it is cancelled already.
    fn mark_handed_off(&self) -> bool;
    /// Runs it on this thread and lets go of it. Only for who claimed it. `since`: when the thread
    /// was free for it, if that is known.
    fn run(self: Arc<Self>, place: RunGuard<'_, Arc<dyn QueuedJob>>, since: Option<Instant>) -> RunResult;
    /// Notes that it holds its lane.
    fn acquire_lane(&self);
    /// Lets the next job of this one's lane go ahead, if it holds it.
    fn release_lane(&self);
    /// Gives up a job that the caller of this has claimed, to make room.
    fn shed(&self);
    fn into_handed_off(self: Arc<Self>) -> Arc<dyn HandedOff>;
}

/// What is left of a job that ran.
#[derive(Default)]
pub(crate) struct RunResult {
    /// To be woken when the thread has let go of the job.
    caller: Option<Waker>,
    /// When the body ended, if the thread went straight on from there.
    ended: Option<Instant>,
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

    /// As [`run`](Self::run), for a function that returns a `Result` whose error can also tell an
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
    #[inline]
    pub fn job(&self, method: &'static str) -> JobBuilder<'_> {
        JobBuilder { pool: self, method, deadline: None, lane: None, detached: false }
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
        inner
            .counters
            .stats((queued, waiting, inner.queue.running()), inner.slots.iter().map(|slot| &slot.times))
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

/// One job on its way to a [`Pool`]; made by [`Pool::job`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `.run(..)` or `.try_run(..)`"]
pub struct JobBuilder<'a> {
    pool: &'a Pool,
    method: &'static str,
    deadline: Option<Duration>,
    lane: Option<LaneKey>,
    detached: bool,
}

impl JobBuilder<'_> {
    /// Gives the job up after `time`, counted from the call: queued, it never runs; running, it is
    /// told to stop and the caller gets [`Interrupted::Deadline`] at once.
    #[rustfmt::skip]
    pub fn deadline(mut self, time: Duration) -> Self { // `Duration::from_secs(..)` for a number of seconds
        self.deadline = Some(time);
        self
    }

    /// Jobs of this pool with equal keys run one after the other, in the order of their calls;
    /// different keys run in parallel. A job made on behalf of one of the same lane (which waits
    /// for it) is part of that one.
    #[rustfmt::skip]
    pub fn lane<K: Hash + ?Sized>(mut self, key: &K) -> Self { // for `f64`, `to_bits()`; for a type of yours, `#[derive(Hash)]`
        self.lane = Some(lane_key(key));
        self
    }

    /// Dropping the [`Offload`] lets the job run on, as [`Offload::detach`] does.
    pub fn detached(mut self) -> Self {
        self.detached = true;
        self
    }

    /// As [`Pool::run`].
    pub fn run<F, T>(self, f: F) -> Offload<T>
    where
        F: FnOnce(&Worker) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.try_run(move |worker| Ok(f(worker)))
    }

    /// As [`Pool::try_run`].
    pub fn try_run<F, T, E>(self, f: F) -> Offload<T, E>
    where
        F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Interrupted> + Send + 'static,
    {
        self.start(f, submit)
    }

    /// As [`run`](Self::run), for a job without lane that has a slot already.
    fn run_in<F, T>(self, place: Reservation<'_, Arc<dyn QueuedJob>>, f: F) -> Offload<T>
    where
        F: FnOnce(&Worker) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.start(
            move |worker| Ok(f(worker)),
            |_, cell| {
                if cell.meta().parent().depth() > MAX_DEPTH {
                    return Err(Interrupted::TooDeep);
                }
                place.take(Arc::clone(cell) as Arc<dyn QueuedJob>);
                Ok(())
            },
        )
    }

    #[inline]
    fn start<F, T, E>(
        self,
        f: F,
        submit: impl FnOnce(&Arc<Inner>, &Arc<JobCell<F, T, E>>) -> Result<(), Interrupted>,
    ) -> Offload<T, E>
    where
        F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Interrupted> + Send + 'static,
    {
        let pool = self.pool.inner();
        let meta = self.meta();
        let payload = Payload {
            body: f,
            traced: TraceContext::current(),
            member: meta.scope.as_ref().map(|scope| scope.register_job(pool)),
        };
        let cell = JobCell::new(meta, payload);
        if let Err(refused) = cell.start_deadline_timer().and_then(|()| submit(pool, &cell)) {
            if matches!(refused, Interrupted::Full) {
                pool.counters.rejected(&pool.name);
            }
            cell.reject(refused);
        }
        pool.ensure_thread();
        cell.meta().notify(Hooks::submitted);
        Offload::new(cell as Arc<dyn OffloadHandle<T, E>>, self.detached)
    }

    #[inline]
    fn meta(&self) -> JobMeta {
        let context::Current { host, scope, values } = context::current();
        let executor = host.as_ref().map_or_else(Executor::current, |job| job.meta().executor.clone());
        let submitted_at = Instant::now();
        let pool = self.pool.inner();
        let hooks = hooks::of_new_job(pool.hooks.as_ref(), &executor, pool);
        let is_plain = host.is_none() && self.deadline.is_none() && self.lane.is_none() && hooks.is_none();
        let rare = if is_plain {
            None
        } else {
            let parent = ParentLink::new(host);
            let now = || hooks.as_ref().map_or_else(Instant::now, |hooks| hooks.now());
            Some(Box::new(RareMeta {
                deadline: self.deadline.and_then(|time| now().checked_add(time)),
                lane: self.lane.filter(|lane| !parent.holds_lane(pool.id, *lane)),
                parent,
                portal_root: None,
                hooks,
            }))
        };
        JobMeta { name: self.method, pool: Some(pool.id), submitted_at, scope, values, executor, rare }
    }
}

/// Brings a job into the queue, or to the waiting thread that is to run it.
fn submit(pool: &Arc<Inner>, cell: &Arc<impl QueuedJob>) -> Result<(), Interrupted> {
    if cell.meta().rare.is_none() {
        // No ancestor, no lane, no deadline: as nearly every job.
        let joined = pool.queue.push(Arc::clone(cell) as Arc<dyn QueuedJob>, false);
        return handle_push_result(pool, joined).map(drop);
    }
    if cell.meta().parent().depth() > MAX_DEPTH {
        return Err(Interrupted::TooDeep);
    }
    let mut job = Arc::clone(cell) as Arc<dyn QueuedJob>;
    if let Some(lane) = cell.meta().lane() {
        let admit = || match pool.queue.push_lane_blocked(&job) {
            joined @ (PushResult::Queued | PushResult::QueuedShedding(_)) => Ok(joined),
            refused => Err(refused),
        };
        if let Some(joined) = pool.lanes.acquire(lane, &job, admit) {
            return handle_push_result(pool, joined).map(drop);
        }
        cell.acquire_lane();
    }
    let mut ancestor = cell.meta().parent().waiting_ancestor(pool.id);
    loop {
        let joined = pool.queue.push(job, ancestor.is_some());
        let Some(back) = handle_push_result(pool, joined).inspect_err(|_| cell.release_lane())? else {
            return Ok(());
        };
        let Some(to) = ancestor.take() else { return Err(Interrupted::Full) };
        if !back.mark_handed_off() {
            return Ok(()); // cancelled already, and answered
        }
        match to.hand_off(back.into_handed_off()) {
            Ok(()) => return Ok(()),
            Err(_) => job = Arc::clone(cell) as Arc<dyn QueuedJob>, // it has just ended: a thread is free, or soon will be
        }
    }
}

/// What the queue's answer means to the caller; the job comes back if it is to run on a waiting
/// thread.
fn handle_push_result(
    pool: &Inner,
    joined: PushResult<Arc<dyn QueuedJob>>,
) -> Result<Option<Arc<dyn QueuedJob>>, Interrupted> {
    match joined {
        PushResult::Queued => Ok(None),
        PushResult::Full => Err(Interrupted::Full),
        PushResult::Closed => Err(Interrupted::Closed),
        PushResult::HandOff(back) => Ok(Some(back)),
        PushResult::QueuedShedding(oldest) => {
            pool.counters.shed(&pool.name);
            oldest.shed();
            Ok(None)
        }
    }
}
