//! [`PortalTask`]: a task on the loop, spawned from a thread.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::context::{self, Current, boxed_call, spawn_for};
use crate::error::{CatchUnwind, Interrupted, catch_panic};
use crate::job::Host;
use crate::sync::Mutex;
use crate::worker::Worker;

/// A task on the loop that a thread has spawned: await it, wait for it from a thread, cancel it, or
/// let it go.
///
/// It is a future (`task.await` on the loop, `task.wait(worker)` on a thread). Dropping it detaches
/// the task. The counterpart of the `concurrent.futures.Future` that EasyNetwork's
/// `run_coroutine_soon` returns.
///
/// # Errors
/// Its output is the future's, or [`Interrupted::Cancelled`] (by [`cancel`](Self::cancel), or by
/// the server's stop), [`Interrupted::Panicked`], [`Interrupted::NoRuntime`] or
/// [`Interrupted::Closed`] (it was never spawned).
#[must_use = "dropping a `PortalTask` detaches the task: say so with `.detach()`, or keep it"]
pub struct PortalTask<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    result: Option<Result<T, Interrupted>>,
    done: bool,
    cancelled: bool,
    waiter: Option<Waker>,
    runner: Option<Waker>,
}

impl<T> Shared<T> {
    fn new() -> Self {
        let state = State { result: None, done: false, cancelled: false, waiter: None, runner: None };
        Self { state: Mutex::new(state) }
    }

    fn cancel(&self) -> bool {
        let mut state = self.state.lock();
        if state.done {
            return false;
        }
        state.cancelled = true;
        let runner = state.runner.take();
        drop(state);
        self.finish(Err(Interrupted::Cancelled { began: true }));
        if let Some(runner) = runner {
            runner.wake();
        }
        true
    }

    fn is_done(&self) -> bool {
        self.state.lock().done
    }

    /// Only the first result counts. It wakes the waiting task at once.
    fn finish(&self, result: Result<T, Interrupted>) {
        let mut state = self.state.lock();
        if state.done {
            drop(state);
            return;
        }
        state.done = true;
        state.result = Some(result);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl Worker {
    /// Spawns `future` as a task of the server that this job works for, else of the tokio runtime
    /// that was current where the job was submitted. (EasyNetwork: `run_coroutine_soon`.)
    ///
    /// The task outlives the job. Dropping the [`PortalTask`] detaches it; a server's stop cancels
    /// what is left of its tasks when its grace is over. Where nothing can run it (no server, no
    /// tokio), or the server has stopped, the `PortalTask` answers [`Interrupted::NoRuntime`] or
    /// [`Interrupted::Closed`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> PortalTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        PortalTask::spawn(self.host(), future)
    }
}

impl<T: Send + 'static> PortalTask<T> {
    /// Spawns `future` for `host`: its offloads know by that which thread waits for them (O9).
    #[track_caller]
    pub(crate) fn spawn<F>(host: &Arc<dyn Host>, future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let shared = Arc::new(Shared::new());
        let runner = Runner {
            shared: Some(Arc::clone(&shared)),
            current: Current { values: context::values(), ..Current::for_job(Arc::clone(host)) },
            future: Some(Box::pin(CatchUnwind::new(future))),
        };
        if let Err(refused) = spawn_for(host.meta(), Box::pin(runner), Some(Location::caller())) {
            // Dropping the runner has just set `Cancelled`: replace it by the cause.
            shared.state.lock().result = Some(Err(refused));
        }
        Self { shared }
    }

    /// Makes `host` run `f`, in order with its other calls.
    pub(crate) fn soon<F>(host: &Arc<dyn Host>, f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let shared = Arc::new(Shared::new());
        let give = Finish(Arc::clone(&shared));
        let call = async move { give.0.finish(catch_panic(f).map_err(Interrupted::Panicked)) };
        let refused = match host.call_host_soon(host, boxed_call(host, call)) {
            Ok(None) => return Self { shared },
            Ok(Some(_)) => Interrupted::Full,
            Err(refused) => refused,
        };
        // Dropping the call has just set `Cancelled`: replace it by the cause.
        shared.state.lock().result = Some(Err(refused));
        Self { shared }
    }
}

/// The code that dropped the call unrun has reported it.
struct Finish<T>(Arc<Shared<T>>);

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        self.0.finish(Err(Interrupted::Cancelled { began: true }));
    }
}

impl<T> PortalTask<T> {
    /// Cancels the task, at any time before it is done: it is dropped on the loop, at its next
    /// turn, and the task that waits for it gets [`Interrupted::Cancelled`] at once. `false` if it
    /// was done already.
    pub fn cancel(&self) -> bool {
        self.shared.cancel()
    }

    /// A handle that can cancel this task from elsewhere, also while another thread waits for it.
    /// (tokio: `AbortHandle`.)
    pub fn cancel_handle(&self) -> CancelHandle
    where
        T: Send + 'static,
    {
        CancelHandle(Arc::clone(&self.shared) as Arc<dyn Cancel>)
    }

    /// Whether the task has ended, by itself or by a cancel.
    pub fn is_finished(&self) -> bool {
        self.shared.is_done()
    }

    /// Lets the task run on; its result is dropped on the loop.
    pub fn detach(self) {}
}

impl<T> Future for PortalTask<T> {
    type Output = Result<T, Interrupted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.shared.state.lock();
        if let Some(result) = state.result.take() {
            return Poll::Ready(result);
        }
        assert!(!state.done, "`PortalTask` polled after its output was taken");
        let before = state.waiter.replace(cx.waker().clone());
        drop(state);
        drop(before); // a waker may own its task, whose drop is the user's code
        Poll::Pending
    }
}

impl<T> fmt::Debug for PortalTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalTask").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Cancels one [`PortalTask`]; made by [`PortalTask::cancel_handle`]. Keeps the task's result, if
/// it was not taken, in memory.
#[derive(Clone)]
pub struct CancelHandle(Arc<dyn Cancel>);

trait Cancel: Send + Sync {
    fn cancel(&self) -> bool;
    fn is_done(&self) -> bool;
}

impl<T: Send> Cancel for Shared<T> {
    fn cancel(&self) -> bool {
        Shared::cancel(self)
    }

    fn is_done(&self) -> bool {
        Shared::is_done(self)
    }
}

impl CancelHandle {
    /// As [`PortalTask::cancel`].
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// As [`PortalTask::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.0.is_done()
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle").field("finished", &self.is_finished()).finish()
    }
}

/// What the executor holds: the future, and its end of the result.
struct Runner<F: Future> {
    /// `None` when the task has ended.
    shared: Option<Arc<Shared<F::Output>>>,
    current: Current,
    future: Option<Pin<Box<CatchUnwind<F>>>>,
}

impl<F: Future> Unpin for Runner<F> {}

impl<F: Future> Runner<F> {
    /// Ends the task. Its future and (if it was not taken) its result are the user's, and so are
    /// their drops: a panic of one is not for the executor, which may not survive it.
    fn end(&mut self, result: Result<F::Output, Interrupted>) {
        let Some(shared) = self.shared.take() else { return };
        let future = self.future.take();
        if let (Err(Interrupted::Panicked(panic)), 1) = (&result, Arc::strong_count(&shared)) {
            tracing::error!(%panic, "a detached task panicked");
        }
        let dropped = context::with(&mut self.current, true, || {
            let future = catch_panic(|| drop(future));
            let result = catch_panic(|| {
                shared.finish(result);
                drop(shared);
            });
            future.and(result)
        });
        if let Err(panic) = dropped {
            tracing::error!(%panic, "a panic in a drop, at the end of a task");
        }
    }
}

impl<F: Future> Future for Runner<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (Some(shared), Some(future)) = (&this.shared, &mut this.future) else { return Poll::Ready(()) };
        let (cancelled, before) = {
            let mut state = shared.state.lock();
            (state.cancelled, state.runner.replace(cx.waker().clone()))
        };
        drop(before);
        if cancelled {
            this.end(Err(Interrupted::Cancelled { began: true }));
            return Poll::Ready(());
        }
        let result = ready!(context::with(&mut this.current, true, || future.as_mut().poll(cx)));
        this.end(result.map_err(Interrupted::Panicked));
        Poll::Ready(())
    }
}

impl<F: Future> Drop for Runner<F> {
    /// Before the end: the executor was shut down, or the server's grace is over.
    fn drop(&mut self) {
        self.end(Err(Interrupted::Cancelled { began: true }));
    }
}
