//! [`Offload`]: the future of one job.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::job_cell::{HostPoll, OffloadHandle, Unfinished};
use crate::context::{self, Current};
use crate::error::Interrupted;
use crate::host_call::BoxCall;
use crate::job::HostRequest;
use crate::spawn::BoxTask;
use crate::worker::{Wait, Worker};

/// The future of one job on a [`Pool`](crate::Pool): submitted when made, cancelled when dropped.
///
/// The call fixes the position of the job in the queue, its deadline and its span, whether this
/// future is polled or not. The output is what the job returned. If the job did not return, it is
/// an [`Interrupted`], converted to `E` by `From`.
///
/// **It is also the host of the job's worker**: this future polls what the worker calls on the loop
/// ([`Worker::call`](crate::Worker::call), [`Worker::run_on_loop`](crate::Worker::run_on_loop)), in
/// the task that polls it. While an `Offload` is held and not polled, such a call waits, until the
/// job's deadline or a drain. The report of a drain says so.
///
/// # Cancellation
/// Dropping it cancels the job. A queued job never runs, its captures are dropped, and its slot in
/// the queue is free at once. A running job sees it by [`Worker::check`](crate::Worker::check). Its
/// result is dropped on its thread, and its thread stays occupied until it returns.
/// [`detach`](Self::detach) lets the job run on instead. A job that has
/// [committed](crate::Worker::commit) runs on, too.
///
/// # Panics
/// A panic of the job is returned as [`Interrupted::Panicked`]; the thread and the pool live on.
/// Polling again after the output was returned panics.
#[must_use = "dropping an `Offload` cancels its job, also with `let _ =`: `.await` it, `.wait(worker)` for it, or `.detach()` it"]
pub struct Offload<T, E = Interrupted> {
    /// `None` after the output was returned.
    job: Option<Arc<dyn OffloadHandle<T, E>>>,
    /// The call of the worker that is being polled.
    call: Option<HostedCall>,
    /// The host tasks of jobs that run on the worker's thread.
    served: Vec<BoxTask>,
    /// A drop does not cancel the job.
    detached: bool,
}

/// A call of the worker, and what is current while it is polled.
struct HostedCall {
    call: BoxCall,
    current: Current,
}

impl HostedCall {
    /// Jobs that the call makes know by `current` which thread waits for them.
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
        Self { job: Some(job), call: None, served: Vec::new(), detached }
    }

    /// Lets the job run to its end without a caller. Its result is dropped on its thread.
    /// (EasyNetwork: the raw `submit`.)
    ///
    /// What the job calls on the loop then runs as a task of the server, or else of the tokio
    /// runtime that was current at the call. A job that waits for a slot keeps its position. The
    /// deadline and a drain still apply.
    pub fn detach(mut self) {
        if let Some(job) = self.job.take() {
            job.detach(self.take_unfinished());
        }
    }

    fn take_unfinished(&mut self) -> Unfinished {
        let call = self.call.take().map(|hosted| hosted.call);
        Unfinished { call, served: std::mem::take(&mut self.served) }
    }
}

impl<T, E> Offload<T, E>
where
    T: Send + 'static,
    E: From<Interrupted> + Send + 'static,
{
    /// Blocks this thread until the job has ended, and returns what `.await` returns:
    /// `self.decode(image).wait(worker)?` is the image.
    ///
    /// If the wait is interrupted, the `Interrupted` is converted to the job's own error by `From`.
    /// ([`Wait::wait`] of other futures returns it around their output.)
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
        if !this.served.is_empty() {
            this.served.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        }
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
                Some(HostPoll::Serve(mut task)) => {
                    if task.as_mut().poll(cx).is_pending() {
                        this.served.push(task);
                    }
                    continue;
                }
                Some(HostPoll::Output(ended)) => ended,
            };
            if this.call.is_some() {
                this.call = None; // rare, and dropping a `None` is a call
            }
            if !this.served.is_empty() {
                this.served.clear();
            }
            this.job = None;
            return Poll::Ready(ended);
        }
    }
}

impl<T, E> Drop for Offload<T, E> {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let left = self.take_unfinished();
        if self.detached { job.detach(left) } else { job.drop_awaiter(left) }
    }
}

impl<T, E> fmt::Debug for Offload<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offload").field("done", &self.job.is_none()).finish_non_exhaustive()
    }
}
