//! [`Attendant`]: the task that answers one call of a job that nobody awaits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::{self, Current};
use crate::crossing::BoxCall;
use crate::job::Job;

/// Polls one call to its end and answers the worker that waits for it.
///
/// Dropped before that (its executor was shut down, its server's grace is over), it tells the worker so.
pub(crate) struct Attendant {
    host: Arc<dyn Job>,
    current: Current,
    call: Option<BoxCall>,
    answers: bool,
}

impl Attendant {
    pub(crate) fn new(host: Arc<dyn Job>, call: BoxCall) -> Self {
        let current = Current::of(Arc::clone(&host));
        Self { host, current, call: Some(call), answers: true }
    }

    /// For a call that the worker does not wait for.
    pub(crate) fn unanswered(host: Arc<dyn Job>, call: BoxCall) -> Self {
        let mut this = Self::new(host, call);
        this.answers = false;
        this
    }
}

impl Future for Attendant {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(call) = &mut this.call else {
            return Poll::Ready(());
        };
        let polled = context::with(&mut this.current, true, || call.as_mut().poll_call(cx));
        if polled.is_pending() {
            return Poll::Pending;
        }
        if let (Some(call), true) = (this.call.take(), this.answers) {
            this.host.answer(call);
        }
        Poll::Ready(())
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        if self.call.is_some() && self.answers {
            self.host.abandon_call();
        }
    }
}
