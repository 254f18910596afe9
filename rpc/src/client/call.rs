//! [`Call`]: the future of what a method returns.

use std::fmt;
use std::future::Future;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::cell::{CallCell, Outcome};
use super::error::CallError;
use super::queue::with_limit;
use super::shared::Shared;
use crate::failure::Failure;
use crate::protocol::Protocol;

/// A call: a future of what the method returns.
///
/// Its first poll queues it, and the task of the connection sends it. Calls that are polled one
/// after another without waiting for each other are sent in one write.
///
/// It has the deadline of the task or job that makes it ([`portcullis_runtime::deadline`]), and
/// [`deadline`](Self::deadline) can set an earlier one.
///
/// Any executor can poll it, on any thread: the task of the connection measures the deadline. On a
/// pool's thread, use [`.wait(worker)`](portcullis_runtime::Wait); on a thread without a runtime,
/// [`blocking_wait`](Self::blocking_wait). A call keeps the connection open after its clients were
/// dropped.
///
/// # Errors
/// [`CallError::Method`] is what the method has returned. [`CallError::Failure`]:
///
/// | failure | the client has it because |
/// |---|---|
/// | [`Lost`](Failure::Lost) | the connection ended after the call was sent; it may have been handled |
/// | [`Closed`](Failure::Closed) | the connection ended before; it was not handled |
/// | [`Deadline`](Failure::Deadline) | the deadline has passed; a call that was sent may have been handled |
/// | [`InvalidParams`](Failure::InvalidParams) | the codec cannot encode the call, for instance because it is too long; it was not sent |
/// | [`InvalidReply`](Failure::InvalidReply) | the codec cannot decode the reply |
///
/// The service answers with the others, and with `Deadline`, `Closed` and `InvalidParams`, too.
///
/// # Cancellation
/// Dropped before its end, it cancels the call: one that is not sent yet never is, and for one that
/// was sent the service drops the handler's future and cancels its jobs.
///
/// # Panics
/// If it is polled after it was ready.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<P: Protocol, T, E = std::convert::Infallible> {
    shared: Arc<Shared<P>>,
    deadline: Option<Instant>,
    state: CallState<P>,
    value: fn(P::Reply) -> Option<Result<T, E>>,
}

/// How far a call is, for its caller.
pub(super) enum CallState<P: Protocol> {
    New(P),
    Waiting(Arc<CallCell<P>>),
    Ended,
}

impl<P: Protocol> CallState<P> {
    /// Queues the call at its first poll, which is pending.
    ///
    /// # Errors
    /// The call has ended without being queued.
    pub(super) fn poll_sent(
        &mut self,
        shared: &Shared<P>,
        deadline: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<&CallCell<P>, Failure>> {
        let call = match replace(self, Self::Ended) {
            Self::New(call) => call,
            other => {
                *self = other;
                let Self::Waiting(cell) = self else { panic!("a call was polled after it was ready") };
                return Poll::Ready(Ok(cell));
            }
        };
        match shared.push(call, deadline, cx.waker().clone()) {
            Ok(cell) => {
                *self = Self::Waiting(cell);
                Poll::Pending
            }
            Err(failure) => Poll::Ready(Err(failure)),
        }
    }

    /// Cancels a call whose caller is dropped.
    pub(super) fn cancel(&mut self, shared: &Shared<P>) {
        if let Self::Waiting(cell) = replace(self, Self::Ended) {
            shared.cancel(&cell);
        }
    }
}

pub(super) fn to_result<P: Protocol, T, E>(
    value: fn(P::Reply) -> Option<Result<T, E>>,
    outcome: Outcome<P>,
) -> Result<T, CallError<E>> {
    match value(outcome?) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(CallError::Method(error)),
        None => Err(Failure::InvalidReply("the reply of another method".to_owned()).into()),
    }
}

// Nothing in it is polled in place.
impl<P: Protocol, T, E> Unpin for Call<P, T, E> {}

impl<P: Protocol, T, E> Call<P, T, E> {
    pub(super) fn new(shared: &Arc<Shared<P>>, call: P, value: fn(P::Reply) -> Option<Result<T, E>>) -> Self {
        let deadline = portcullis_runtime::deadline();
        Self { shared: Arc::clone(shared), deadline, state: CallState::New(call), value }
    }

    /// Ends the call `time` after this, unless it has an earlier deadline already. Zero ends it at
    /// once: it is not sent.
    ///
    /// The service learns how much time is left. The runtime of the connection must have time
    /// enabled.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = with_limit(self.deadline, time);
        self
    }

    /// Waits for the call, and blocks the thread.
    ///
    /// For threads that are not of a runtime. The connection needs a runtime elsewhere, which
    /// [`RpcClient::connect_blocking`](super::RpcClient::connect_blocking) provides.
    ///
    /// # Errors
    /// Those of the call.
    ///
    /// # Panics
    /// In async code, where it would block the event loop.
    #[track_caller]
    pub fn blocking_wait(self) -> Result<T, CallError<E>> {
        let runtime = self.shared.runtime.clone();
        runtime.block_on(self)
    }
}

impl<P: Protocol, T, E> Future for Call<P, T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let cell = match ready!(this.state.poll_sent(&this.shared, this.deadline, cx)) {
            Ok(cell) => cell,
            Err(failure) => return Poll::Ready(Err(failure.into())),
        };
        let outcome = ready!(cell.poll(cx));
        this.state = CallState::Ended;
        Poll::Ready(to_result::<P, T, E>(this.value, outcome))
    }
}

impl<P: Protocol, T, E> Drop for Call<P, T, E> {
    fn drop(&mut self) {
        self.state.cancel(&self.shared);
    }
}

impl<P: Protocol, T, E> fmt::Debug for Call<P, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
