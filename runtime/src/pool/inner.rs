//! [`Inner`]: what the handles, the jobs and the threads of a pool share; and [`QueuedJob`], a job as
//! the queue and the threads see it.

use std::io;
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::builder::{PoolBuilder, Spin};
use super::lanes::Lanes;
use super::local::ThreadLocals;
use super::queue::{JobQueue, Refusal, RunGuard};
use super::stats::Counters;
use super::thread_slot::ThreadSlot;
use super::{registry, thread};
use crate::hooks::{PoolHooks, PoolProbe};
use crate::job::{CancelReason, HandedOff, Job, PoolId};
use crate::report::RunningJob;
use crate::scope::{DrainSource, Scope};
use crate::sync::{Mutex, spawn_thread};
use crate::threads::ThreadName;

/// What the handles, the jobs and the threads of a pool share.
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
    /// Of jobs that name no deadline.
    pub(super) default_deadline: Option<Duration>,
    stack_size: Option<usize>,
    pub(super) slots: Vec<Arc<ThreadSlot>>,
    /// The slots without a thread.
    free_slots: Mutex<Vec<usize>>,
    /// How its jobs run in tests.
    pub(super) hooks: Option<Arc<dyn PoolHooks>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::unregister(self.id);
    }
}

impl Inner {
    /// A pool of which `live_threads` are about to be started.
    pub(super) fn new(setup: &PoolBuilder, live_threads: usize) -> Self {
        let queue = JobQueue::new(setup.threads, setup.queue_capacity, setup.overflow)
            .keep_alive(setup.keep_alive)
            .delay_limit(setup.queue_delay);
        let slot = |_| ThreadSlot::new(&setup.name, &queue.estimates, setup.wait_spins);
        let slots = (0..setup.threads).map(slot).collect();
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
            default_deadline: setup.deadline,
            stack_size: setup.stack_size,
            slots,
            free_slots: Mutex::default(),
            hooks: setup.hooks.clone(),
        }
    }

    pub(super) fn set_free_slots(&self, slots: Vec<usize>) {
        *self.free_slots.lock() = slots;
    }

    /// Starts a thread for a free slot; the queue counts it already. `ready`: gets whether the
    /// thread could create its state.
    pub(super) fn spawn_pool_thread(
        self: &Arc<Self>,
        ready: Option<mpsc::Sender<io::Result<()>>>,
    ) -> io::Result<()> {
        // A thread that is missing has given its slot back.
        let free_slots = self.free_slots.lock().pop();
        let n = free_slots.ok_or(io::ErrorKind::ResourceBusy)?;
        let inner = Arc::clone(self);
        let name = ThreadName::new(&*self.name, format!("-{n}"));
        let started = spawn_thread(name, self.stack_size, move || {
            let created = inner.thread_locals.create_at_start();
            match (ready, created) {
                (Some(ready), created) => drop(ready.send(created)),
                (None, Err(error)) => {
                    // The next job that uses the state tries again.
                    tracing::error!(pool = inner.name, %error, "a pool thread cannot create its state");
                }
                (None, Ok(())) => {}
            }
            thread::run_loop(&inner, &inner.slots[n], inner.spin);
            inner.free_slots.lock().push(n);
            inner.queue.thread_exited();
            // A job may have been submitted while this thread dropped its own values, when there
            // was no slot for another thread.
            inner.ensure_thread();
        });
        if started.is_err() {
            self.free_slots.lock().push(n);
        }
        started
    }

    /// Starts a thread if one is needed that has ended because it was idle, or that could not be
    /// started before.
    #[inline]
    pub(crate) fn ensure_thread(self: &Arc<Self>) {
        if self.queue.starts_on_demand() {
            self.ensure_thread_slow();
        }
    }

    fn ensure_thread_slow(self: &Arc<Self>) {
        if self.queue.reserve_thread()
            && self.spawn_pool_thread(None).is_err()
            && !self.queue.cancel_thread_reservation()
        {
            // There is no thread, and no other caller is starting one. The next job tries again.
            for job in self.jobs() {
                if job.cancel_reason().is_none() {
                    self.counters.rejected(&self.name);
                }
                job.interrupt(CancelReason::NoThread);
            }
        }
    }

    /// How many jobs are between the queue and a thread slot. Nothing else can see these jobs.
    pub(crate) fn in_hand(&self) -> usize {
        self.queue.at_one_moment(|_, running| running.saturating_sub(self.occupied()))
    }

    /// How many slots hold a job.
    fn occupied(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_occupied()).count()
    }

    /// The jobs that wait here, then those that run here. A caller that cancels them in this order
    /// does not free a thread for a job that it has not cancelled yet.
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
    /// Claims the job for running; `false` if it was claimed or cancelled before.
    fn claim(&self) -> bool;
    fn is_cancelled(&self) -> bool;
    /// Notes that it is queued; `false` if it is cancelled already.
    fn mark_queued(&self) -> bool;
    /// Notes that it waits for its lane; `false` if it is cancelled already.
    fn mark_lane_blocked(&self) -> bool;
    /// Notes that it is handed off to a waiting thread; `false` if it is cancelled already.
    fn mark_handed_off(&self) -> bool;
    /// Runs the job, which this thread has claimed, and drops this handle on it. `since`: when the
    /// thread was free for it, if that is known.
    fn run(self: Arc<Self>, place: RunGuard<'_, Arc<dyn QueuedJob>>, since: Option<Instant>) -> RunResult;
    /// Notes that it holds its lane.
    fn acquire_lane(&self);
    /// Passes its lane, if it holds it, to the next job.
    fn release_lane(&self);
    /// Ends a job that was claimed in order to refuse it.
    fn refuse(&self, refusal: Refusal);
    /// The time by the clock of its deadline.
    fn now(&self) -> Instant;
    fn into_handed_off(self: Arc<Self>) -> Arc<dyn HandedOff>;
}

/// What the thread still has to do for a job that ran.
#[derive(Default)]
pub(crate) struct RunResult {
    /// To be woken when the thread has dropped the job.
    pub(super) caller: Option<Waker>,
    /// When the body ended, if the thread went straight on from there.
    pub(super) ended: Option<Instant>,
}
