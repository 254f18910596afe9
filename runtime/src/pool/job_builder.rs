//! [`JobBuilder`]: makes a job, and submits it.
//!
//! | step | what ends it early |
//! |---|---|
//! | collect what is current for the caller | its time is over: `Deadline` |
//! | start the timers of the deadlines | no timer thread: `Full` |
//! | acquire the lane, or wait for it | |
//! | enter the queue, or be handed off to a waiting ancestor | `Full`, `Overloaded`, `Closed`, `TooDeep` |
//!
//! The deadline is the earliest of three: the job's own (or the default of the pool), that of the
//! job on whose behalf it is made, and [`DEADLINE`].

use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::estimate::CallSite;
use super::inner::{Inner, QueuedJob};
use super::job_cell::{JobCell, OffloadHandle, Payload, TraceContext};
use super::lanes::lane_key;
use super::queue::{Demand, PushResult, Refusal, Reservation};
use super::stats::Counters;
use super::{Offload, Pool};
use crate::context::{self, DEADLINE};
use crate::error::Interrupted;
use crate::hooks::{self, Hooks};
use crate::job::{Host, Job, JobMeta, LaneKey, MAX_DEPTH, ParentLink, RareMeta};
use crate::spawn::Executor;
use crate::values::ContextValues;
use crate::worker::Worker;

/// One job on its way to a [`Pool`]; made by [`Pool::job`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `.run(..)` or `.try_run(..)`"]
pub struct JobBuilder<'a> {
    pool: &'a Pool,
    site: CallSite,
    deadline: Option<Duration>,
    start_deadline: Option<Duration>,
    lane: Option<LaneKey>,
    detached: bool,
}

impl<'a> JobBuilder<'a> {
    #[inline]
    pub(super) fn new(pool: &'a Pool, method: &'static str, at: &'static Location<'static>) -> Self {
        let site = CallSite { method, at };
        Self { pool, site, deadline: None, start_deadline: None, lane: None, detached: false }
    }
}

impl JobBuilder<'_> {
    /// Ends the job `time` after the call, instead of the pool's
    /// [default](super::PoolBuilder::deadline). If it is queued then it never runs; if it runs, its
    /// worker is cancelled. The caller gets [`Interrupted::Deadline`] at once.
    ///
    /// A job that cannot end by its deadline may be answered earlier: see the guide's page on
    /// overload. A job that is made on behalf of another one has the earlier of both deadlines.
    /// `Duration::MAX` stands for no deadline of its own.
    #[rustfmt::skip]
    pub fn deadline(mut self, time: Duration) -> Self { // `Duration::from_secs(..)` for a number of seconds
        self.deadline = Some(time);
        self
    }

    /// Ends the job if it has not begun `time` after the call. It then never runs, and the caller
    /// gets [`Interrupted::Deadline`] with `began: false`. Once the job has begun, this deadline no
    /// longer applies, so it suits work that is better never begun than cut short. The pool refuses
    /// the job at the call if the queue is expected to take longer.
    ///
    /// Jobs that this job makes do not inherit it. It can be combined with
    /// [`deadline`](Self::deadline). `Duration::MAX` stands for none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use portcullis_runtime::{Interrupted, Pool};
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("disk").threads(1).build().unwrap();
    /// let long = pool.run(|_| std::thread::sleep(Duration::from_millis(50)));
    /// let write = pool.job("write").start_deadline(Duration::from_millis(5)).run(|_| "written");
    /// assert!(!write.await.unwrap_err().began());
    /// long.await?;
    /// # Ok::<_, Interrupted>(())
    /// # }).unwrap();
    /// ```
    #[rustfmt::skip]
    pub fn start_deadline(mut self, time: Duration) -> Self { // `Duration::from_secs(..)` for a number of seconds
        self.start_deadline = Some(time);
        self
    }

    /// Runs the jobs of this pool with equal keys one after the other, in the order of their calls;
    /// those with different keys run in parallel. A job made on behalf of one of the same lane
    /// (which waits for it) is part of that one.
    #[rustfmt::skip]
    pub fn lane<K: Hash + ?Sized>(mut self, key: &K) -> Self { // for `f64`, `to_bits()`; for a type of yours, `#[derive(Hash)]`
        self.lane = Some(lane_key(key));
        self
    }

    /// Lets the job run on when the [`Offload`] is dropped, as [`Offload::detach`] does. Such a job
    /// inherits no deadline.
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
    pub(super) fn run_in<F, T>(self, slot: Reservation<'_, Arc<dyn QueuedJob>>, f: F) -> Offload<T>
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
                slot.take(Arc::clone(cell) as Arc<dyn QueuedJob>);
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
        let submitted = if cell.meta().is_late_at_call() {
            Err(Interrupted::Deadline { began: false })
        } else {
            cell.start_deadline_timers().and_then(|()| submit(pool, &cell))
        };
        if let Err(refused) = submitted {
            let counts: &[fn(&Counters, &str)] = match refused {
                Interrupted::Full => &[Counters::rejected],
                Interrupted::Overloaded { .. } => &[Counters::overloaded],
                Interrupted::Deadline { .. } => &[Counters::deadline_exceeded, Counters::expired_unstarted],
                _ => &[],
            };
            if cell.reject(refused) {
                counts.iter().for_each(|count| count(&pool.counters, &pool.name));
            }
        }
        pool.ensure_thread();
        cell.meta().notify(Hooks::submitted);
        Offload::new(cell as Arc<dyn OffloadHandle<T, E>>, self.detached)
    }

    #[inline]
    fn meta(&self) -> JobMeta {
        let context::Current { host, scope, mut values, .. } = context::current();
        let executor = host.as_ref().map_or_else(Executor::current, |job| job.meta().executor.clone());
        let submitted_at = Instant::now();
        let pool = self.pool.inner();
        let charge = pool.queue.estimates.charge(self.site);
        let hooks = hooks::of_new_job(pool.hooks.as_ref(), &executor, pool);
        let is_plain = host.is_none()
            && values.is_none()
            && self.deadline.is_none()
            && self.start_deadline.is_none()
            && pool.default_deadline.is_none()
            && self.lane.is_none()
            && hooks.is_none();
        let rare = if is_plain { None } else { self.rare_meta(host, &mut values, submitted_at, hooks) };
        let name = self.site.method;
        JobMeta { name, pool: Some(pool.id), charge, submitted_at, scope, values, executor, rare }
    }

    /// What few jobs have. `parent`: the job on whose behalf this one is made. `values`: what it
    /// inherits; a job that inherits no deadline passes none on.
    #[inline(never)]
    fn rare_meta(
        &self,
        parent: Option<Arc<dyn Host>>,
        values: &mut Option<Arc<ContextValues>>,
        submitted_at: Instant,
        hooks: Option<Arc<dyn Hooks>>,
    ) -> Option<Box<RareMeta>> {
        let pool = self.pool.inner();
        let timeout = self.deadline.or(pool.default_deadline).filter(|timeout| *timeout < Duration::MAX);
        let is_free = self.detached || parent.as_ref().is_some_and(|parent| parent.is_committed());
        if is_free {
            *values = DEADLINE.remove_from(values.take());
        }
        let of_context = if values.is_some() && !is_free { DEADLINE.get() } else { None };
        let is_plain = parent.is_none()
            && timeout.is_none()
            && of_context.is_none()
            && self.start_deadline.is_none()
            && self.lane.is_none()
            && hooks.is_none();
        if is_plain {
            return None;
        }
        let parent = ParentLink::new(parent);
        let now = hooks.as_ref().map(|hooks| hooks.now());
        let after_call = |time| now.unwrap_or(submitted_at).checked_add(time);
        let own = timeout.and_then(after_call);
        let of_parent = if is_free { None } else { parent.deadline() };
        Some(Box::new(RareMeta {
            deadline: [own, of_context, of_parent].into_iter().flatten().min(),
            starts_by: self.start_deadline.filter(|time| *time < Duration::MAX).and_then(after_call),
            called_at: now,
            lane: self.lane.filter(|lane| !parent.holds_lane(pool.id, *lane)),
            parent,
            portal_root: None,
            hooks,
        }))
    }
}

/// The deadline that a job made here would inherit: the earlier of [`DEADLINE`] and the deadline of
/// the job on whose thread, or in whose future, this is called. `None` if there is neither, or if
/// that job has [committed](Worker::commit).
///
/// A client passes it on with a request to another machine.
pub fn deadline() -> Option<Instant> {
    let context::Current { host, values, .. } = context::current();
    if host.as_ref().is_some_and(|host| host.is_committed()) {
        return None;
    }
    let of_context = if values.is_some() { DEADLINE.get() } else { None };
    [of_context, ParentLink::new(host).deadline()].into_iter().flatten().min()
}

/// Pushes a job to the queue, or hands it off to the waiting thread that is to run it.
fn submit(pool: &Arc<Inner>, cell: &Arc<impl QueuedJob>) -> Result<(), Interrupted> {
    if cell.meta().rare.is_none() {
        // No ancestor, no lane, no deadline: as nearly every job.
        let demand = Demand::of(cell.meta());
        let joined = pool.queue.push(Arc::clone(cell) as Arc<dyn QueuedJob>, &demand, false);
        return handle_push_result(joined).map(drop);
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
            return handle_push_result(joined).map(drop);
        }
        cell.acquire_lane();
    }
    let demand = Demand::of(cell.meta());
    let mut ancestor = cell.meta().parent().waiting_ancestor(pool.id);
    loop {
        let joined = pool.queue.push(job, &demand, ancestor.is_some());
        let Some(back) = handle_push_result(joined).inspect_err(|_| cell.release_lane())? else {
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

/// Converts the queue's answer. Returns the job if it is to run on a waiting thread.
fn handle_push_result(
    joined: PushResult<Arc<dyn QueuedJob>>,
) -> Result<Option<Arc<dyn QueuedJob>>, Interrupted> {
    match joined {
        PushResult::Queued => Ok(None),
        PushResult::Full => Err(Interrupted::Full),
        PushResult::Overloaded(wait) => Err(Interrupted::Overloaded { retry_after: wait }),
        PushResult::Closed => Err(Interrupted::Closed),
        PushResult::HandOff(back) => Ok(Some(back)),
        PushResult::QueuedShedding(oldest) => {
            oldest.refuse(Refusal::Shed);
            Ok(None)
        }
    }
}
