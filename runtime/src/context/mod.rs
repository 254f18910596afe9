//! What is current on a thread: the job on whose behalf its code runs, its server and its values.
//!
//! On a pool thread the current job is the one that it runs. On a loop thread it is the job that
//! made the call or spawned the task that is being polled. Jobs that are made meanwhile know by it
//! which threads wait for them (see `hand_off` in [`Host`]), and which server they belong to.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

mod key;

pub(crate) use self::key::boxed_call;
pub use self::key::{ContextFuture, ContextKey};

use crate::error::Interrupted;
use crate::job::{Host, JobMeta};
use crate::scope::Scope;
use crate::spawn::{BoxTask, Executor, Spawn};
use crate::sync::thread_local;
use crate::values::ContextValues;

crate::context! {
    /// The moment by which the work that is current has to be done, for all jobs that it makes.
    ///
    /// A job made inside `DEADLINE.scope(at, future)` has the earlier of `at` and its own deadline,
    /// and so have the jobs that it makes in turn. Use it where a request comes in: in a middleware
    /// of axum, for example. A job made with [`detached`](crate::JobBuilder::detached) ignores it.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use portcullis_runtime::{DEADLINE, Pool};
    ///
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("db").threads(1).build().unwrap();
    /// let at = Instant::now() + Duration::from_millis(200);
    /// let deadline = DEADLINE.scope(at, async { pool.run(|worker| worker.deadline()).await });
    /// assert_eq!(deadline.await.unwrap(), Some(at));
    /// # });
    /// ```
    pub static DEADLINE: Instant;
}

#[derive(Clone, Default)]
pub(crate) struct Current {
    pub(crate) host: Option<Arc<dyn Host>>,
    pub(crate) scope: Option<Arc<Scope>>,
    /// The values of `context!`.
    pub(crate) values: Option<Arc<ContextValues>>,
    /// The value of [`DEADLINE`], if it is set here and not in `values` yet: see [`DeadlineScope`].
    /// `None` in each copy.
    pub(crate) deadline: Option<Instant>,
}

impl Current {
    fn add_deadline_to_values(&mut self) {
        if let Some(at) = self.deadline.take() {
            self.values = Some(DEADLINE.add_to(at, self.values.take()));
        }
    }

    /// What is current while `host` runs, or something runs on its behalf.
    pub(crate) fn for_job(host: Arc<dyn Host>) -> Self {
        let meta = host.meta();
        Self { scope: meta.scope.clone(), values: meta.values.clone(), host: Some(host), deadline: None }
    }
}

thread_local! {
    static CURRENT: RefCell<Current> =
        const { RefCell::new(Current { host: None, scope: None, values: None, deadline: None }) };
    static THREAD_STATE: Cell<ThreadState> = const { Cell::new(ThreadState::Foreign) };
    static POOL_THREAD: OnceCell<Arc<dyn PoolThread>> = const { OnceCell::new() };
}

/// A pool thread.
pub(crate) trait PoolThread: Send + Sync {
    /// The job that runs on the thread: the innermost, if there are several.
    fn current_job(&self) -> Option<Arc<dyn Host>>;
}

/// Makes this thread a pool thread, for good.
pub(crate) fn set_pool_thread(thread: Arc<dyn PoolThread>) {
    POOL_THREAD.with(|mine| drop(mine.set(thread)));
}

/// The job that runs on this pool thread.
fn job_of_pool_thread() -> Option<Arc<dyn Host>> {
    POOL_THREAD.try_with(|mine| mine.get().and_then(|thread| thread.current_job())).ok().flatten()
}

/// What this thread does right now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ThreadState {
    /// It runs nothing of this crate: nothing is current.
    Foreign,
    /// It runs code of this crate that is no task.
    Running,
    /// It polls a task of this crate.
    PollingTask,
    /// It is a pool thread that runs a job without scope and values: [`PoolThread::current_job`].
    PoolThread,
}

/// A copy of what is current on this thread. Nothing is while the thread-locals are being dropped.
#[inline]
pub(crate) fn current() -> Current {
    let state = thread_state();
    if state == ThreadState::Foreign {
        return Current::default();
    }
    let copy = |current: &RefCell<Current>| {
        let mut current = current.borrow_mut();
        current.add_deadline_to_values();
        current.clone()
    };
    let mut current = CURRENT.try_with(copy).unwrap_or_default();
    if state == ThreadState::PoolThread {
        current.host = job_of_pool_thread();
    }
    current
}

#[inline]
fn thread_state() -> ThreadState {
    THREAD_STATE.try_with(Cell::get).unwrap_or(ThreadState::Foreign)
}

/// Whether this thread polls a task of this crate right now.
pub fn is_polling_task() -> bool {
    thread_state() == ThreadState::PollingTask
}

/// Whether this thread runs a job right now, or polls a future of one.
pub(crate) fn is_running_job() -> bool {
    matches!(thread_state(), ThreadState::Running | ThreadState::PoolThread)
}

/// As [`with`], and cheaper: for a job without scope and values that is this pool thread's current
/// job.
pub(crate) fn with_pool_thread_job<R>(f: impl FnOnce() -> R) -> R {
    let _back = RestoreThreadState::set(ThreadState::PoolThread);
    f()
}

/// Restores the state from before when it is dropped.
struct RestoreThreadState(ThreadState);

impl RestoreThreadState {
    fn set(state: ThreadState) -> Self {
        Self(THREAD_STATE.try_with(|now| now.replace(state)).unwrap_or(ThreadState::Foreign))
    }
}

impl Drop for RestoreThreadState {
    fn drop(&mut self) {
        let _ = THREAD_STATE.try_with(|now| now.set(self.0));
    }
}

/// Makes `mine` current while `f` runs. It is swapped in and out, also on a panic, and not copied.
pub(crate) fn with<R>(mine: &mut Current, on_loop: bool, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a mut Current);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            swap(self.0);
        }
    }
    let _was = RestoreThreadState::set(if on_loop { ThreadState::PollingTask } else { ThreadState::Running });
    swap(mine);
    let _back = Back(mine);
    f()
}

fn swap(with: &mut Current) {
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), with));
}

/// The values that are current on this thread.
pub(crate) fn values() -> Option<Arc<ContextValues>> {
    let copy = |current: &RefCell<Current>| {
        let mut current = current.borrow_mut();
        current.add_deadline_to_values();
        current.values.clone()
    };
    CURRENT.try_with(copy).unwrap_or_default()
}

/// As [`with`], for the values alone.
pub(crate) fn with_values<R>(mine: &mut Option<Arc<ContextValues>>, f: impl FnOnce() -> R) -> R {
    with_values_and_deadline(mine, &mut None, f)
}

fn with_values_and_deadline<R>(
    values: &mut Option<Arc<ContextValues>>,
    deadline: &mut Option<Instant>,
    f: impl FnOnce() -> R,
) -> R {
    struct Back<'a>(&'a mut Option<Arc<ContextValues>>, &'a mut Option<Instant>);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            swap_values(self.0, self.1);
        }
    }
    let _was = RestoreThreadState::set(if thread_state() == ThreadState::Foreign {
        ThreadState::Running
    } else {
        thread_state()
    });
    swap_values(values, deadline);
    let _back = Back(values, deadline);
    f()
}

fn swap_values(values: &mut Option<Arc<ContextValues>>, deadline: &mut Option<Instant>) {
    let _ = CURRENT.try_with(|current| {
        let mut current = current.borrow_mut();
        std::mem::swap(&mut current.values, values);
        std::mem::swap(&mut current.deadline, deadline);
    });
}

/// As `DEADLINE.scope(at, future)`, for futures that often end without reading it: the value is
/// added to the context values, which allocates, when they are copied.
pub struct DeadlineScope {
    /// Until it is part of the values.
    deadline: Option<Instant>,
    values: Option<Arc<ContextValues>>,
}

impl DeadlineScope {
    /// The deadline `at`, around what is current here.
    pub fn new(at: Instant) -> Self {
        Self { deadline: Some(at), values: values() }
    }

    /// Calls `f` inside the scope.
    pub fn enter<R>(&mut self, f: impl FnOnce() -> R) -> R {
        with_values_and_deadline(&mut self.values, &mut self.deadline, f)
    }
}

impl fmt::Debug for DeadlineScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineScope").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Spawns `task` for a job: in its server, or else on the executor that was current where the job
/// was made. `at`: where the user's code has spawned it, for the reports; `None` for a task of this
/// crate.
pub(crate) fn spawn_for(
    job: &JobMeta,
    task: BoxTask,
    at: Option<&'static Location<'static>>,
) -> Result<(), Interrupted> {
    match (&job.scope, &job.executor) {
        (Some(scope), _) => scope.spawn(Box::pin(scope.enter(task)), at),
        (None, Executor::Tokio(handle)) => Spawn::spawn(handle, task),
        (None, Executor::Custom(spawner)) => spawner.spawn(task),
        (None, Executor::None) => Err(Interrupted::NoRuntime),
    }
}

impl Scope {
    /// Polls `future` as part of this scope.
    pub fn enter<F: Future>(self: &Arc<Self>, future: F) -> InScope<F> {
        InScope { future, current: Current { scope: Some(Arc::clone(self)), ..Current::default() } }
    }
}

pin_project_lite::pin_project! {
    /// A future that is polled as part of a [`Scope`].
    pub struct InScope<F> {
        #[pin]
        future: F,
        current: Current,
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        with(this.current, true, || this.future.poll(cx))
    }
}
