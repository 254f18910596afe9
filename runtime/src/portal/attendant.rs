//! [`Attendant`]: the task that answers a worker whose job nobody awaits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::{self, Current};
use crate::crossing::BoxCall;
use crate::error::catch_panic;
use crate::job::{Errand, Job};

/// Runs a worker's errands, one after the other, until none is left.
///
/// A worker has one attendant at a time, so its errands keep their order (P7). Dropped before its end (its
/// executor was shut down, its server's grace is over), the attendant tells the worker so.
pub(crate) struct Attendant {
    host: Arc<dyn Job>,
    current: Current,
    /// What the worker waits for.
    call: Option<BoxCall>,
    done: bool,
}

impl Attendant {
    /// `call`: one that somebody else has begun to poll.
    pub(crate) fn new(host: Arc<dyn Job>, call: Option<BoxCall>) -> Self {
        Self { current: Current::of(Arc::clone(&host)), host, call, done: false }
    }
}

impl Future for Attendant {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(mut call) = this.call.take() {
                if context::with(&mut this.current, true, || call.as_mut().poll_call(cx)).is_pending() {
                    this.call = Some(call);
                    return Poll::Pending;
                }
                this.host.answer(call);
            }
            match this.host.next_errand() {
                Some(Errand::Asked(call)) => this.call = Some(call),
                Some(Errand::Soon(mut call)) => {
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

impl Drop for Attendant {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.host.leave_unattended(self.call.is_some());
        // What the worker waited for is the user's, and a panic of its drop is not for the executor.
        let call = self.call.take();
        if let Err(panic) = catch_panic(|| drop(call)) {
            tracing::error!(%panic, "a panic in a drop, at the end of a wait");
        }
    }
}
