//! [`Offload`]: the future of one job.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::job_cell::{HostPoll, OffloadHandle};
use crate::context::{self, Current};
use crate::error::Interrupted;
use crate::host_call::BoxCall;
use crate::job::HostRequest;
use crate::worker::{Wait, Worker};

/// The future of one job on a [`Pool`](crate::Pool): submitted when made, cancelled when dropped.
///
/// The job has its ticket, its deadline, its span and its cancellation from the call on, whether
/// this future is polled yet or not. Its output is what the job returned; whatever else can happen
/// to it comes as an [`Interrupted`], turned into `E` by `From`.
///
/// **It is also the host of the job's worker**: what the job waits for on the loop is polled by
/// this future, in the task that polls it. An `Offload` that is kept without being polled therefore
/// leaves a worker that waits waiting (until its deadline, or a drain); a drain reports it as
/// "waiting for an offload that nobody polls".
///
/// # Cancellation
/// Dropping it gives the job up. A queued job never runs, its captures are dropped and its place in
/// the queue is free at once. A running job learns it by [`Worker::check`](crate::Worker::check);
/// its result is dropped on its thread; its thread stays taken until it really ends.
/// [`detach`](Self::detach) lets the job run on instead.
///
/// # Panics
/// A panic of the job arrives as [`Interrupted::Panicked`]; the thread and the pool live on.
/// Polling again after the output was taken panics.
#[must_use = "dropping an `Offload` cancels its job, also with `let _ =`: `.await` it, `.wait(worker)` for it, or `.detach()` it"]
pub struct Offload<T, E = Interrupted> {
    /// `None` when the output was taken.
    job: Option<Arc<dyn OffloadHandle<T, E>>>,
    /// The worker's call that is being polled.
    call: Option<HostedCall>,
    /// A drop does not cancel.
    detached: bool,
}

/// A call of the worker's, and what is current while it is polled.
struct HostedCall {
    call: BoxCall,
    current: Current,
}

impl HostedCall {
    /// What the call offloads in turn knows which thread waits for it.
    fn new<T, E>(job: &Arc<dyn OffloadHandle<T, E>>, call: BoxCall) -> Self {
        Self { call, current: Current::for_job(Arc::clone(job).as_host()) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let call = self.call.as_mut();
        context::with(&mut self.current, true, || call.poll_call(cx))
    }
}

impl<T, E> Unpin for Offload<T, E> {}

impl<T, E> Offload<T, E> {
    pub(super) fn new(job: Arc<dyn OffloadHandle<T, E>>, detached: bool) -> Self {
        Self { job: Some(job), call: None, detached }
    }

    /// Lets the job run to its end unawaited; its result is dropped on its thread. (EasyNetwork:
    /// the raw `submit`.)
    ///
    /// What it waits for on the loop then runs as a task of the server, else of the tokio runtime
    /// that was current at the call. A job that has no place yet keeps its ticket. The deadline,
    /// and a drain, still hold.
    pub fn detach(mut self) {
        if let Some(job) = self.job.take() {
            job.detach(self.call.take().map(|hosted| hosted.call));
        }
    }
}

impl<T, E> Offload<T, E>
where
    T: Send + 'static,
    E: From<Interrupted> + Send + 'static,
{
    /// Blocks this thread until the job is done, and gives what `.await` gives:
    /// `self.decode(image).wait(worker)?` is the image.
    ///
    /// Whatever interrupts the wait arrives as the job's own error, turned into `E` by `From`.
    /// ([`Wait::wait`], which other futures have, puts it around their output.)
    ///
    /// ```
    /// # use portcullis_runtime::{Interrupted, Pool};
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("sums").threads(1).build().unwrap();
    /// let inner = pool.clone();
    /// let sum = pool.try_run(move |worker| {
    ///     let half = inner.run(|_| 21).wait(worker)?;
    ///     Ok::<_, Interrupted>(half * 2)
    /// });
    /// assert_eq!(sum.await.unwrap(), 42);
    /// # });
    /// ```
    ///
    /// # Errors
    /// The job's own, and those of [`Wait::wait`].
    #[track_caller]
    pub fn wait(self, worker: &Worker) -> Result<T, E> {
        Wait::wait(self, worker)?
    }
}

impl<T, E> Future for Offload<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let job = this.job.as_ref().expect("`Offload` polled after its output was taken");
        loop {
            if this.call.as_mut().is_some_and(|hosted| hosted.poll(cx).is_ready()) {
                if let Some(HostedCall { call, .. }) = this.call.take() {
                    let idle = job.complete_call(call, cx.waker());
                    match job.job_meta().hooks() {
                        Some(hooks) => hooks.call_completed(),
                        None if idle => return Poll::Pending,
                        None => {}
                    }
                }
            }
            let ended = match job.poll_host(this.call.is_some(), cx.waker()) {
                None => return Poll::Pending,
                Some(HostPoll::Request(HostRequest::Call(call))) => {
                    this.call = Some(HostedCall::new(job, call));
                    continue;
                }
                Some(HostPoll::Request(HostRequest::CallSoon(call))) => {
                    let _ = HostedCall::new(job, call).poll(cx);
                    continue;
                }
                Some(HostPoll::Output(ended)) => ended,
            };
            if this.call.is_some() {
                this.call = None; // hardly ever, and a drop of `None` is not free
            }
            this.job = None;
            return Poll::Ready(ended);
        }
    }
}

impl<T, E> Drop for Offload<T, E> {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let taken = self.call.take().map(|hosted| hosted.call);
        if self.detached { job.detach(taken) } else { job.drop_awaiter(taken) }
    }
}

impl<T, E> fmt::Debug for Offload<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offload").field("done", &self.job.is_none()).finish_non_exhaustive()
    }
}
