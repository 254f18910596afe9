//! [`Portal`]: the way to the loop for threads that no pool owns.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use super::PortalTask;
use crate::context::{self, boxed_call};
use crate::error::{Interrupted, catch_panic};
use crate::host_call;
use crate::job::{Charge, Host, JobMeta, RareMeta};
use crate::pool::{ExternalJob, root_job};
use crate::scope::Scope;
use crate::spawn::{Executor, Spawn};
use crate::worker::{Wait, Worker};

/// A way to the loop for threads that no pool owns: a C library's callback, a file watcher, the
/// main thread.
///
/// Cheap to clone, to send and to share. What needs no wait can be done straight away
/// ([`spawn`](Self::spawn), [`call_soon`](Self::call_soon)); to wait, a thread first shows that it
/// may, by [`enter_thread`](Self::enter_thread), and is lent a [`Worker`] for as long.
/// (EasyNetwork: `ThreadsPortal`; anyio: `BlockingPortal`.)
///
/// What comes through it runs as a task of the server that the portal was made in, else of the
/// runtime. After that server has stopped, every call answers [`Interrupted::Closed`].
///
/// ```
/// # use portcullis_runtime::{Portal, Wait};
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// # runtime.block_on(async {
/// let portal = Portal::current()?;
/// let thread = std::thread::spawn(move || {
///     portal.enter_thread(|worker| async { tokio::task::yield_now().await; 6 * 7 }.wait(worker))
/// });
/// # let joined = tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
/// assert_eq!(joined??, 42);
/// # Ok::<_, portcullis_runtime::Interrupted>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Portal {
    scope: Option<Arc<Scope>>,
    executor: Executor,
    /// Takes what is asked for by threads that have not entered, in its order.
    root: Arc<dyn Host>,
}

impl Portal {
    /// The portal to what runs here: the server whose handler or job this is called in, else the
    /// current tokio runtime.
    ///
    /// # Errors
    /// [`Interrupted::NoRuntime`] if there is neither.
    pub fn current() -> Result<Self, Interrupted> {
        let current = context::current();
        let executor =
            current.host.as_ref().map_or_else(Executor::current, |job| job.meta().executor.clone());
        match (&current.scope, &executor) {
            (None, Executor::None) => Err(Interrupted::NoRuntime),
            _ => Ok(Self::to(current.scope, executor)),
        }
    }

    /// A portal to an executor of another make.
    pub fn new(spawner: Arc<dyn Spawn>) -> Self {
        Self::to(None, Executor::Custom(spawner))
    }

    /// The portal to a server.
    #[doc(hidden)]
    pub fn of(scope: Arc<Scope>) -> Self {
        Self::to(Some(scope), Executor::current())
    }

    fn to(scope: Option<Arc<Scope>>, executor: Executor) -> Self {
        // Each call brings the values of its own caller.
        let meta = context::with_values(&mut None, || meta(scope.clone(), executor.clone(), None));
        Self { scope, executor, root: root_job(meta) }
    }

    /// Lends this thread a [`Worker`] while `f` runs here, so that it can wait for the loop.
    ///
    /// What it waits for runs as a task of its own, since no task awaits this thread.
    ///
    /// # Errors
    /// [`Interrupted::OnEventLoop`] on a thread that is polling a task right now: to wait there for
    /// the loop would never end. Tasks of portcullis and of tokio are detected; those of another
    /// executor can't be in general. Tokio can be asked only by a panic that is caught: its message
    /// may show on stderr, and a program that is built with `panic = "abort"` ends there instead.
    ///
    /// # Panics
    /// A panic of `f` goes on through this call, as in any function that calls it.
    pub fn enter_thread<R>(&self, f: impl FnOnce(&Worker) -> R) -> Result<R, Interrupted> {
        if context::is_polling_task() || in_tokio_task() {
            return Err(Interrupted::OnEventLoop);
        }
        Ok(ExternalJob::new(meta(self.scope.clone(), self.executor.clone(), Some(&self.root))).run(f))
    }

    /// Runs `f` on the loop and returns its value; for a worker of another loop than this portal's,
    /// else the same as [`Worker::call`]. (EasyNetwork: `run_sync`.)
    ///
    /// # Errors
    /// As [`Wait::wait`].
    #[track_caller]
    pub fn call<F, R>(&self, worker: &Worker, f: F) -> Result<R, Interrupted>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        if self.owns(worker.host()) {
            return worker.call(f);
        }
        PortalTask::soon(&self.root, f).wait(worker)?
    }

    /// Spawns a task on the loop, from any thread, the loop's own included. (EasyNetwork:
    /// `run_coroutine_soon`.)
    ///
    /// A refusal ([`Interrupted::Closed`]) is the task's result.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> PortalTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        PortalTask::spawn(&self.root, future)
    }

    /// Runs `f` on the loop soon, from any thread, the loop's own included. A panic of `f` is
    /// logged.
    ///
    /// What one thread asks for takes effect in the order in which it asked.
    ///
    /// # Errors
    /// [`Interrupted::Closed`] if the server has stopped, and [`Interrupted::Full`] if 16,384
    /// functions wait for the loop already; then `f` never runs. (This may be the loop's own
    /// thread, so it cannot wait. A thread that [enters](Self::enter_thread) can:
    /// [`Worker::call_soon`] slows it down.)
    pub fn call_soon<F>(&self, f: F) -> Result<(), Interrupted>
    where
        F: FnOnce() + Send + 'static,
    {
        let here = context::current().host.filter(|host| self.owns(host));
        let host = here.unwrap_or_else(|| Arc::clone(&self.root));
        let call = boxed_call(&host, host_call::catch_and_log_panic(f));
        match host.call_host_soon(&host, call)? {
            Some(_) => Err(Interrupted::Full),
            None => Ok(()),
        }
    }

    /// Whether `host` is a thread that entered through this portal (or a clone of it), whose own
    /// order counts then.
    fn owns(&self, host: &Arc<dyn Host>) -> bool {
        host.meta().entered_through(&self.root)
    }
}

fn meta(scope: Option<Arc<Scope>>, executor: Executor, root: Option<&Arc<dyn Host>>) -> JobMeta {
    JobMeta {
        name: "Portal::enter_thread",
        pool: None,
        charge: Charge::default(),
        submitted_at: Instant::now(),
        scope,
        values: context::values(),
        executor,
        rare: root
            .map(|root| Box::new(RareMeta { portal_root: Some(Arc::clone(root)), ..RareMeta::default() })),
    }
}

/// Whether tokio runs a task on this thread. The one exact question is whether `Handle::block_on`
/// would refuse: a handle is current under `spawn_blocking` too, where waiting is fine.
pub fn in_tokio_task() -> bool {
    tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| catch_panic(|| handle.block_on(std::future::ready(()))).is_err())
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("in_server", &self.scope.is_some()).finish_non_exhaustive()
    }
}
