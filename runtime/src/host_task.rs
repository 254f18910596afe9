//! [`HostTask`]: polls the calls of a worker whose own host cannot: a task where no task awaits the
//! job, and a part of another job's host where the job runs on the thread of that one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::{self, Current};
use crate::error::catch_panic;
use crate::host_call::BoxCall;
use crate::job::{Host, HostRequest, HostTaskStep};

/// Polls a worker's requests, one after the other, until none is left.
///
/// A worker has one host task at a time, so its requests keep their order (P7). If a host task is
/// dropped before its end (its executor was shut down, its server's grace is over), the worker's
/// wait ends. For that reason it also stays while the worker polls a future itself.
pub(crate) struct HostTask {
    host: Arc<dyn Host>,
    current: Current,
    /// What the worker waits for.
    call: Option<BoxCall>,
    done: bool,
}

impl HostTask {
    /// `call`: one that another task has begun to poll.
    pub(crate) fn new(host: Arc<dyn Host>, call: Option<BoxCall>) -> Self {
        Self { current: Current::for_job(Arc::clone(&host)), host, call, done: false }
    }
}

impl Future for HostTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(mut call) = this.call.take() {
                if context::with(&mut this.current, true, || call.as_mut().poll_call(cx)).is_ready() {
                    this.host.complete_call(call);
                } else if this.host.poll_interrupted(cx.waker()) {
                    // No worker waits for it any more.
                    drop_call(Some(call));
                } else {
                    this.call = Some(call);
                    return Poll::Pending;
                }
            }
            match this.host.next_step(cx.waker()) {
                HostTaskStep::Run(HostRequest::Call(call)) => this.call = Some(call),
                HostTaskStep::Run(HostRequest::CallSoon(mut call)) => {
                    let _ = context::with(&mut this.current, true, || call.as_mut().poll_call(cx));
                }
                HostTaskStep::Stay => return Poll::Pending,
                HostTaskStep::End => {
                    this.done = true;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for HostTask {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.host.host_task_dropped(self.call.is_some());
        drop_call(self.call.take());
    }
}

/// Drops a call that is not polled to its end. The future is the user's. A panic in its drop must
/// not reach the executor.
fn drop_call(call: Option<BoxCall>) {
    if let Err(panic) = catch_panic(|| drop(call)) {
        tracing::error!(%panic, "a panic in a drop, at the end of a wait");
    }
}
