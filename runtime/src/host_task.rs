//! [`HostTask`]: the task that polls the calls of a worker whose job nobody awaits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::{self, Current};
use crate::error::catch_panic;
use crate::host_call::BoxCall;
use crate::job::{Host, HostRequest};

/// Polls a worker's requests, one after the other, until none is left.
///
/// A worker has one host task at a time, so its requests keep their order (P7). A host task that is
/// dropped before its end (its executor was shut down, its server's grace is over) tells the worker
/// so.
pub(crate) struct HostTask {
    host: Arc<dyn Host>,
    current: Current,
    /// What the worker waits for.
    call: Option<BoxCall>,
    done: bool,
}

impl HostTask {
    /// `call`: one that somebody else has begun to poll.
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
                if context::with(&mut this.current, true, || call.as_mut().poll_call(cx)).is_pending() {
                    this.call = Some(call);
                    return Poll::Pending;
                }
                this.host.complete_call(call);
            }
            match this.host.next_request() {
                Some(HostRequest::Call(call)) => this.call = Some(call),
                Some(HostRequest::CallSoon(mut call)) => {
                    let _ = context::with(&mut this.current, true, || call.as_mut().poll_call(cx));
                }
                None => {
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
        // What the worker waited for is the user's, and a panic of its drop is not for the
        // executor.
        let call = self.call.take();
        if let Err(panic) = catch_panic(|| drop(call)) {
            tracing::error!(%panic, "a panic in a drop, at the end of a wait");
        }
    }
}
