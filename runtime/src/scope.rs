//! [`Scope`]: the jobs and tasks that belong to one server.
//!
//! A server polls its sessions and hooks inside its scope; an offload made there is a job of that
//! server, a task spawned by such a job a task of it. That is how a stop can wait for, cancel and
//! name exactly what is the server's own (O11), and never drains a pool that others use.

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::error::{Interrupted, catch_and_log};
use crate::report::RunningJob;
use crate::spawn::{BoxTask, Spawn};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::timer;

/// How long jobs that have just been cancelled get to notice, before they are called stuck.
pub(crate) const CANCEL_GRACE: Duration = Duration::from_millis(100);

/// A pool, to the scopes that its jobs belong to.
pub trait DrainSource: Send + Sync {
    /// Cancels the jobs that belong to `scope`.
    fn cancel_jobs_of(&self, scope: &Arc<Scope>);

    /// The jobs that belong to `scope` and have not ended.
    fn running_jobs_of(&self, scope: &Arc<Scope>) -> Vec<RunningJob>;
}

/// The jobs and tasks of one server.
pub struct Scope {
    spawner: Arc<dyn Spawn>,
    closed: AtomicBool,
    /// The jobs of this scope are cancelled: none begins any more.
    given_up: AtomicBool,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    jobs: usize,
    pools: Vec<Weak<dyn DrainSource>>,
    on_idle: Vec<Waker>,
}

impl Scope {
    /// A scope whose tasks run on `spawner`.
    #[inline]
    pub fn new(spawner: Arc<dyn Spawn>) -> Arc<Self> {
        Arc::new(Self {
            spawner,
            closed: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            members: Mutex::default(),
        })
    }

    /// From now on nothing is spawned here: portal calls that need a task of their own answer
    /// `Closed`.
    #[inline]
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Runs `task`, which polls inside this scope. `at`: where the user's code has spawned it, for
    /// the reports.
    #[inline]
    pub fn spawn(&self, task: BoxTask, at: Option<&'static Location<'static>>) -> Result<(), Interrupted> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Interrupted::Closed);
        }
        match at {
            Some(at) => self.spawner.spawn_at(task, at),
            None => self.spawner.spawn(task),
        }
    }

    /// Counts a job of this scope on `pool`, for as long as the guard lives.
    #[inline]
    pub fn register_job<P: DrainSource + 'static>(self: &Arc<Self>, pool: &Arc<P>) -> ScopeGuard {
        let mut members = self.members.lock();
        members.jobs += 1;
        if !members.pools.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(pool))) {
            members.pools.retain(|known| known.strong_count() > 0);
            members.pools.push(Arc::downgrade(pool) as Weak<dyn DrainSource>);
        }
        ScopeGuard(Arc::clone(self))
    }

    /// Waits for this scope's jobs until `until`, then cancels what is left, and names what does
    /// not stop.
    pub async fn drained(self: &Arc<Self>, until: Instant) -> Vec<RunningJob> {
        if timer::until(until, |waker| self.watch_idle(waker)).await {
            return Vec::new();
        }
        // Before the look at the pools: it cannot see a job that a thread has taken out of the
        // queue and not begun.
        self.given_up.store(true, Ordering::Release);
        let pools: Vec<_> = self.members.lock().pools.iter().filter_map(Weak::upgrade).collect();
        pools.iter().for_each(|pool| pool.cancel_jobs_of(self));
        if timer::until(Instant::now() + CANCEL_GRACE, |waker| self.watch_idle(waker)).await {
            return Vec::new();
        }
        pools.iter().flat_map(|pool| pool.running_jobs_of(self)).collect()
    }

    /// Whether the jobs of this scope were cancelled, so that none begins any more.
    #[inline]
    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Registers `waker` for when no job is left; `true` if none is.
    fn watch_idle(&self, waker: &Waker) -> bool {
        let mut members = self.members.lock();
        if members.jobs == 0 {
            return true;
        }
        if !members.on_idle.iter().any(|known| known.will_wake(waker)) {
            members.on_idle.push(waker.clone());
        }
        false
    }
}

/// One job's membership.
pub struct ScopeGuard(Arc<Scope>);

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        let mut members = self.0.members.lock();
        members.jobs -= 1;
        let wakers = if members.jobs == 0 { std::mem::take(&mut members.on_idle) } else { Vec::new() };
        drop(members);
        wakers.into_iter().for_each(|waker| catch_and_log("a waker", || waker.wake()));
    }
}
