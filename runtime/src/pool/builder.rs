//! [`PoolBuilder`]: how a pool is set up.

use std::hint::spin_loop;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::Pool;
use super::inner::Inner;
use super::local::ThreadLocals;
use crate::hooks::PoolHooks;
use crate::sync::yield_now;
#[cfg(feature = "rayon")]
use crate::threads::ThreadName;

/// More threads are a mistake in a configuration, which should be an error and not use all memory.
const MAX_THREADS: usize = 1 << 16;

const MAX_STACK: usize = isize::MAX as usize / 2;

/// What happens to a new job when the pool's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Overflow {
    /// The caller waits for a slot, in the order of the calls. The default.
    #[default]
    Wait,
    /// The caller gets [`Interrupted::Full`](crate::Interrupted::Full) at once.
    Reject,
    /// The oldest queued job gets [`Interrupted::Shed`](crate::Interrupted::Shed), and the new one
    /// gets its slot.
    ShedOldest,
}

/// How often a thread looks again before it sleeps: after some spinning, with a yield before each
/// look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spin(u32);

impl Spin {
    pub(crate) const NONE: Self = Self(0);

    #[cfg(all(test, portcullis_loom))]
    pub(crate) fn turns_for_models(turns: u32) -> Self {
        Self(turns)
    }

    pub(crate) fn turns(self) -> u32 {
        self.0
    }

    /// Returns when `ready` returns `true`, or after the last look.
    pub(crate) fn until(self, mut ready: impl FnMut() -> bool) {
        let rounds = if self.0 == 0 { 0 } else { ROUNDS };
        for round in 0..rounds {
            if ready() {
                return;
            }
            (0..1 << round).for_each(|_| spin_loop());
        }
        for _ in 0..self.0 {
            if ready() {
                return;
            }
            yield_now();
        }
    }
}

/// Rounds of spinning, each twice as long as the one before, about a microsecond in all. They come
/// before the first yield, because a thread that yields runs after all others that want its core.
/// (crossbeam's `Backoff` does the same.)
#[cfg(not(portcullis_loom))]
const ROUNDS: u32 = 5;
/// The models need no more than one kind of look.
#[cfg(portcullis_loom)]
const ROUNDS: u32 = 0;

/// Sets up a [`Pool`]; made by [`Pool::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `.build()`"]
pub struct PoolBuilder {
    pub(super) name: String,
    pub(super) threads: usize,
    pub(super) queue_capacity: usize,
    pub(super) overflow: Overflow,
    pub(super) deadline: Option<Duration>,
    pub(super) queue_delay: Option<Duration>,
    pub(super) stack_size: Option<usize>,
    pub(super) idle_spins: Spin,
    pub(super) wait_spins: Spin,
    pub(super) keep_alive: Option<Duration>,
    pub(super) thread_locals: ThreadLocals,
    #[cfg(feature = "rayon")]
    pub(super) rayon: Option<usize>,
    pub(super) hooks: Option<Arc<dyn PoolHooks>>,
}

impl PoolBuilder {
    pub(super) fn new(name: String) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            name,
            threads,
            queue_capacity: 256,
            overflow: Overflow::Wait,
            deadline: None,
            queue_delay: None,
            stack_size: None,
            idle_spins: Spin(32),
            wait_spins: Spin(32),
            keep_alive: None,
            thread_locals: ThreadLocals::default(),
            #[cfg(feature = "rayon")]
            rayon: None,
            hooks: None,
        }
    }

    /// Ends threads that have been idle for this long, all but one, and starts them again when they
    /// are needed. Default: threads do not end. (tokio's option of the same name.) If the system
    /// then refuses a thread, the others do its work.
    pub fn thread_keep_alive(mut self, idle: Duration) -> Self {
        self.keep_alive = Some(idle);
        self
    }

    /// How many threads; at least 1. Default: one per core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many jobs may wait for a thread. Default: 256. With 0, a job needs a thread that is free
    /// at the call.
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.queue_capacity = jobs;
        self
    }

    /// What happens when the queue is full. Default: [`Overflow::Wait`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Gives the jobs of this pool that name no deadline one of `time` from their call. Default:
    /// none. The jobs of [`Pool::map`] have none either way.
    ///
    /// Only jobs with a deadline can be refused when the pool is overloaded, so this is what
    /// protects a pool from overload as a whole. See the guide's page on overload.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Bounds the time that jobs wait in the queue, besides their number: controlled delay (CoDel,
    /// RFC 8289), as in the executors of Facebook's folly. Default: no bound.
    ///
    /// If for an interval of 20 × `target` every job has waited for longer than `target`, the queue
    /// does not absorb a burst but stands. Until an interval in which it does not, each job that
    /// has waited for more than 2 × `target` is refused with
    /// [`Interrupted::Overloaded`](crate::Interrupted::Overloaded), as long as another job waits.
    /// Jobs with a lane are exempt, since they may have waited for their lane.
    ///
    /// Use it where callers set no deadline. 5 ms is a good target if jobs take less than that.
    pub fn queue_delay(mut self, target: Duration) -> Self {
        self.queue_delay = Some(target);
        self
    }

    /// The threads' stack in bytes. Default: that of [`std::thread`].
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// How often an idle thread yields and looks at the queue again before it parks. Before the
    /// first yield it spins for about a microsecond. A higher number reacts faster and uses idle
    /// cores. Default: 32. With 0 it parks at once.
    pub fn idle_spins(mut self, turns: u32) -> Self {
        self.idle_spins = Spin(turns);
        self
    }

    /// As [`idle_spins`](Self::idle_spins), for a worker that waits. Default: 32. With 0, a call of
    /// an event loop with a single thread is about a tenth quicker, because the system hands the
    /// core from one thread to the other; with a loop of several threads its time varies more.
    pub fn wait_spins(mut self, turns: u32) -> Self {
        self.wait_spins = Spin(turns);
        self
    }

    /// Gives each thread a value of type `T` of its own, which is created on that thread at its
    /// first use. [`Worker::local`](crate::Worker::local) returns it. If it is set twice for one
    /// type, the last one applies.
    ///
    /// ```
    /// # use portcullis_runtime::Pool;
    /// # use std::cell::Cell;
    /// let pool = Pool::builder("db").threads(1).thread_state(|| Cell::new(0_u32)).build()?;
    /// let count = |pool: &Pool| futures::executor::block_on(pool.run(|worker| {
    ///     let count = worker.local::<Cell<u32>>();
    ///     count.set(count.get() + 1);
    ///     count.get()
    /// }));
    /// assert_eq!((count(&pool)?, count(&pool)?), (1, 2));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_state<T: 'static>(mut self, make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.thread_locals.declare(make);
        self
    }

    /// As [`thread_state`](Self::thread_state), for a value whose creation may fail: a connection,
    /// for example. Each thread creates its value when it starts. [`build`](Self::build) waits for
    /// all of them, and returns the first error.
    ///
    /// A thread that starts later (see [`thread_keep_alive`](Self::thread_keep_alive)) logs the
    /// error. A job that then calls [`Worker::local`](crate::Worker::local) tries again, and panics
    /// if that fails, too.
    ///
    /// ```
    /// # use portcullis_runtime::Pool;
    /// let connect = || Err::<u32, _>(std::io::Error::other("the database is down"));
    /// let error = Pool::builder("db").threads(2).try_thread_state(connect).build().unwrap_err();
    /// assert_eq!(error.to_string(), "the database is down");
    /// ```
    pub fn try_thread_state<T, E>(mut self, make: impl Fn() -> Result<T, E> + Send + Sync + 'static) -> Self
    where
        T: 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.thread_locals.try_declare(make);
        self
    }

    /// Gives the pool `threads` rayon threads besides its own, for parallel iterators inside its
    /// jobs: [`Worker::install`](crate::Worker::install).
    #[cfg(feature = "rayon")]
    pub fn rayon(mut self, threads: usize) -> Self {
        self.rayon = Some(threads.max(1));
        self
    }

    /// For a test kit: how the pool's threads take jobs. On a stepped pool no thread ends because
    /// it is idle.
    #[doc(hidden)]
    pub fn hooks(mut self, hooks: Arc<dyn PoolHooks>) -> Self {
        if hooks.is_stepped() {
            self.keep_alive = None;
        }
        self.hooks = Some(hooks);
        self
    }

    /// Starts the threads, named `{name}-{n}`. Linux shows 15 bytes of a thread's name: a longer
    /// one is shortened there before its number (`thumbnails-of-cpu-3` shows as `thumbnails-of-3`).
    /// Rust and logs have the full name.
    ///
    /// # Errors
    /// The error of the operating system if a thread cannot be started; the threads that were
    /// started before it end at once. The error of a [`try_thread_state`](Self::try_thread_state),
    /// for which this function waits. `InvalidInput` for more than 65 536 threads, a stack size
    /// that no system has, or a name that no thread can have.
    pub fn build(self) -> io::Result<Pool> {
        self.validate(self.threads)?;
        self.start(self.threads)
    }

    /// As [`build`](Self::build), but begins with as many threads as the system gives now, or with
    /// none. For the shared pool, whose options [`build`](Self::build) accepts.
    pub(super) fn build_best_effort(self) -> Pool {
        let mut threads = self.threads;
        loop {
            match self.start(threads) {
                Ok(pool) => return pool,
                // Not all that the system gives: the program needs some for itself.
                Err(_) => threads /= 2,
            }
        }
    }

    /// Refuses what would panic or exhaust the memory later.
    fn validate(&self, threads: usize) -> io::Result<()> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if threads > MAX_THREADS {
            return wrong("more threads than a pool may have (65536)");
        }
        if self.name.contains('\0') {
            return wrong("a pool's name, which its threads get, holds a NUL");
        }
        if self.stack_size.is_some_and(|bytes| bytes > MAX_STACK) {
            return wrong("a stack larger than any address space");
        }
        Ok(())
    }

    /// Begins with `threads` of the pool's threads; the others are started when they are needed.
    pub(super) fn start(&self, threads: usize) -> io::Result<Pool> {
        #[cfg_attr(not(feature = "rayon"), allow(unused_mut))]
        let mut inner = Inner::new(self, threads);
        #[cfg(feature = "rayon")]
        if let Some(threads) = self.rayon {
            let name = self.name.clone();
            let name = Arc::new(move |n| ThreadName::new(&*name, format!("-rayon-{n}")));
            let rayon = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let rayon = rayon.thread_name({
                let name = Arc::clone(&name);
                move |n| name(n).full()
            });
            let rayon = rayon.start_handler(move |n| name(n).show()).build();
            inner.rayon = Some(rayon.map_err(io::Error::other)?);
        }
        inner.set_free_slots((0..self.threads).rev().collect());
        // From here on an early return drops the pool, which ends the threads that have started.
        let pool = Pool::from_inner(Arc::new(inner));
        let (ready, outcomes) = mpsc::channel();
        let waits = self.thread_locals.any_at_start();
        for _ in 0..threads {
            pool.inner().spawn_pool_thread(waits.then(|| ready.clone()))?;
        }
        drop(ready);
        for _ in 0..if waits { threads } else { 0 } {
            outcomes.recv().unwrap_or_else(|_| Err(io::Error::other("a thread ended at its start")))?;
        }
        Ok(pool)
    }
}
